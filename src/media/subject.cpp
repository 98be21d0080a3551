#include "media/subject.hpp"

#include <array>
#include <cctype>
#include <string_view>

namespace atelier::media {
namespace {

struct Thing {
    std::string_view word;
    float width;
    bool furniture;
};

constexpr std::array<Thing, 52> things{{
    {"sofa", 2.0F, true},         {"couch", 2.0F, true},        {"loveseat", 1.6F, true},
    {"armchair", 0.9F, true},     {"chair", 0.6F, true},        {"stool", 0.45F, true},
    {"bench", 1.3F, true},        {"bed", 1.8F, true},          {"desk", 1.4F, true},
    {"wardrobe", 1.2F, true},     {"sideboard", 1.6F, true},    {"cabinet", 1.0F, true},
    {"bookcase", 0.9F, true},     {"television", 1.35F, false}, {"tv", 1.35F, false},
    {"guitar", 0.38F, true},      {"cello", 0.45F, true},       {"drum kit", 1.7F, true},
    {"floor lamp", 0.45F, true},  {"bicycle", 1.7F, true},      {"floor tom", 0.45F, true},
    {"tree", 0.9F, true},         {"laptop", 0.38F, false},     {"notebook", 0.38F, false},
    {"tablet", 0.30F, false},     {"phone", 0.16F, false},      {"action camera", 0.08F, false},
    {"camera", 0.14F, false},     {"boot", 0.30F, false},       {"shoe", 0.30F, false},
    {"sneaker", 0.30F, false},    {"bulb", 0.07F, false},       {"mug", 0.12F, false},
    {"vase", 0.18F, false},       {"bowl", 0.22F, false},       {"lamp", 0.30F, false},
    {"watch", 0.05F, false},      {"bag", 0.36F, false},        {"hat", 0.30F, false},
    {"figurine", 0.12F, false},   {"model car", 0.30F, false},  {"toy", 0.22F, false},
    {"trumpet", 0.5F, false},     {"violin", 0.22F, false},     {"pie", 0.12F, false},
    {"toolbox", 0.45F, false},    {"cherry", 0.08F, false},     {"cherries", 0.08F, false},
    {"anemone", 0.12F, false},    {"flower", 0.12F, false},     {"fire truck", 0.24F, false},
    {"racing car", 0.30F, false},
}};

bool letter(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool letter_at(const std::string& text, std::size_t at) {
    return at < text.size() && letter(text[at]);
}

// Where `word` stands in the text from `from` on, alone or in the plural: "boots" counts for "boot", "bedroom" does
// not for "bed".
std::size_t find_word(const std::string& text, std::string_view word, std::size_t from) {
    for (std::size_t at = text.find(word, from); at != std::string::npos; at = text.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool starts = at == 0 || !letter(text[at - 1]);
        const bool ends = !letter_at(text, end) || (text[end] == 's' && !letter_at(text, end + 1));
        if (starts && ends) return at;
    }
    return std::string::npos;
}

}  // namespace

Subject judge_subject(const std::string& prompt) {
    Subject subject;
    // Prompts of ours name the product behind these words; what comes before and long after is the scene.
    const std::size_t named = prompt.find("the product is ");
    const std::size_t from = named == std::string::npos ? 0 : named;
    std::size_t first = std::string::npos;
    std::size_t longest = 0;
    for (const Thing& thing : things) {
        const std::size_t at = find_word(prompt, thing.word, from);
        if (at == std::string::npos) continue;
        if (at > first || (at == first && thing.word.size() < longest)) continue;
        first = at;
        longest = thing.word.size();
        subject.width = thing.width;
        subject.furniture = thing.furniture;
        subject.known = true;
    }
    for (const char* phrase : {"flat lay", "flatlay", "from above", "top view", "top-down"}) {
        subject.flat = subject.flat || prompt.find(phrase) != std::string::npos;
    }
    return subject;
}

}  // namespace atelier::media
