#pragma once

#include <csignal>

namespace atelier::executor {

// While one lives, no signal is delivered to this thread, nor ever to the threads that it starts meanwhile: they
// inherit the mask. A thread that could take SIGTERM would take it from the signalfd.
class SignalsBlocked {
  public:
    SignalsBlocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_;
};

}  // namespace atelier::executor
