#pragma once
// The options of the foreign data wrappers atelier_gemini, atelier_openai, atelier_s3 and atelier_unsplash: which there
// are, where they stand, which values they take and what holds where they are not set.

#include <cstddef>
#include <optional>
#include <string_view>

namespace atelier::postgres {

// A store is a provider of bytes, a library one of photos: what holds for the options of one holds for those of the
// other.
enum class ProviderKind { gemini, openai, s3, unsplash };

enum class OptionPlace { server, user_mapping };

struct ProviderOption {
    const char* name;
    OptionPlace place;
    // Only superusers and members of atelier_admin may set it: it names what the server opens or where it connects to.
    bool privileged;
    bool (*is_valid)(std::string_view value);
    // What is_valid asks for, as a sentence.
    const char* expected;
    // nullptr: none, or one that other options decide.
    const char* initial;
    // A server cannot be without it, nor a user mapping that has another option of the same way.
    bool required = false;
    // The first option of those that hold a key together; nullptr: it holds one alone.
    const char* companion_of = nullptr;
};

// The kind that a foreign data wrapper of this name stands for; nullopt for the wrappers of others.
std::optional<ProviderKind> provider_kind(std::string_view wrapper) noexcept;

// "gemini", "openai", "s3", "unsplash"
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

// The ways in which a user mapping may hold a key: options with the same word belong together.
inline std::string_view key_way(const ProviderOption& option) noexcept {
    return option.companion_of != nullptr ? option.companion_of : option.name;
}

}  // namespace atelier::postgres
