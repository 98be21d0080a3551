#pragma once
// What the rows of products tell without a model: rooms, types, styles, keywords. The task "products" of the embedded
// provider. Pure functions.
//
// The order: {"task":"products", "roomTypes":[word, ...], "styles":[word, ...], "products":[{"number":1, "name":...,
// "category":..., "roomTypes":[...], "tags":[...], "materials":[...], "colors":[...]}, ...]}. Of a product only the
// number must be there; what is null counts as absent.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/result.hpp"

namespace atelier::provider {

inline constexpr std::size_t max_products = 1000;
inline constexpr std::size_t max_list_entries = 1000;  // of any list of texts
inline constexpr std::size_t max_entry_bytes = 2000;   // of any text

struct ProductRow {
    std::uint64_t number = 0;  // from 1, each once
    std::string name;
    std::string category;  // empty: none
    std::vector<std::string> room_types;
    std::vector<std::string> tags;
};

struct ProductsTask {
    std::vector<std::string> room_types;  // the vocabulary
    std::vector<std::string> styles;      // the vocabulary
    std::vector<ProductRow> products;     // 1 to max_products
};

// invalid_request, naming the member that is not as above.
core::Result<ProductsTask> parse_products_task(const core::Json& request);

// {"assignments":[{"product":1,"roomType":...}], "productTypes":[...], "suggestedStyles":[...],
// "recommendedInspirationKeywords":[...]}. Each product once, in the order given, with the first of its rooms that is
// in the vocabulary, else "unspecified". Types are the categories, styles the tags that are style words, both the most
// frequent first. Keywords, at most 10: in turn a category, a tag, a room, the most frequent first. Words are compared
// without regard to case (ASCII) and with blanks and hyphens as underscores: "Living room" is living_room.
core::Json analyze_products(const ProductsTask& task);

}  // namespace atelier::provider
