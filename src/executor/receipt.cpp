#include "executor/receipt.hpp"

#include <optional>

#include "core/image_dimensions.hpp"
#include "core/image_kind.hpp"
#include "core/redact.hpp"
#include "core/sha256.hpp"
#include "core/text.hpp"
#include "executor/answer.hpp"
#include "executor/outcome.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;
using storage::FileStore;

constexpr std::size_t max_model_bytes = 200;
constexpr std::size_t max_remark_bytes = 2000;
// Servers that ask for no key get one like "none": no secret, and some picture's base64 holds it by chance.
constexpr std::size_t shortest_secret = 8;

struct ReceiptHead {
    AnswerHead answer;
    provider::Kind kind;
    provider::Task task;
    std::string key_prefix;
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
};

std::optional<ReceiptHead> parse_head(const Json& head) {
    const Json* lease = core::find_member(head, "lease", Json::value_t::object);
    const std::string* kind_word = core::find_string(head, "kind");
    const std::string* task_word = core::find_string(head, "task");
    const std::string* key_prefix = core::find_string(head, "key_prefix");
    const Json* status = core::find_member(head, "status", Json::value_t::number_unsigned);
    const Json* duration = core::find_member(head, "duration_ms", Json::value_t::number_unsigned);
    const Json* headers = core::find_member(head, "headers", Json::value_t::array);
    if (!lease || !kind_word || !task_word || !key_prefix || !status || !duration || !headers) return std::nullopt;
    const auto kind = provider::kind_from_string(*kind_word);
    const auto task = provider::task_from_string(*task_word);
    if (!kind || !task) return std::nullopt;
    ReceiptHead parsed{{*lease, true, core::Milliseconds{duration->get<std::int64_t>()}},
                       *kind,
                       *task,
                       *key_prefix,
                       static_cast<int>(status->get<std::int64_t>()),
                       {}};
    for (const Json& header : *headers) {
        if (!header.is_array() || header.size() != 2 || !header[0].is_string() || !header[1].is_string()) continue;
        parsed.headers.emplace_back(header[0].get<std::string>(), header[1].get<std::string>());
    }
    return parsed;
}

Error unusable_picture(const std::string& reason) {
    return {ErrorClass::invalid_output, "the picture in the answer " + reason};
}

// No decoder reads it here: kind, size and wholeness are told by its own structure.
Result<Json> store_picture(const std::string& store_directory, const std::string& key_prefix,
                           const std::string& bytes) {
    if (bytes.size() > max_output_bytes) return unusable_picture("is too long");
    const auto kind = core::sniff_image_kind(std::string_view(bytes).substr(0, core::image_magic_bytes));
    if (!kind) return unusable_picture("is of no known kind (JPEG, PNG, WebP, GIF or AVIF)");
    const auto dimensions = core::read_image_dimensions(bytes);
    if (!dimensions) return unusable_picture("has no readable size");
    if (!dimensions->whole) return unusable_picture("is cut short");
    if (std::uint64_t{dimensions->width} * dimensions->height > PictureLimits{}.max_pixels) {
        return unusable_picture("has more than " + std::to_string(PictureLimits{}.max_pixels) + " pixels");
    }
    const auto store = FileStore::open(store_directory);
    if (!store) return store.error();
    const std::string key = key_prefix + "." + std::string(kind->extension);
    if (auto stored = store->put(key, bytes); !stored) return stored.error();
    return Json{{"object", {{"store", "file"}, {"key", key}}},
                {"mime", kind->mime},
                {"width", dimensions->width},
                {"height", dimensions->height},
                {"size", bytes.size()},
                {"sha256", core::sha256_hex(bytes)}};
}

Result<Json> make_result(const std::string& store_directory, const ReceiptHead& head, const provider::Made& made) {
    switch (head.task) {
        case provider::Task::json:
            return Json{{"json", made.json}};
        case provider::Task::text:
            return Json{{"text", made.text}};
        case provider::Task::image:
            break;
    }
    if (!made.picture) return Error{ErrorClass::no_output, "the answer has no picture"};
    auto result = store_picture(store_directory, head.key_prefix, made.picture->bytes);
    if (result && !made.text.empty()) {
        (*result)["metadata"] = {{"remark", core::to_storable_text(made.text, max_remark_bytes)}};
    }
    return result;
}

Json usage_json(const std::vector<provider::Usage>& usage) {
    Json entries = Json::array();
    for (const provider::Usage& entry : usage)
        entries.push_back({{"unit", entry.unit}, {"quantity", entry.quantity}});
    return entries.empty() ? Json() : entries;
}

}  // namespace

Json receipt_head(const Order& order, provider::Kind kind, const HttpReply& reply, core::Milliseconds duration) {
    const auto& request = std::get<AiRequest>(*order.request);
    Json headers = Json::array();
    for (const auto& [name, value] : reply.headers)
        headers.push_back({name, value});
    return {{"lease", order.lease},
            {"provider", request.provider},
            {"kind", provider::to_string(kind)},
            {"task", provider::to_string(request.task)},
            {"model", request.model},
            {"key_prefix", request.key_prefix},
            {"status", static_cast<unsigned>(reply.status)},
            {"headers", std::move(headers)},
            {"duration_ms", static_cast<std::uint64_t>(duration.count())}};
}

Json lease_of(const Json& head) {
    const Json* lease = core::find_member(head, "lease", Json::value_t::object);
    return lease ? *lease : Json::object();
}

void take_out_key(Receipt& receipt, const std::string& key) {
    if (key.size() < shortest_secret) return;
    // The copy that redact() makes is only worth it where there is something to take out.
    if (receipt.body.find(key) != std::string::npos) receipt.body = core::redact(receipt.body, key);
    for (Json& header : receipt.head["headers"])
        header[1] = core::redact(header[1].get<std::string>(), key);
}

Settled settle_receipt(const std::string& store_directory, const Receipt& receipt) {
    const auto parsed = parse_head(receipt.head);
    if (!parsed) {
        return {failed_answer({lease_of(receipt.head), true, core::Milliseconds{0}},
                              {ErrorClass::invalid_output, "the receipt in the spool has an unknown form"}, {})};
    }
    const provider::Verdict verdict =
        provider::judge(parsed->kind, parsed->task, {parsed->status, parsed->headers, receipt.body});
    auto result =
        verdict.made ? make_result(store_directory, *parsed, *verdict.made) : Result<Json>(verdict.made.error());
    const Json usage = usage_json(verdict.usage);
    if (!result) {
        return {failed_answer(parsed->answer, result.error(), {usage, verdict.retry_after}),
                result.error().cls == ErrorClass::storage_failed};
    }
    if (!verdict.model.empty()) (*result)["model"] = core::to_storable_text(verdict.model, max_model_bytes);
    return {completed_answer(parsed->answer, std::move(*result), usage)};
}

}  // namespace atelier::executor
