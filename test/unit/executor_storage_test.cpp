// storage.head and storage.delete through the executor program.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/sha256.hpp"
#include "executor_process.hpp"

namespace atelier::test {
namespace {

namespace fs = std::filesystem;

Json object(const std::string& key) {
    return {{"store", "file"}, {"key", key}};
}

TEST(ExecutorStorage, HeadMeasures) {
    ExecutorProcess executor;
    executor.start();
    executor.order(1, "storage.head", {{"object", object("in/product.png")}});
    const Json answer = executor.answer(1);
    ASSERT_EQ(answer["outcome"], "completed") << answer;
    EXPECT_EQ(answer["result"], (Json{{"mime", "image/png"},
                                      {"width", 1},
                                      {"height", 1},
                                      {"size", 67},
                                      {"sha256", core::sha256_hex(tiny_png())}}));
    EXPECT_FALSE(answer.contains("usage"));
}

TEST(ExecutorStorage, HeadRefusesWhatIsNoPictureInTheStore) {
    ExecutorProcess executor;
    executor.start();
    write_file(executor.directory() / "secret.png", tiny_png());
    write_file(executor.store() / "empty.png", "");
    write_file(executor.store() / "text.png", "no picture at all");
    write_file(executor.store() / "drawing.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    fs::create_symlink("in/product.png", executor.store() / "link.png");
    fs::create_symlink(executor.directory(), executor.store() / "way");
    fs::create_directories(executor.store() / "directory");
    ASSERT_EQ(::mkfifo((executor.store() / "fifo").c_str(), 0600), 0);
    const std::pair<const char*, const char*> cases[] = {{"absent.png", "does not exist"},
                                                         {"empty.png", "is empty"},
                                                         {"text.png", "is not a picture"},
                                                         {"drawing.svg", "is not a picture"},
                                                         {"link.png", "symbolic link"},
                                                         {"way/secret.png", "symbolic link"},
                                                         {"directory", "not a regular file"},
                                                         {"fifo", "not a regular file"},
                                                         {"../secret.png", ".."},
                                                         {"/etc/passwd", "relative"},
                                                         {"", "empty"}};
    std::uint64_t attempt = 0;
    for (const auto& [key, reason] : cases) {
        executor.order(++attempt, "storage.head", {{"object", object(key)}});
        const Json answer = executor.answer(attempt);
        ASSERT_EQ(answer["outcome"], "failed") << key;
        EXPECT_EQ(answer["error"]["class"], "invalid_request") << key;
        EXPECT_NE(answer["error"]["message"].get<std::string>().find(reason), std::string::npos) << answer;
        EXPECT_EQ(answer["sent"], false);
    }
}

TEST(ExecutorStorage, HeadObeysItsLimits) {
    ExecutorProcess executor;
    executor.start();
    executor.order(1, "storage.head", {{"object", object("in/product.png")}, {"limits", {{"max_bytes", 66}}}});
    const Json answer = executor.answer(1);
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("67 bytes"), std::string::npos);
}

TEST(ExecutorStorage, ComposeNamesAMissingInput) {
    ExecutorProcess executor;
    executor.start();
    fs::remove(executor.store() / "in/product.png");
    executor.compose(1, "a chair");
    const Json answer = executor.answer(1);
    EXPECT_EQ(answer["error"]["class"], "invalid_request");
    EXPECT_NE(answer["error"]["message"].get<std::string>().find("in/product.png"), std::string::npos);
}

TEST(ExecutorStorage, DeleteTellsWhatWasThere) {
    ExecutorProcess executor;
    executor.start();
    write_file(executor.store() / "a/1", "x");
    executor.order(1, "storage.delete", {{"objects", Json::array({object("a/1"), object("a/2")})}});
    const Json answer = executor.answer(1);
    EXPECT_EQ(answer["result"], (Json{{"deleted", {"a/1"}}, {"missing", {"a/2"}}, {"failed", Json::array()}}));
    EXPECT_FALSE(fs::exists(executor.store() / "a/1"));
    executor.order(2, "storage.delete", {{"objects", Json::array({object("../secret")})}});
    EXPECT_EQ(executor.answer(2)["error"]["class"], "invalid_request");
}

TEST(ExecutorStorage, ListTellsWhatIsThere) {
    ExecutorProcess executor;
    executor.start();
    for (const char* key : {"a/1", "a/2", "b"})
        write_file(executor.store() / key, "four");
    executor.order(1, "storage.list", {{"store", "file"}, {"prefix", "a/"}, {"limit", 1}});
    const Json first = executor.answer(1);
    ASSERT_EQ(first["outcome"], "completed") << first;
    EXPECT_EQ(first["sent"], false) << "nothing was changed";
    EXPECT_EQ(first["result"]["truncated"], true);
    EXPECT_EQ(first["result"]["next"], "a/1");
    EXPECT_EQ(first["result"]["objects"][0]["size"], 4);
    executor.order(2, "storage.list", {{"store", "file"}, {"prefix", "a/"}, {"after", "a/1"}});
    const Json last = executor.answer(2);
    EXPECT_EQ(last["result"]["truncated"], false);
    EXPECT_FALSE(last["result"].contains("next"));
    ASSERT_EQ(last["result"]["objects"].size(), 1U);
    EXPECT_EQ(last["result"]["objects"][0]["key"], "a/2");
    executor.order(3, "storage.list", {{"store", "nowhere"}, {"bucket", "b"}});
    EXPECT_EQ(executor.answer(3)["error"]["class"], "storage_failed");
}

TEST(ExecutorStorage, AFullPageOfLongKeysFitsAnAnswer) {
    ExecutorProcess executor;
    executor.start();
    const std::string directory =
        std::string(250, 'd') + "/" + std::string(250, '"') + "/" + std::string(250, 'e') + "/";
    for (int i = 0; i < 500; ++i)
        write_file(executor.store() / (directory + std::to_string(1000 + i)), "x");
    std::size_t seen = 0;
    std::string after;
    for (std::uint64_t attempt = 1; attempt < 20; ++attempt) {
        executor.order(attempt, "storage.list", {{"store", "file"}, {"prefix", "ddd"}, {"after", after}});
        const Json answer = executor.answer(attempt);
        ASSERT_EQ(answer["outcome"], "completed") << answer;
        seen += answer["result"]["objects"].size();
        if (!answer["result"]["truncated"]) break;
        after = answer["result"]["next"];
    }
    EXPECT_EQ(seen, 500U);
}

}  // namespace
}  // namespace atelier::test
