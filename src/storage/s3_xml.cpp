#include "storage/s3_xml.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "core/text.hpp"

namespace atelier::storage::s3 {
namespace {

constexpr std::string_view white_space = " \t\r\n";

bool is_white(char c) noexcept {
    return white_space.find(c) != std::string_view::npos;
}

void append_utf8(std::string& text, std::uint32_t code) {
    const auto add = [&](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        add(code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    constexpr std::array<std::uint32_t, 4> lead{0, 0xC0, 0xE0, 0xF0};
    add(lead[static_cast<std::size_t>(more)] | code >> (6 * more));
    for (int left = more - 1; left >= 0; --left)
        add(0x80 | (code >> (6 * left) & 0x3F));
}

// The character of "#65" or "#x41". Servers write control characters so too, although XML 1.0 knows none.
bool append_character(std::string& text, std::string_view digits) {
    digits.remove_prefix(1);
    const bool hex = digits.starts_with('x');
    if (hex) digits.remove_prefix(1);
    std::uint32_t code = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    if (failure != std::errc() || end != digits.data() + digits.size()) return false;
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    append_utf8(text, code);
    return true;
}

bool append_reference(std::string& text, std::string_view name) {
    constexpr std::array<std::pair<std::string_view, char>, 5> entities{
        {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
    if (name.starts_with('#')) return append_character(text, name);
    for (const auto& [entity, character] : entities) {
        if (name != entity) continue;
        text.push_back(character);
        return true;
    }
    return false;
}

class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}

    std::optional<XmlElement> read() {
        while (!rest_.empty()) {
            if (!(rest_.front() == '<' ? read_markup() : read_text())) return std::nullopt;
        }
        if (!open_.empty() || !root_) return std::nullopt;
        return std::move(root_);
    }

  private:
    // Cuts off what stands before `end`, and `end`.
    std::optional<std::string_view> take_until(std::string_view end) {
        const std::size_t at = rest_.find(end);
        if (at == std::string_view::npos) return std::nullopt;
        const std::string_view taken = rest_.substr(0, at);
        rest_.remove_prefix(at + end.size());
        return taken;
    }

    bool read_text() {
        std::string_view text = rest_.substr(0, rest_.find('<'));
        rest_.remove_prefix(text.size());
        if (open_.empty()) return text.find_first_not_of(white_space) == std::string_view::npos;
        std::string& target = open_.back().text;
        for (std::size_t mark; (mark = text.find('&')) != std::string_view::npos;) {
            target.append(text.substr(0, mark));
            text.remove_prefix(mark + 1);
            const std::size_t end = text.find(';');
            if (end == std::string_view::npos || !append_reference(target, text.substr(0, end))) return false;
            text.remove_prefix(end + 1);
        }
        target.append(text);
        return true;
    }

    bool read_markup() {
        if (rest_.starts_with("<?")) return take_until("?>").has_value();
        if (rest_.starts_with("<!--")) {
            rest_.remove_prefix(4);
            return take_until("-->").has_value();
        }
        constexpr std::string_view cdata = "<![CDATA[";
        if (rest_.starts_with(cdata) && !open_.empty()) {
            rest_.remove_prefix(cdata.size());
            const auto text = take_until("]]>");
            if (text) open_.back().text.append(*text);
            return text.has_value();
        }
        if (rest_.starts_with("<!")) return false;
        if (rest_.starts_with("</")) return read_end();
        return read_start();
    }

    static std::string_view local_name(std::string_view name) noexcept {
        return name.substr(name.find(':') + 1);  // npos + 1 is 0
    }

    bool read_start() {
        rest_.remove_prefix(1);
        const std::size_t end = rest_.find_first_of(" \t\r\n/>");
        if (end == 0 || end == std::string_view::npos) return false;
        if ((open_.empty() && root_) || open_.size() == max_xml_depth || ++elements_ > max_xml_elements) return false;
        open_.push_back({std::string(local_name(rest_.substr(0, end))), {}, {}});
        rest_.remove_prefix(end);
        return pass_attributes();
    }

    // Up to the end of a start tag; a '>' within quotes is none.
    bool pass_attributes() {
        for (std::size_t at; (at = rest_.find_first_of("\"'></")) != std::string_view::npos;) {
            const char mark = rest_[at];
            rest_.remove_prefix(at + 1);
            if (mark == '>') return true;
            if (mark == '<') return false;
            if (mark == '/') {
                if (!rest_.starts_with('>')) return false;
                rest_.remove_prefix(1);
                return close();
            }
            if (!take_until(std::string_view(&mark, 1))) return false;
        }
        return false;
    }

    bool read_end() {
        rest_.remove_prefix(2);
        auto name = take_until(">");
        if (!name || open_.empty()) return false;
        while (!name->empty() && is_white(name->back()))
            name->remove_suffix(1);
        return local_name(*name) == open_.back().name && close();
    }

    bool close() {
        XmlElement element = std::move(open_.back());
        open_.pop_back();
        if (open_.empty())
            root_ = std::move(element);
        else
            open_.back().children.push_back(std::move(element));
        return true;
    }

    std::string_view rest_;
    std::vector<XmlElement> open_;  // from the root to where the reader is
    std::optional<XmlElement> root_;
    std::size_t elements_ = 0;
};

bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 && !(c == '\t' || c == '\r' || c == '\n');
}

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const noexcept {
    for (const XmlElement& each : children) {
        if (each.name == child) return &each;
    }
    return nullptr;
}

std::string_view XmlElement::text_of(std::string_view child) const noexcept {
    const XmlElement* found = find(child);
    return found ? std::string_view(found->text) : std::string_view{};
}

std::optional<XmlElement> parse_xml(std::string_view text) {
    if (text.size() > max_xml_bytes) return std::nullopt;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return Reader(text).read();
}

bool fits_xml(std::string_view text) noexcept {
    for (const char c : text) {
        if (is_control(c)) return false;
    }
    return core::is_valid_utf8(text) && text.find("\xEF\xBF\xBE") == std::string_view::npos &&
           text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

std::string escape_xml(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&apos;";
                break;
            // Parsers turn line ends into others, unless they are written so.
            case '\t':
            case '\r':
            case '\n':
                escaped.append("&#").append(std::to_string(static_cast<int>(c))).append(";");
                break;
            default:
                escaped.push_back(c);
        }
    }
    return escaped;
}

}  // namespace atelier::storage::s3
