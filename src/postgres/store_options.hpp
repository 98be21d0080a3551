#pragma once
// The options of the foreign data wrapper atelier_s3, and what follows from several of them.

#include <string_view>

#include "postgres/provider_options.hpp"

namespace atelier::postgres {

ProviderOptions store_options() noexcept;

// Whether objects of a bucket are addressed as endpoint/bucket/key instead of bucket.host/key. `path_style` as it was
// set, nullptr if it was not: then so for every endpoint of one's own, and for a bucket whose name is no label of a
// host name, which no certificate of AWS covers.
bool is_path_style(const char* path_style, bool has_endpoint, std::string_view bucket) noexcept;

}  // namespace atelier::postgres
