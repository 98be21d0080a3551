#include "executor/s3_bucket.hpp"

#include <gtest/gtest.h>

namespace atelier::test {
namespace {

using executor::S3Bucket;
using storage::s3::Failure;
using storage::s3::Operation;
using Entry = S3Bucket::Entry;

class S3BucketTest : public testing::Test {
  protected:
    Entry enter() {
        return bucket_.enter("credentials", [] {});
    }
    void refuse(const std::string& code) {
        const Failure failure{{core::ErrorClass::auth, "refused"}, storage::s3::Remedy::none, code};
        bucket_.refuse(Operation::put_object, "credentials", failure, core::Instant{});
    }

    S3Bucket bucket_{std::make_shared<executor::StoreConfig>(), "pictures"};
};

TEST_F(S3BucketTest, WhatWasAcceptedOnceGoesOnTrialAgainAfterARefusal) {
    EXPECT_EQ(enter(), Entry::go_on_trial);
    bucket_.accept(Operation::put_object, "credentials");
    bucket_.end_trial();
    EXPECT_EQ(enter(), Entry::go);
    refuse("AccessDenied");
    EXPECT_EQ(enter(), Entry::go) << "a policy speaks of one operation";
    refuse("InvalidAccessKeyId");
    EXPECT_EQ(enter(), Entry::go_on_trial);
    EXPECT_EQ(enter(), Entry::wait);
}

}  // namespace
}  // namespace atelier::test
