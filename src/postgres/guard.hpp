#pragma once
// The border between C++ and PostgreSQL. Rule: ereport never jumps over a frame that holds an object with a destructor,
// and no exception enters PostgreSQL. There are two ways across and no third:
//   enter()          PostgreSQL calls C++: an exception becomes an ereport after the last C++ object is gone.
//   call_postgres()  C++ calls PostgreSQL: an ereport becomes a PgError.
// A function whose locals are all trivially destructible and which calls nothing that throws stands on PostgreSQL's
// side of the border already and needs neither.

#include "postgres/prelude.hpp"

namespace atelier::postgres {

// An error of PostgreSQL on its way through C++. Caught only where a transaction is aborted (worker) or by enter().
class PgError final : public std::exception {
  public:
    static constexpr std::size_t text_bytes = 1024;

    explicit PgError(const ErrorData& data) noexcept;

    int sqlstate() const noexcept { return sqlstate_; }
    const char* what() const noexcept override { return message_; }
    const char* detail() const noexcept { return detail_; }
    const char* hint() const noexcept { return hint_; }
    const char* context() const noexcept { return context_; }
    // Five letters, for example "57014".
    std::string sqlstate_text() const;

  private:
    int sqlstate_;
    char message_[text_bytes];
    char detail_[text_bytes];
    char hint_[text_bytes];
    char context_[text_bytes];
};

namespace guard_detail {

// What is left of an exception when its handler has ended.
struct Failure {
    int sqlstate;
    char message[PgError::text_bytes];
    char detail[PgError::text_bytes];
    char hint[PgError::text_bytes];
};

// To be called inside a handler only.
void describe_current_exception(Failure& failure) noexcept;
[[noreturn]] void raise(const Failure& failure);

// Calls function(argument); an ereport(ERROR) inside becomes a PgError, the memory context is the caller's again.
void run(void (*function)(void*), void* argument);

}  // namespace guard_detail

// Calls body(argument) and turns whatever it throws into ereport(ERROR). For the outermost C++ frame.
template <class Result, class Argument>
Result enter(Result (*body)(Argument), Argument argument) {
    static_assert(std::is_trivially_destructible_v<Result> && std::is_trivially_destructible_v<Argument>);
    guard_detail::Failure failure;
    try {
        return body(argument);
    } catch (...) {
        guard_detail::describe_current_exception(failure);
    }
    guard_detail::raise(failure);
}

// Calls function(argument), in which PostgreSQL may ereport. The function keeps only trivially destructible locals of
// its own; results go out through `argument`, whose C++ parts it touches in expressions that call no PostgreSQL
// function.
template <class Argument>
void call_postgres(void (*function)(Argument&), Argument& argument) {
    struct Call {
        void (*function)(Argument&);
        Argument* argument;
    };
    Call call{function, &argument};
    guard_detail::run(
        [](void* raw) {
            Call* inner = static_cast<Call*>(raw);
            inner->function(*inner->argument);
        },
        &call);
}

inline void call_postgres(void (*function)()) {
    guard_detail::run([](void* raw) { (*static_cast<void (**)()>(raw))(); }, &function);
}

}  // namespace atelier::postgres
