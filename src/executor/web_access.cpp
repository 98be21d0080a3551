#include "executor/web_access.hpp"

#include <utility>

#include "core/json.hpp"
#include "wire/frame.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::HostKind;
using core::HostList;
using core::Json;
using core::Result;

// Of answers that are being read.
constexpr std::size_t max_reply_bytes = std::size_t{64} * 1024 * 1024;

Result<HostList> read_list(const Json& http, const char* name, HostKind kind) {
    const std::string* text = core::find_string(http, name);
    if (!text) return Error{ErrorClass::invalid_request, std::string("http: \"") + name + "\" is missing"};
    return HostList::parse(*text, kind);
}

}  // namespace

WebAccess::WebAccess(EventLoop& loop, std::string ca_file)
    : loop_(loop), http_(loop, max_reply_bytes, std::move(ca_file)) {}

Result<void> WebAccess::set(std::string_view payload) {
    hosts_ = {};
    const auto json = core::parse_json(payload, {wire::max_payload_bytes, 8}, ErrorClass::invalid_request);
    if (!json) return Error{ErrorClass::invalid_request, "http: the frame is " + json.error().message};
    if (!json->contains("http")) return {};
    auto open = read_list(json->at("http"), "hosts", HostKind::open);
    if (!open) return open.error();
    auto own = read_list(json->at("http"), "private_hosts", HostKind::own);
    if (!own) return own.error();
    hosts_ = {std::move(*open), std::move(*own)};
    return {};
}

}  // namespace atelier::executor
