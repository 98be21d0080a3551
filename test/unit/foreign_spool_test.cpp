#include "executor/foreign_spool.hpp"

#include <gtest/gtest.h>

#include "executor/spool.hpp"
#include "spool_support.hpp"

namespace atelier::executor {
namespace {

namespace fs = std::filesystem;
using test::Attempts;
using test::attempts_of;
using test::head_of;
using test::mebibyte;
using test::names_in;
using test::poll;

using ForeignSpoolTest = test::ForeignSpoolTest;

TEST_F(ForeignSpoolTest, NothingThereIsFinishedAtOnce) {
    ForeignSpool absent = foreign();
    EXPECT_FALSE(absent.finished()) << "before it looked";
    EXPECT_TRUE(poll(absent).empty());
    EXPECT_TRUE(absent.finished());
    fs::create_directory(directory());
    ForeignSpool empty = foreign();
    EXPECT_TRUE(poll(empty).empty());
    EXPECT_TRUE(empty.finished());
    EXPECT_EQ(empty.trouble(), "");
}

TEST_F(ForeignSpoolTest, ADirectoryThatCannotBeReadIsNoEmptyOne) {
    test::write_file(directory(), "no directory");
    ForeignSpool spool = foreign();
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_FALSE(spool.finished());
    EXPECT_NE(spool.trouble().find("Not a directory"), std::string::npos) << spool.trouble();
}

TEST_F(ForeignSpoolTest, AtMostSoManyAtATimeEachOnceInOrder) {
    leave({5, 3, 9, 1, 7}, 3000, 7000);
    leave({20, 21}, 10);
    ForeignSpool spool = foreign();
    Attempts taken;
    for (int polls = 0; polls < 4; ++polls) {
        EXPECT_FALSE(spool.finished());
        const auto records = poll(spool, 2);
        EXPECT_LE(records.size(), 2U);
        for (const ForeignRecord& record : records) {
            EXPECT_TRUE(test::is_intact(record));
            if (record.attempt < 20) taken.push_back(record.attempt);
        }
    }
    EXPECT_EQ(taken, (Attempts{5, 3, 9, 1, 7}));
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_TRUE(spool.finished());
}

TEST_F(ForeignSpoolTest, OwnSegmentsAreLeftAlone) {
    const auto own = Spool::open(directory(), {mebibyte});
    ASSERT_TRUE((*own)->append(RecordType::receipt, 1, head_of(1), "").ok());
    ForeignSpool spool(directory(), (*own)->id());
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_TRUE(spool.finished());
    spool.settled(1);
    EXPECT_EQ(names_in(directory()).size(), 1U);
}

TEST_F(ForeignSpoolTest, ASegmentGoesWhenAllThatWasTakenIsSettled) {
    const auto first = leave({1, 2, 3, 4}, 3000, 7000);
    ASSERT_EQ(first.size(), 2U);
    ForeignSpool spool = foreign();
    EXPECT_EQ(poll(spool, 1).size(), 1U);
    spool.settled(1);
    EXPECT_TRUE(fs::exists(first[0])) << "not read to its end";
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{2, 3, 4}));
    spool.settled(3);
    EXPECT_EQ(names_in(directory()).size(), 2U);
    spool.settled(2);
    EXPECT_FALSE(fs::exists(first[0]));
    EXPECT_TRUE(fs::exists(first[1]));
    // Who comes next and finds only a part settled reads the rest again.
    ForeignSpool successor = foreign();
    EXPECT_EQ(attempts_of(poll(successor)), (Attempts{3, 4}));
    spool.settled(4);
    EXPECT_TRUE(names_in(directory()).empty());
    successor.settled(3);
    successor.settled(4);
    EXPECT_TRUE(poll(successor).empty());
    EXPECT_TRUE(successor.finished());
    EXPECT_EQ(successor.trouble(), "");
}

TEST_F(ForeignSpoolTest, ATornTailIsPassedOverAtEveryByte) {
    const std::string path = leave({1, 2}, 20).at(0);
    const std::string bytes = test::read_file(path);
    const std::size_t whole = (bytes.size() + segment_header_bytes) / 2;
    for (std::size_t cut = bytes.size() - 1; cut >= segment_header_bytes; --cut) {
        test::write_file(path, bytes.substr(0, cut));
        ForeignSpool spool = foreign();
        const Attempts expected = cut < whole ? Attempts{} : Attempts{1};
        EXPECT_EQ(attempts_of(poll(spool)), expected) << cut;
        EXPECT_TRUE(spool.finished()) << cut;
        EXPECT_EQ(spool.trouble(), "") << cut;
        spool.settled(1);
        EXPECT_TRUE(names_in(directory()).empty()) << cut;
    }
}

TEST_F(ForeignSpoolTest, ADamagedSegmentIsReadAroundAndKeptForTheDba) {
    const std::string path = leave({1, 2, 3}, 1000).at(0);
    std::string bytes = test::read_file(path);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    test::write_file(path, bytes);
    ForeignSpool spool = foreign();
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{1, 3}));
    EXPECT_TRUE(spool.finished());
    EXPECT_NE(spool.trouble().find(path), std::string::npos) << spool.trouble();
    EXPECT_NE(spool.trouble().find("damaged"), std::string::npos) << spool.trouble();
    spool.settled(1);
    EXPECT_TRUE(fs::exists(path));
    spool.settled(3);
    EXPECT_FALSE(fs::exists(path));
    const std::string aside = fs::path(path).replace_extension(".damaged");
    EXPECT_EQ(test::read_file(aside), bytes);
    EXPECT_NE(spool.trouble().find(aside), std::string::npos) << spool.trouble();

    ForeignSpool successor = foreign();
    EXPECT_TRUE(poll(successor).empty());
    EXPECT_TRUE(successor.finished());
    EXPECT_NE(successor.trouble().find(aside), std::string::npos) << successor.trouble();
    fs::remove(aside);
    EXPECT_TRUE(poll(successor).empty());
    EXPECT_EQ(successor.trouble(), "");
}

TEST_F(ForeignSpoolTest, ADamagedLastRecordIsNoTornTail) {
    const std::string path = leave({1}, 1000).at(0);
    std::string bytes = test::read_file(path);
    bytes[100] = static_cast<char>(bytes[100] ^ 4);
    test::write_file(path, bytes);
    ForeignSpool spool = foreign();
    EXPECT_TRUE(poll(spool).empty());
    EXPECT_TRUE(spool.finished());
    EXPECT_NE(spool.trouble().find("damaged"), std::string::npos);
    EXPECT_EQ(names_in(directory()).size(), 1U);
}

TEST_F(ForeignSpoolTest, WhatCannotBeReadStaysAndIsTold) {
    const std::string path = leave({1}, 10).at(0);
    std::string bytes = test::read_file(path);
    bytes[8] = 2;
    test::write_file(path, bytes);
    const std::string other = directory() + "/ffffffffffffffff-1.spool";
    test::write_file(other, "something else");
    const std::string link = directory() + "/ffffffffffffffff-2.spool";
    fs::create_symlink("/etc/passwd", link);
    test::write_file(directory() + "/executor.log", "not of the spool");
    leave({2}, 10);

    ForeignSpool spool = foreign();
    EXPECT_EQ(attempts_of(poll(spool)), (Attempts{2}));
    EXPECT_TRUE(spool.finished());
    spool.settled(2);
    EXPECT_EQ(names_in(directory()).size(), 4U);
    const std::string trouble = spool.trouble();
    EXPECT_NE(trouble.find(path + "\" cannot be read: its format is version 2"), std::string::npos) << trouble;
    EXPECT_NE(trouble.find(other + "\" cannot be read: it is no spool segment"), std::string::npos) << trouble;
    EXPECT_NE(trouble.find(link + "\" cannot be read"), std::string::npos) << trouble;
    EXPECT_EQ(trouble.find("executor.log"), std::string::npos) << trouble;
}

}  // namespace
}  // namespace atelier::executor
