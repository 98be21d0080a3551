#include "media/report.hpp"

namespace atelier::media {

core::Json success_report(const Facts& facts) {
    return {{"ok", true},         {"mime", facts.mime},     {"width", facts.width},      {"height", facts.height},
            {"size", facts.size}, {"sha256", facts.sha256}, {"metadata", facts.metadata}};
}

core::Json failure_report(const core::Error& error) {
    return {{"ok", false}, {"class", std::string(core::to_string(error.cls))}, {"message", error.message}};
}

}  // namespace atelier::media
