#include "played_system.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string_view>

// The linker makes a symbol dynamic that a library of the program asks for, unless it is hidden.
#define ATELIER_VISIBLE extern "C" __attribute__((visibility("default")))

namespace atelier::test {
namespace {

std::mutex name_mutex;
std::condition_variable name_changed;
bool names_are_slow = false;
int slow_resolutions = 0;
unsigned long long last_blocked_signals = 0;

std::atomic<std::time_t> later_by{0};

std::atomic<bool> far_is_near{false};
std::atomic<int> turncoat_asked{0};

std::atomic<bool> sends_are_stuck{false};
std::atomic<bool> send_was_stuck{false};

unsigned long long blocked_signals() {
    sigset_t set;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
    unsigned long long bits = 0;
    for (int signal = 1; signal < 64; ++signal)
        if (::sigismember(&set, signal) == 1) bits |= 1ULL << signal;
    return bits;
}

int resolve_slowly() {
    std::unique_lock lock(name_mutex);
    if (!names_are_slow) return EAI_AGAIN;
    ++slow_resolutions;
    last_blocked_signals = blocked_signals();
    name_changed.notify_all();
    name_changed.wait(lock, [] { return !names_are_slow; });
    --slow_resolutions;
    name_changed.notify_all();
    return EAI_AGAIN;
}

}  // namespace

SlowNameService::SlowNameService() {
    const std::lock_guard lock(name_mutex);
    names_are_slow = true;
}

SlowNameService::~SlowNameService() {
    std::unique_lock lock(name_mutex);
    names_are_slow = false;
    name_changed.notify_all();
    name_changed.wait(lock, [] { return slow_resolutions == 0; });
}

unsigned long long SlowNameService::wait_for(int resolutions) {
    std::unique_lock lock(name_mutex);
    name_changed.wait(lock, [resolutions] { return slow_resolutions >= resolutions; });
    return last_blocked_signals;
}

LaterClock::LaterClock(std::chrono::seconds by) {
    later_by = by.count();
}

LaterClock::~LaterClock() {
    later_by = 0;
}

StuckSend::StuckSend() {
    send_was_stuck = false;
    sends_are_stuck = true;
}

StuckSend::~StuckSend() {
    sends_are_stuck = false;
}

bool StuckSend::happened() {
    return send_was_stuck;
}

NearNetwork::NearNetwork() {
    far_is_near = true;
}

NearNetwork::~NearNetwork() {
    far_is_near = false;
}

void TurningName::begin() {
    turncoat_asked = 0;
}

int TurningName::asked() {
    return turncoat_asked;
}

// Public by its bytes.
constexpr const char* unreachable_address = "1.2.3.4";

}  // namespace atelier::test

ATELIER_VISIBLE int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** result) {
    using Function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const std::string_view asked = name ? name : "";
    if (asked == "slow.test") return atelier::test::resolve_slowly();
    if (asked == "unknown.test") return EAI_NONAME;
    if (asked == "good.test" || asked == "other.test") return real("127.0.0.1", service, hints, result);
    if (asked == "far.test") return real(atelier::test::unreachable_address, service, hints, result);
    if (asked == "turncoat.test") {
        const bool is_first = atelier::test::turncoat_asked++ == 0;
        return real(is_first ? atelier::test::unreachable_address : "127.0.0.1", service, hints, result);
    }
    if (asked == "mixed.test" || asked == "dexim.test") {
        const bool is_public_first = asked == "mixed.test";
        addrinfo* both = nullptr;
        const char* first = is_public_first ? atelier::test::unreachable_address : "127.0.0.1";
        const char* second = is_public_first ? "127.0.0.1" : atelier::test::unreachable_address;
        if (const int failed = real(first, service, hints, &both)) return failed;
        const int failed = real(second, service, hints, &both->ai_next);
        *result = both;
        return failed;
    }
    return real(name, service, hints, result);
}

ATELIER_VISIBLE int connect(int socket, const sockaddr* peer, socklen_t size) {
    in_addr unreachable{};
    ::inet_pton(AF_INET, atelier::test::unreachable_address, &unreachable);
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(peer);
    if (peer->sa_family == AF_INET && v4->sin_addr.s_addr == unreachable.s_addr) {
        if (atelier::test::far_is_near) {
            sockaddr_in near = *v4;
            near.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return static_cast<int>(::syscall(SYS_connect, socket, &near, sizeof near));
        }
        errno = ENETUNREACH;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_connect, socket, peer, size));
}

ATELIER_VISIBLE int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const long failed = ::syscall(SYS_clock_gettime, clock, time);
    if (failed == 0 && clock == CLOCK_MONOTONIC) time->tv_sec += atelier::test::later_by;
    return static_cast<int>(failed);
}

ATELIER_VISIBLE ssize_t send(int socket, const void* bytes, size_t size, int flags) {
    constexpr std::string_view mark = "stuck";
    const bool is_marked = size >= mark.size() && std::memcmp(bytes, mark.data(), mark.size()) == 0;
    if (is_marked && atelier::test::sends_are_stuck) {
        atelier::test::send_was_stuck = true;
        errno = EAGAIN;
        return -1;
    }
    return ::sendto(socket, bytes, size, flags, nullptr, 0);
}
