#pragma once
// Errors as values: a Result<T> holds a T or an Error, never both. The C++23 std::expected in the few functions we use.

#include <string>
#include <utility>
#include <variant>

#include "core/error_class.hpp"

namespace atelier::core {

// The message is for people: plain text, UTF-8, no secret, no trailing full stop.
struct Error {
    ErrorClass cls;
    std::string message;
};

template <class T>
class [[nodiscard]] Result {
  public:
    // Implicit on purpose: `return value;` and `return Error{...};` are the whole use of this type.
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    // Only after ok(); reading the other alternative throws std::bad_variant_access, which is a bug of the caller.
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // Only after !ok().
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

  private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const noexcept { return error_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    const Error& error() const& { return std::get<1>(error_); }
    Error&& error() && { return std::get<1>(std::move(error_)); }

  private:
    std::variant<std::monostate, Error> error_;
};

}  // namespace atelier::core
