#pragma once
// The settings of one composition, as the order brings them. Words that are not known fall back to `unspecified`,
// wrong types to the default: the database has validated them, and a newer vocabulary must not fail here.

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace atelier::media {

enum class Room { living_room, bedroom, kitchen, bathroom, dining_room, office, hallway, outdoor, studio, unspecified };
enum class Style { modern, scandinavian, industrial, rustic, classic, minimalist, bohemian, japandi, unspecified };
enum class Lighting { natural, morning, golden_hour, evening, studio, dramatic, soft, unspecified };
enum class Scheme { neutral, warm, cool, earthy, pastel, monochrome, vibrant, unspecified };
enum class Angle { eye_level, low, high, three_quarter, close_up, unspecified };

struct Settings {
    Room room = Room::unspecified;
    Style style = Style::unspecified;
    Lighting lighting = Lighting::unspecified;
    Scheme scheme = Scheme::unspecified;
    Angle angle = Angle::unspecified;
    int aspect_width = 1;  // 1:1, 4:3, 3:4, 3:2, 2:3, 16:9, 9:16, 4:5, 5:4
    int aspect_height = 1;
    std::string surroundings;        // lower case
    std::vector<std::string> props;  // lower case
    int variety = 5;                 // 1 calm .. 10 adventurous
    bool match_product_colors = false;
    std::string prompt;      // lower case
    std::uint64_t seed = 0;  // of prompt and settings but sceneImageUrl
};

Settings read_settings(const core::Json& settings, const std::string& prompt);

// Whether the surroundings or a prop speak of `word`.
bool mentions(const Settings& settings, const char* word);

// The word of the vocabulary, for reports.
const char* to_string(Lighting lighting);

}  // namespace atelier::media
