#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "spool_support.hpp"
#include "storage/unique_fd.hpp"

namespace atelier::executor {
namespace {

namespace fs = std::filesystem;
using storage::UniqueFd;
using test::Attempts;
using test::attempts_of;
using test::body_of;
using test::head_of;
using test::mebibyte;
using test::names_in;
using test::poll;

using OrphanSpoolTest = test::ForeignSpoolTest;

// A child process that ends with the object at the latest.
class Child {
  public:
    // In the child, `run` must not return.
    void start(const std::function<void()>& run) {
        process_ = ::fork();
        if (process_ != 0) return;
        run();
        ::_exit(1);
    }
    ~Child() { kill(); }

    // Fails when it has ended by itself.
    void kill() {
        if (process_ <= 0) return;
        int status = 0;
        EXPECT_EQ(::kill(process_, SIGKILL), 0);
        EXPECT_EQ(::waitpid(process_, &status, 0), process_);
        EXPECT_TRUE(WIFSIGNALED(status)) << status;
        process_ = 0;
    }

  private:
    pid_t process_ = -1;
};

struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        reader = UniqueFd(ends[0]);
        writer = UniqueFd(ends[1]);
    }
    UniqueFd reader;
    UniqueFd writer;
};

// An executor that lives on without its worker. Ends with the object at the latest.
class Orphan {
  public:
    Orphan(const std::string& directory, std::uint64_t segment_bytes) {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        process_.start([&] {
            ::close(ends[0]);
            serve(directory, segment_bytes, ends[1]);
        });
        ::close(ends[1]);
        socket_ = UniqueFd(ends[0]);
    }

    // Of this size, durable when it returns.
    void append(std::uint64_t attempt, std::uint64_t size) { command({attempt, size}); }
    void settle(std::uint64_t attempt) { command({attempt, settle_it}); }
    void kill() { process_.kill(); }

  private:
    struct Command {
        std::uint64_t attempt;
        std::uint64_t size;
    };
    static constexpr std::uint64_t settle_it = ~std::uint64_t{0};

    void command(const Command& command) {
        char done = 0;
        ASSERT_EQ(::send(socket_.get(), &command, sizeof command, MSG_NOSIGNAL), static_cast<ssize_t>(sizeof command));
        ASSERT_EQ(::recv(socket_.get(), &done, 1, 0), 1) << "the orphan failed";
    }

    [[noreturn]] static void serve(const std::string& directory, std::uint64_t segment_bytes, int socket) {
        const auto spool = Spool::open(directory, {256 * mebibyte, segment_bytes});
        if (!spool) ::_exit(1);
        Command command{};
        while (::recv(socket, &command, sizeof command, 0) == static_cast<ssize_t>(sizeof command)) {
            if (command.size == settle_it) {
                (*spool)->settled(command.attempt);
            } else if (!(*spool)
                            ->append(RecordType::receipt, command.attempt, head_of(command.attempt),
                                     body_of(command.attempt, command.size))
                            .ok()) {
                ::_exit(1);
            }
            if (::send(socket, "d", 1, MSG_NOSIGNAL) != 1) ::_exit(1);
        }
        ::_exit(0);
    }

    Child process_;
    UniqueFd socket_;
};

TEST_F(OrphanSpoolTest, EmptySegmentsAndUnfinishedOnesOfTheDeadGo) {
    Orphan dead(directory(), mebibyte);
    dead.append(1, 10);
    dead.settle(1);
    Orphan empty(directory(), mebibyte);
    empty.append(2, 10);
    empty.kill();
    for (const std::string& name : names_in(directory())) {
        const std::string path = directory() + "/" + name;
        if (fs::file_size(path) > segment_header_bytes) fs::copy(path, fs::path(path).replace_extension(".tmp"));
    }
    dead.kill();
    test::write_file(directory() + "/aaaaaaaaaaaaaaaa-1.spool", encode_segment_header(1));
    test::write_file(directory() + "/aaaaaaaaaaaaaaaa-2.tmp", "");
    ForeignSpool spool = foreign();
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{1, 2}));
    EXPECT_EQ(names_in(directory()).size(), 2U);
    spool.settled(1);
    spool.settled(2);
    EXPECT_TRUE(names_in(directory()).empty());
}

TEST_F(OrphanSpoolTest, AnOrphanIsReadWhileItGoesOn) {
    Orphan orphan(directory(), mebibyte);
    orphan.append(1, 3000);
    ForeignSpool spool = foreign();
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{1}));
    EXPECT_FALSE(spool.finished());
    EXPECT_TRUE(poll(spool).empty());
    orphan.append(2, 2'000'000);  // begins a segment
    orphan.append(3, 0);
    const auto records = poll(spool);
    EXPECT_EQ(attempts_of(records), (Attempts{2, 3}));
    for (const ForeignRecord& record : records) {
        EXPECT_TRUE(test::is_intact(record));
    }
    // What is its own to remove is left to it.
    spool.settled(1);
    spool.settled(2);
    spool.settled(3);
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_FALSE(spool.finished());
    EXPECT_GE(names_in(directory()).size(), 2U);
    orphan.append(4, 100);
    orphan.kill();
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{4}));
    EXPECT_TRUE(spool.finished());
    spool.settled(4);
    EXPECT_TRUE(names_in(directory()).empty());
    EXPECT_EQ(spool.trouble(), "");
}

TEST_F(OrphanSpoolTest, AnOrphanMayRemoveWhatItKnowsToBeSettled) {
    Orphan orphan(directory(), 100);
    orphan.append(1, 3000);
    orphan.append(2, 3000);
    ForeignSpool spool = foreign();
    EXPECT_EQ(poll(spool, 1).size(), 1U);
    orphan.settle(1);
    orphan.settle(2);
    orphan.append(3, 10);
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{3}));
    EXPECT_FALSE(spool.finished());
    orphan.kill();
    spool.settled(1);
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_TRUE(spool.finished());
    EXPECT_EQ(spool.trouble(), "");
}

TEST_F(OrphanSpoolTest, WhatAnOrphanBeginsDuringAPollIsNotMissed) {
    fs::rename(leave({1}, 10).at(0), directory() + "/0000000000000000-1.spool");  // read first
    Orphan orphan(directory(), 100);
    orphan.append(2, 100);
    ForeignSpool spool = foreign();
    Attempts taken;
    spool.poll(100, [&](const ForeignRecord& record) {
        taken.push_back(record.attempt);
        if (record.attempt != 1) return;
        orphan.append(3, 100);
        orphan.kill();
    });
    EXPECT_EQ(taken, (Attempts{1, 2}));
    EXPECT_FALSE(spool.finished());
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{3}));
    EXPECT_TRUE(spool.finished());
}

// A torn record of a living writer may still become whole; one of a dead writer never will.
TEST_F(OrphanSpoolTest, ATornTailIsLeftToAWriterThatLives) {
    Orphan orphan(directory(), mebibyte);
    orphan.append(1, 10);
    const std::string path = directory() + "/" + names_in(directory()).at(0);
    fs::resize_file(path, fs::file_size(path) - 1);
    ForeignSpool spool = foreign();
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_FALSE(spool.finished());
    EXPECT_TRUE(fs::exists(path));
    orphan.kill();
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_TRUE(spool.finished());
    EXPECT_TRUE(names_in(directory()).empty());
}

// Appends as fast as it can and writes the attempt to a pipe after each append that returned. Never returns.
[[noreturn]] void append_until_killed(const std::string& directory, int pipe, std::uint64_t size) {
    auto spool = Spool::open(directory, {256 * mebibyte, 400'000});
    if (!spool) ::_exit(1);
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 3; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::uint64_t attempt = thread;; attempt += 3) {
                const std::string body = body_of(attempt, size * (attempt % 5));
                if (!(*spool)->append(RecordType::receipt, attempt, head_of(attempt), body).ok()) ::_exit(1);
                if (::write(pipe, &attempt, sizeof attempt) != static_cast<ssize_t>(sizeof attempt)) ::_exit(1);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    ::_exit(1);
}

TEST_F(OrphanSpoolTest, KilledInTheMiddleEveryAppendThatReturnedIsThereOnce) {
    std::mt19937 random{7};
    for (int round = 0; round < 20; ++round) {
        fs::remove_all(directory());
        Pipe pipe;
        Child writer;
        const std::uint64_t size = 1 + random() % 60'000;
        writer.start([&] { append_until_killed(directory(), pipe.writer.get(), size); });
        pipe.writer.reset();

        // Half of the rounds read along: an orphan that is killed.
        ForeignSpool spool = foreign();
        std::vector<ForeignRecord> records;
        std::set<std::uint64_t> returned;
        const std::size_t enough = 1 + random() % 100;
        std::uint64_t attempt = 0;
        while (returned.size() < enough && ::read(pipe.reader.get(), &attempt, sizeof attempt) == sizeof attempt) {
            returned.insert(attempt);
            if (round % 2 == 0) continue;
            for (ForeignRecord& record : poll(spool, 3))
                records.push_back(std::move(record));
            EXPECT_FALSE(spool.finished());
        }
        ::usleep(random() % 3000);
        writer.kill();
        while (::read(pipe.reader.get(), &attempt, sizeof attempt) == sizeof attempt)
            returned.insert(attempt);

        do {
            for (ForeignRecord& record : poll(spool, 7))
                records.push_back(std::move(record));
        } while (!spool.finished());
        EXPECT_EQ(spool.trouble(), "");
        std::set<std::uint64_t> found;
        for (const ForeignRecord& record : records) {
            EXPECT_TRUE(test::is_intact(record)) << record.attempt;
            EXPECT_TRUE(found.insert(record.attempt).second) << record.attempt << " twice";
        }
        EXPECT_TRUE(std::includes(found.begin(), found.end(), returned.begin(), returned.end())) << "round " << round;
        EXPECT_GE(returned.size(), enough);
        for (const std::uint64_t each : found)
            spool.settled(each);
        EXPECT_TRUE(names_in(directory()).empty());
    }
}

// Begins a segment with every record and removes some at once. Says so when it begins and at the end. Never returns.
[[noreturn]] void rotate_and_wait(const std::string& directory, int pipe, std::uint64_t count) {
    auto spool = Spool::open(directory, {256 * mebibyte, 10});
    if (!spool || ::write(pipe, "b", 1) != 1) ::_exit(1);
    for (std::uint64_t attempt = 1; attempt <= count; ++attempt) {
        if (!(*spool)->append(RecordType::receipt, attempt, head_of(attempt), body_of(attempt, 100)).ok()) ::_exit(2);
        if (attempt % 4 == 0) (*spool)->settled(attempt - 2);
    }
    if (::write(pipe, "e", 1) != 1) ::_exit(1);
    for (;;) {
        ::pause();
    }
}

// Also while another executor takes away what looks like a leftover.
TEST_F(OrphanSpoolTest, ALivingWriterIsNeverTakenForDead) {
    constexpr std::uint64_t count = 150;
    Pipe pipe;
    Child writer;
    writer.start([&] { rotate_and_wait(directory(), pipe.writer.get(), count); });
    pipe.writer.reset();
    char step = 0;
    ASSERT_EQ(::read(pipe.reader.get(), &step, 1), 1);
    ASSERT_EQ(::fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK), 0);
    ForeignSpool spool = foreign();
    std::multiset<std::uint64_t> found;
    ssize_t told = -1;
    while ((told = ::read(pipe.reader.get(), &step, 1)) < 0) {
        for (const ForeignRecord& record : poll(spool))
            found.insert(record.attempt);
        ASSERT_FALSE(spool.finished());
    }
    ASSERT_EQ(told, 1) << "the writer failed";
    for (const ForeignRecord& record : poll(spool))
        found.insert(record.attempt);
    EXPECT_FALSE(spool.finished());
    writer.kill();
    for (const ForeignRecord& record : poll(spool))
        found.insert(record.attempt);
    EXPECT_TRUE(spool.finished());
    for (std::uint64_t attempt = 1; attempt <= count; ++attempt) {
        const bool was_settled = attempt % 4 == 2 && attempt + 2 <= count;
        EXPECT_TRUE(found.count(attempt) == 1 || (was_settled && found.count(attempt) == 0)) << attempt;
    }
    EXPECT_EQ(spool.trouble(), "");
}

}  // namespace
}  // namespace atelier::executor
