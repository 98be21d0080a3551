// The executor program as a whole: orders in, answers out, stop, cancel, death.

#include "executor_process.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>

#include "core/sha256.hpp"

namespace atelier::test {
namespace {

using std::chrono::steady_clock;
using wire::FrameType;

std::string error_class(const Json& answer) {
    return answer.is_null()           ? "no answer"
           : answer.contains("error") ? answer["error"]["class"].get<std::string>()
                                      : "none";
}

std::string oom_score(pid_t pid) {
    std::string text = read_file("/proc/" + std::to_string(pid) + "/oom_score_adj");
    return text.substr(0, text.find('\n'));
}

TEST(ExecutorProcess, NannyAndEngineAreTwoProcesses) {
    ExecutorProcess executor;
    executor.start();
    EXPECT_NE(executor.nanny(), executor.engine());
    EXPECT_EQ(children_of(executor.nanny()), std::vector<pid_t>{executor.engine()});
    EXPECT_EQ(oom_score(executor.engine()), "500");
    EXPECT_LT(std::stoi(oom_score(executor.nanny())), 500);
    // The nanny keeps 0, 1, 2 and its pipe; 3 is the engine's, and 5 of the test nobody's.
    std::vector<int> descriptors;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(executor.nanny()) + "/fd")) {
        descriptors.push_back(std::stoi(entry.path().filename()));
    }
    std::sort(descriptors.begin(), descriptors.end());
    EXPECT_EQ(descriptors, (std::vector<int>{0, 1, 2, 4}));
}

TEST(ExecutorProcess, WithoutASocketItSaysWhatItIs) {
    const std::string command = std::string(ATELIER_EXECUTOR_PROGRAM) + " 3<&- 2>&1 >/dev/null";
    FILE* pipe = ::popen(command.c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    char line[200]{};
    EXPECT_NE(std::fgets(line, sizeof line, pipe), nullptr);
    EXPECT_EQ(::pclose(pipe), 1 << 8);
    EXPECT_NE(std::string(line).find("started by the pg_atelier worker"), std::string::npos);
}

TEST(ExecutorProcess, ComposesAndStores) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(17, "a chair");
    const Json answer = executor.answer(17);
    ASSERT_EQ(answer.value("outcome", ""), "completed") << answer;
    EXPECT_EQ(answer["sent"], true);
    EXPECT_EQ(answer["lease"], (Json{{"job", "6f1e"}, {"tid", "(0,1)"}, {"attempt", 17}, {"token", 123456789}}));
    EXPECT_EQ(answer["usage"], Json::parse(R"([{"unit":"image","quantity":1,"cost":0,"currency":"USD"}])"));
    const Json& result = answer["result"];
    EXPECT_EQ(result["object"], (Json{{"store", "file"}, {"key", "out/17.png"}}));
    EXPECT_EQ(result["mime"], "image/png");
    EXPECT_EQ(result["width"], 1);
    EXPECT_EQ(result["height"], 1);
    const std::string stored = read_file(executor.store() / "out/17.png");
    EXPECT_EQ(stored, tiny_png());
    EXPECT_EQ(result["size"], stored.size());
    EXPECT_EQ(result["sha256"], core::sha256_hex(stored));
    EXPECT_EQ(result["metadata"]["generator"], "bad_media");
}

TEST(ExecutorProcess, AnswersAThousandOrders) {
    ExecutorProcess executor;
    executor.start();
    for (std::uint64_t attempt = 1; attempt <= 300; ++attempt)
        executor.compose(attempt, "a chair", 60'000);
    for (std::uint64_t attempt = 301; attempt <= 1000; ++attempt)
        executor.order(attempt, "no.such", Json::object());
    for (std::uint64_t attempt = 1; attempt <= 1000; ++attempt) {
        const Json answer = executor.answer(attempt, milliseconds{60'000});
        ASSERT_EQ(answer.value("outcome", "none"), attempt <= 300 ? "completed" : "failed") << attempt;
    }
}

TEST(ExecutorProcess, WrongOrdersFailAsInvalidRequests) {
    ExecutorProcess executor;
    executor.start();
    executor.order(1, "media.document", Json::object());
    const Json unknown = executor.answer(1);
    EXPECT_EQ(error_class(unknown), "invalid_request");
    EXPECT_NE(unknown["error"]["message"].get<std::string>().find("media.document"), std::string::npos);
    EXPECT_EQ(unknown["sent"], false);
    executor.send(FrameType::order, 2, std::string(2'000'000, '['));
    EXPECT_EQ(error_class(executor.answer(2)), "invalid_request");
    executor.send(FrameType::order, 3, "");
    EXPECT_EQ(error_class(executor.answer(3)), "invalid_request");
    executor.compose(4, "a chair");
    EXPECT_EQ(executor.answer(4)["outcome"], "completed");
}

TEST(ExecutorProcess, RunsNoMoreChildrenThanAllowedAndPongsMeanwhile) {
    ExecutorProcess executor;
    executor.start();
    for (std::uint64_t attempt = 1; attempt <= 6; ++attempt)
        executor.compose(attempt, "bad-media:hang");
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 2; }));
    pause_for(milliseconds{200});
    EXPECT_EQ(executor.media_children().size(), 2U);
    executor.send(FrameType::ping);
    EXPECT_TRUE(executor.frame(FrameType::pong, milliseconds{1000}).has_value());
}

TEST(ExecutorProcess, CancelEndsRunningAndQueuedOrdersWithinASecond) {
    ExecutorProcess executor;
    executor.start();
    for (std::uint64_t attempt = 1; attempt <= 2; ++attempt)
        executor.compose(attempt, "bad-media:hang");
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 2; }));
    executor.compose(3, "bad-media:hang");
    const auto children = executor.media_children();
    const auto start = steady_clock::now();
    executor.send(FrameType::cancel, 99);  // of nobody: ignored
    for (const std::uint64_t attempt : {3, 1, 2}) {
        executor.send(FrameType::cancel, attempt);
        const Json answer = executor.answer(attempt, milliseconds{1000});
        EXPECT_EQ(error_class(answer), "cancelled");
        EXPECT_EQ(answer["sent"], attempt != 3);
    }
    for (const pid_t child : children)
        EXPECT_TRUE(eventually([&] { return !process_exists(child); }));
    EXPECT_LT(steady_clock::now() - start, milliseconds{1000});
    executor.compose(4, "a chair");
    EXPECT_EQ(executor.answer(4)["outcome"], "completed");
}

TEST(ExecutorProcess, AnOrderThatNeverStartedGoesBackAtItsDeadline) {
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["media_children"] = 1;
    executor.start(hello);
    const auto start = steady_clock::now();
    executor.compose(1, "bad-media:hang", 1500);
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 1; }));
    executor.compose(2, "a chair", 300);
    const Json queued = executor.answer(2);
    EXPECT_EQ(queued["outcome"], "not_sent") << queued;
    EXPECT_EQ(error_class(queued), "none");
    EXPECT_EQ(queued["sent"], false);
    EXPECT_GE(steady_clock::now() - start, milliseconds{300});
    EXPECT_LT(steady_clock::now() - start, milliseconds{1300});
    // It is out of the book: the same attempt may come again.
    executor.compose(2, "a chair", 20'000);
    const Json running = executor.answer(1);
    EXPECT_EQ(error_class(running), "timeout");
    EXPECT_EQ(running["sent"], true);
    EXPECT_GE(running["duration_ms"], 1500);
    EXPECT_LT(running["duration_ms"], 3000);
    EXPECT_EQ(executor.answer(2)["outcome"], "completed");
}

TEST(ExecutorProcess, EndOfTheSocketEndsEngineAndChildren) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "bad-media:hang");
    executor.compose(2, "bad-media:loop");
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 2; }));
    const auto children = executor.media_children();
    executor.close_socket();
    EXPECT_EQ(executor.wait_for_nanny(milliseconds{2000}), 0);
    EXPECT_EQ(executor.last_word(), "exit 0\n");
    for (const pid_t child : children)
        EXPECT_FALSE(process_exists(child));
}

TEST(ExecutorProcess, NannyTellsHowTheEngineWasKilledAndTakesItsChildren) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "bad-media:hang");
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 1; }));
    const auto children = executor.media_children();
    ::kill(executor.engine(), SIGKILL);
    ASSERT_TRUE(executor.frame(FrameType::adopted).has_value());
    EXPECT_FALSE(executor.next_frame(milliseconds{2000}).has_value());  // the end of the stream
    EXPECT_EQ(executor.last_word(), "signal 9\n");
    EXPECT_EQ(executor.wait_for_nanny(milliseconds{2000}), 0);
    EXPECT_FALSE(process_exists(children.front()));
}

TEST(ExecutorProcess, KilledNannyTakesTheEngineAlong) {
    ExecutorProcess executor;
    executor.start();
    ::kill(executor.nanny(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return !process_exists(executor.engine()); }, milliseconds{2000}));
    EXPECT_EQ(executor.wait_for_nanny(), -SIGKILL);
}

TEST(ExecutorProcess, DrainFinishesWhatRunsAndGivesBackTheRest) {
    for (const bool by_signal : {false, true}) {
        ExecutorProcess executor;
        Json hello = executor.hello();
        hello["media_children"] = 1;
        executor.start(hello);
        executor.compose(1, "bad-media:hang", 700);
        ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 1; }));
        executor.compose(2, "a chair");
        if (by_signal) {
            ::kill(executor.nanny(), SIGTERM);
        } else {
            executor.send(FrameType::drain);
        }
        const Json given_back = executor.answer(2, milliseconds{500});
        EXPECT_EQ(given_back["outcome"], "not_sent") << given_back;
        EXPECT_EQ(given_back["sent"], false);
        executor.compose(3, "a chair");
        EXPECT_EQ(executor.answer(3, milliseconds{500})["outcome"], "not_sent");
        EXPECT_EQ(error_class(executor.answer(1)), "timeout");
        EXPECT_EQ(executor.wait_for_nanny(milliseconds{2000}), 0);
        EXPECT_EQ(executor.last_word(), "exit 0\n");
    }
}

TEST(ExecutorProcess, DrainWaitsNoLongerThanAllowed) {
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["shutdown_wait_ms"] = 300;
    executor.start(hello);
    executor.compose(1, "bad-media:hang");
    ASSERT_TRUE(eventually([&] { return executor.media_children().size() == 1; }));
    executor.send(FrameType::drain);
    EXPECT_EQ(executor.answer(1, milliseconds{1500})["outcome"], "not_sent");
    EXPECT_EQ(executor.wait_for_nanny(milliseconds{2000}), 0);
}

TEST(ExecutorProcess, AnotherBuildGetsNoWorkDone) {
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["build"] = "0.0.0-000000000000";
    executor.start(hello);
    executor.compose(1, "a chair");
    EXPECT_EQ(executor.answer(1)["outcome"], "not_sent");
    EXPECT_NE(executor.logs().find("0.0.0-000000000000"), std::string::npos);
}

TEST(ExecutorProcess, BreachesOfTheProtocolEndItWithOne) {
    const std::string order_before_hello = wire::encode({FrameType::order, 1, "{}"});
    const std::string bad_hello = wire::encode({FrameType::hello, 0, R"({"build":"x"})"});
    for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n\r\n"), order_before_hello, bad_hello}) {
        ExecutorProcess executor;
        executor.send_bytes(bytes);
        EXPECT_EQ(executor.wait_for_nanny(milliseconds{2000}), 0);
        EXPECT_EQ(executor.last_word(), "exit 1\n");
    }
}

TEST(ExecutorProcess, AMissingMediaProgramIsToldAndFailsItsOrders) {
    ExecutorProcess executor;
    Json hello = executor.hello();
    hello["media_program"] = "/nowhere/pg_atelier_media";
    executor.start(hello);
    executor.compose(1, "a chair");
    const Json answer = executor.answer(1);
    EXPECT_EQ(error_class(answer), "no_output");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("could not be executed"), std::string::npos);
    EXPECT_NE(executor.logs().find("/nowhere/pg_atelier_media"), std::string::npos);
}

TEST(ExecutorProcess, AMissingStoreFailsOrdersUntilItIsThere) {
    ExecutorProcess executor;
    std::filesystem::rename(executor.store(), executor.directory() / "away");
    executor.start();
    executor.compose(1, "a chair");
    EXPECT_EQ(error_class(executor.answer(1)), "storage_failed");
    std::filesystem::rename(executor.directory() / "away", executor.store());
    executor.compose(2, "a chair");
    EXPECT_EQ(executor.answer(2)["outcome"], "completed");
}

TEST(ExecutorProcess, AStoreThatIsReplacedIsTheOneUsed) {
    ExecutorProcess executor;
    executor.start();
    executor.compose(1, "a chair");
    ASSERT_EQ(executor.answer(1)["outcome"], "completed");
    std::filesystem::rename(executor.store(), executor.directory() / "away");
    write_file(executor.store() / "in/product.png", tiny_png());
    executor.compose(2, "a chair");
    ASSERT_EQ(executor.answer(2)["outcome"], "completed");
    EXPECT_TRUE(std::filesystem::exists(executor.store() / "out/2.png"));
    EXPECT_FALSE(std::filesystem::exists(executor.directory() / "away/out/2.png"));
    const Json written{{"store", "file"}, {"key", "out/2.png"}};
    executor.order(3, "storage.delete", {{"objects", Json::array({written})}});
    EXPECT_EQ(executor.answer(3)["result"]["deleted"], (Json{"out/2.png"}));
}

}  // namespace
}  // namespace atelier::test
