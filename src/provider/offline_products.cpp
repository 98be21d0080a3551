#include "provider/offline_products.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace atelier::provider {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t max_keywords = 10;
constexpr std::string_view unspecified = "unspecified";

Error refuse(const std::string& reason) {
    return {ErrorClass::invalid_request, reason};
}

bool is_absent(const Json& object, const char* name) {
    return !object.contains(name) || object.at(name).is_null();
}

Result<std::string> parse_text(const Json& object, const char* name, const std::string& whose) {
    if (is_absent(object, name)) return std::string();
    const std::string* text = core::find_string(object, name);
    if (!text || text->size() > max_entry_bytes) {
        return refuse("the " + std::string(name) + " of " + whose + " is no text of at most " +
                      std::to_string(max_entry_bytes) + " bytes");
    }
    return *text;
}

Result<std::vector<std::string>> parse_texts(const Json& object, const char* name, const std::string& whose) {
    std::vector<std::string> texts;
    if (is_absent(object, name)) return texts;
    const Json* list = core::find_member(object, name, Json::value_t::array);
    const auto is_entry = [](const Json& entry) {
        return entry.is_string() && entry.get_ref<const std::string&>().size() <= max_entry_bytes;
    };
    if (!list || list->size() > max_list_entries || !std::all_of(list->begin(), list->end(), is_entry)) {
        return refuse("the " + std::string(name) + " of " + whose + " are no list of at most " +
                      std::to_string(max_list_entries) + " texts");
    }
    return list->get<std::vector<std::string>>();
}

Result<std::vector<std::string>> parse_vocabulary(const Json& request, const char* name) {
    auto words = parse_texts(request, name, "the order");
    if (words && words->empty()) return refuse("the order has no " + std::string(name));
    return words;
}

Result<ProductRow> parse_product(const Json& entry) {
    const Json* number = core::find_member(entry, "number", Json::value_t::number_unsigned);
    if (!number || number->get<std::uint64_t>() == 0) return refuse("a product of the order has no number");
    const std::string whose = "product " + std::to_string(number->get<std::uint64_t>());
    auto name = parse_text(entry, "name", whose);
    if (!name) return name.error();
    auto category = parse_text(entry, "category", whose);
    if (!category) return category.error();
    auto room_types = parse_texts(entry, "roomTypes", whose);
    if (!room_types) return room_types.error();
    auto tags = parse_texts(entry, "tags", whose);
    if (!tags) return tags.error();
    for (const char* unused : {"materials", "colors"})
        if (const auto texts = parse_texts(entry, unused, whose); !texts) return texts.error();
    return ProductRow{number->get<std::uint64_t>(), *std::move(name), *std::move(category), *std::move(room_types),
                      *std::move(tags)};
}

// As the vocabulary is written.
std::string word_of(std::string_view text) {
    std::string word(text);
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
        if (c >= 'A' && c <= 'Z') return static_cast<char>(c + ('a' - 'A'));
        return c == ' ' || c == '-' ? '_' : c;
    });
    return word;
}

class Vocabulary {
  public:
    explicit Vocabulary(const std::vector<std::string>& words) {
        for (const std::string& word : words)
            words_.try_emplace(word_of(word), word);
        words_.erase(std::string(unspecified));
    }

    // As it stands there; nullptr: it is none of it.
    const std::string* find(const std::string& text) const {
        const auto found = words_.find(word_of(text));
        return found == words_.end() ? nullptr : &found->second;
    }

  private:
    std::map<std::string, std::string> words_;
};

std::string room_of(const Vocabulary& rooms, const ProductRow& product) {
    for (const std::string& room : product.room_types)
        if (const std::string* word = rooms.find(room)) return *word;
    return std::string(unspecified);
}

// Texts by how often they were met; ties by who came first. Those that are one word in two spellings are one.
class Tally {
  public:
    void add(const std::string& text) {
        if (text.find_first_not_of(' ') == std::string::npos) return;
        const auto [entry, is_new] = places_.try_emplace(word_of(text), counts_.size());
        if (is_new) counts_.emplace_back(text, 0);
        ++counts_[entry->second].second;
    }

    std::vector<std::string> by_frequency() const {
        auto sorted = counts_;
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto& x, const auto& y) { return x.second > y.second; });
        std::vector<std::string> texts;
        for (auto& [text, count] : sorted)
            texts.push_back(std::move(text));
        return texts;
    }

  private:
    std::map<std::string, std::size_t> places_;
    std::vector<std::pair<std::string, std::size_t>> counts_;
};

// What is searched for is written with blanks.
std::string phrase_of(std::string text) {
    std::replace(text.begin(), text.end(), '_', ' ');
    return text;
}

Json keywords_of(const std::array<std::vector<std::string>, 3>& sources) {
    Json keywords = Json::array();
    std::set<std::string> known;
    const std::size_t longest = std::max({sources[0].size(), sources[1].size(), sources[2].size()});
    for (std::size_t i = 0; i < longest; ++i) {
        for (const auto& source : sources) {
            if (keywords.size() == max_keywords) return keywords;
            if (i < source.size() && known.insert(word_of(source[i])).second) keywords.push_back(phrase_of(source[i]));
        }
    }
    return keywords;
}

}  // namespace

Result<ProductsTask> parse_products_task(const Json& request) {
    auto room_types = parse_vocabulary(request, "roomTypes");
    if (!room_types) return room_types.error();
    auto styles = parse_vocabulary(request, "styles");
    if (!styles) return styles.error();
    const Json* products = core::find_member(request, "products", Json::value_t::array);
    if (!products || products->empty() || products->size() > max_products)
        return refuse("the order has no products, or more than " + std::to_string(max_products));
    ProductsTask task{*std::move(room_types), *std::move(styles), {}};
    std::set<std::uint64_t> numbers;
    for (const Json& entry : *products) {
        auto product = parse_product(entry);
        if (!product) return product.error();
        if (!numbers.insert(product->number).second)
            return refuse("product " + std::to_string(product->number) + " of the order is there twice");
        task.products.push_back(*std::move(product));
    }
    return task;
}

Json analyze_products(const ProductsTask& task) {
    const Vocabulary known_rooms(task.room_types);
    const Vocabulary known_styles(task.styles);
    Json assignments = Json::array();
    Tally categories;
    Tally tags;
    Tally styles;
    Tally rooms;
    for (const ProductRow& product : task.products) {
        const std::string room = room_of(known_rooms, product);
        assignments.push_back({{"product", product.number}, {"roomType", room}});
        if (room != unspecified) rooms.add(room);
        categories.add(product.category);
        for (const std::string& tag : product.tags) {
            tags.add(tag);
            if (const std::string* style = known_styles.find(tag)) styles.add(*style);
        }
    }
    return {{"assignments", std::move(assignments)},
            {"productTypes", categories.by_frequency()},
            {"suggestedStyles", styles.by_frequency()},
            {"recommendedInspirationKeywords",
             keywords_of({categories.by_frequency(), tags.by_frequency(), rooms.by_frequency()})}};
}

}  // namespace atelier::provider
