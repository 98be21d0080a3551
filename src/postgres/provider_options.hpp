#pragma once
// The options of the foreign data wrappers atelier_gemini and atelier_openai: which there are, where they stand, which
// values they take and what holds where they are not set. Words only: nothing is opened, resolved or called.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace atelier::postgres {

enum class ProviderKind { gemini, openai };

enum class OptionPlace { server, user_mapping };

struct ProviderOption {
    const char* name;
    OptionPlace place;
    // Only superusers and members of atelier_admin may set it: it names what the server opens or where it connects to.
    bool privileged;
    bool (*is_valid)(std::string_view value);
    // What is_valid asks for, as a sentence.
    const char* expected;
    // nullptr: none.
    const char* initial;
};

// The kind that a foreign data wrapper of this name stands for; nullopt for the wrappers of others.
std::optional<ProviderKind> provider_kind(std::string_view wrapper) noexcept;

// "gemini", "openai"
const char* to_string(ProviderKind kind) noexcept;

// nullptr: no such option, or not there.
const ProviderOption* find_provider_option(ProviderKind kind, OptionPlace place, std::string_view name) noexcept;

struct ProviderOptions {
    const ProviderOption* first;
    std::size_t count;

    const ProviderOption* begin() const noexcept { return first; }
    const ProviderOption* end() const noexcept { return first + count; }
};

// All options of a kind, those of both places.
ProviderOptions provider_options(ProviderKind kind) noexcept;

// Milliseconds of a time such as "10s": a whole number without leading zeros and one of the units ms, s, min, h, d,
// with or without a blank between. Such a text also casts to interval, to the same time. nullopt for anything else.
std::optional<std::int64_t> provider_duration_ms(std::string_view value) noexcept;

}  // namespace atelier::postgres
