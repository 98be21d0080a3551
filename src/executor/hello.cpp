#include "executor/hello.hpp"

#include "core/json.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

Error bad_member(const char* name) {
    return {ErrorClass::invalid_request, std::string("hello: \"") + name + "\" is missing or out of range"};
}

bool is_absolute(const std::string* path) {
    return path && path->starts_with('/');
}

Result<std::uint64_t> number(const Json& hello, const char* name, std::uint64_t lowest, std::uint64_t highest) {
    const Json* member = core::find_member(hello, name, Json::value_t::number_unsigned);
    if (!member) return bad_member(name);
    const auto value = member->get<std::uint64_t>();
    if (value < lowest || value > highest) return bad_member(name);
    return value;
}

}  // namespace

Result<Settings> parse_hello(std::string_view payload) {
    auto hello = core::parse_json(payload, {}, ErrorClass::invalid_request);
    if (!hello) return hello.error();
    const std::string* build = core::find_string(*hello, "build");
    if (!build || build->empty()) return bad_member("build");
    const std::string* store_directory = core::find_string(*hello, "store_directory");
    if (!is_absolute(store_directory)) return bad_member("store_directory");
    const std::string* spool_directory = core::find_string(*hello, "spool_directory");
    if (!is_absolute(spool_directory)) return bad_member("spool_directory");
    const std::string* media_program = core::find_string(*hello, "media_program");
    if (!is_absolute(media_program)) return bad_member("media_program");
    const auto media_children = number(*hello, "media_children", 1, 64);
    if (!media_children) return media_children.error();
    const auto shutdown_wait = number(*hello, "shutdown_wait_ms", 0, 3'600'000);
    if (!shutdown_wait) return shutdown_wait.error();
    const auto drain_timeout = number(*hello, "drain_timeout_ms", 0, 3'600'000);
    if (!drain_timeout) return drain_timeout.error();
    const auto spool_limit = number(*hello, "spool_limit_bytes", std::uint64_t{1} << 20, std::uint64_t{1} << 50);
    if (!spool_limit) return spool_limit.error();
    Settings settings;
    settings.build = *build;
    settings.store_directory = *store_directory;
    settings.spool_directory = *spool_directory;
    settings.media_program = *media_program;
    settings.media_children = static_cast<unsigned>(*media_children);
    settings.spool_limit = *spool_limit;
    settings.shutdown_wait = core::Milliseconds{*shutdown_wait};
    settings.drain_timeout = core::Milliseconds{*drain_timeout};
    return settings;
}

std::string write_hello(std::string_view build, long pid) {
    return core::write_json(Json{{"build", build}, {"pid", pid}});
}

}  // namespace atelier::executor
