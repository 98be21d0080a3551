// Our requests against those that the official clients sent for the same calls: test/oracles, recorded by record.mjs.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "core/sha256.hpp"
#include "provider/base64.hpp"
#include "provider/provider.hpp"

namespace atelier::provider {
namespace {

using core::Json;

constexpr const char* key = "oracle-key";
constexpr const char* boundary = "0123456789abcdef0123456789abcdef";

// Of the recorded requests only. No member of a body is ever ignored.
const std::set<std::string> ignored_headers{
    "user-agent",
    "x-goog-api-client",  // say which client it is
    "x-stainless-retry-count",
    "x-stainless-lang",
    "x-stainless-package-version",  // likewise
    "x-stainless-os",
    "x-stainless-arch",
    "x-stainless-runtime",
    "x-stainless-runtime-version",
    "accept-language",
    "sec-fetch-mode",   // fetch() of node adds them to every request
    "accept-encoding",  // we take no encoded answer
};

Json read_json(const std::string& name) {
    std::ifstream file(std::string(ATELIER_ORACLES) + "/" + name);
    return Json::parse(file);
}

Call call_of(const Json& json) {
    Call call;
    call.task = *task_from_string("ai." + json.at("task").get<std::string>());
    call.model = json.at("model");
    call.prompt = json.at("prompt");
    call.system = json.value("system", "");
    call.schema = json.value("schema", Json());
    call.parameters = json.at("parameters");
    for (const Json& picture : json.value("pictures", Json::array()))
        call.pictures.push_back(
            {picture.at("role"), picture.at("mime"), *decode_base64(picture.at("base64").get<std::string>())});
    return call;
}

HttpRequest request_of(const Json& call, const std::string& base_url) {
    const Endpoint endpoint{*kind_from_string(call.at("kind").get<std::string>()), base_url, call.at("api_version")};
    auto request = build(endpoint, call_of(call), key, boundary);
    EXPECT_TRUE(request.ok()) << request.error().message;
    return *std::move(request);
}

std::map<std::string, std::string> headers_of(const HttpRequest& request) {
    std::map<std::string, std::string> headers{{"accept", "*/*"}};  // curl's own, unless we set it
    for (const std::string& line : request.headers) {
        const std::size_t colon = line.find(": ");
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
        headers[name] = line.substr(colon + 2);
    }
    std::string& type = headers["content-type"];
    if (const std::size_t at = type.find("boundary="); at != std::string::npos) type.erase(at + 9);
    return headers;
}

std::string attribute(const std::string& headers, const std::string& name) {
    const std::size_t at = headers.find(name);
    if (at == std::string::npos) return "";
    const std::size_t start = at + name.size();
    return headers.substr(start, headers.find_first_of("\"\r", start) - start);
}

// The parts of a form as record.mjs writes them. Those of one name keep their order; that of names means nothing.
Json parts_of(const HttpRequest& request) {
    const std::string type = request.headers.at(0);
    const std::string mark = "--" + type.substr(type.find("boundary=") + 9);
    Json parts = Json::array();
    std::size_t at = request.body.find(mark);
    EXPECT_EQ(at, 0U);
    while (request.body.compare(at + mark.size(), 2, "--") != 0) {
        const std::size_t start = at + mark.size() + 2;
        const std::size_t blank = request.body.find("\r\n\r\n", start);
        at = request.body.find("\r\n" + mark, blank);
        if (blank == std::string::npos || at == std::string::npos) throw std::runtime_error("a form that does not end");
        const std::string headers = request.body.substr(start, blank - start);
        const std::string value = request.body.substr(blank + 4, at - blank - 4);
        at += 2;
        Json part{{"name", attribute(headers, " name=\"")}, {"sha256", core::sha256_hex(value)}};
        const std::string filename = attribute(headers, "; filename=\"");
        if (filename.empty()) {
            part["value"] = value;
        } else {
            part["filename"] = filename;
            part["content_type"] = attribute(headers, "Content-Type: ");
        }
        parts.push_back(part);
    }
    EXPECT_EQ(request.body.substr(at), mark + "--\r\n");
    return parts;
}

Json sorted(Json parts) {
    std::stable_sort(parts.begin(), parts.end(), [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
    return parts;
}

class ProviderOracle : public testing::TestWithParam<std::string> {};

TEST_P(ProviderOracle, OurRequestEqualsTheRecordedOne) {
    const Json recorded = read_json("requests/" + GetParam() + ".json");
    const HttpRequest request = request_of(read_json("calls.json").at(GetParam()), "http://127.0.0.1:1");
    EXPECT_EQ(recorded.at("method"), "POST");
    EXPECT_EQ(request.url, "http://127.0.0.1:1" + recorded.at("path").get<std::string>());

    auto headers = headers_of(request);
    for (const auto& [name, value] : recorded.at("headers").items()) {
        if (ignored_headers.count(name) != 0) continue;
        EXPECT_EQ(headers[name], value.get<std::string>()) << name;
        headers.erase(name);
    }
    for (const auto& [name, value] : headers)
        ADD_FAILURE() << "a header that the client does not send: " << name;

    if (recorded.contains("parts")) {
        const Json parts = sorted(parts_of(request));
        EXPECT_EQ(parts, sorted(recorded.at("parts"))) << Json::diff(sorted(recorded.at("parts")), parts).dump(2);
    } else {
        const Json body = Json::parse(request.body);
        EXPECT_EQ(body, recorded.at("json")) << Json::diff(recorded.at("json"), body).dump(2);
    }
}

std::vector<std::string> names_of_calls() {
    std::vector<std::string> names;
    const Json calls = read_json("calls.json");
    for (const auto& [name, call] : calls.items())
        names.push_back(name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Calls, ProviderOracle, testing::ValuesIn(names_of_calls()),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace atelier::provider
