#include "core/build_id.hpp"

#include "generated/build_id.hpp"

namespace atelier::core {

std::string_view build_id() noexcept {
    return generated_build_id;
}

}  // namespace atelier::core
