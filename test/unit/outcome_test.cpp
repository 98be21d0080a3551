#include "executor/outcome.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace atelier::executor {
namespace {

using core::ErrorClass;
using core::Json;

const std::string hash(64, 'b');
const ChildEnd good_end{};

Json good_report() {
    return {{"ok", true},
            {"mime", "image/png"},
            {"width", 40},
            {"height", 30},
            {"size", 1000},
            {"sha256", hash},
            {"metadata", {{"generator", "offline"}}}};
}

FileFacts good_facts() {
    return {1000, hash, "\x89PNG\r\n\x1A\n...."};
}

void expect_class(const core::Result<PictureClaim>& claim, ErrorClass expected, const std::string& part) {
    ASSERT_FALSE(claim.ok());
    EXPECT_EQ(core::to_string(claim.error().cls), core::to_string(expected)) << claim.error().message;
    EXPECT_NE(claim.error().message.find(part), std::string::npos) << claim.error().message;
}

TEST(Outcome, GoodReport) {
    const auto claim = judge_report(good_end, good_report().dump());
    ASSERT_TRUE(claim.ok()) << claim.error().message;
    const auto picture = judge_picture(*claim, good_facts(), {});
    ASSERT_TRUE(picture.ok()) << picture.error().message;
    EXPECT_EQ(picture->kind.mime, "image/png");
    EXPECT_EQ(picture->width, 40U);
    EXPECT_EQ(picture->height, 30U);
    EXPECT_EQ(picture->size, 1000U);
    EXPECT_EQ(picture->sha256, hash);
    EXPECT_EQ(picture->metadata.at("generator"), "offline");
}

TEST(Outcome, EndsOfTheChild) {
    const std::string report = good_report().dump();
    expect_class(judge_report({true, SIGSEGV, {}, false}, report), ErrorClass::no_output, "signal 11 (SIGSEGV)");
    expect_class(judge_report({true, SIGKILL, {}, false}, report), ErrorClass::no_output, "signal 9");
    expect_class(judge_report({true, SIGXCPU, {}, false}, report), ErrorClass::no_output, "processor time");
    expect_class(judge_report({true, SIGKILL, core::Milliseconds{30'500}, false}, report), ErrorClass::no_output,
                 "processor time");
    expect_class(judge_report({true, SIGXFSZ, {}, false}, report), ErrorClass::no_output, "SIGXFSZ");
    expect_class(judge_report({false, 3, {}, false}, report), ErrorClass::no_output, "status 3");
    expect_class(judge_report({false, cannot_execute_status, {}, false}, ""), ErrorClass::no_output,
                 "could not be executed");
    expect_class(judge_report({true, SIGKILL, {}, true}, ""), ErrorClass::no_output, "longer than");
}

TEST(Outcome, BadReports) {
    for (const std::string& report :
         {std::string(), std::string("here"), std::string("[]"), std::string("{\"ok\":1}"), std::string(60'000, '['),
          std::string("{\"ok\":true}"), std::string(70'000, ' ')}) {
        expect_class(judge_report(good_end, report), ErrorClass::no_output, "");
    }
    Json deep = good_report();
    deep["metadata"]["x"] = Json::parse(std::string(40, '[') + std::string(40, ']'));
    expect_class(judge_report(good_end, deep.dump()), ErrorClass::no_output, "deeper");
}

TEST(Outcome, SidesAndSizesMustBePositiveAndBounded) {
    for (const char* name : {"width", "height", "size"}) {
        for (const Json& value : {Json(0), Json(-1), Json(1.5), Json("1"), Json(nullptr)}) {
            Json report = good_report();
            report[name] = value;
            expect_class(judge_report(good_end, report.dump()), ErrorClass::no_output, "lacks a member");
        }
    }
    Json wide = good_report();
    wide["width"] = 65'536;
    EXPECT_FALSE(judge_report(good_end, wide.dump()).ok());
}

TEST(Outcome, RefusalsOfTheChild) {
    const auto refusal = [](const Json& cls, const Json& message) {
        return Json{{"ok", false}, {"class", cls}, {"message", message}}.dump();
    };
    expect_class(judge_report(good_end, refusal("invalid_request", "cut short\n")), ErrorClass::invalid_request,
                 "cut short ");
    expect_class(judge_report(good_end, refusal("invalid_output", "m")), ErrorClass::invalid_output, "m");
    for (const char* word : {"no_credit", "worker_lost", "cancelled", "storage_failed", "rate_limited", "what"}) {
        expect_class(judge_report(good_end, refusal(word, "m")), ErrorClass::no_output, "may not use");
    }
    expect_class(judge_report(good_end, refusal(1, "m")), ErrorClass::no_output, "");
    expect_class(judge_report(good_end, refusal("invalid_request", nullptr)), ErrorClass::no_output, "");
}

TEST(Outcome, ClaimsThatDoNotFitTheBytes) {
    const PictureClaim claim = *judge_report(good_end, good_report().dump());
    const auto refused = [&](const PictureClaim& said, const FileFacts& measured, const PictureLimits& limits) {
        const auto picture = judge_picture(said, measured, limits);
        return !picture.ok() && picture.error().cls == ErrorClass::invalid_output;
    };
    FileFacts facts = good_facts();
    facts.size = 999;
    EXPECT_TRUE(refused(claim, facts, {}));
    facts = good_facts();
    facts.sha256 = std::string(64, 'c');
    EXPECT_TRUE(refused(claim, facts, {}));
    facts = good_facts();
    facts.head = "<html>";
    EXPECT_TRUE(refused(claim, facts, {}));
    facts.head = "\xFF\xD8\xFF\xE0";
    EXPECT_TRUE(refused(claim, facts, {}));
    EXPECT_TRUE(refused(claim, good_facts(), {999, 50'000'000}));
    EXPECT_TRUE(refused(claim, good_facts(), {1000, 1199}));
    EXPECT_FALSE(refused(claim, good_facts(), {1000, 1200}));
    PictureClaim empty = claim;
    empty.size = 0;
    EXPECT_TRUE(refused(empty, {0, hash, ""}, {}));
}

}  // namespace
}  // namespace atelier::executor
