#pragma once
// An HTTP request that was built, and an answer to be judged: what the pure parts exchange with the HTTP client.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace atelier::core {

struct HttpRequest {
    std::string url;                   // absolute, percent-encoded; sent byte for byte
    std::vector<std::string> headers;  // "Name: value"; secrets among them: never logged
    std::string body;
    std::string method = "POST";  // GET, HEAD, POST, PUT, PATCH or DELETE; the first two without a body
};

// A complete answer.
struct HttpAnswer {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, as they came
    std::string_view body;
};

}  // namespace atelier::core
