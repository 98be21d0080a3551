// `ai.json` of the embedded provider, through the executor program.

#include <gtest/gtest.h>

#include "core/sha256.hpp"
#include "executor_process.hpp"

namespace atelier::test {
namespace {

Json scene_order(const ExecutorProcess& executor, const std::string& bytes) {
    write_file(executor.store() / "in/scene.png", bytes);
    return {
        {"task", "scene"},
        {"inputs",
         Json::array(
             {{{"role", "scene"}, {"store", "file"}, {"key", "in/scene.png"}, {"sha256", core::sha256_hex(bytes)}}})}};
}

void start_with_real_media(ExecutorProcess& executor) {
    Json hello = executor.hello();
    hello["media_program"] = ATELIER_MEDIA_PROGRAM;
    executor.start(hello);
}

const Json free_request = Json::parse(R"([{"unit": "request", "quantity": 1, "cost": 0, "currency": "USD"}])");

TEST(ExecutorOffline, MeasuresAScene) {
    ExecutorProcess executor;
    start_with_real_media(executor);
    executor.order(1, "ai.json", scene_order(executor, tiny_png()));
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer << executor.logs();
    EXPECT_EQ(answer["sent"], true);
    EXPECT_EQ(answer["usage"], free_request);
    EXPECT_EQ(answer["result"]["model"], "measure");
    const Json& scene = answer["result"]["json"];
    EXPECT_EQ(scene["orientation"], "square");
    EXPECT_EQ(scene["colorScheme"], "monochrome");
    EXPECT_EQ(scene["colorPalette"].size(), 1U);
    EXPECT_EQ(scene["environment"], "unspecified");
    EXPECT_TRUE(eventually([&] { return executor.media_children().empty(); }));
}

TEST(ExecutorOffline, MeasuresOnlyThePictureThatWasRegistered) {
    ExecutorProcess executor;
    start_with_real_media(executor);
    Json order = scene_order(executor, tiny_png());
    order["inputs"][0]["sha256"] = std::string(64, 'a');
    executor.order(1, "ai.json", order);
    const Json changed = executor.answer(1);
    EXPECT_EQ(changed["error"]["class"], "invalid_request") << changed;
    EXPECT_EQ(changed["error"]["message"], "the stored object changed since it was registered");
    EXPECT_FALSE(changed.contains("usage"));
    executor.order(2, "ai.json", scene_order(executor, tiny_png().substr(0, 50)));
    EXPECT_EQ(executor.answer(2)["error"]["class"], "invalid_request");
    order["inputs"][0]["key"] = "in/none.png";
    executor.order(3, "ai.json", order);
    EXPECT_EQ(executor.answer(3)["error"]["class"], "invalid_request");
}

// The fake media program reports a picture and measures nothing.
TEST(ExecutorOffline, BelievesNoReportWithoutMeasures) {
    ExecutorProcess executor;
    executor.start();
    executor.order(1, "ai.json", scene_order(executor, tiny_png()));
    const Json answer = executor.answer(1);
    EXPECT_EQ(answer["error"]["class"], "invalid_output") << answer;
    EXPECT_EQ(answer["error"]["message"], "the media program measured no brightness");
}

TEST(ExecutorOffline, ReadsRows) {
    ExecutorProcess executor;
    executor.start();
    const Json order = Json::parse(R"({"task": "products", "roomTypes": ["kitchen"], "styles": ["modern"],
        "products": [{"number": 1, "category": "lamp", "roomTypes": ["kitchen"], "tags": ["modern"]}]})");
    executor.order(1, "ai.json", order);
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["usage"], free_request);
    EXPECT_EQ(answer["result"]["model"], "rows");
    EXPECT_EQ(answer["result"]["json"]["assignments"], Json::parse(R"([{"product": 1, "roomType": "kitchen"}])"));
    // Many at once, and a drain in between: each is answered once.
    for (std::uint64_t attempt = 2; attempt < 200; ++attempt)
        executor.order(attempt, "ai.json", order);
    executor.send(wire::FrameType::drain);
    for (std::uint64_t attempt = 2; attempt < 200; ++attempt) {
        const std::string outcome = executor.answer(attempt).value("outcome", "");
        EXPECT_TRUE(outcome == "completed" || outcome == "not_sent") << attempt << outcome;
    }
    EXPECT_EQ(executor.wait_for_nanny(), 0);
}

TEST(ExecutorOffline, RefusesWhatItCannotAnswer) {
    ExecutorProcess executor;
    executor.start();
    executor.order(1, "ai.json", {{"prompt", "describe the scene"}});
    const Json answer = executor.answer(1);
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("names no task"), std::string::npos) << answer;
}

}  // namespace
}  // namespace atelier::test
