#include "core/aws_credentials.hpp"

#include <gtest/gtest.h>

namespace atelier::core {
namespace {

TEST(AwsCredentials, SectionDefaultOfAFile) {
    const auto found = parse_aws_credentials(
        "# of the bucket\n"
        "aws_access_key_id = BEFORE\n"
        "[other]\naws_access_key_id=OTHER\naws_secret_access_key=other\n"
        " [ default ] \r\n"
        "; a comment\r\n"
        "AWS_Access_Key_Id =  ID-1\t\r\n"
        "region = eu-central-1\n"
        "s3 =\n"
        "    aws_session_token = nested\n"
        "aws_secret_access_key=a+b/c==\n"
        "[profile default]\naws_secret_access_key=profile");
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->access_key_id, "ID-1");
    EXPECT_EQ(found->secret_access_key, "a+b/c==");
    EXPECT_EQ(found->session_token, "");
}

TEST(AwsCredentials, SessionTokenAndTheLaterOfTwo) {
    const auto found = parse_aws_credentials(
        "[default]\naws_access_key_id=A\naws_secret_access_key=s\naws_session_token=T/+==\n"
        "[x]\naws_session_token=no\n[default]\naws_secret_access_key=later\n");
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(found->access_key_id, "A");
    EXPECT_EQ(found->secret_access_key, "later");
    EXPECT_EQ(found->session_token, "T/+==");
}

TEST(AwsCredentials, WhatIsMissingOrMalformedIsNamedAndNotQuoted) {
    const std::string secret = "[default]\naws_secret_access_key=s\n";
    const std::string id = "[default]\naws_access_key_id=A\n";
    const std::pair<std::string, const char*> cases[] = {
        {"", "there is no section [default]"},
        {"<html>\n</html>", "there is no section [default]"},
        {"[default\naws_access_key_id=A\n", "there is no section [default]"},
        {"[profile default]\naws_access_key_id=A\naws_secret_access_key=s\n", "there is no section [default]"},
        {"[default]", "aws_access_key_id in section [default] is missing"},
        {secret, "aws_access_key_id in section [default] is missing"},
        {secret + "aws_access_key_id=\n", "aws_access_key_id in section [default] is missing"},
        {id, "aws_secret_access_key in section [default] is missing"},
        {secret + "aws_access_key_id=PLANTED/x", "aws_access_key_id in section [default] is no access key id"},
        {secret + "aws_access_key_id=PLANTED # x", "aws_access_key_id in section [default] is no access key id"},
        {id + "aws_secret_access_key=PLAN TED",
         "aws_secret_access_key in section [default] is not one word of visible ASCII"},
        {id + "aws_secret_access_key=s\naws_session_token=\xC3\xA9PLANTED",
         "aws_session_token in section [default] is not one word of visible ASCII"},
    };
    for (const auto& [text, message] : cases) {
        const auto found = parse_aws_credentials(text);
        ASSERT_FALSE(found.ok()) << text;
        EXPECT_EQ(found.error().cls, ErrorClass::auth);
        EXPECT_EQ(found.error().message, message);
    }
}

TEST(AwsCredentials, Lengths) {
    EXPECT_TRUE(is_access_key_id(std::string(128, 'A')));
    EXPECT_FALSE(is_access_key_id(std::string(129, 'A')));
    EXPECT_FALSE(is_access_key_id(""));
    EXPECT_FALSE(is_access_key_id("a,b"));
    EXPECT_FALSE(is_access_key_id("a=b"));
    EXPECT_TRUE(is_aws_secret(std::string(4096, '/')));
    EXPECT_FALSE(is_aws_secret(std::string(4097, '/')));
    EXPECT_FALSE(is_aws_secret("a\nb"));
}

TEST(AwsCredentials, AreWiped) {
    AwsCredentials credentials{"A", "secret", "token"};
    wipe(credentials);
    EXPECT_EQ(credentials.access_key_id, "A");
    EXPECT_EQ(credentials.secret_access_key, "");
    EXPECT_EQ(credentials.session_token, "");
}

}  // namespace
}  // namespace atelier::core
