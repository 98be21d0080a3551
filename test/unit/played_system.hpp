#pragma once
// What the C library tells libcurl and the event loop, where a test cannot have it otherwise: names that resolve slowly
// or not at all, hours that pass, a socket that takes nothing at one moment. The functions of this program stand before
// those of the C library; they do what those do until a test says otherwise.

#include <chrono>

namespace atelier::test {

// Resolves for ever while one lives, as far as getaddrinfo("slow.test") goes.
class SlowNameService {
  public:
    SlowNameService();
    ~SlowNameService();  // the resolutions under way fail now; waits for them to return
    SlowNameService(const SlowNameService&) = delete;
    SlowNameService& operator=(const SlowNameService&) = delete;

    // Waits until so many threads are in it, and returns what signals the last one to come in has blocked.
    static unsigned long long wait_for(int resolutions);
};

// "unknown.test" does not exist; "good.test" and "other.test" are 127.0.0.1; "far.test" is 1.2.3.4, to which there is
// no way; "mixed.test" is 1.2.3.4 and 127.0.0.1, "dexim.test" is 127.0.0.1 and 1.2.3.4.

// While one lives, who connects to 1.2.3.4 is connected to 127.0.0.1.
class NearNetwork {
  public:
    NearNetwork();
    ~NearNetwork();
    NearNetwork(const NearNetwork&) = delete;
    NearNetwork& operator=(const NearNetwork&) = delete;
};

// "turncoat.test" is 1.2.3.4 when it is first asked for, and 127.0.0.1 from then on.
struct TurningName {
    static void begin();
    static int asked();  // since then
};

// CLOCK_MONOTONIC is later by as much, until the end of the object.
class LaterClock {
  public:
    explicit LaterClock(std::chrono::seconds by);
    ~LaterClock();
    LaterClock(const LaterClock&) = delete;
    LaterClock& operator=(const LaterClock&) = delete;
};

// While one lives, the socket takes no bytes that begin with "stuck": send() fails with EAGAIN.
class StuckSend {
  public:
    StuckSend();
    ~StuckSend();
    StuckSend(const StuckSend&) = delete;
    StuckSend& operator=(const StuckSend&) = delete;

    static bool happened();
};

}  // namespace atelier::test
