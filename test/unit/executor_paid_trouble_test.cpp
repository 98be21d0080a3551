// Paid calls when something else goes wrong: nothing is bought twice, and no answer that came is lost.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <map>

#include "executor/paid_calls.hpp"
#include "paid_rig.hpp"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;
using wire::FrameType;

void limit(pid_t process, __rlimit_resource resource, rlim_t most) {
    const rlimit limits{most, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(process, resource, &limits, nullptr), 0);
}

// The engine, before it has said hello.
pid_t engine_of(const ExecutorProcess& executor) {
    std::vector<pid_t> children;
    EXPECT_TRUE(eventually([&] { return (children = children_of(executor.nanny())).size() == 1; }));
    return children.empty() ? -1 : children.front();
}

bool holds_receipt(const ExecutorProcess& executor) {
    std::uintmax_t bytes = 0;
    std::error_code not_there_yet;
    for (const auto& entry : fs::directory_iterator(executor.spool(), not_there_yet))
        bytes += entry.file_size();
    return bytes > picture_answer().size();
}

TEST(ExecutorPaidTrouble, AShortWordForAKeyDoesNotDamageThePicture) {
    Provider provider;
    provider.open();
    ExecutorProcess executor;
    executor.start();
    // Servers that ask for no key get one like "none"; this one stands in the base64 of every PNG.
    configure(executor, providers(provider.base_url(), {{"api_key", "iVBO"}}));
    order_picture(executor, 7);
    expect_picture(executor, executor.answer(7), 7);
}

TEST(ExecutorPaidTrouble, AnAttemptThatIsOrderedTwiceIsCalledOnceAndNotGivenBack) {
    Provider provider;
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    order_picture(executor, 7);
    ASSERT_TRUE(provider.was_asked(1));
    order_picture(executor, 7);
    EXPECT_TRUE(executor.answer(7, milliseconds{200}).is_null());
    provider.open();
    expect_picture(executor, executor.answer(7), 7);
    EXPECT_TRUE(executor.answer(7, milliseconds{200}).is_null());
    EXPECT_EQ(provider.requests(), 1U);
}

TEST(ExecutorPaidTrouble, AnOrphanDoesNotWaitForAStoreThatRefuses) {
    Provider provider;
    provider.open();
    ExecutorProcess first;
    first.start();
    configure(first, providers(provider.base_url()));
    write_file(first.store() / "out", "in the way");
    order_picture(first, 7);
    ASSERT_TRUE(eventually([&] { return holds_receipt(first); }));
    pause_for(milliseconds{100});
    first.close_socket();
    EXPECT_EQ(first.wait_for_nanny(milliseconds{3000}), 0);

    fs::remove(first.store() / "out");
    ExecutorProcess second;
    second.start(first.hello());
    expect_picture(first, second.answer(7), 7);
    EXPECT_EQ(provider.requests(), 1U);
}

TEST(ExecutorPaidTrouble, ADrainWaitsForAStoreThatRefusesNoLongerThanForCalls) {
    Provider provider;
    provider.open();
    ExecutorProcess first;
    Json hello = first.hello();
    hello["drain_timeout_ms"] = 300;
    first.start(hello);
    configure(first, providers(provider.base_url()));
    write_file(first.store() / "out", "in the way");
    order_picture(first, 7);
    ASSERT_TRUE(eventually([&] { return holds_receipt(first); }));
    first.send(FrameType::drain);
    EXPECT_EQ(first.wait_for_nanny(milliseconds{3000}), 0);
    EXPECT_TRUE(first.answer(7, milliseconds{50}).is_null()) << "the next one does better";

    fs::remove(first.store() / "out");
    ExecutorProcess second;
    second.start(first.hello());
    expect_picture(first, second.answer(7), 7);
}

TEST(ExecutorPaidTrouble, ASpoolThatCannotBeWrittenIsStillRead) {
    ExecutorProcess first;
    leave_what_never_left(first, 7);

    // On a full disk the settling of what is there is what makes room.
    ExecutorProcess second;
    limit(engine_of(second), RLIMIT_FSIZE, 0);
    second.start(first.hello());
    EXPECT_EQ(Json::parse(second.frame(FrameType::alert)->payload)["kind"], "spool_unwritable");
    EXPECT_EQ(second.answer(7, milliseconds{3000})["outcome"], "not_sent");
    EXPECT_TRUE(second.frame(FrameType::adopted, milliseconds{3000}).has_value());
    limit(second.engine(), RLIMIT_FSIZE, RLIM_INFINITY);
    const auto resolved = second.frame(FrameType::alert);
    ASSERT_TRUE(resolved.has_value());
    EXPECT_EQ(Json::parse(resolved->payload)["resolved"], true);
}

TEST(ExecutorPaidTrouble, AnOrphanWritesItsReceiptOnceThereIsRoom) {
    Provider provider;
    ExecutorProcess first;
    first.start();
    configure(first, providers(provider.base_url()));
    order_picture(first, 7);
    ASSERT_TRUE(provider.was_asked(1));
    limit(first.engine(), RLIMIT_FSIZE, 30);
    first.close_socket();
    provider.open();
    pause_for(milliseconds{300});
    limit(first.engine(), RLIMIT_FSIZE, RLIM_INFINITY);
    EXPECT_EQ(first.wait_for_nanny(), 0);

    ExecutorProcess second;
    second.start(first.hello());
    expect_picture(first, second.answer(7), 7);
}

TEST(ExecutorPaidTrouble, ARequestForWhichThereIsNoMemoryIsAFailureOfItsOwn) {
    Provider provider;
    provider.open();
    ExecutorProcess executor;
    executor.start();
    configure(executor, providers(provider.base_url()));
    order_picture(executor, 1);
    expect_picture(executor, executor.answer(1), 1);

    rlim_t pages = 0;
    std::ifstream("/proc/" + std::to_string(executor.engine()) + "/statm") >> pages;
    if (pages > (rlim_t{1} << 26)) GTEST_SKIP() << "a sanitizer takes more address space than can be limited";
    limit(executor.engine(), RLIMIT_AS, pages * 4096 + (8 << 20));
    const std::string big = tiny_png() + std::string(18 << 20, 'x');
    write_file(executor.store() / "in/big.png", big);
    const Json input{{"role", "product"}, {"store", "file"}, {"key", "in/big.png"}, {"sha256", core::sha256_hex(big)}};
    // More than the heaps of malloc have in reserve.
    executor.order(
        2, "ai.image",
        {{"prompt", "a chair"}, {"inputs", Json(16, input)}, {"output", {{"store", "file"}, {"key_prefix", "out/2"}}}},
        20'000, "gemini");
    const Json answer = executor.answer(2);
    ASSERT_EQ(answer["outcome"], "failed") << answer;
    EXPECT_EQ(answer["error"]["class"], "overloaded") << answer;
    EXPECT_EQ(answer["sent"], false);
    order_picture(executor, 3);
    expect_picture(executor, executor.answer(3), 3);
}

// Paid calls in this process.
class Bench {
  public:
    explicit Bench(const std::string& base_url) {
        fs::create_directories(directory_.path() / "store");
        executor::PaidSettings settings{directory_.path() / "spool", 64 << 20, core::Milliseconds{1000}};
        settings.max_held_bytes = 1;
        calls.emplace(
            loop, pool, stores, settings,
            executor::PaidCalls::Handlers{[this](std::uint64_t attempt, const executor::Answer& answer) {
                                              answers[attempt] = Json::parse(answer.text);
                                          },
                                          [](std::uint64_t) {}, [] {}, [] {}, [](const executor::Notice&) {}});
        EXPECT_TRUE(calls->set_providers(providers(base_url).dump()).ok());
    }

    void order(std::uint64_t attempt, int timeout_ms) {
        const Json order{{"lease", {{"attempt", attempt}}},
                         {"action", "ai.image"},
                         {"provider", "gemini"},
                         {"model", "some-model"},
                         {"timeout_ms", timeout_ms},
                         {"request",
                          {{"prompt", "a chair"},
                           {"output", {{"store", "file"}, {"key_prefix", "out/" + std::to_string(attempt)}}}}}};
        calls->admit(attempt, executor::parse_order(attempt, order.dump()));
    }

    template <class Condition>
    bool run_until(Condition condition, milliseconds wait = milliseconds{10'000}) {
        const auto end = core::now() + wait;
        std::function<void()> look = [&] {
            if (condition() || core::now() > end) return loop.stop();
            loop.at(core::now() + milliseconds{2}, look);
        };
        look();
        if (!condition()) loop.run();
        return condition();
    }

  private:
    TemporaryDirectory directory_;

  public:
    executor::EventLoop loop;
    std::map<std::uint64_t, Json> answers;
    executor::Stores stores{loop, pool, directory_.path() / "store", [](const executor::Notice&) {}};
    std::optional<executor::PaidCalls> calls;
    // Last, so that it goes first.
    executor::TaskPool pool{loop, 2};
};

TEST(ExecutorPaidTrouble, RequestsThatTakeTooMuchMemoryWaitForTheOnesUnderWay) {
    Provider provider;
    Bench bench(provider.base_url());
    bench.order(1, 20'000);
    ASSERT_TRUE(bench.run_until([&] { return provider.requests() == 1; }));
    bench.order(2, 20'000);
    EXPECT_FALSE(bench.run_until([&] { return provider.requests() > 1; }, milliseconds{200}));
    provider.open();
    EXPECT_TRUE(bench.run_until([&] { return bench.answers.size() == 2; }));
    EXPECT_EQ(bench.answers[2]["outcome"], "completed") << bench.answers[2];
}

TEST(ExecutorPaidTrouble, NoCallBeginsWithTooLittleTimeForAnAnswer) {
    Provider provider;
    Bench bench(provider.base_url());
    bench.order(1, 20'000);
    ASSERT_TRUE(bench.run_until([&] { return provider.requests() == 1; }));
    bench.order(2, 2000);
    ASSERT_TRUE(bench.run_until([&] { return bench.answers.contains(2); }, milliseconds{1500}));
    EXPECT_EQ(bench.answers[2]["outcome"], "not_sent") << bench.answers[2];
    EXPECT_EQ(provider.requests(), 1U);
}

}  // namespace
}  // namespace atelier::test
