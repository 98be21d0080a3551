#pragma once
// What a media child measured of a scene, made into an analysis. Pure.

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::executor {

// `measures` as media/measure.hpp has them: the child read foreign bytes, so each is looked at. The analysis has every
// member that one of a model has; what pixels do not tell is "unspecified" or empty. invalid_output, naming the
// measure, when one is missing or cannot be: numbers are 0..1, colours "#rrggbb", words of lower-case letters.
core::Result<core::Json> scene_of_measures(const core::Json& measures);

}  // namespace atelier::executor
