#pragma once
// Plays the worker: starts the real executor program over a socketpair and speaks frames with it.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "storage/unique_fd.hpp"
#include "temporary_directory.hpp"
#include "wire/frame.hpp"

namespace atelier::test {

using core::Json;
using std::chrono::milliseconds;

// What the fake media program writes as its picture.
std::string tiny_png();

class ExecutorProcess {
  public:
    // Starts the program; says no hello yet.
    ExecutorProcess();
    // Kills what is left of it.
    ~ExecutorProcess();
    ExecutorProcess(const ExecutorProcess&) = delete;
    ExecutorProcess& operator=(const ExecutorProcess&) = delete;

    Json hello() const;  // a good one, to be changed
    // Sends the hello, and reads the executor's.
    void start(const Json& hello);
    void start() { start(hello()); }

    void send(wire::FrameType type, std::uint64_t attempt = 0, const std::string& payload = {});
    void send_bytes(const std::string& bytes);
    void order(std::uint64_t attempt, const std::string& action, const Json& request, int timeout_ms = 20'000,
               const std::string& provider = "offline");
    // ai.image on the object "in/product.png", which this makes.
    void compose(std::uint64_t attempt, const std::string& prompt, int timeout_ms = 20'000);

    // The next frame that is no log; nullopt at the end of the stream or after `wait`.
    std::optional<wire::Frame> next_frame(milliseconds wait = milliseconds{20'000});
    // The answer to an attempt; those of others that come before are kept for later. null when there is none in time.
    Json answer(std::uint64_t attempt, milliseconds wait = milliseconds{20'000});
    // The next frame of a type; others that come before are kept for later.
    std::optional<wire::Frame> frame(wire::FrameType type, milliseconds wait = milliseconds{20'000});
    // All log messages until now, one a line.
    const std::string& logs() const { return logs_; }

    void close_socket() { socket_.reset(); }
    // Exit status of the nanny, or -signal; nullopt when it lives on.
    std::optional<int> wait_for_nanny(milliseconds wait = milliseconds{10'000});
    // What the nanny said of the engine.
    std::string last_word();

    pid_t nanny() const { return nanny_; }
    pid_t engine() const { return engine_; }
    std::vector<pid_t> media_children() const;
    std::filesystem::path store() const { return directory_.path() / "store"; }
    std::filesystem::path spool() const { return directory_.path() / "spool"; }
    std::filesystem::path directory() const { return directory_.path(); }

  private:
    bool receive(milliseconds wait);
    // The first kept frame that `wanted` accepts, after waiting for it; taken out.
    std::optional<wire::Frame> take(const std::function<bool(const wire::Frame&)>& wanted, milliseconds wait);

    TemporaryDirectory directory_;
    storage::UniqueFd socket_;
    storage::UniqueFd last_word_;
    pid_t nanny_ = -1;
    pid_t engine_ = -1;
    bool reaped_ = false;
    wire::FrameReader reader_;
    std::vector<wire::Frame> kept_;
    std::string logs_;
};

// Calls `condition` until it holds; false when it does not within `wait`.
template <class Condition>
bool eventually(Condition condition, milliseconds wait = milliseconds{10'000});

bool process_exists(pid_t pid);  // a zombie does not count
std::vector<pid_t> children_of(pid_t parent);
void pause_for(milliseconds time);

template <class Condition>
bool eventually(Condition condition, milliseconds wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        pause_for(milliseconds{5});
    }
    return true;
}

}  // namespace atelier::test
