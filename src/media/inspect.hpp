#pragma once
// What a stored file is: type, size in pixels and bytes, hash; found by decoding all of it.

#include "core/json.hpp"
#include "media/codec.hpp"

namespace atelier::media {

// The report: {"ok":true,"mime":...,"width":...,"height":...,"size":...,"sha256":...,"metadata":{}} or
// {"ok":false,"class":"invalid_request","message":...}.
core::Json inspect(std::string_view bytes, const Limits& limits);

// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace atelier::media
