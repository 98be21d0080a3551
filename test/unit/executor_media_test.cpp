// Media children that misbehave (test/support/bad_media.cpp): each harms its own order only.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "executor/media_spawn.hpp"
#include "executor_process.hpp"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;

struct Misbehaviour {
    const char* word;
    const char* error_class;
    const char* message_part;
    int timeout_ms;
};

std::ostream& operator<<(std::ostream& stream, const Misbehaviour& misbehaviour) {
    return stream << misbehaviour.word;
}

class ExecutorMedia : public testing::TestWithParam<Misbehaviour> {};

TEST_P(ExecutorMedia, HarmsItsOwnOrderOnly) {
    const Misbehaviour& bad = GetParam();
    if (std::string(bad.word) == "allocate" && !executor::limit_address_space) {
        GTEST_SKIP() << "a sanitized build does not limit the address space";
    }
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, std::string("a chair, bad-media:") + bad.word + ", please", bad.timeout_ms);
    executor.compose(2, "a chair");
    const Json good = executor.answer(2);
    EXPECT_EQ(good["outcome"], "completed") << good;
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "failed") << answer;
    EXPECT_EQ(answer["error"]["class"], bad.error_class) << answer;
    EXPECT_NE(answer["error"]["message"].get<std::string>().find(bad.message_part), std::string::npos) << answer;
    EXPECT_EQ(answer["sent"], true);
    EXPECT_FALSE(answer.contains("result"));
    EXPECT_TRUE(eventually([&] { return executor.media_children().empty(); }));
    // Only the good one was stored.
    EXPECT_EQ(std::distance(fs::directory_iterator(executor.store() / "out"), {}), 1);
    EXPECT_TRUE(process_exists(executor.engine()));
}

INSTANTIATE_TEST_SUITE_P(
    Words, ExecutorMedia,
    testing::Values(Misbehaviour{"loop", "timeout", "700 ms", 700}, Misbehaviour{"hang", "timeout", "700 ms", 700},
                    Misbehaviour{"close", "timeout", "700 ms", 700},
                    Misbehaviour{"xcpu", "no_output", "processor time", 20'000},
                    Misbehaviour{"allocate", "no_output", "signal 6 (SIGABRT)", 20'000},
                    Misbehaviour{"segv", "no_output", "signal 11 (SIGSEGV)", 20'000},
                    Misbehaviour{"garbage", "no_output", "syntax error", 20'000},
                    Misbehaviour{"silent", "no_output", "without a report", 20'000},
                    Misbehaviour{"flood", "no_output", "longer than", 20'000},
                    Misbehaviour{"deep", "no_output", "deeper than", 20'000},
                    Misbehaviour{"notext", "no_output", "syntax error", 20'000},
                    Misbehaviour{"status3", "no_output", "status 3", 20'000},
                    Misbehaviour{"huge-file", "no_output", "SIGXFSZ", 20'000},
                    Misbehaviour{"liar-mime", "invalid_output", "image/png", 20'000},
                    Misbehaviour{"liar-size", "invalid_output", "reported", 20'000},
                    Misbehaviour{"liar-hash", "invalid_output", "reported", 20'000},
                    Misbehaviour{"liar-sides", "no_output", "lacks a member", 20'000},
                    Misbehaviour{"empty", "invalid_output", "empty", 20'000},
                    Misbehaviour{"nopicture", "invalid_output", "", 20'000},
                    Misbehaviour{"refuse", "invalid_request", "the product is out of focus", 20'000},
                    Misbehaviour{"overreach", "no_output", "may not use", 20'000}),
    [](const auto& instance) {
        std::string name = instance.param.word;
        std::replace(name.begin(), name.end(), '-', '_');
        return name;
    });

TEST(ExecutorMediaChild, HasNothingButWhatItNeeds) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "bad-media:describe");
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    const Json& metadata = answer["result"]["metadata"];
    EXPECT_EQ(metadata["descriptors"], (Json{0, 1, 2, 3, 4, 5})) << "order, report, null, output, two inputs";
    EXPECT_EQ(metadata["environment"], 0);
    if (executor::limit_address_space) {
        EXPECT_EQ(metadata["as"], 2147483648);
    }
    EXPECT_EQ(metadata["cpu"], 30);
    EXPECT_EQ(metadata["fsize"], 67108864);
    EXPECT_EQ(metadata["core"], 0);
    EXPECT_EQ(metadata["nofile"], 64);
    EXPECT_EQ(metadata["death_signal"], SIGKILL);
    EXPECT_EQ(metadata["no_new_privileges"], 1);
    EXPECT_EQ(metadata["own_session"], 1);
    EXPECT_EQ(metadata["oom_score"], 1000);
}

TEST(ExecutorMediaChild, WhatItLeavesBehindEndsWithIt) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "bad-media:leave");
    EXPECT_EQ(executor.answer(1, milliseconds{5000})["outcome"], "completed");
    // Orphans of the media child are the nanny's.
    EXPECT_TRUE(eventually([&] { return children_of(executor.nanny()) == std::vector<pid_t>{executor.engine()}; }));
}

TEST(ExecutorMediaChild, TheRealProgramMeasuresAndRefuses) {
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["media_program"] = ATELIER_MEDIA_PROGRAM;
    executor.start(hello);
    executor.order(1, "storage.head", {{"object", {{"store", "file"}, {"key", "in/product.png"}}}});
    const Json good = executor.answer(1);
    ASSERT_EQ(good["outcome"], "completed") << good << executor.logs();
    EXPECT_EQ(good["result"]["width"], 1);
    write_file(executor.store() / "in/short.png", tiny_png().substr(0, 50));
    executor.order(2, "storage.head", {{"object", {{"store", "file"}, {"key", "in/short.png"}}}});
    EXPECT_EQ(executor.answer(2)["error"]["class"], "invalid_request");
}

TEST(ExecutorMediaChild, TheFakeMakesWayForTheRealProgramBesideIt) {
    ExecutorProcess executor;
    const fs::path fake = executor.directory() / "bin/pg_atelier_media";
    fs::create_directories(fake.parent_path());
    fs::copy_file(ATELIER_BAD_MEDIA_PROGRAM, fake);
    write_file(fake.string() + "_real",
               "#!/bin/sh\nread -r order\necho '{\"ok\":false,\"class\":\"invalid_request\",\"message\":\"real '$1 "
               "${#order}'\"}'\n");
    ASSERT_EQ(::chmod((fake.string() + "_real").c_str(), 0755), 0);
    Json hello = executor.hello();
    hello["media_program"] = fake.string();
    executor.start(hello);
    executor.compose(1, "a chair");
    const std::string message = executor.answer(1)["error"]["message"];
    EXPECT_TRUE(message.starts_with("real compose ")) << message;
    EXPECT_GT(std::stoi(message.substr(13)), 200) << "the order is read from its start";
    executor.compose(2, "bad-media:status3");
    EXPECT_EQ(executor.answer(2)["error"]["class"], "no_output");
}

}  // namespace
}  // namespace atelier::test
