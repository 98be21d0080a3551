#include "media/settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "media/noise.hpp"

namespace atelier::media {
namespace {

using core::Json;

constexpr std::array<std::string_view, 9> rooms{"living_room", "bedroom", "kitchen", "bathroom", "dining_room",
                                                "office",      "hallway", "outdoor", "studio"};
constexpr std::array<std::string_view, 8> styles{"modern",  "scandinavian", "industrial", "rustic",
                                                 "classic", "minimalist",   "bohemian",   "japandi"};
constexpr std::array<const char*, 7> lightings{"natural", "morning",  "golden_hour", "evening",
                                               "studio",  "dramatic", "soft"};
constexpr std::array<std::string_view, 7> schemes{"neutral", "warm",       "cool",   "earthy",
                                                  "pastel",  "monochrome", "vibrant"};
constexpr std::array<std::string_view, 5> angles{"eye_level", "low", "high", "three_quarter", "close_up"};

struct Ratio {
    std::string_view word;
    int width;
    int height;
};
constexpr std::array<Ratio, 9> ratios{{{"1:1", 1, 1},
                                       {"4:3", 4, 3},
                                       {"3:4", 3, 4},
                                       {"3:2", 3, 2},
                                       {"2:3", 2, 3},
                                       {"16:9", 16, 9},
                                       {"9:16", 9, 16},
                                       {"4:5", 4, 5},
                                       {"5:4", 5, 4}}};

std::string text(const Json& settings, const char* name) {
    const std::string* found = core::find_string(settings, name);
    return found != nullptr ? *found : std::string{};
}

std::string lower(std::string value) {
    std::transform(value.begin(), value.end(), value.begin(),
                   [](unsigned char c) { return static_cast<char>(c < 128 ? std::tolower(c) : c); });
    return value;
}

// The place of the word in the list, which is that of the enumerator; past the end it is `unspecified`.
template <class Enum, class Words>
Enum choice(const Json& settings, const char* name, const Words& words) {
    const std::string word = text(settings, name);
    return static_cast<Enum>(std::find(words.begin(), words.end(), word) - words.begin());
}

}  // namespace

Settings read_settings(const Json& settings, const std::string& prompt) {
    Settings result;
    result.room = choice<Room>(settings, "roomType", rooms);
    result.style = choice<Style>(settings, "style", styles);
    result.lighting = choice<Lighting>(settings, "lighting", lightings);
    result.scheme = choice<Scheme>(settings, "colorScheme", schemes);
    result.angle = choice<Angle>(settings, "cameraAngle", angles);
    const std::string aspect = text(settings, "aspectRatio");
    for (const Ratio& ratio : ratios) {
        if (ratio.word != aspect) continue;
        result.aspect_width = ratio.width;
        result.aspect_height = ratio.height;
    }
    result.surroundings = lower(text(settings, "surroundings"));
    if (const Json* props = core::find_member(settings, "props", Json::value_t::array)) {
        for (const Json& prop : *props) {
            if (prop.is_string()) result.props.push_back(lower(prop.get<std::string>()));
        }
    }
    if (settings.is_object() && settings.contains("varietyLevel") && settings["varietyLevel"].is_number()) {
        result.variety = static_cast<int>(std::clamp(settings["varietyLevel"].get<double>(), 1.0, 10.0));
    }
    const Json* match = core::find_member(settings, "matchProductColors", Json::value_t::boolean);
    result.match_product_colors = match != nullptr && match->get<bool>();
    result.prompt = lower(prompt);
    // Json writes its members in the order of their names, so equal settings give equal text. Under which id an
    // inspiration photo is kept is no setting of the picture: its bytes count, elsewhere.
    core::Json told = settings;
    if (told.is_object()) told.erase("sceneImageUrl");
    result.seed = seed_of(core::write_json(told) + '\n' + prompt);
    return result;
}

bool mentions(const Settings& settings, const char* word) {
    const auto has = [word](const std::string& where) { return where.find(word) != std::string::npos; };
    return has(settings.surroundings) || std::any_of(settings.props.begin(), settings.props.end(), has);
}

const char* to_string(Lighting lighting) {
    const auto index = static_cast<std::size_t>(lighting);
    return index < lightings.size() ? lightings[index] : "unspecified";
}

}  // namespace atelier::media
