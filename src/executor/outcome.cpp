#include "executor/outcome.hpp"

#include <csignal>
#include <cstring>
#include <optional>

#include "core/text.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::uint64_t max_side = 65'535;
constexpr std::size_t max_report_depth = 32;

Error no_output(std::string message) {
    return {ErrorClass::no_output, "the media program " + std::move(message)};
}

std::string signal_name(int signal) {
    const char* name = ::sigabbrev_np(signal);
    return "signal " + std::to_string(signal) + (name ? " (SIG" + std::string(name) + ")" : "");
}

std::optional<Error> judge_end(const ChildEnd& end) {
    if (end.report_too_long)
        return no_output("wrote a report longer than " + std::to_string(max_report_bytes) + " bytes");
    if (end.by_signal) {
        // The kernel sends SIGKILL to one that lives on after SIGXCPU. No timeout, which is tried again and again: the
        // same picture takes the same time.
        if (end.code == SIGXCPU || (end.code == SIGKILL && end.processor_time >= max_processor_time)) {
            return no_output("used up its processor time of " + std::to_string(max_processor_time.count() / 1000) +
                             " s");
        }
        return no_output("was ended by " + signal_name(end.code));
    }
    if (end.code == cannot_execute_status) return no_output("could not be executed");
    if (end.code != 0) return no_output("ended with status " + std::to_string(end.code));
    return std::nullopt;
}

Error refusal_of_child(const Json& report) {
    const std::string* word = core::find_string(report, "class");
    const std::string* message = core::find_string(report, "message");
    if (!word || !message) return no_output("refused without class and message");
    const auto cls = core::error_class_from_string(*word);
    // A child decides about its own picture only: not about retries, lanes or stores.
    const bool allowed =
        cls == ErrorClass::invalid_request || cls == ErrorClass::invalid_output || cls == ErrorClass::no_output;
    if (!allowed) return no_output("refused with a class that it may not use");
    return {*cls, core::to_storable_text(*message, 500)};
}

std::optional<std::uint64_t> find_number(const Json& object, const char* name, std::uint64_t highest) {
    const Json* member = core::find_member(object, name, Json::value_t::number_unsigned);
    if (!member) return std::nullopt;
    const auto value = member->get<std::uint64_t>();
    if (value == 0 || value > highest) return std::nullopt;
    return value;
}

Result<PictureClaim> read_claim(const Json& report) {
    const std::string* mime = core::find_string(report, "mime");
    const std::string* sha256 = core::find_string(report, "sha256");
    const auto width = find_number(report, "width", max_side);
    const auto height = find_number(report, "height", max_side);
    const auto size = find_number(report, "size", UINT64_MAX);
    if (!mime || !sha256 || !width || !height || !size) return no_output("wrote a report that lacks a member");
    const Json* metadata = core::find_member(report, "metadata", Json::value_t::object);
    return PictureClaim{*mime,   static_cast<std::uint32_t>(*width),   static_cast<std::uint32_t>(*height), *size,
                        *sha256, metadata ? *metadata : Json::object()};
}

Error invalid(std::string message) {
    return {ErrorClass::invalid_output, std::move(message)};
}

}  // namespace

Result<PictureClaim> judge_report(const ChildEnd& end, std::string_view report) {
    if (auto error = judge_end(end)) return *error;
    if (report.empty()) return no_output("ended without a report");
    const auto json = core::parse_json(report, {max_report_bytes, max_report_depth}, ErrorClass::no_output);
    if (!json) return no_output("wrote a report that is " + json.error().message);
    const Json* ok = core::find_member(*json, "ok", Json::value_t::boolean);
    if (!ok) return no_output("wrote a report without \"ok\"");
    if (!ok->get<bool>()) return refusal_of_child(*json);
    return read_claim(*json);
}

Result<Picture> judge_picture(const PictureClaim& claim, const FileFacts& facts, const PictureLimits& limits) {
    if (facts.size == 0) return invalid("the picture is empty");
    if (facts.size > limits.max_bytes)
        return invalid("the picture is longer than " + std::to_string(limits.max_bytes) + " bytes");
    if (claim.size != facts.size || claim.sha256 != facts.sha256) {
        return invalid("the picture is not the one that the media program reported");
    }
    const auto kind = core::sniff_image_kind(facts.head);
    if (!kind) return invalid("the bytes are no picture of a known kind");
    if (kind->mime != claim.mime)
        return invalid("the picture is " + std::string(kind->mime) + ", not what the media program reported");
    if (std::uint64_t{claim.width} * claim.height > limits.max_pixels) {
        return invalid("the picture has more than " + std::to_string(limits.max_pixels) + " pixels");
    }
    return Picture{*kind, claim.width, claim.height, facts.size, facts.sha256, claim.metadata};
}

}  // namespace atelier::executor
