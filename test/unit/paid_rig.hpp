#pragma once
// What the tests of paid calls share: a provider, and orders for it.

#include <gtest/gtest.h>

#include <atomic>

#include "core/sha256.hpp"
#include "executor_process.hpp"
#include "provider/base64.hpp"
#include "raw_server.hpp"

namespace atelier::test {

inline std::string picture_answer() {
    std::string data;
    provider::append_base64(data, tiny_png());
    const Json part{{"inlineData", {{"mimeType", "image/png"}, {"data", data}}}};
    const Json candidate{{"finishReason", "STOP"}, {"content", {{"parts", Json::array({part})}}}};
    return Json{{"candidates", Json::array({candidate})},
                {"usageMetadata", {{"promptTokenCount", 7}, {"candidatesTokenCount", 1290}}},
                {"modelVersion", "model-as-served"}}
        .dump();
}

// Answers every request with a picture, once it is open.
class Provider {
  public:
    // Each answer is longer by `padding` bytes than it need be.
    explicit Provider(std::size_t padding = 0)
        : body_(picture_answer() + std::string(padding, ' ')), server_([this](Peer& peer) {
              while (!peer.read_request().empty()) {
                  while (!open_ && !gone_)
                      pause_for(milliseconds{2});
                  if (gone_ || !peer.send(reply(200, body_, "Content-Type: application/json\r\n"))) return;
              }
          }) {}
    ~Provider() { gone_ = true; }

    void open() { open_ = true; }
    bool was_asked(std::size_t times) {
        return eventually([&] { return server_.requests().size() >= times; });
    }
    std::size_t requests() const { return server_.requests().size(); }
    std::string base_url() const { return "http://127.0.0.1:" + std::to_string(server_.port()); }

  private:
    const std::string body_;
    std::atomic<bool> open_{false};
    std::atomic<bool> gone_{false};
    RawServer server_;
};

inline Json providers(const std::string& base_url, const Json& key = {{"api_key", "sk-planted-key"}}) {
    Json entry{{"name", "gemini"},        {"kind", "gemini"},           {"base_url", base_url},
               {"api_version", "v1beta"}, {"connect_timeout_ms", 5000}, {"progress_timeout_ms", 20'000}};
    entry.update(key);
    return {{"providers", Json::array({entry})}};
}

inline void configure(ExecutorProcess& executor, const Json& list) {
    executor.send(wire::FrameType::providers, 0, list.dump());
}

inline void order_picture(ExecutorProcess& executor, std::uint64_t attempt, int timeout_ms = 20'000) {
    executor.order(
        attempt, "ai.image",
        {{"prompt", "a chair"}, {"output", {{"store", "file"}, {"key_prefix", "out/" + std::to_string(attempt)}}}},
        timeout_ms, "gemini");
}

// Starts the executor with one call, which it ends as an orphan before anything of it has left.
inline void leave_what_never_left(ExecutorProcess& executor, std::uint64_t attempt) {
    // It takes the connection and never speaks TLS.
    RawServer silent([](Peer& peer) { peer.wait_for_close(); });
    Json hello = executor.hello();
    hello["drain_timeout_ms"] = 100;
    executor.start(hello);
    configure(executor, providers("https://127.0.0.1:" + std::to_string(silent.port())));
    order_picture(executor, attempt);
    ASSERT_TRUE(eventually([&] { return silent.connections() == 1; }));
    executor.close_socket();
    EXPECT_EQ(executor.wait_for_nanny(), 0);
}

inline void expect_picture(const ExecutorProcess& executor, const Json& answer, std::uint64_t attempt) {
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["sent"], true);
    EXPECT_EQ(answer["lease"]["token"], 123456789);
    const std::string key = "out/" + std::to_string(attempt) + ".png";
    const Json& result = answer["result"];
    EXPECT_EQ(result["object"], (Json{{"store", "file"}, {"key", key}}));
    EXPECT_EQ(result["mime"], "image/png");
    EXPECT_EQ(result["width"], 1);
    EXPECT_EQ(result["sha256"], core::sha256_hex(tiny_png()));
    EXPECT_EQ(result["model"], "model-as-served");
    EXPECT_EQ(read_file(executor.store() / key), tiny_png());
    EXPECT_TRUE(answer["usage"].is_array());
}

}  // namespace atelier::test
