#pragma once
// What the end of an HTTP call means: a reply to be judged by its status, a failure that changed nothing, or one of
// which nobody knows what it did. Pure.

#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/result.hpp"
#include "executor/http_client.hpp"

namespace atelier::executor {

// Who ended it.
enum class TransferStop {
    curl,  // see curl_code: 0 is a complete reply
    connect_clock,
    progress_clock,
    total_clock,
    cancelled,
    head_too_long,
    body_too_long,
    bad_framing,       // Content-Length is no number, or there are two
    stale_connection,  // a reply was there before the request: it belongs to another one
    no_memory,
    bad_header,  // of ours: it holds a line break
};

struct TransferFacts {
    TransferStop stop = TransferStop::curl;
    int curl_code = 0;          // a CURLcode
    int os_error = 0;           // errno of the last connection that failed, 0 if not known
    std::string curl_message;   // curl's own words; quoted for TLS only, where they hold neither path nor query
    std::string host;           // of the URL, with the port if there is one
    bool refused_peer = false;  // an address of the host is not allowed
    bool body_left = false;
    int status = 0;  // of the final reply, 0: none arrived
    HttpLimits limits;
};

// nullopt: there is a reply to deliver: a complete one, or what arrived of one whose status is no success. Messages
// name host and reason.
std::optional<core::Error> error_of(const TransferFacts& facts);

}  // namespace atelier::executor
