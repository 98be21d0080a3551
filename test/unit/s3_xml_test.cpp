#include "storage/s3_xml.hpp"

#include <gtest/gtest.h>

namespace atelier::storage::s3 {
namespace {

using namespace std::string_literals;

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i)
        all += text;
    return all;
}

TEST(S3Xml, AnErrorOfS3) {
    const auto root = parse_xml(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>a &lt;b&gt; &amp;&quot;&apos;"
        "</Message>\n<RequestId/><Code>second</Code></Error>\n");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->name, "Error");
    EXPECT_EQ(root->text_of("Code"), "SlowDown");
    EXPECT_EQ(root->text_of("Message"), "a <b> &\"'");
    EXPECT_EQ(root->text_of("RequestId"), "");
    EXPECT_EQ(root->text_of("Nothing"), "");
    EXPECT_NE(root->find("RequestId"), nullptr);
    EXPECT_EQ(root->find("Nothing"), nullptr);
    EXPECT_EQ(root->children.size(), 4U);
}

TEST(S3Xml, WhatIsPassedOver) {
    const auto root = parse_xml(
        "\xEF\xBB\xBF \r\n <?xml version='1.0'?><!-- <a> -- ><b --><s3:R xmlns:s3=\"http://x/?a>b\" a = '</R>'>"
        "<s3:K a='\"' ><![CDATA[<&]]>x</s3:K ><?pi <K>?><L b=\">\"/></s3:R>\n<!-- end --> ");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->name, "R");
    EXPECT_EQ(root->text_of("K"), "<&x");
    EXPECT_EQ(root->children.size(), 2U);
}

TEST(S3Xml, CharactersByNumber) {
    const auto root = parse_xml("<K>&#65;&#x42;&#xe9;&#8364;&#x1F45F;&#1;&#x10ffff;</K>");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->text, "AB\xC3\xA9\xE2\x82\xAC\xF0\x9F\x91\x9F\x01\xF4\x8F\xBF\xBF");
}

TEST(S3Xml, EscapedTextComesBack) {
    std::string all;
    for (int byte = 1; byte < 256; ++byte)
        all.push_back(static_cast<char>(byte));
    const auto root = parse_xml("<K>" + escape_xml(all) + "</K>");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->text, all);
}

class S3XmlRefused : public testing::TestWithParam<std::string> {};

TEST_P(S3XmlRefused, IsNoDocument) {
    EXPECT_FALSE(parse_xml(GetParam()));
}

const std::string refused[] = {
    "",
    " \n",
    "plain text",
    "{\"error\":1}",
    "<?xml version=\"1.0\"?>",
    "<a>",
    "<a><b></a></b>",
    "<a></b>",
    "</a>",
    "<a/><b/>",
    "<a/>x",
    "x<a/>",
    "<a></a></a>",
    "<>x</>",
    "< a/>",
    "<a b=\"></a>",
    "<a b=c></a",
    "<a /b></a>",
    "<a <b/>></a>",
    "<a>&nbsp;</a>",
    "<a>&lt</a>",
    "<a>&;</a>",
    "<a>&#;</a>",
    "<a>&#x;</a>",
    "<a>&#0;</a>",
    "<a>&#xD800;</a>",
    "<a>&#x110000;</a>",
    "<a>&#99999999999999999999;</a>",
    "<a>&#-1;</a>",
    "<a>& b;</a>",
    "<a><!-- </a>",
    "<a><![CDATA[ </a>",
    "<![CDATA[x]]><a/>",
    "<?xml <a/>",
    // What a document type can do, nothing here can.
    "<!DOCTYPE a><a/>",
    "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
    "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
    "<!DOCTYPE a SYSTEM \"http://example.org/a.dtd\"><a/>",
    "<a><!ENTITY b \"c\"></a>",
    "<!doctype html><html></html>",
};
INSTANTIATE_TEST_SUITE_P(Texts, S3XmlRefused, testing::ValuesIn(refused));

TEST(S3Xml, ABombOfEntitiesIsRefused) {
    std::string bomb = "<!DOCTYPE a [<!ENTITY e0 \"" + repeated("x", 1000) + "\">";
    for (int i = 1; i < 10; ++i)
        bomb += "<!ENTITY e" + std::to_string(i) + " \"" + repeated("&e" + std::to_string(i - 1) + ";", 10) + "\">";
    EXPECT_FALSE(parse_xml(bomb + "]><a>&e9;</a>"));
}

TEST(S3Xml, DepthIsLimited) {
    EXPECT_TRUE(parse_xml(repeated("<a>", max_xml_depth) + repeated("</a>", max_xml_depth)));
    EXPECT_FALSE(parse_xml(repeated("<a>", max_xml_depth + 1) + repeated("</a>", max_xml_depth + 1)));
    EXPECT_FALSE(parse_xml(repeated("<a>", 1'000'000)));
}

TEST(S3Xml, ElementsAreLimited) {
    EXPECT_TRUE(parse_xml("<r>" + repeated("<a/>", max_xml_elements - 1) + "</r>"));
    EXPECT_FALSE(parse_xml("<r>" + repeated("<a/>", max_xml_elements) + "</r>"));
    EXPECT_FALSE(parse_xml("<r>" + repeated("<a/>", 1'000'000) + "</r>"));
}

TEST(S3Xml, BytesAreLimited) {
    EXPECT_TRUE(parse_xml("<r>" + std::string(max_xml_bytes - 7, 'x') + "</r>"));
    EXPECT_FALSE(parse_xml("<r>" + std::string(max_xml_bytes - 6, 'x') + "</r>"));
}

// Each is read in one pass; with a second one per mark these would take minutes.
TEST(S3Xml, TimeIsLinear) {
    const std::string half(max_xml_bytes / 2, '&');
    for (const std::string_view unit :
         {"&", "<", "<!--", "<?", "<![CDATA[", "<a b='", "&#1", "</", "]]", "<a ", "&amp;"})
        parse_xml("<r>" + repeated(unit, max_xml_bytes / 2 / unit.size()));
    EXPECT_FALSE(parse_xml("<r>" + half + "</r>"));
}

TEST(S3Xml, CutOrChangedAtAnyByteItIsReadOrRefused) {
    const std::string whole =
        "\xEF\xBB\xBF<?xml version=\"1.0\"?><!--c--><s:R "
        "xmlns:s='u'><K>a&amp;&#x42;\xC3\xA9</K><![CDATA[<]]><L/></s:R>\n";
    ASSERT_TRUE(parse_xml(whole));
    for (std::size_t length = 0; length + 1 < whole.size(); ++length)
        EXPECT_FALSE(parse_xml(std::string(whole, 0, length))) << length;
    for (std::size_t at = 0; at < whole.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = whole;
            changed[at] = static_cast<char>(byte);
            parse_xml(changed);
        }
    }
}

}  // namespace
}  // namespace atelier::storage::s3
