#pragma once
// The neutral parameters of a call, read one by one by the builder that knows them. Those that nobody read are unknown.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

class ParameterReader {
  public:
    explicit ParameterReader(const core::Json& parameters) : parameters_(parameters) {}

    // The value of a parameter; nullopt when it is absent, null, or breaks its rule, which finish() reports.
    std::optional<std::string> word(const char* name, std::initializer_list<std::string_view> words);
    std::optional<std::string> text(const char* name, bool (*accepts)(std::string_view), std::string_view form);
    std::optional<double> number(const char* name, double lowest, double highest);
    std::optional<std::int64_t> integer(const char* name, std::int64_t lowest, std::int64_t highest);

    // Reports a breach of a rule of the caller's own. The first breach counts.
    void refuse(const std::string& message);

    // invalid_request: a breach, or a parameter that was not read; the message names those that were.
    core::Result<void> finish();

  private:
    const core::Json* find(const char* name);
    void refuse_value(const char* name, std::string_view form);

    const core::Json& parameters_;
    std::vector<std::string_view> known_;
    std::string refusal_;  // empty: none
};

}  // namespace atelier::provider
