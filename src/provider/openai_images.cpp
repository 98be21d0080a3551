#include <algorithm>
#include <charconv>
#include <optional>

#include "provider/openai.hpp"
#include "provider/parameters.hpp"
#include "provider/request_body.hpp"

namespace atelier::provider {
namespace {

using core::Json;

// A whole number from 1 to 99999 and nothing else.
std::optional<int> side_of(std::string_view text) {
    int side = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), side);
    if (failure != std::errc() || end != text.data() + text.size() || side < 1 || side > 99'999) return std::nullopt;
    return side;
}

struct Sides {
    int width;
    int height;
};

std::optional<Sides> sides_of(std::string_view text, char separator) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) return std::nullopt;
    const auto width = side_of(text.substr(0, at));
    const auto height = side_of(text.substr(at + 1));
    if (!width || !height) return std::nullopt;
    return Sides{*width, *height};
}

bool is_size(std::string_view text) {
    return text == "auto" || sides_of(text, 'x');
}

// The API takes no picture longer than three times its breadth.
bool is_aspect_ratio(std::string_view text) {
    const auto ratio = sides_of(text, ':');
    return ratio && ratio->width <= 3 * ratio->height && ratio->height <= 3 * ratio->width;
}

// Sides are multiples of 16. For 1:1, 3:2 and 2:3 these are the sizes that every model knows; the older models refuse
// others before they bill.
std::string size_of_ratio(std::string_view text) {
    constexpr int longer = 1536, step = 16;
    const Sides ratio = *sides_of(text, ':');
    if (ratio.width == ratio.height) return "1024x1024";
    const int more = std::max(ratio.width, ratio.height), less = std::min(ratio.width, ratio.height);
    const int shorter = (longer * less + step * more / 2) / (step * more) * step;
    return ratio.width > ratio.height ? std::to_string(longer) + "x" + std::to_string(shorter)
                                      : std::to_string(shorter) + "x" + std::to_string(longer);
}

void set_size(Json& fields, ParameterReader& parameters) {
    const auto size = parameters.text("image_size", is_size, "\"auto\" or of the form \"1536x1024\"");
    const auto ratio = parameters.text("aspect_ratio", is_aspect_ratio, "of the form \"16:9\", within 1:3 and 3:1");
    if (size && ratio) parameters.refuse("the parameters \"image_size\" and \"aspect_ratio\" exclude each other here");
    if (size) fields["size"] = *size;
    if (ratio && !size) fields["size"] = size_of_ratio(*ratio);
}

void set_format(Json& fields, ParameterReader& parameters) {
    const auto background = parameters.word("background", {"auto", "opaque", "transparent"});
    const auto format = parameters.word("output_format", {"png", "jpeg", "webp"});
    const auto compression = parameters.integer("output_compression", 0, 100);
    if (background && *background == "transparent" && format && *format == "jpeg")
        parameters.refuse("a transparent background asks for the output_format \"png\" or \"webp\"");
    if (compression && (!format || *format == "png"))
        parameters.refuse("output_compression asks for the output_format \"jpeg\" or \"webp\"");
    if (background) fields["background"] = *background;
    if (format) fields["output_format"] = *format;
    if (compression) fields["output_compression"] = *compression;
}

// Members of the JSON of generations, fields of the form of edits. Neither `response_format` nor `style`, which these
// models refuse, nor `n`, which is 1.
core::Result<Json> read_call(const Call& call) {
    ParameterReader parameters(call.parameters);
    Json fields = Json::object();
    fields["model"] = call.model;
    fields["prompt"] = call.system.empty() ? call.prompt : call.system + "\n\n" + call.prompt;
    set_size(fields, parameters);
    set_format(fields, parameters);
    if (auto quality = parameters.word("quality", {"auto", "low", "medium", "high", "xhigh", "max"}))
        fields["quality"] = *quality;
    if (auto moderation = parameters.word("safety", {"auto", "low"})) fields["moderation"] = *moderation;
    if (auto known = parameters.finish(); !known) return known.error();
    return fields;
}

HttpRequest make_request(const Endpoint& endpoint, std::string_view path, const std::string& key,
                         const std::string& content_type, std::string body) {
    return {url_of(endpoint, path),
            {"Content-Type: " + content_type, "Accept: application/json", "Authorization: Bearer " + key},
            std::move(body)};
}

HttpRequest edit_request(const Endpoint& endpoint, const Call& call, const Json& fields, const std::string& key,
                         const std::string& boundary) {
    Multipart form(boundary);
    for (const auto& [name, value] : fields.items()) {
        const std::string* text = value.get_ptr<const std::string*>();
        form.add_text(name, text ? *text : core::write_json(value));
    }
    for (const Picture& picture : call.pictures)
        form.add_file("image[]", picture);
    const std::string content_type = form.content_type();
    return make_request(endpoint, "images/edits", key, content_type, std::move(form).finish());
}

}  // namespace

core::Result<HttpRequest> build_openai_image(const Endpoint& endpoint, const Call& call, const std::string& key,
                                             const std::string& boundary) {
    if (auto pictures = check_pictures(call, {"image/png", "image/jpeg", "image/webp"}); !pictures)
        return pictures.error();
    const auto fields = read_call(call);
    if (!fields) return fields.error();
    if (!call.pictures.empty()) return edit_request(endpoint, call, *fields, key, boundary);
    return make_request(endpoint, "images/generations", key, "application/json", core::write_json(*fields));
}

}  // namespace atelier::provider
