#include "executor/measured_scene.hpp"

#include <algorithm>
#include <string_view>

namespace atelier::executor {
namespace {

using core::Error;
using core::ErrorClass;
using core::Json;
using core::Result;

constexpr std::size_t most_colors = 6;
constexpr std::size_t longest_word = 40;

bool is_share(const Json& value) {
    return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1;
}

bool is_made_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_word(const Json& value) {
    return value.is_string() && value.get_ref<const std::string&>().size() <= longest_word &&
           is_made_of(value.get_ref<const std::string&>(), "abcdefghijklmnopqrstuvwxyz_");
}

bool is_orientation(const Json& value) {
    return value == "landscape" || value == "portrait" || value == "square";
}

bool is_color(const Json& value) {
    if (!value.is_string()) return false;
    const std::string_view text = value.get_ref<const std::string&>();
    return text.size() == 7 && text.front() == '#' && is_made_of(text.substr(1), "0123456789abcdef");
}

bool is_palette(const Json& value) {
    return value.is_array() && !value.empty() && value.size() <= most_colors &&
           std::all_of(value.begin(), value.end(), is_color);
}

struct Measure {
    const char* name;
    bool (*accepts)(const Json& value);
};

constexpr Measure expected[] = {{"brightness", is_share},     {"contrast", is_share}, {"orientation", is_orientation},
                                {"colorPalette", is_palette}, {"lighting", is_word},  {"colorScheme", is_word}};

}  // namespace

Result<Json> scene_of_measures(const Json& measures) {
    Json scene{{"environment", "unspecified"},
               {"suggestedRoomTypes", Json::array()},
               {"style", "unspecified"},
               {"cameraAngle", "unspecified"},
               {"materials", {{"floor", ""}, {"walls", ""}, {"ceiling", ""}}},
               {"props", Json::array()},
               {"mood", "unspecified"}};
    for (const auto& [name, accepts] : expected) {
        if (!measures.contains(name) || !accepts(measures.at(name)))
            return Error{ErrorClass::invalid_output, "the media program measured no " + std::string(name)};
        scene[name] = measures.at(name);
    }
    return scene;
}

}  // namespace atelier::executor
