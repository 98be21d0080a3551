// What `inspect` reports of good files, and in which words it refuses bad ones.
#include "media/inspect.hpp"

#include <gtest/gtest.h>

#include "media_samples.hpp"

namespace atelier::media {
namespace {

core::Json inspected(const std::string& bytes, const Limits& limits = {}) {
    samples::start();
    return inspect(bytes, limits);
}

std::string refusal(const std::string& bytes, const Limits& limits = {}) {
    const core::Json report = inspected(bytes, limits);
    EXPECT_EQ(report.value("ok", true), false) << report.dump();
    EXPECT_EQ(report.value("class", ""), "invalid_request");
    return report.value("message", "");
}

constexpr const char* cut_short = "the file is cut short or damaged";
constexpr const char* no_picture = "the file is not a picture (JPEG, PNG, WebP, GIF, AVIF or HEIC)";

TEST(MediaInspect, MeasuresEachAcceptedType) {
    const std::pair<const char*, const char*> types[] = {{".jpg", "image/jpeg"},  {".png", "image/png"},
                                                         {".webp", "image/webp"}, {".gif", "image/gif"},
                                                         {".avif", "image/avif"}, {".heic", "image/heic"}};
    for (const auto& [suffix, mime] : types) {
        const std::string bytes = samples::file(120, 80, samples::busy, suffix);
        const core::Json report = inspected(bytes);
        ASSERT_EQ(report.value("ok", false), true) << suffix << report.dump();
        EXPECT_EQ(report["mime"], mime);
        EXPECT_EQ(report["width"], 120);
        EXPECT_EQ(report["height"], 80);
        EXPECT_EQ(report["size"], bytes.size());
        EXPECT_EQ(report["sha256"], sha256_hex(bytes));
    }
}

TEST(MediaInspect, HashIsSha256) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(MediaInspect, SizeIsThatOfTheUprightPicture) {
    const core::Json report = inspected(samples::file(120, 80, samples::busy, ".jpg", nullptr, 6));
    EXPECT_EQ(report["width"], 80);
    EXPECT_EQ(report["height"], 120);
}

TEST(MediaInspect, RefusesWhatIsNoPicture) {
    EXPECT_EQ(refusal(""), "the file is empty");
    EXPECT_EQ(refusal("hello, world"), no_picture);
    EXPECT_EQ(refusal("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>"), no_picture);
    EXPECT_EQ(refusal("%PDF-1.7"), no_picture);
    EXPECT_EQ(refusal(std::string("II*\0", 4) + "a TIFF"), no_picture);
}

TEST(MediaInspect, FindsFilesThatAreCutShort) {
    for (const char* suffix : {".jpg", ".png", ".webp", ".gif", ".avif", ".heic"}) {
        const std::string bytes = samples::file(300, 200, samples::busy, suffix);
        EXPECT_EQ(refusal(bytes.substr(0, bytes.size() / 2)), cut_short) << suffix;
    }
    // Only the last rows are missing: the header and most pixels are fine.
    const std::string jpeg = samples::file(300, 200, samples::busy, ".jpg");
    EXPECT_EQ(refusal(jpeg.substr(0, jpeg.size() * 9 / 10)), cut_short);
}

TEST(MediaInspect, RefusesByTheHeaderBeforeAnyPixel) {
    EXPECT_EQ(refusal(samples::png_header(65535, 65535)), "65535 x 65535 pixels are more than the 50000000 allowed");
    EXPECT_EQ(refusal(samples::png_header(7072, 7072)), "7072 x 7072 pixels are more than the 50000000 allowed");
    // Within the limit the same file is what it is: cut short.
    EXPECT_EQ(refusal(samples::png_header(70, 70)), cut_short);
}

TEST(MediaInspect, RefusesStrips) {
    const std::string reason = " pixels: the longer side is more than 100 times the shorter";
    EXPECT_EQ(refusal(samples::file(1000, 1, samples::busy, ".png")), "1000 x 1" + reason);
    EXPECT_EQ(refusal(samples::file(3, 301, samples::busy, ".png")), "3 x 301" + reason);
    EXPECT_EQ(inspected(samples::file(300, 3, samples::busy, ".png")).value("ok", false), true);
}

TEST(MediaInspect, HoldsTheLimitsOfTheOrder) {
    const std::string bytes = samples::file(100, 100, samples::busy, ".png");
    EXPECT_EQ(refusal(bytes, {bytes.size() - 1, 50'000'000}), "the file has " + std::to_string(bytes.size()) +
                                                                  " bytes, more than the " +
                                                                  std::to_string(bytes.size() - 1) + " allowed");
    EXPECT_EQ(refusal(bytes, {bytes.size(), 9'999}), "100 x 100 pixels are more than the 9999 allowed");
    EXPECT_EQ(inspected(bytes, {bytes.size(), 10'000}).value("ok", false), true);
}

TEST(MediaInspect, CallsAPolyglotByItsMagicBytes) {
    // Good picture, foreign tail: still a JPEG, and never anything else.
    const std::string jpeg =
        samples::file(60, 40, samples::busy, ".jpg") + "<html><script>alert(1)</script></html>PK\x03\x04";
    EXPECT_EQ(inspected(jpeg)["mime"], "image/jpeg");
    // Magic bytes of a GIF before a script: no picture behind them.
    EXPECT_EQ(refusal("GIF89a=1;alert(document.domain)//"), cut_short);
    // A picture that does not start the file is none.
    EXPECT_EQ(refusal("<html>" + samples::file(60, 40, samples::busy, ".jpg")), no_picture);
}

TEST(MediaInspect, ReadsOnlyAcceptedTypesWhateverTheLibraryCould) {
    // The loader list is closed in libvips itself, not only by our sniffing.
    samples::start();
    const std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
    EXPECT_THROW(vips::VImage::new_from_buffer(svg.data(), svg.size(), ""), vips::VError);
    const std::string ppm = "P6 1 1 255 abc";
    EXPECT_THROW(vips::VImage::new_from_buffer(ppm.data(), ppm.size(), ""), vips::VError);
    vips_error_clear();
}

}  // namespace
}  // namespace atelier::media
