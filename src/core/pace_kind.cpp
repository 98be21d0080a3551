#include "core/pace_kind.hpp"

namespace atelier::core {

PaceKind pace_kind(ErrorClass cls) noexcept {
    switch (cls) {
        case ErrorClass::rate_limited:
            return PaceKind::rate_limited;
        case ErrorClass::overloaded:
        case ErrorClass::network:
        case ErrorClass::timeout:
        case ErrorClass::outcome_unknown:
        case ErrorClass::storage_failed:
            return PaceKind::failed;
        case ErrorClass::worker_lost:
        case ErrorClass::cancelled:
            return PaceKind::unknown;
        default:
            return PaceKind::answered;
    }
}

Pace unheard() {
    Pace pace;
    pace.kind = PaceKind::unknown;
    return pace;
}

}  // namespace atelier::core
