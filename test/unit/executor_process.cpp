#include "executor_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "core/build_id.hpp"
#include "core/sha256.hpp"

namespace atelier::test {
namespace {

using storage::UniqueFd;
using wire::Frame;
using wire::FrameType;

// State and parent of a process; '?' when there is none.
std::pair<char, pid_t> state_of(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string line;
    std::getline(file, line);
    const auto end_of_name = line.rfind(')');
    if (end_of_name == std::string::npos) return {'?', -1};
    std::istringstream rest(line.substr(end_of_name + 1));
    char state = '?';
    pid_t parent = -1;
    rest >> state >> parent;
    return {state, parent};
}

pid_t spawn_executor(int socket, int pipe) {
    const std::string program = ATELIER_EXECUTOR_PROGRAM;
    const pid_t child = ::fork();
    if (child != 0) return child;
    // Above the targets first, as one may have the other's number.
    const int high_socket = ::fcntl(socket, F_DUPFD_CLOEXEC, 100);
    const int high_pipe = ::fcntl(pipe, F_DUPFD_CLOEXEC, 100);
    ::dup2(high_socket, 3);
    ::dup2(high_pipe, 4);
    // 5 stays open on purpose: the executor has to close what it was not meant to get.
    ::dup2(::open("/dev/null", O_RDONLY), 5);
    ::setsid();
    const char* const arguments[] = {"pg_atelier_executor", nullptr};
    const char* const environment[] = {"LANG=C.UTF-8", nullptr};
    ::execve(program.c_str(), const_cast<char**>(arguments), const_cast<char**>(environment));
    ::_exit(126);
}

}  // namespace

std::string tiny_png() {
    constexpr std::array<unsigned char, 67> png{
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
        0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
        0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
        0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
    };
    return {png.begin(), png.end()};
}

void pause_for(milliseconds time) {
    std::this_thread::sleep_for(time);
}

bool process_exists(pid_t pid) {
    const char state = state_of(std::to_string(pid)).first;
    return state != '?' && state != 'Z' && state != 'X';
}

std::vector<pid_t> children_of(pid_t parent) {
    std::vector<pid_t> children;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        const auto [state, its_parent] = state_of(name);
        if (its_parent == parent && state != 'Z') children.push_back(std::stoi(name));
    }
    return children;
}

ExecutorProcess::ExecutorProcess() {
    std::array<int, 2> sockets{};
    std::array<int, 2> pipes{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) != 0 ||
        ::pipe2(pipes.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("no socket pair");
    }
    socket_.reset(sockets[0]);
    last_word_.reset(pipes[0]);
    const UniqueFd other_socket(sockets[1]);
    const UniqueFd other_pipe(pipes[1]);
    std::filesystem::create_directories(store());
    write_file(store() / "in/product.png", tiny_png());
    nanny_ = spawn_executor(other_socket.get(), other_pipe.get());
}

ExecutorProcess::~ExecutorProcess() {
    socket_.reset();
    if (reaped_) return;
    if (!wait_for_nanny(milliseconds{3000})) {
        ADD_FAILURE() << "the executor did not end with its socket";
        ::kill(-nanny_, SIGKILL);
        ::waitpid(nanny_, nullptr, 0);
    }
}

Json ExecutorProcess::hello() const {
    return {{"build", core::build_id()},
            {"store_directory", store().string()},
            {"spool_directory", spool().string()},
            {"spool_limit_bytes", 64 << 20},
            {"media_children", 2},
            {"media_program", ATELIER_BAD_MEDIA_PROGRAM},
            {"shutdown_wait_ms", 10'000},
            {"drain_timeout_ms", 10'000}};
}

void ExecutorProcess::start(const Json& hello) {
    send(FrameType::hello, 0, hello.dump());
    const auto frame = next_frame();
    ASSERT_TRUE(frame.has_value());
    ASSERT_EQ(frame->type, FrameType::hello);
    const Json said = Json::parse(frame->payload);
    EXPECT_EQ(said.at("build"), core::build_id());
    engine_ = said.at("pid");
}

void ExecutorProcess::send(FrameType type, std::uint64_t attempt, const std::string& payload) {
    send_bytes(wire::encode({type, attempt, payload}));
}

void ExecutorProcess::send_bytes(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t put = ::send(socket_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
        if (put <= 0) return;
        at += static_cast<std::size_t>(put);
    }
}

void ExecutorProcess::order(std::uint64_t attempt, const std::string& action, const Json& request, int timeout_ms,
                            const std::string& provider) {
    send(FrameType::order, attempt,
         Json{{"lease", {{"job", "6f1e"}, {"tid", "(0,1)"}, {"attempt", attempt}, {"token", 123456789}}},
              {"action", action},
              {"provider", provider},
              {"model", "some-model"},
              {"timeout_ms", timeout_ms},
              {"request", request}}
             .dump());
}

void ExecutorProcess::compose(std::uint64_t attempt, const std::string& prompt, int timeout_ms) {
    const std::string sha256 = core::sha256_hex(tiny_png());
    const Json product{{"role", "product"}, {"store", "file"}, {"key", "in/product.png"}, {"sha256", sha256}};
    const Json scene{{"role", "scene"}, {"store", "file"}, {"key", "in/product.png"}, {"sha256", sha256}};
    order(attempt, "ai.image",
          {{"prompt", prompt},
           {"settings", {{"style", "modern"}}},
           {"inputs", Json::array({product, scene})},
           {"output", {{"store", "file"}, {"key_prefix", "out/" + std::to_string(attempt)}}}},
          timeout_ms);
}

bool ExecutorProcess::receive(milliseconds wait) {
    pollfd ready{socket_.get(), POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(std::max<milliseconds::rep>(wait.count(), 0))) <= 0) return false;
    std::array<char, 65536> bytes;
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    reader_.feed({bytes.data(), static_cast<std::size_t>(got)});
    for (;;) {
        auto frame = reader_.next();
        EXPECT_TRUE(frame.ok());
        if (!frame || !*frame) return true;
        if ((*frame)->type == FrameType::log) {
            logs_ += (*frame)->payload + "\n";
        } else {
            kept_.push_back(std::move(**frame));
        }
    }
}

std::optional<Frame> ExecutorProcess::take(const std::function<bool(const Frame&)>& wanted, milliseconds wait) {
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
        const auto found = std::find_if(kept_.begin(), kept_.end(), wanted);
        if (found != kept_.end()) {
            Frame frame = std::move(*found);
            kept_.erase(found);
            return frame;
        }
        const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
        if (!receive(left)) return std::nullopt;
    }
}

std::optional<Frame> ExecutorProcess::next_frame(milliseconds wait) {
    return take([](const Frame&) { return true; }, wait);
}

std::optional<Frame> ExecutorProcess::frame(FrameType type, milliseconds wait) {
    return take([type](const Frame& frame) { return frame.type == type; }, wait);
}

Json ExecutorProcess::answer(std::uint64_t attempt, milliseconds wait) {
    const auto found = take(
        [attempt](const Frame& frame) { return frame.type == FrameType::answer && frame.attempt == attempt; }, wait);
    if (!found) return nullptr;
    Json json = Json::parse(found->payload);
    EXPECT_EQ(json.at("lease").at("attempt"), attempt);
    return json;
}

std::optional<int> ExecutorProcess::wait_for_nanny(milliseconds wait) {
    int status = 0;
    const bool gone = eventually([&] { return ::waitpid(nanny_, &status, WNOHANG) == nanny_; }, wait);
    if (!gone) return std::nullopt;
    reaped_ = true;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

std::string ExecutorProcess::last_word() {
    std::string word;
    pollfd ready{last_word_.get(), POLLIN, 0};
    std::array<char, 64> bytes;
    while (::poll(&ready, 1, 5000) > 0) {
        const ssize_t got = ::read(last_word_.get(), bytes.data(), bytes.size());
        if (got <= 0) break;
        word.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return word;
}

std::vector<pid_t> ExecutorProcess::media_children() const {
    return children_of(engine_);
}

}  // namespace atelier::test
