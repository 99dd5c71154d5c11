#include "farm/s3/policy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

namespace croft::farm::s3 {
namespace {

using Facts = std::map<std::string, std::vector<std::string>, std::less<>>;

PolicyQuestion question(std::string action, std::string resource, Facts facts = {},
                        std::string account = "111122223333") {
  return {.account_id = account,
          .canonical_id = account.empty() ? "" : "c-" + account,
          .action = std::move(action),
          .resource = std::move(resource),
          .facts = [facts](std::string_view key) -> std::optional<std::vector<std::string>> {
            auto at = facts.find(key);
            if (at == facts.end()) return {};
            return at->second;
          }};
}

std::string statement(std::string_view body) {
  return fmt::format(R"({{"Version":"2012-10-17","Statement":[{{{}}}]}})", body);
}

Policy parsed(std::string_view body) {
  auto policy = Policy::parse(statement(body), "b");
  EXPECT_TRUE(policy) << policy.error().line();
  return policy ? *policy : Policy{};
}

constexpr std::string_view anybody_reads =
    R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*")";

TEST(Policy, ActionsAndResourcesMatchWithWildcards) {
  Policy policy = parsed(
      R"("Effect":"Allow","Principal":"*","Action":["s3:Get*"],"Resource":"arn:aws:s3:::b/a/?.txt")");
  EXPECT_EQ(policy.ask(question("s3:GetObject", "arn:aws:s3:::b/a/1.txt")), Verdict::allow);
  EXPECT_EQ(policy.ask(question("s3:getobjectacl", "arn:aws:s3:::b/a/1.txt")), Verdict::allow);
  EXPECT_EQ(policy.ask(question("s3:GetObject", "arn:aws:s3:::b/a/12.txt")), Verdict::none);
  EXPECT_EQ(policy.ask(question("s3:PutObject", "arn:aws:s3:::b/a/1.txt")), Verdict::none);
}

TEST(Policy, DenyWinsWhateverTheOrder) {
  auto policy = Policy::parse(
      R"({"Statement":[
        {"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::b/secret/*"},
        {"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]})",
      "b");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->ask(question("s3:GetObject", "arn:aws:s3:::b/x")), Verdict::allow);
  EXPECT_EQ(policy->ask(question("s3:GetObject", "arn:aws:s3:::b/secret/x")), Verdict::deny);
}

TEST(Policy, PrincipalsAreAccountsInAllTheirForms) {
  for (std::string_view name :
       {"111122223333", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/x"}) {
    Policy policy = parsed(fmt::format(
        R"("Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*")",
        name));
    EXPECT_EQ(policy.ask(question("s3:GetObject", "arn:aws:s3:::b/k")), Verdict::allow) << name;
    EXPECT_EQ(policy.ask(question("s3:GetObject", "arn:aws:s3:::b/k", {}, "9")), Verdict::none);
    EXPECT_EQ(policy.ask(question("s3:GetObject", "arn:aws:s3:::b/k", {}, "")), Verdict::none);
    EXPECT_FALSE(policy.is_public());
  }
  Policy others = parsed(
      R"("Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"*","Resource":"arn:aws:s3:::b/*")");
  EXPECT_EQ(others.ask(question("s3:GetObject", "arn:aws:s3:::b/k")), Verdict::none);
  EXPECT_EQ(others.ask(question("s3:GetObject", "arn:aws:s3:::b/k", {}, "9")), Verdict::deny);
}

struct Case {
  std::string_view condition;
  Facts facts;
  bool holds;
};

TEST(Policy, ConditionsHoldOrNot) {
  const Case cases[] = {
      {R"("StringEquals":{"s3:prefix":["a","b"]})", {{"s3:prefix", {"b"}}}, true},
      {R"("StringEquals":{"s3:prefix":"a"})", {{"s3:prefix", {"ab"}}}, false},
      {R"("StringEquals":{"s3:prefix":"a"})", {}, false},
      {R"("StringEqualsIfExists":{"s3:prefix":"a"})", {}, true},
      {R"("StringEqualsIfExists":{"s3:prefix":"a"})", {{"s3:prefix", {"b"}}}, false},
      {R"("StringNotEquals":{"s3:prefix":"a"})", {{"s3:prefix", {"b"}}}, true},
      {R"("StringNotEquals":{"s3:prefix":"a"})", {{"s3:prefix", {"a"}}}, false},
      {R"("StringNotLike":{"s3:prefix":"a*"})", {}, true},
      {R"("StringLike":{"S3:Prefix":"a*"})", {{"s3:prefix", {"abc"}}}, true},
      {R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})", {{"aws:sourceip", {"10.9.8.7"}}}, true},
      {R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})", {{"aws:sourceip", {"11.9.8.7"}}}, false},
      {R"("NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"})", {{"aws:sourceip", {"11.0.0.1"}}}, true},
      {R"("NumericLessThanEquals":{"s3:max-keys":"10"})", {{"s3:max-keys", {"10"}}}, true},
      {R"("NumericLessThan":{"s3:max-keys":10})", {{"s3:max-keys", {"10"}}}, false},
      {R"("DateGreaterThan":{"aws:CurrentTime":"2008-01-01T00:00:00Z"})",
       {{"aws:currenttime", {"2008-04-07T10:00:00.000Z"}}},
       true},
      {R"("DateLessThan":{"aws:CurrentTime":"2008-01-01"})",
       {{"aws:currenttime", {"2008-04-07T10:00:00.000Z"}}},
       false},
      {R"("Bool":{"aws:SecureTransport":false})", {{"aws:securetransport", {"false"}}}, true},
      {R"("Null":{"s3:x-amz-acl":"true"})", {}, true},
      {R"("Null":{"s3:x-amz-acl":"true"})", {{"s3:x-amz-acl", {"private"}}}, false},
      {R"("ForAllValues:StringLike":{"s3:RequestObjectTagKeys":["a","b"]})",
       {{"s3:requestobjecttagkeys", {"a", "c"}}},
       false},
      {R"("ForAnyValue:StringLike":{"s3:RequestObjectTagKeys":["a","b"]})",
       {{"s3:requestobjecttagkeys", {"a", "c"}}},
       true},
      {R"("StringEquals":{"s3:ExistingObjectTag/Kept":"x"})",
       {{"s3:existingobjecttag/Kept", {"x"}}},
       true},
  };
  for (const Case& one : cases) {
    Policy policy = parsed(fmt::format("{},\"Condition\":{{{}}}", anybody_reads, one.condition));
    Verdict verdict = policy.ask(question("s3:GetObject", "arn:aws:s3:::b/k", one.facts));
    EXPECT_EQ(verdict == Verdict::allow, one.holds) << one.condition;
  }
}

TEST(Policy, IsPublicUnlessNarrowedDown) {
  EXPECT_TRUE(parsed(anybody_reads).is_public());
  auto with = [](std::string_view condition) {
    return parsed(fmt::format("{},\"Condition\":{{{}}}", anybody_reads, condition)).is_public();
  };
  EXPECT_TRUE(with(R"("StringEquals":{"s3:prefix":"a"})"));
  EXPECT_FALSE(with(R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})"));
  EXPECT_TRUE(with(R"("IpAddress":{"aws:SourceIp":"0.0.0.0/0"})"));
  EXPECT_TRUE(with(R"("NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"})"));
}

TEST(Policy, RefusesWhatMakesNoSense) {
  for (
      std::string_view body :
      {R"("Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Perhaps","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::c/*")",
       R"("Effect":"Allow","Principal":"*","Action":"ec2:Run","Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Allow","Principal":"everybody","Action":"s3:*","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":{"AWS":"nobody"},"Action":"s3:*","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":{"AWS":"arn:aws:iam::12:root"},"Action":"s3:*","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/"},"Action":"s3:*","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":{"CanonicalUser":"111122223333"},"Action":"s3:*","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":"*","Action":"s3:GetObjekt","Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:Fly*"],"Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b")",
       R"("Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b/*")",
       R"("Effect":"Allow","Principal":"*","Action":[],"Resource":"arn:aws:s3:::b")"}) {
    auto policy = Policy::parse(statement(body), "b");
    ASSERT_FALSE(policy) << body;
    EXPECT_EQ(policy.error().fact("aws_code"), "MalformedPolicy");
  }
  EXPECT_FALSE(Policy::parse(std::string(max_policy_bytes + 1, ' '), "b"));
}

TEST(Policy, AnActionNeedsOneResourceThatItAppliesTo) {
  for (
      std::string_view body :
      {R"("Action":"s3:*","Resource":"arn:aws:s3:::b/*")", R"("Action":"*","Resource":"*")",
       R"("Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"])",
       R"("Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::b*")",
       R"("Action":"s3:get*","Resource":"arn:aws:s3:::b")",
       R"("Action":"s3:ListBucket","Resource":"arn:aws:s3:::?")",
       R"("NotAction":"s3:GetObject","Resource":"arn:aws:s3:::b")",
       R"("Action":"s3:ListBucket","NotResource":"arn:aws:s3:::b/secret/*")"})
    EXPECT_TRUE(
        Policy::parse(statement(fmt::format(R"("Effect":"Allow","Principal":"*",{})", body)), "b"))
        << body;
}

}  // namespace
}  // namespace croft::farm::s3
