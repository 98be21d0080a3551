#include "executor/receipt.hpp"

#include <optional>

#include "core/image_dimensions.hpp"
#include "core/image_kind.hpp"
#include "core/redact.hpp"
#include "core/sha256.hpp"
#include "core/text.hpp"
#include "executor/outcome.hpp"
#include "provider/json_schema.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t max_model_bytes = 200;
constexpr std::size_t max_remark_bytes = 2000;
// Servers that ask for no key get one like "none": no secret, and some picture's base64 holds it by chance.
constexpr std::size_t shortest_secret = 8;

struct ReceiptHead {
    AnswerHead answer;
    provider::Kind kind;
    provider::Task task;
    OutputPlace output;
    const Json* schema;  // nullptr: none
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
};

std::optional<ReceiptHead> parse_head(const Json& head) {
    const Json* lease = core::find_member(head, "lease", Json::value_t::object);
    const std::string* kind_word = core::find_string(head, "kind");
    const std::string* task_word = core::find_string(head, "task");
    const std::string* store = core::find_string(head, "store");
    const std::string* bucket = core::find_string(head, "bucket");
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
                       {store ? *store : "file", bucket ? *bucket : "", *key_prefix},
                       core::find_member(head, "schema", Json::value_t::object),
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
Result<Json> look_at_picture(const ReceiptHead& head, provider::MadePicture made, Judged::Picture& picture) {
    if (made.bytes.size() > max_output_bytes) return unusable_picture("is too long");
    const auto kind = core::sniff_image_kind(std::string_view(made.bytes).substr(0, core::image_magic_bytes));
    if (!kind) return unusable_picture("is of no known kind (JPEG, PNG, WebP, GIF, AVIF or HEIC)");
    const auto dimensions = core::read_image_dimensions(made.bytes);
    if (!dimensions) return unusable_picture("has no readable size");
    if (!dimensions->whole) return unusable_picture("is cut short");
    if (std::uint64_t{dimensions->width} * dimensions->height > PictureLimits{}.max_pixels) {
        return unusable_picture("has more than " + std::to_string(PictureLimits{}.max_pixels) + " pixels");
    }
    const std::string key = head.output.key_prefix + "." + std::string(kind->extension);
    const std::string sha256 = core::sha256_hex(made.bytes);
    const std::size_t size = made.bytes.size();
    auto bytes = std::make_shared<const ByteSource>(std::move(made.bytes));
    picture = {head.output.store, head.output.bucket, {key, std::string(kind->mime), sha256, std::move(bytes)}};
    return Json{{"object", to_json({head.output.store, head.output.bucket, key})},
                {"mime", kind->mime},
                {"width", dimensions->width},
                {"height", dimensions->height},
                {"size", size},
                {"sha256", sha256}};
}

Result<Json> make_result(const ReceiptHead& head, provider::Made made, std::optional<Judged::Picture>& picture) {
    switch (head.task) {
        case provider::Task::json:
            if (head.schema) {
                if (auto matched = provider::match_json_schema(made.json, *head.schema); !matched)
                    return matched.error();
            }
            return Json{{"json", std::move(made.json)}};
        case provider::Task::text:
            return Json{{"text", std::move(made.text)}};
        case provider::Task::image:
            break;
    }
    if (!made.picture) return Error{ErrorClass::no_output, "the answer has no picture"};
    Judged::Picture looked_at;
    auto result = look_at_picture(head, std::move(*made.picture), looked_at);
    if (!result) return result;
    picture = std::move(looked_at);
    if (!made.text.empty()) (*result)["metadata"] = {{"remark", core::to_storable_text(made.text, max_remark_bytes)}};
    return result;
}

// Who is to look into it needs to know which model it was.
void name_model(Result<Json>& result, const std::string& model) {
    if (model.empty()) return;
    const std::string name = core::to_storable_text(model, max_model_bytes);
    if (result) {
        (*result)["model"] = name;
    } else {
        result = Error{result.error().cls, result.error().message + " (model " + name + ")"};
    }
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
    Json head{{"lease", order.lease},
              {"provider", request.provider},
              {"kind", provider::to_string(kind)},
              {"task", provider::to_string(request.task)},
              {"model", request.model},
              {"store", request.output.store},
              {"bucket", request.output.bucket},
              {"key_prefix", request.output.key_prefix},
              {"status", static_cast<unsigned>(reply.status)},
              {"headers", std::move(headers)},
              {"duration_ms", static_cast<std::uint64_t>(duration.count())}};
    if (request.task == provider::Task::json && !request.schema.is_null()) head["schema"] = request.schema;
    return head;
}

Json lease_of(const Json& head) {
    const Json* lease = core::find_member(head, "lease", Json::value_t::object);
    return lease ? *lease : Json::object();
}

void take_out_key(Receipt& receipt, const std::string& key) {
    if (receipt.redacted) return;
    if (key.size() >= shortest_secret) {
        // The copy that redact() makes is only worth it where there is something to take out.
        if (receipt.body.find(key) != std::string::npos) receipt.body = core::redact(receipt.body, key);
        for (Json& header : receipt.head["headers"])
            header[1] = core::redact(header[1].get<std::string>(), key);
    }
    receipt.redacted = true;
}

Judged judge_receipt(const Receipt& receipt) {
    const auto parsed = parse_head(receipt.head);
    if (!parsed) return unjudged(receipt, "the receipt in the spool has an unknown form");
    provider::Verdict verdict =
        provider::judge(parsed->kind, parsed->task, {parsed->status, parsed->headers, receipt.body});
    Judged judged{parsed->answer, verdict.made ? Result<Json>(Json()) : Result<Json>(verdict.made.error()),
                  usage_json(verdict.usage), verdict.retry_after, std::move(verdict.pace)};
    if (!verdict.made) return judged;
    judged.result = make_result(*parsed, std::move(*verdict.made), judged.picture);
    name_model(judged.result, verdict.model);
    return judged;
}

Judged unjudged(const Receipt& receipt, const std::string& reason) {
    return {{lease_of(receipt.head), true, core::Milliseconds{0}},
            Error{ErrorClass::invalid_output, core::to_storable_text(reason, max_remark_bytes)},
            {}};
}

Answer answer_of(const Judged& judged) {
    if (judged.result) return completed_answer(judged.head, *judged.result, judged.usage, judged.pace);
    return failed_answer(judged.head, judged.result.error(), {judged.usage, judged.retry_after, {}, judged.pace});
}

Answer failure_of(const Judged& judged, const Error& error, const Json& left) {
    return failed_answer(judged.head, error, {judged.usage, {}, left, judged.pace});
}

}  // namespace atelier::executor
