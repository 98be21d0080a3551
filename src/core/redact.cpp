#include "core/redact.hpp"

#include <algorithm>

namespace atelier::core {

std::string redact(std::string_view text, std::string_view secret) {
    constexpr std::size_t telling_bytes = 8;
    const std::string_view beginning = secret.substr(0, telling_bytes);
    if (beginning.empty()) return std::string(text);
    std::string clean;
    std::size_t from = 0;
    for (std::size_t at; (at = text.find(beginning, from)) != std::string_view::npos;) {
        clean.append(text.substr(from, at - from)).append("[redacted]");
        const std::string_view rest = text.substr(at);
        const auto end = std::mismatch(rest.begin(), rest.end(), secret.begin(), secret.end()).first;
        from = at + static_cast<std::size_t>(end - rest.begin());
    }
    return clean.append(text.substr(from));
}

}  // namespace atelier::core
