#include "executor/web_order.hpp"

namespace atelier::executor {
namespace {

// The same for every attempt of a step, and for no other step of any job.
std::string key_of(const core::Json& order) {
    const core::Json* lease = core::find_member(order, "lease", core::Json::value_t::object);
    const std::string* job = lease ? core::find_string(*lease, "job") : nullptr;
    const core::Json* position = core::find_member(order, "position", core::Json::value_t::number_unsigned);
    return job && position ? *job + '-' + std::to_string(position->get<std::uint64_t>()) : std::string();
}

}  // namespace

core::Result<Request> parse_web_order(const core::Json& order, const core::Json& request) {
    const std::string* trace = core::find_string(order, "traceparent");
    auto read = provider::read_web_request(request, {key_of(order), trace ? *trace : std::string()});
    if (!read) return read.error();
    return Request{std::move(*read)};
}

}  // namespace atelier::executor
