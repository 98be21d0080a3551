#include "executor/store_work.hpp"

#include "core/image_kind.hpp"

namespace atelier::executor {

core::Result<void> check_object(const std::string& key, std::uint64_t size, std::string_view head,
                                const FetchLimits& limits) {
    const auto refuse = [&](const std::string& reason) {
        return core::Error{core::ErrorClass::invalid_request, "the object \"" + key + "\" " + reason};
    };
    if (size == 0) return refuse("is empty");
    if (size > limits.max_bytes) {
        return refuse("has " + std::to_string(size) + " bytes, at most " + std::to_string(limits.max_bytes) +
                      " are allowed");
    }
    if (limits.only_pictures && !core::sniff_image_kind(head.substr(0, core::image_magic_bytes))) {
        return refuse(core::not_a_picture);
    }
    return {};
}

}  // namespace atelier::executor
