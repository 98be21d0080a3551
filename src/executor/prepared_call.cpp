#include "executor/prepared_call.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "core/image_kind.hpp"
#include "core/sha256.hpp"
#include "executor/file_facts.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::StoredObject;

Result<provider::Picture> read_picture(const StoredObject& object, const InputPicture& input) {
    auto bytes = read_file(object.fd.get(), 0, object.size);
    if (!bytes) return bytes.error();
    const auto refuse = [&](const std::string& reason) {
        return Error{ErrorClass::invalid_request, "the object \"" + input.object.key + "\" " + reason};
    };
    const auto kind = core::sniff_image_kind(std::string_view(*bytes).substr(0, core::image_magic_bytes));
    if (!kind) return refuse("is not a picture");
    if (input.is_fixed() && core::sha256_hex(*bytes) != input.sha256)
        return refuse("is not the one that was registered");
    return provider::Picture{input.role, std::string(kind->mime), std::move(*bytes)};
}

Result<provider::Call> gather(const AiRequest& request, const std::vector<StoredObject>& objects) {
    provider::Call call{
        request.task, request.model,      request.prompt, request.system, request.schema, request.parameters,
        {},           request.traceparent};
    for (std::size_t i = 0; i < objects.size(); ++i) {
        auto picture = read_picture(objects[i], request.inputs.at(i));
        if (!picture) return picture.error();
        call.pictures.push_back(std::move(*picture));
    }
    return call;
}

// 32 random hex digits.
Result<std::string> random_boundary() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        return Error{ErrorClass::overloaded, "no random numbers: " + std::generic_category().message(errno)};
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

Result<provider::HttpRequest> build_request(const ProviderConfig& config, const AiRequest& request,
                                            const std::vector<StoredObject>& objects, const std::string& key) {
    const auto call = gather(request, objects);
    if (!call) return call.error();
    const auto boundary = random_boundary();
    if (!boundary) return boundary.error();
    return provider::build(config.endpoint, *call, key, *boundary);
}

}  // namespace

PreparedCall prepare_call(const ProviderConfig& config, const AiRequest& request,
                          const std::vector<StoredObject>& objects) try {
    auto key = read_key(config);
    if (!key) return {key.error(), {}};
    auto built = build_request(config, request, objects, *key);
    return {std::move(built), std::move(*key)};
} catch (const std::bad_alloc&) {
    return {Error{ErrorClass::overloaded, "memory ran out before the request left"}, {}};
}

}  // namespace atelier::executor
