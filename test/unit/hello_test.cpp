#include "executor/hello.hpp"

#include <gtest/gtest.h>

#include "core/json.hpp"

namespace atelier::executor {
namespace {

using core::Json;

Json good_hello() {
    return {{"build", "0.1.0-abc"},           {"store_directory", "/store"}, {"spool_directory", "/spool"},
            {"spool_limit_bytes", 1'048'576}, {"media_children", 2},         {"media_program", "/lib/pg_atelier_media"},
            {"shutdown_wait_ms", 10'000},     {"drain_timeout_ms", 60'000}};
}

TEST(Hello, OfTheWorker) {
    const auto settings = parse_hello(good_hello().dump());
    ASSERT_TRUE(settings.ok()) << settings.error().message;
    EXPECT_EQ(settings->build, "0.1.0-abc");
    EXPECT_EQ(settings->store_directory, "/store");
    EXPECT_EQ(settings->spool_directory, "/spool");
    EXPECT_EQ(settings->spool_limit, 1'048'576U);
    EXPECT_EQ(settings->media_program, "/lib/pg_atelier_media");
    EXPECT_EQ(settings->media_children, 2U);
    EXPECT_EQ(settings->shutdown_wait, core::Milliseconds{10'000});
    EXPECT_EQ(settings->drain_timeout, core::Milliseconds{60'000});
}

TEST(Hello, EachMemberIsChecked) {
    const std::pair<const char*, Json> bad[] = {{"build", 1},
                                                {"build", ""},
                                                {"store_directory", "relative"},
                                                {"store_directory", nullptr},
                                                {"spool_directory", "relative"},
                                                {"spool_limit_bytes", 1'048'575},
                                                {"media_program", "x"},
                                                {"media_children", 0},
                                                {"media_children", 65},
                                                {"media_children", -1},
                                                {"media_children", "2"},
                                                {"shutdown_wait_ms", -1},
                                                {"shutdown_wait_ms", 3'600'001},
                                                {"drain_timeout_ms", 3'600'001}};
    for (const auto& [name, value] : bad) {
        Json hello = good_hello();
        hello[name] = value;
        const auto settings = parse_hello(hello.dump());
        ASSERT_FALSE(settings.ok()) << name << " " << value;
        EXPECT_NE(settings.error().message.find(name), std::string::npos);
    }
    EXPECT_FALSE(parse_hello("").ok());
    EXPECT_FALSE(parse_hello("[]").ok());
}

TEST(Hello, OfTheExecutor) {
    EXPECT_EQ(Json::parse(write_hello("b", 12)), (Json{{"build", "b"}, {"pid", 12}}));
}

}  // namespace
}  // namespace atelier::executor
