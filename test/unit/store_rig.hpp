#pragma once
// The stores of an executor with their loop, and a server that plays S3 by a script.

#include <gtest/gtest.h>

#include <csignal>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/sha256.hpp"
#include "executor/stores.hpp"
#include "executor_process.hpp"
#include "raw_server.hpp"
#include "temporary_directory.hpp"

namespace atelier::test {

using core::ErrorClass;

// Answers one request after the other with what the script says; an empty answer closes the connection. When the script
// is at its end, the last answer is given again and again.
class ScriptedStore {
  public:
    using Answer = std::function<std::string(const std::string& request)>;

    ScriptedStore()
        : server_([this](Peer& peer) {
              for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
                  const std::string answer = next(request);
                  if (answer.empty() || !peer.send(answer)) return;
              }
          }) {}

    ScriptedStore& then(Answer answer) {
        const std::lock_guard lock(mutex_);
        script_.push_back(std::move(answer));
        return *this;
    }
    ScriptedStore& then(std::string answer) {
        return then([answer = std::move(answer)](const std::string&) { return answer; });
    }

    std::vector<std::string> requests() const { return server_.requests(); }
    // "PUT /bucket/key?query" of each.
    std::vector<std::string> lines() const {
        std::vector<std::string> lines;
        for (const std::string& request : requests())
            lines.push_back(request.substr(0, request.find(" HTTP/1.1")));
        return lines;
    }
    std::string endpoint() const { return server_.url(""); }

  private:
    std::string next(const std::string& request) {
        Answer answer;
        {
            const std::lock_guard lock(mutex_);
            if (script_.empty()) return reply(500, "");
            answer = script_.front();
            if (script_.size() > 1) script_.pop_front();
        }
        return answer(request);
    }

    std::mutex mutex_;
    std::deque<Answer> script_;
    RawServer server_;
};

inline std::string s3_error(int status, const std::string& code, const std::string& fields = {},
                            const std::string& more = {}) {
    return reply(status, "<Error><Code>" + code + "</Code><Message>said so</Message>" + more + "</Error>", fields);
}

inline std::string s3_stored() {
    return reply(200, "", "ETag: \"0123\"\r\n");
}

inline std::string s3_part(const std::string& bytes, std::size_t first, std::size_t last) {
    return reply(206, bytes.substr(first, last - first + 1),
                 "ETag: \"0123\"\r\nContent-Range: bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" +
                     std::to_string(bytes.size()) + "\r\n");
}

// What HEAD says of an object.
inline std::string s3_facts(std::size_t size, const std::string& sha256) {
    return "HTTP/1.1 200 x\r\nETag: \"0123\"\r\nx-amz-meta-sha256: " + sha256 +
           "\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

// Of an answer to the names of a `Range: bytes=a-b`.
inline bool asks_for(const std::string& request, const std::string& range) {
    return request.find("\r\nrange: bytes=" + range + "\r\n") != std::string::npos ||
           request.find("\r\nRange: bytes=" + range + "\r\n") != std::string::npos;
}

inline Json store_entry(const std::string& endpoint, const Json& more = Json::object()) {
    Json entry{{"name", "media"},
               {"endpoint", endpoint},
               {"region", "us-east-1"},
               {"bucket", "pictures"},
               {"path_style", true},
               {"sign_payload", true},
               {"if_none_match", true},
               {"multipart_threshold", 64 << 20},
               {"part_size", 16 << 20},
               {"cache_control", "public"},
               {"connect_timeout_ms", 2000},
               {"progress_timeout_ms", 2000},
               {"access_key_id", "AKIDEXAMPLE"},
               {"secret_access_key", "very-secret"}};
    entry.update(more);
    return entry;
}

inline std::string stores_frame(const std::string& endpoint, const Json& more = Json::object()) {
    return Json{{"providers", Json::array()}, {"stores", Json::array({store_entry(endpoint, more)})}}.dump();
}

class StoreRig {
  public:
    explicit StoreRig(const std::string& frame = R"({"stores":[]})") {
        ::signal(SIGPIPE, SIG_IGN);
        std::filesystem::create_directories(directory.path() / "store");
        EXPECT_TRUE(stores.set_stores(frame).ok());
    }

    // Runs the loop until `condition` holds; false when it does not within `wait`.
    template <class Condition>
    bool run_until(Condition condition, milliseconds wait = milliseconds{20'000}) {
        const auto end = core::now() + wait;
        std::function<void()> look = [&] {
            if (condition() || core::now() > end) return loop.stop();
            loop.at(core::now() + milliseconds{1}, look);
        };
        look();
        if (!condition()) loop.run();
        return condition();
    }

    executor::StoreEnd<storage::StoredObject> fetch(const std::string& key, std::uint64_t max_bytes = 1'000'000,
                                                    bool only_pictures = false) {
        std::optional<executor::StoreEnd<storage::StoredObject>> end;
        stores.fetch({"media", "pictures", key}, {max_bytes, only_pictures},
                     [&](executor::StoreEnd<storage::StoredObject> result) { end = std::move(result); });
        EXPECT_TRUE(run_until([&] { return end.has_value(); }));
        return std::move(*end);
    }
    executor::StoreEnd<executor::Stored> put(const std::string& key, const std::string& bytes,
                                             const std::string& store = "media") {
        std::optional<executor::StoreEnd<executor::Stored>> end;
        stores.put(store, store == "file" ? "" : "pictures", object(key, bytes), core::now(),
                   [&](executor::StoreEnd<executor::Stored> result) { end = std::move(result); });
        EXPECT_TRUE(run_until([&] { return end.has_value(); }));
        return std::move(*end);
    }
    executor::StoreEnd<storage::Removal> remove(std::vector<std::string> keys) {
        std::optional<executor::StoreEnd<storage::Removal>> end;
        stores.remove("media", "pictures", std::move(keys),
                      [&](executor::StoreEnd<storage::Removal> result) { end = std::move(result); });
        EXPECT_TRUE(run_until([&] { return end.has_value(); }));
        return std::move(*end);
    }

    static executor::NewObject object(const std::string& key, const std::string& bytes) {
        return {key, "image/png", core::sha256_hex(bytes), std::make_shared<executor::ByteSource>(bytes)};
    }

    TemporaryDirectory directory;
    executor::EventLoop loop;
    std::vector<executor::Notice> notices;
    std::chrono::seconds clock_is_off{0};
    executor::TaskPool pool{loop, 2};
    executor::Stores stores{
        loop, pool, (directory.path() / "store").string(),
        [this](const executor::Notice& notice) { notices.push_back(notice); },
        [this] { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + clock_is_off; }};
};

template <class T>
void expect_failed(const executor::StoreEnd<T>& end, ErrorClass cls, const std::string& words) {
    ASSERT_FALSE(end.result.ok());
    const core::Error& error = end.result.error();
    EXPECT_EQ(core::to_string(error.cls), core::to_string(cls)) << error.message;
    EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find("secret"), std::string::npos) << error.message;
}

}  // namespace atelier::test
