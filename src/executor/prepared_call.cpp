#include "executor/prepared_call.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <new>
#include <system_error>

#include "core/image_kind.hpp"
#include "core/sha256.hpp"
#include "storage/file_store.hpp"

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Result;
using storage::FileStore;

// Bytes [0, size) of an open file.
Result<std::string> read_object(const storage::StoredObject& object, const std::string& key) {
    std::string bytes(object.size, '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got =
            ::pread(object.fd.get(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            return Error{ErrorClass::storage_failed,
                         "the object \"" + key + "\" cannot be read: " +
                             (got == 0 ? "it became shorter" : std::generic_category().message(errno))};
        }
        filled += static_cast<std::size_t>(got);
    }
    return bytes;
}

Result<provider::Picture> fetch(const FileStore& store, const InputPicture& input) {
    const auto refuse = [&](const std::string& reason) {
        return Error{ErrorClass::invalid_request, "the object \"" + input.key + "\" " + reason};
    };
    const auto object = store.open_object(input.key);
    if (!object) return object.error();
    if (object->size > PictureLimits{}.max_bytes) {
        return refuse("has " + std::to_string(object->size) + " bytes, at most " +
                      std::to_string(PictureLimits{}.max_bytes) + " are allowed");
    }
    auto bytes = read_object(*object, input.key);
    if (!bytes) return bytes.error();
    const auto kind = core::sniff_image_kind(std::string_view(*bytes).substr(0, core::image_magic_bytes));
    if (!kind) return refuse("is not a picture (JPEG, PNG, WebP, GIF or AVIF)");
    if (core::sha256_hex(*bytes) != input.sha256) return refuse("is not the one that was registered");
    return provider::Picture{input.role, std::string(kind->mime), std::move(*bytes)};
}

Result<provider::Call> gather(const FileStore& store, const AiRequest& request) {
    provider::Call call{
        request.task, request.model, request.prompt, request.system, request.schema, request.parameters, {}};
    for (const InputPicture& input : request.inputs) {
        auto picture = fetch(store, input);
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

Result<provider::HttpRequest> build_request(const std::string& store_directory, const ProviderConfig& config,
                                            const AiRequest& request, const std::string& key) {
    const auto store = FileStore::open(store_directory);
    if (!store) return store.error();
    const auto call = gather(*store, request);
    if (!call) return call.error();
    const auto boundary = random_boundary();
    if (!boundary) return boundary.error();
    return provider::build(config.endpoint, *call, key, *boundary);
}

}  // namespace

PreparedCall prepare_call(const std::string& store_directory, const ProviderConfig& config,
                          const AiRequest& request) try {
    auto key = read_key(config);
    if (!key) return {key.error(), {}};
    auto built = build_request(store_directory, config, request, *key);
    return {std::move(built), std::move(*key)};
} catch (const std::bad_alloc&) {
    return {Error{ErrorClass::overloaded, "memory ran out before the request left"}, {}};
}

}  // namespace atelier::executor
