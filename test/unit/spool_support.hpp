#pragma once
// What the tests of the spool share.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "executor/foreign_spool.hpp"
#include "executor/spool.hpp"
#include "temporary_directory.hpp"

namespace atelier::test {

using executor::ForeignRecord;
using executor::ForeignSpool;
using executor::RecordType;
using executor::Spool;
using executor::SpoolLimits;

// A body that tells its attempt, with every byte value in it.
inline std::string body_of(std::uint64_t attempt, std::size_t size) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        body[i] = static_cast<char>((attempt * 31 + i * (i / 256 + 1)) & 0xff);
    }
    return body;
}

inline core::Json head_of(std::uint64_t attempt) {
    return {{"lease", {{"token", attempt}}}, {"kind", "gemini"}, {"status", 200}};
}

inline bool is_intact(const ForeignRecord& record) {
    return record.head == head_of(record.attempt) && record.body == body_of(record.attempt, record.body.size());
}

// All records that a poll gives, up to `most`.
inline std::vector<ForeignRecord> poll(ForeignSpool& spool, std::size_t most = 1'000'000) {
    std::vector<ForeignRecord> records;
    spool.poll(most, [&](ForeignRecord record) { records.push_back(std::move(record)); });
    return records;
}

using Attempts = std::vector<std::uint64_t>;

inline Attempts attempts_of(const std::vector<ForeignRecord>& records) {
    Attempts attempts;
    for (const ForeignRecord& record : records) {
        attempts.push_back(record.attempt);
    }
    std::sort(attempts.begin(), attempts.end());
    return attempts;
}

// File names in the directory, sorted.
inline std::vector<std::string> names_in(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

inline constexpr std::uint64_t mebibyte = 1024 * 1024;

// A spool in a directory of its own.
class SpoolTest : public testing::Test {
  protected:
    std::filesystem::path directory() const { return temporary_.path() / "spool"; }

    std::unique_ptr<Spool> open(const SpoolLimits& limits = {64 * mebibyte}) {
        auto spool = Spool::open(directory().string(), limits);
        EXPECT_TRUE(spool.ok()) << (spool.ok() ? "" : spool.error().message);
        return spool.ok() ? std::move(*spool) : nullptr;
    }

    static core::Result<executor::SpoolPlace> append(Spool& spool, std::uint64_t attempt, std::size_t size) {
        return spool.append(RecordType::receipt, attempt, head_of(attempt), body_of(attempt, size));
    }

    // What the next executor finds.
    std::vector<ForeignRecord> read() {
        ForeignSpool foreign(directory().string(), "");
        auto records = poll(foreign);
        EXPECT_EQ(foreign.trouble(), "");
        for (const ForeignRecord& record : records) {
            EXPECT_TRUE(is_intact(record)) << record.attempt;
        }
        return records;
    }

    std::size_t segments() const { return names_in(directory()).size(); }

    std::uint64_t bytes_on_disk() const {
        std::uint64_t sum = 0;
        for (const auto& entry : std::filesystem::directory_iterator(directory())) {
            sum += entry.file_size();
        }
        return sum;
    }

  private:
    TemporaryDirectory temporary_;
};

// What dead executors leave in a spool.
class ForeignSpoolTest : public testing::Test {
  protected:
    std::string directory() const { return (temporary_.path() / "spool").string(); }
    ForeignSpool foreign() const { return ForeignSpool(directory(), own_id); }

    // A dead executor with a receipt of `size` bytes for each attempt. Its segments.
    std::vector<std::string> leave(const Attempts& attempts, std::size_t size,
                                   std::uint64_t segment_bytes = 64 * mebibyte) {
        auto spool = Spool::open(directory(), {256 * mebibyte, segment_bytes});
        EXPECT_TRUE(spool.ok());
        for (const std::uint64_t attempt : attempts) {
            EXPECT_TRUE((*spool)->append(RecordType::receipt, attempt, head_of(attempt), body_of(attempt, size)).ok());
        }
        std::vector<std::string> mine;
        for (const std::string& name : names_in(directory())) {
            if (name.find((*spool)->id()) == 0) mine.push_back(directory() + "/" + name);
        }
        return mine;
    }

    static constexpr const char* own_id = "0123456789abcdef";

  private:
    TemporaryDirectory temporary_;
};

}  // namespace atelier::test
