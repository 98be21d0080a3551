#include "provider/web_request.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/text.hpp"
#include "core/trace_context.hpp"

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::HttpRequest;
using core::Json;
using core::Result;

constexpr std::size_t max_headers = 50;
constexpr std::size_t max_header_bytes = 8 * 1024;  // of all together
constexpr std::size_t max_name_bytes = 100;
constexpr std::uint64_t one_day_ms = 86'400'000;
constexpr std::string_view user_agent = "User-Agent: pg_atelier";

constexpr std::array<std::string_view, 5> members{"method", "url", "headers", "body", "timeout_ms"};
constexpr std::array<std::string_view, 6> methods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"};

// Where a message ends and whom it is for is ours to say; what an answer is packed in nobody would unpack. Credentials
// have no place in rows.
constexpr std::array<std::string_view, 15> refused_headers{
    "host",   "content-length", "transfer-encoding", "connection",      "keep-alive", "te",
    "expect", "trailer",        "upgrade",           "accept-encoding", "cookie",     "cookie2",
    "via",    "authorization",  "www-authenticate",
};

Error refuse(std::string message) {
    return {ErrorClass::invalid_request, std::move(message)};
}

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

std::string in_quotes(std::string_view text) {
    return '"' + core::to_storable_text(text, max_name_bytes) + '"';
}

template <class List>
bool holds(const List& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text) {
    const auto is_token_character = [](char c) {
        const bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        return is_alphanumeric || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
    };
    return !text.empty() && text.size() <= max_name_bytes && std::all_of(text.begin(), text.end(), is_token_character);
}

bool is_field_text(std::string_view text) {
    const bool is_printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
    return is_printable && !text.empty() && text.front() != ' ' && text.back() != ' ';
}

// What the user says of the head of a request.
struct Head {
    std::vector<std::string> lines{};
    std::vector<std::string> names{};  // in lower case
};

Result<Head> read_headers(const Json& request) {
    Head head;
    if (!request.contains("headers") || request.at("headers").is_null()) return head;
    const Json* headers = core::find_member(request, "headers", Json::value_t::object);
    if (!headers || headers->size() > max_headers)
        return refuse("headers is no object, or has more than " + std::to_string(max_headers) + " members");
    std::size_t bytes = 0;
    for (const auto& [name, value] : headers->items()) {
        if (!is_token(name)) return refuse("the header " + in_quotes(name) + " has a name that is none");
        std::string lower = in_lower_case(name);
        if (holds(refused_headers, lower) || lower.starts_with("proxy-"))
            return refuse("the header " + in_quotes(name) + " may not be set");
        if (holds(head.names, lower)) return refuse("the header " + in_quotes(name) + " stands there twice");
        if (!value.is_string() || !is_field_text(value.get_ref<const std::string&>()))
            return refuse("the header " + in_quotes(name) + " is no text of printable ASCII characters");
        head.names.push_back(std::move(lower));
        head.lines.push_back(name + ": " + value.get_ref<const std::string&>());
        bytes += head.lines.back().size();
    }
    if (bytes > max_header_bytes) return refuse("the headers are longer than 8 KiB together");
    return head;
}

struct Body {
    std::string bytes{};
    std::string_view type{};
    bool present = false;
};

Result<Body> read_body(const Json& request) {
    if (!request.contains("body") || request.at("body").is_null()) return Body{};
    const Json& given = request.at("body");
    Body body;
    body.present = true;
    if (given.is_string()) {
        body = {given.get<std::string>(), "text/plain; charset=utf-8", true};
    } else if (given.is_structured()) {
        body = {core::write_json(given), "application/json", true};
    } else {
        return refuse("body is neither object nor array nor text");
    }
    if (body.bytes.size() > max_web_body_bytes) return refuse("body is longer than 1 MB");
    return body;
}

Result<std::string> read_method(const Json& request, bool has_body) {
    if (!request.contains("method") || request.at("method").is_null()) return std::string(has_body ? "POST" : "GET");
    const std::string* method = core::find_string(request, "method");
    if (!method || !holds(methods, *method)) return refuse("method is none of GET, POST, PUT, PATCH, DELETE and HEAD");
    if (has_body && (*method == "GET" || *method == "HEAD"))
        return refuse("a request of method " + *method + " has no body");
    return *method;
}

Result<std::optional<core::Milliseconds>> read_timeout(const Json& request) {
    using Timeout = std::optional<core::Milliseconds>;
    if (!request.contains("timeout_ms") || request.at("timeout_ms").is_null()) return Timeout();
    const Json* timeout = core::find_member(request, "timeout_ms", Json::value_t::number_unsigned);
    if (!timeout || timeout->get<std::uint64_t>() == 0 || timeout->get<std::uint64_t>() > one_day_ms)
        return refuse("timeout_ms is no number of milliseconds from 1 to a day");
    return Timeout(core::Milliseconds{timeout->get<std::int64_t>()});
}

void complete(Head& head, const Body& body, const WebMarks& marks) {
    const auto add = [&head](std::string_view name, std::string line) {
        if (!holds(head.names, name)) head.lines.push_back(std::move(line));
    };
    if (body.present) add("content-type", "Content-Type: " + std::string(body.type));
    if (is_field_text(marks.idempotency_key)) add("idempotency-key", "Idempotency-Key: " + marks.idempotency_key);
    if (core::is_traceparent(marks.traceparent)) add("traceparent", "traceparent: " + marks.traceparent);
    add("user-agent", std::string(user_agent));
}

}  // namespace

Result<WebRequest> read_web_request(const Json& request, const WebMarks& marks) {
    if (!request.is_object()) return refuse("the request is no object");
    for (const auto& member : request.items()) {
        if (!holds(members, member.key()))
            return refuse("the request has a member that is not known: " + in_quotes(member.key()));
    }
    const std::string* url = core::find_string(request, "url");
    if (!url || url->empty()) return refuse("the request has no url");
    auto head = read_headers(request);
    if (!head) return head.error();
    auto body = read_body(request);
    if (!body) return body.error();
    auto method = read_method(request, body->present);
    if (!method) return method.error();
    const auto timeout = read_timeout(request);
    if (!timeout) return timeout.error();
    complete(*head, *body, marks);
    return WebRequest{HttpRequest{*url, std::move(head->lines), std::move(body->bytes), std::move(*method)}, *timeout};
}

}  // namespace atelier::provider
