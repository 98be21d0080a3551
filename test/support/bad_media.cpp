// Plays the media child and misbehaves on demand: a text "bad-media:<word>" anywhere in its order (so: in a prompt)
// says how. Without one it becomes the real media program, when there is a pg_atelier_media_real beside it; else it
// behaves, with a picture of one pixel. Tests of the whole system install it under the name pg_atelier_media.
//
//   loop       burns processor time for ever         hang      sleeps for ever
//   allocate   asks for 10 GB and writes to it       close     closes everything, then sleeps for ever
//   segv       dies by SIGSEGV                       xcpu      dies by SIGXCPU
//   garbage    reports something that is no JSON     silent    ends with 0 and reports nothing
//   flood      reports 1 MB                          status3   ends with status 3
//   deep       reports 60,000 brackets               notext    reports bytes that are no UTF-8
//   liar-mime, liar-size, liar-hash, liar-sides      a report that does not fit the output
//   empty      reports a picture, writes none        nopicture writes text as its picture
//   refuse     refuses the order                     overreach refuses with a class that is not a child's to use
//   leave      leaves a process behind with a hand on pipe and output, and reports
//   huge-file  writes until a limit stops it
//   describe   reports descriptors, limits and environment as metadata

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

// A PNG of one grey pixel, and its hash.
constexpr std::array<unsigned char, 67> png{
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b, 0x55, 0x00,
    0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
    0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};
constexpr std::string_view png_sha256 = "a1abfd410973b0111c215baa879b9edcd739e601659ba44168269767cc2e9108";

std::string read_all(int fd) {
    std::string text;
    std::array<char, 65536> bytes;
    ::lseek(fd, 0, SEEK_SET);
    for (ssize_t got = 0; (got = ::read(fd, bytes.data(), bytes.size())) > 0;)
        text.append(bytes.data(), got);
    ::lseek(fd, 0, SEEK_SET);
    return text;
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

std::string demanded(const std::string& order) {
    constexpr std::string_view mark = "bad-media:";
    const std::size_t at = order.find(mark);
    if (at == std::string::npos) return {};
    const std::size_t start = at + mark.size();
    const std::size_t end = order.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", start);
    return order.substr(start, end - start);
}

void become_real(char** arguments) {
    std::array<char, PATH_MAX> self{};
    const ssize_t length = ::readlink("/proc/self/exe", self.data(), self.size());
    if (length <= 0) return;
    const std::string program = std::string(self.data(), static_cast<std::size_t>(length)) + "_real";
    char* const environment[] = {nullptr};
    ::execve(program.c_str(), arguments, environment);
}

struct Report {
    std::string mime = "image/png";
    std::string sides = R"("width":1,"height":1)";
    std::size_t size = png.size();
    std::string sha256{png_sha256};
    std::string metadata = R"({"generator":"bad_media"})";
};

int report(const Report& report) {
    write_all(1, R"({"ok":true,"mime":")" + report.mime + "\"," + report.sides +
                     ",\"size\":" + std::to_string(report.size) + R"(,"sha256":")" + report.sha256 +
                     R"(","metadata":)" + report.metadata + "}");
    return 0;
}

void write_picture() {
    write_all(3, {reinterpret_cast<const char*>(png.data()), png.size()});
}

[[noreturn]] void sleep_for_ever() {
    for (;;)
        ::pause();
}

[[noreturn]] void loop() {
    for (volatile unsigned long counter = 0;;)
        counter = counter + 1;
}

[[noreturn]] void die_by(int signal) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    sleep_for_ever();
}

[[noreturn]] void allocate() {
    constexpr std::size_t bytes = std::size_t{10} << 30;
    // volatile, or the compiler sees that nobody reads it and leaves all of it out.
    volatile char* const memory = static_cast<volatile char*>(std::malloc(bytes));
    if (memory == nullptr) std::abort();
    for (std::size_t at = 0; at < bytes; at += 4096)
        memory[at] = 1;
    sleep_for_ever();
}

int leave_process() {
    if (::fork() == 0) sleep_for_ever();
    write_picture();
    return report({});
}

int fill_output() {
    const std::vector<char> block(1 << 20, 'x');
    for (;;)
        write_all(3, {block.data(), block.size()});
}

std::vector<int> open_descriptors() {
    std::vector<int> descriptors;
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) return descriptors;
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != ::dirfd(directory)) descriptors.push_back(fd);
    }
    ::closedir(directory);
    std::sort(descriptors.begin(), descriptors.end());
    return descriptors;
}

std::string describe_limit(const char* name, int resource) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    return std::string("\"") + name + "\":" + std::to_string(limit.rlim_cur);
}

std::string describe() {
    std::string text = "{\"descriptors\":[";
    for (const int fd : open_descriptors())
        text += std::to_string(fd) + ",";
    if (text.back() == ',') text.pop_back();
    int death_signal = 0;
    ::prctl(PR_GET_PDEATHSIG, &death_signal);
    char score[16]{};
    const int fd = ::open("/proc/self/oom_score_adj", O_RDONLY);
    if (::read(fd, score, sizeof score - 1) <= 0) score[0] = '0';
    ::close(fd);
    text += "]," + describe_limit("as", RLIMIT_AS) + "," + describe_limit("cpu", RLIMIT_CPU) + "," +
            describe_limit("fsize", RLIMIT_FSIZE) + "," + describe_limit("core", RLIMIT_CORE) + "," +
            describe_limit("nofile", RLIMIT_NOFILE) + ",\"death_signal\":" + std::to_string(death_signal) +
            ",\"no_new_privileges\":" + std::to_string(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)) +
            ",\"own_session\":" + (::getsid(0) == ::getpid() ? "1" : "0") +
            ",\"environment\":" + (environ[0] == nullptr ? "0" : "1") +
            ",\"oom_score\":" + std::to_string(std::atoi(score));
    return text + "}";
}

int behave(const std::string& mode, Report facts) {
    if (mode == "compose") write_picture();
    return report(facts);
}

int misbehave(const std::string& word, const std::string& mode) {
    if (word == "loop") loop();
    if (word == "allocate") allocate();
    if (word == "segv") die_by(SIGSEGV);
    if (word == "xcpu") die_by(SIGXCPU);
    if (word == "hang") sleep_for_ever();
    if (word == "close") {
        for (int fd = 0; fd < 64; ++fd)
            ::close(fd);
        sleep_for_ever();
    }
    if (word == "silent") return 0;
    if (word == "status3") return 3;
    if (word == "garbage") return write_all(1, "here comes no JSON"), 0;
    if (word == "flood") return write_all(1, std::string(1 << 20, ' ')), 0;
    if (word == "deep") return write_all(1, std::string(60'000, '[')), 0;
    if (word == "notext")
        return write_all(1, "{\"ok\":false,\"class\":\"invalid_request\",\"message\":\"\xff\xfe\"}"), 0;
    if (word == "liar-mime") return behave(mode, {.mime = "image/jpeg"});
    if (word == "liar-size") return behave(mode, {.size = png.size() + 1});
    if (word == "liar-hash") return behave(mode, {.sha256 = std::string(64, '0')});
    if (word == "liar-sides") return behave(mode, {.sides = R"("width":0,"height":-1)"});
    if (word == "empty") return report({});
    if (word == "nopicture") return write_all(3, "no picture"), report({.size = 10});
    if (word == "refuse") {
        return write_all(1, R"({"ok":false,"class":"invalid_request","message":"the product is out of focus"})"), 0;
    }
    if (word == "overreach") return write_all(1, R"({"ok":false,"class":"no_credit","message":"pay me"})"), 0;
    if (word == "leave") return leave_process();
    if (word == "huge-file") return fill_output();
    if (word == "describe") return behave(mode, {.metadata = describe()});
    return 9;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string mode = count > 1 ? arguments[1] : "";
    const std::string order = read_all(0);
    if (const std::string word = demanded(order); !word.empty()) return misbehave(word, mode);
    become_real(arguments);
    return behave(mode, {});
}
