// The media child as the executor runs it: its descriptors, limits, empty environment; and that it is locked in.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "core/json.hpp"
#include "heif_samples.hpp"
#include "media/inspect.hpp"
#include "media/sandbox.hpp"
#include "media_samples.hpp"

namespace atelier::media {
namespace {

struct Ended {
    int status = -1;
    core::Json report;
    std::string output;
};

int memory_file(const std::string& bytes) {
    const int descriptor = memfd_create("test", 0);
    EXPECT_EQ(pwrite(descriptor, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return descriptor;
}

std::string contents(int descriptor) {
    std::string bytes;
    char buffer[65536];
    for (ssize_t count = 0; (count = pread(descriptor, buffer, sizeof buffer, static_cast<off_t>(bytes.size()))) > 0;) {
        bytes.append(buffer, static_cast<std::size_t>(count));
    }
    return bytes;
}

void limit(int resource, rlim_t value) {
    const rlimit both{value, value};
    setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

[[noreturn]] void become_child(const char* mode, const std::vector<int>& descriptors) {
    // Out of the way first, so that none is overwritten before it is copied.
    std::vector<int> high;
    for (const int descriptor : descriptors)
        high.push_back(fcntl(descriptor, F_DUPFD, 200));
    for (std::size_t i = 0; i < high.size(); ++i)
        dup2(high[i], static_cast<int>(i));
    close_range(static_cast<unsigned>(high.size()), ~0U, 0);
#ifndef __SANITIZE_ADDRESS__
    limit(RLIMIT_AS, rlim_t{2} << 30);
#endif
    limit(RLIMIT_CPU, 30);
    limit(RLIMIT_FSIZE, 64 << 20);
    limit(RLIMIT_NOFILE, 64);
    limit(RLIMIT_CORE, 0);
    // Opened by root, because nobody else may look into root's directories.
    const int program = open(ATELIER_MEDIA_PROGRAM, O_RDONLY | O_CLOEXEC);
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) _exit(126);
    const char* arguments[] = {"pg_atelier_media", mode, nullptr};
    char* environment[] = {nullptr};
    fexecve(program, const_cast<char**>(arguments), environment);
    _exit(127);
}

Ended run(const char* mode, const core::Json& order, const std::vector<std::string>& inputs) {
    const int report = memory_file("");
    const int output = memory_file("");
    std::vector<int> descriptors{memory_file(order.dump()), report, open("/dev/null", O_RDWR), output};
    for (const std::string& input : inputs)
        descriptors.push_back(memory_file(input));
    const pid_t child = fork();
    if (child == 0) become_child(mode, descriptors);
    Ended ended;
    waitpid(child, &ended.status, 0);
    ended.report = core::Json::parse(contents(report), nullptr, false);
    ended.output = contents(output);
    for (const int descriptor : descriptors)
        close(descriptor);
    return ended;
}

core::Json compose_order(const std::vector<std::string>& inputs) {
    core::Json list = core::Json::array();
    for (const std::string& input : inputs)
        list.push_back({{"role", list.empty() ? "product" : "scene"}, {"sha256", sha256_hex(input)}});
    return {{"settings", {{"roomType", "outdoor"}, {"lighting", "morning"}}},
            {"prompt", "a bowl"},
            {"inputs", list},
            {"limits", {{"max_bytes", 41943040}, {"max_pixels", 50000000}}}};
}

TEST(MediaProgram, Composes) {
    const std::vector<std::string> inputs{samples::product_file(), samples::busy_file()};
    const Ended ended = run("compose", compose_order(inputs), inputs);
    ASSERT_EQ(ended.status, 0);
    ASSERT_EQ(ended.report.value("ok", false), true) << ended.report.dump();
    EXPECT_EQ(ended.report["sha256"], sha256_hex(ended.output));
    EXPECT_EQ(ended.report["size"], ended.output.size());
    EXPECT_EQ(ended.report["metadata"]["scene"], "photo");
    EXPECT_EQ(run("compose", compose_order(inputs), inputs).output, ended.output);
}

TEST(MediaProgram, RefusesAnInputThatChanged) {
    const std::string product = samples::product_file();
    core::Json order = compose_order({product});
    const Ended ended = run("compose", order, {samples::busy_file()});
    ASSERT_EQ(ended.status, 0);
    EXPECT_EQ(ended.report["ok"], false);
    EXPECT_EQ(ended.report["class"], "invalid_request");
    EXPECT_EQ(ended.report["message"], "the stored object changed since it was registered");
    EXPECT_TRUE(ended.output.empty());
}

TEST(MediaProgram, InspectsEachAcceptedTypeLockedIn) {
    for (const char* suffix : {".jpg", ".png", ".webp", ".gif", ".avif", ".heic"}) {
        const Ended ended =
            run("inspect", {{"limits", core::Json::object()}}, {samples::file(640, 480, samples::busy, suffix)});
        ASSERT_EQ(ended.status, 0) << suffix;
        EXPECT_EQ(ended.report.value("width", 0), 640) << suffix << ended.report.dump();
    }
}

TEST(MediaProgram, MeasuresEachAcceptedTypeLockedIn) {
    for (const char* suffix : {".jpg", ".png", ".png[profile=srgb]", ".webp", ".gif", ".avif", ".heic"}) {
        const Ended ended = run("measure", core::Json::object(), {samples::file(640, 480, samples::busy, suffix)});
        ASSERT_EQ(ended.status, 0) << suffix;
        ASSERT_EQ(ended.report.value("ok", false), true) << suffix << ended.report.dump();
        EXPECT_EQ(ended.report["metadata"]["orientation"], "landscape") << suffix;
        EXPECT_TRUE(ended.output.empty());
    }
}

// 12 megapixels in tiles, lying on their side: what telephones write. libheif decodes tiles in threads.
TEST(MediaProgram, TakesAPhotoOfATelephone) {
    const std::string photo = heif_samples::file(
        {.columns = 63, .rows = 48, .width = 4032, .height = 3024, .quarter_turns = 3, .exif_orientation = 6});
    const Ended inspected = run("inspect", {{"limits", core::Json::object()}}, {photo});
    ASSERT_EQ(inspected.status, 0);
    EXPECT_EQ(inspected.report["mime"], "image/heic") << inspected.report.dump();
    EXPECT_EQ(inspected.report["width"], 3024);
    EXPECT_EQ(inspected.report["height"], 4032);
    const Ended composed = run("compose", compose_order({photo}), {photo});
    ASSERT_EQ(composed.status, 0);
    EXPECT_EQ(composed.report.value("ok", false), true) << composed.report.dump();
}

TEST(MediaProgram, ComposesAHeic) {
    const std::string product = samples::file(400, 300, samples::disc_on_plain, ".heic");
    const Ended ended = run("compose", compose_order({product}), {product});
    ASSERT_EQ(ended.status, 0);
    ASSERT_EQ(ended.report.value("ok", false), true) << ended.report.dump();
    EXPECT_EQ(ended.report["sha256"], sha256_hex(ended.output));
}

TEST(MediaProgram, SurvivesABombWithinItsLimits) {
    // 7,000 x 7,000 of one colour: under the limit in pixels, 147 MB of them, in a small file.
    const std::string bomb = samples::file(
        7000, 7000,
        [](int, int) {
            return Rgb{0.5F, 0.5F, 0.5F};
        },
        ".png[compression=9]");
    ASSERT_LT(bomb.size(), 400'000U);
    const Ended within = run("compose", compose_order({bomb}), {bomb});
    EXPECT_EQ(within.status, 0);
    EXPECT_EQ(within.report.value("ok", false), true) << within.report.dump();
    // Past it, it is refused by its header.
    const Ended beyond = run("inspect", {{"limits", {{"max_pixels", 48'000'000}}}}, {bomb});
    EXPECT_EQ(beyond.report["message"], "7000 x 7000 pixels are more than the 48000000 allowed");
}

TEST(MediaProgram, AnswersNonsenseWithARefusal) {
    EXPECT_EQ(run("compose", core::Json::array(), {}).report["class"], "invalid_request");
    EXPECT_EQ(run("compose", {{"inputs", {{{"role", "poem"}}}}}, {}).report["class"], "invalid_request");
    EXPECT_EQ(run("inspect", core::Json::object(), {}).report["message"], "the file could not be read");
    EXPECT_NE(run("paint", core::Json::object(), {}).status, 0);
}

TEST(MediaProgram, SaysThatAnOrderIsTooLong) {
    const auto padded = [](std::size_t size) {
        core::Json order{{"prompt", ""}};
        order["prompt"] = std::string(size - order.dump().size(), 'x');
        return order;
    };
    const Ended too_long = run("inspect", padded(1'000'001), {});
    ASSERT_EQ(too_long.status, 0);
    EXPECT_EQ(too_long.report["class"], "invalid_request");
    EXPECT_EQ(too_long.report["message"], "the order is longer than 1000000 bytes");
    EXPECT_EQ(run("inspect", padded(3'000'000), {}).report["message"], "the order is longer than 1000000 bytes");
    EXPECT_EQ(run("inspect", padded(1'000'000), {}).report["message"], "the file could not be read");
}

// In a process of its own, since there is no way back out.
void try_everything_locked_in() {
    if (!harden_process() || !start_codecs("test")) _exit(10);
    warm_up_codecs();
    const std::string picture = samples::file(64, 64, samples::busy, ".jpg");
    if (!lock_down()) _exit(11);
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EPERM) _exit(12);
    if (open("/tmp/media_test_file", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EPERM) _exit(13);
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) _exit(14);
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) _exit(15);
    char* nothing[] = {nullptr};
    if (execve("/bin/true", nothing, nothing) != -1 || errno != EPERM) _exit(16);
    const pid_t child = fork();
    if (child == 0) _exit(0);
    if (child >= 0) _exit(17);
    if (mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        _exit(18);
    if (kill(getppid(), 0) == 0) _exit(19);
    // Facts of open files are had, those of names beneath the current directory are not.
    struct stat facts {};
    if (fstat(STDIN_FILENO, &facts) != 0) _exit(21);
    if (fstatat(AT_FDCWD, ".", &facts, AT_EMPTY_PATH) == 0 || errno != EPERM) _exit(22);
    if (syscall(SYS_newfstatat, 0xffffff9cUL, ".", &facts, AT_EMPTY_PATH) == 0 || errno != EPERM) _exit(23);
    if (fstatat(STDIN_FILENO, "/etc/passwd", &facts, 0) == 0 || errno != EPERM) _exit(24);
    // And still it can do its work.
    if (!check_pixels(picture).ok() || !read_photo(picture, 32).ok()) _exit(20);
    _exit(0);
}

TEST(MediaSandbox, LeavesNothingButDecoding) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(try_everything_locked_in(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace atelier::media
