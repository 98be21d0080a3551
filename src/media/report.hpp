#pragma once
// The report of the media child: one JSON object, and nothing else, on its descriptor 1.

#include <cstddef>
#include <string>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::media {

struct Facts {
    std::string mime;
    int width = 0;
    int height = 0;
    std::size_t size = 0;  // bytes
    std::string sha256;    // inspect, measure: of the input; compose: of the output
    core::Json metadata;
};

core::Json success_report(const Facts& facts);
core::Json failure_report(const core::Error& error);

}  // namespace atelier::media
