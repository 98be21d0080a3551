#pragma once
// A bucket that keeps what is put into it, as long as it is open. Signatures are not checked.

#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "raw_server.hpp"
#include "store_rig.hpp"

namespace atelier::test {

class PlayedBucket {
  public:
    PlayedBucket()
        : server_([this](Peer& peer) {
              for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request())
                  if (!peer.send(answer(request))) return;
          }) {}

    // While this is not empty, it is what every request is answered with.
    void refuse_with(const std::string& answer) {
        const std::lock_guard lock(mutex_);
        refusal_ = answer;
    }
    void open() { refuse_with({}); }

    void keep(const std::string& key, const std::string& bytes) {
        const std::lock_guard lock(mutex_);
        objects_[key] = bytes;
    }
    std::map<std::string, std::string> objects() const {
        const std::lock_guard lock(mutex_);
        return objects_;
    }
    std::size_t requests() const { return server_.requests().size(); }
    std::string endpoint() const { return server_.url(""); }

  private:
    std::string answer(const std::string& request) {
        const std::lock_guard lock(mutex_);
        if (!refusal_.empty()) return refusal_;
        const std::string method = request.substr(0, request.find(' '));
        const std::size_t path = request.find("/pictures") + 9;
        const std::string key = request.substr(path + 1, request.find_first_of(" ?", path) - path - 1);
        const std::string body = request.substr(request.find("\r\n\r\n") + 4);
        if (method == "POST") return remove_all(body);
        if (method == "PUT") return put(key, body);
        const auto found = objects_.find(key);
        if (found == objects_.end()) return s3_error(404, "NoSuchKey");
        if (method == "HEAD") return s3_facts(found->second.size(), core::sha256_hex(found->second));
        if (method == "DELETE") {
            objects_.erase(found);
            return "HTTP/1.1 204 x\r\n\r\n";
        }
        const std::size_t first = asks_for(request, "0-4095") ? 0 : 4096;
        const std::size_t last = first == 0 ? std::min<std::size_t>(found->second.size(), 4096) : found->second.size();
        return s3_part(found->second, first, last - 1);
    }

    std::string put(const std::string& key, const std::string& body) {
        if (!objects_.emplace(key, body).second) return s3_error(412, "PreconditionFailed");
        return s3_stored();
    }

    std::string remove_all(const std::string& body) {
        for (std::size_t at = body.find("<Key>"); at != std::string::npos; at = body.find("<Key>", at + 5))
            objects_.erase(body.substr(at + 5, body.find("</Key>", at) - at - 5));
        return reply(200, "<DeleteResult></DeleteResult>");
    }

    mutable std::mutex mutex_;
    std::string refusal_;
    std::map<std::string, std::string> objects_;
    RawServer server_;
};

}  // namespace atelier::test
