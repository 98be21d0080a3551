#include "provider/parameters.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace atelier::provider {
namespace {

constexpr std::size_t max_quoted_bytes = 60;

template <class Words>
std::string listed(const Words& words) {
    std::string list;
    for (const std::string_view word : words) {
        if (!list.empty()) list += ", ";
        list += word;
    }
    return list;
}

std::string number_text(double number) {
    return core::write_json(number == std::floor(number) ? core::Json(std::llround(number)) : core::Json(number));
}

}  // namespace

std::optional<std::string> ParameterReader::word(const char* name, std::initializer_list<std::string_view> words) {
    const core::Json* value = find(name);
    if (!value) return std::nullopt;
    const std::string* text = value->get_ptr<const std::string*>();
    if (text && std::find(words.begin(), words.end(), *text) != words.end()) return *text;
    refuse_value(name, "one of " + listed(words));
    return std::nullopt;
}

std::optional<std::string> ParameterReader::text(const char* name, bool (*accepts)(std::string_view),
                                                 std::string_view form) {
    const core::Json* value = find(name);
    if (!value) return std::nullopt;
    const std::string* text = value->get_ptr<const std::string*>();
    if (text && accepts(*text)) return *text;
    refuse_value(name, form);
    return std::nullopt;
}

std::optional<double> ParameterReader::number(const char* name, double lowest, double highest) {
    const core::Json* value = find(name);
    if (!value) return std::nullopt;
    if (value->is_number()) {
        const auto number = value->get<double>();
        if (number >= lowest && number <= highest) return number;
    }
    refuse_value(name, "a number from " + number_text(lowest) + " to " + number_text(highest));
    return std::nullopt;
}

std::optional<std::int64_t> ParameterReader::integer(const char* name, std::int64_t lowest, std::int64_t highest) {
    const core::Json* value = find(name);
    if (!value) return std::nullopt;
    // An unsigned number beyond int64 would turn negative.
    const bool fits = value->is_number_integer() &&
                      (!value->is_number_unsigned() || value->get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
    if (fits && value->get<std::int64_t>() >= lowest && value->get<std::int64_t>() <= highest)
        return value->get<std::int64_t>();
    refuse_value(name, "a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
    return std::nullopt;
}

void ParameterReader::refuse(const std::string& message) {
    if (refusal_.empty()) refusal_ = message;
}

core::Result<void> ParameterReader::finish() {
    if (parameters_.is_object()) {
        for (const auto& [name, value] : parameters_.items()) {
            if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
            refuse("unknown parameter \"" + core::to_storable_text(name, max_quoted_bytes) +
                   "\"; known here: " + listed(known_));
        }
    } else if (!parameters_.is_null()) {
        refuse("the parameters are no object");
    }
    if (refusal_.empty()) return {};
    return core::Error{core::ErrorClass::invalid_request, refusal_};
}

const core::Json* ParameterReader::find(const char* name) {
    known_.push_back(name);
    if (!parameters_.is_object()) return nullptr;
    const auto member = parameters_.find(name);
    return member == parameters_.end() || member->is_null() ? nullptr : &*member;
}

void ParameterReader::refuse_value(const char* name, std::string_view form) {
    refuse("the parameter \"" + std::string(name) + "\" is " +
           core::to_storable_text(core::write_json(parameters_[name]), max_quoted_bytes) + ", not " +
           std::string(form));
}

}  // namespace atelier::provider
