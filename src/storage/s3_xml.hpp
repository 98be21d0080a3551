#pragma once
// XML as far as S3 servers write it. Pure; reads whatever the bytes are in one pass, without recursion.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::storage::s3 {

struct XmlElement {
    std::string name;  // without the prefix of a namespace
    std::string text;  // all between its tags that is not in its children, with references replaced
    std::vector<XmlElement> children;

    const XmlElement* find(std::string_view child) const noexcept;
    // Of the first child of that name; empty when there is none.
    std::string_view text_of(std::string_view child) const noexcept;
};

inline constexpr std::size_t max_xml_bytes = std::size_t{8} * 1024 * 1024;
inline constexpr std::size_t max_xml_depth = 16;
inline constexpr std::size_t max_xml_elements = 50'000;

// The root. Elements, text, CDATA; attributes, comments and processing instructions are passed over, and white space
// before and after. nullopt: not well-formed, a document type (and with it every entity but the five of XML), or beyond
// a limit.
std::optional<XmlElement> parse_xml(std::string_view text);

// Whether XML 1.0 can hold a text: UTF-8 without control characters (but tab and line ends) and without U+FFFE, U+FFFF.
bool fits_xml(std::string_view text) noexcept;

// The text as content of an element.
std::string escape_xml(std::string_view text);

}  // namespace atelier::storage::s3
