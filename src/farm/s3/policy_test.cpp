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
      {R"("IpAddress":{"aws:SourceIp":"2001:db8::/33"})",
       {{"aws:sourceip", {"2001:db8:7fff::1"}}},
       true},
      {R"("IpAddress":{"aws:SourceIp":"2001:db8::/33"})",
       {{"aws:sourceip", {"2001:db8:8000::1"}}},
       false},
      {R"("IpAddress":{"aws:SourceIp":"0.0.0.0/0"})", {{"aws:sourceip", {"::1"}}}, false},
      {R"("IpAddress":{"aws:SourceIp":"10.128.0.0/9"})", {{"aws:sourceip", {"10.127.0.1"}}}, false},
      {R"("NumericLessThan":{"s3:max-keys":"10.5"})", {{"s3:max-keys", {"10"}}}, true},
      {R"("ForAnyValue:StringNotEquals":{"s3:RequestObjectTagKeys":["a"]})", {}, false},
      {R"("ForAllValues:StringNotEquals":{"s3:RequestObjectTagKeys":["a"]})", {}, true},
      {R"("Null":{"s3:if-none-match":"false"})", {{"s3:if-none-match", {"*"}}}, true},
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

std::string refusal(std::string_view body) {
  auto policy = Policy::parse(statement(body), "b");
  if (policy) return "";
  EXPECT_EQ(policy.error().fact("aws_code"), "MalformedPolicy");
  return policy.error().what;
}

TEST(Policy, RefusesConditionsThatMeanNothing) {
  struct Bad {
    std::string_view condition, names;
  };
  for (const Bad& bad :
       {Bad{R"("StringEquals":{"s3:prefixx":"a"})", "s3:prefixx"},
        Bad{R"("StringEquals":{"aws:SourceIpp":"a"})", "aws:SourceIpp"},
        Bad{R"("StringEquals":{"ec2:Region":"a"})", "ec2:Region"},
        Bad{R"("StringEquals":{"s3:ExistingObjectTag/":"a"})", "s3:ExistingObjectTag/"},
        Bad{R"("StringEquals":{"s3:prefix/x":"a"})", "s3:prefix/x"},
        Bad{R"("StringEquals":{"s3:prefix":[]})", "s3:prefix"},
        Bad{R"("IpAddress":{"aws:SourceIp":"999.1.1.1/99"})", "999.1.1.1/99"},
        Bad{R"("NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","10.0.0.0/33"]})", "10.0.0.0/33"},
        Bad{R"("IpAddress":{"aws:SourceIp":"2001:db8::/129"})", "2001:db8::/129"},
        Bad{R"("DateLessThan":{"aws:CurrentTime":"yesterday"})", "yesterday"},
        Bad{R"("NumericNotEquals":{"s3:max-keys":"x"})", "invalid condition value"},
        Bad{R"("Bool":{"aws:SecureTransport":"yes"})", "yes"},
        Bad{R"("Null":{"s3:prefix":"maybe"})", "maybe"},
        Bad{R"("Foo:StringEquals":{"s3:prefix":"a"})", "Foo:StringEquals"},
        Bad{R"("NullIfExists":{"s3:prefix":"true"})", "NullIfExists"},
        Bad{R"("StringSame":{"s3:prefix":"a"})", "StringSame"},
        Bad{R"("StringEquals":{"s3:prefix":"${aws:usrid}/"})", "${aws:usrid}"},
        Bad{R"("StringEquals":{"s3:prefix":"${aws:userid"})", "${aws:userid"}}) {
    std::string said =
        refusal(fmt::format("{},\"Condition\":{{{}}}", anybody_reads, bad.condition));
    EXPECT_NE(said.find(bad.names), std::string::npos) << bad.condition << ": " << said;
    // One that was kept by an earlier croft goes on as it did.
    EXPECT_EQ(Policy::parse(
                  statement(fmt::format("{},\"Condition\":{{{}}}", anybody_reads, bad.condition)),
                  "b", PolicyFrom::store)
                  .has_value(),
              bad.condition.find("StringSame") == std::string_view::npos &&
                  bad.condition.find("ec2:") == std::string_view::npos)
        << bad.condition;
  }
}

TEST(Policy, RefusesElementsThatMeanNothing) {
  EXPECT_NE(refusal(fmt::format(R"({},"Conditions":{{}})", anybody_reads)).find("Conditions"),
            std::string::npos);
  EXPECT_EQ(refusal(fmt::format(R"({},"Sid":"1")", anybody_reads)), "");
  auto whole = Policy::parse(
      fmt::format(R"({{"Statement":{{{}}},"Comment":"for all"}})", anybody_reads), "b");
  ASSERT_FALSE(whole);
  EXPECT_NE(whole.error().what.find("Comment"), std::string::npos);
  EXPECT_TRUE(Policy::parse(fmt::format(R"({{"Id":"1","Statement":{{{}}}}})", anybody_reads), "b"));
}

constexpr std::string_view home_of_each =
    R"("Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:userid}/*")";

TEST(Policy, VariablesStandForFactsOfTheRequest) {
  Policy homes = parsed(home_of_each);
  Facts ann{{"aws:userid", {"ann"}}};
  EXPECT_EQ(homes.ask(question("s3:GetObject", "arn:aws:s3:::b/ann/x", ann)), Verdict::allow);
  EXPECT_EQ(homes.ask(question("s3:GetObject", "arn:aws:s3:::b/bob/x", ann)), Verdict::none);
  EXPECT_EQ(homes.ask(question("s3:GetObject", "arn:aws:s3:::b//x")), Verdict::none);
  // A star in a value is no wildcard.
  Facts star{{"aws:userid", {"a*"}}};
  EXPECT_EQ(homes.ask(question("s3:GetObject", "arn:aws:s3:::b/ann/x", star)), Verdict::none);
  EXPECT_EQ(homes.ask(question("s3:GetObject", "arn:aws:s3:::b/a*/x", star)), Verdict::allow);
  // Before 2012 it was a text like any other.
  auto old = Policy::parse(
      fmt::format(R"({{"Version":"2008-10-17","Statement":{{{}}}}})", home_of_each), "b");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->ask(question("s3:GetObject", "arn:aws:s3:::b/ann/x", ann)), Verdict::none);
  EXPECT_EQ(old->ask(question("s3:GetObject", "arn:aws:s3:::b/${aws:userid}/x", ann)),
            Verdict::allow);
}

TEST(Policy, VariablesInConditionsToo) {
  Facts both{{"aws:userid", {"ann"}}, {"s3:prefix", {"ann/in"}}};
  Facts unknown{{"s3:prefix", {"ann/in"}}};
  auto asked = [](std::string_view effect, std::string_view condition, const Facts& facts) {
    return parsed(fmt::format(R"("Effect":"{}","Principal":"*","Action":"s3:ListBucket",)"
                              R"("Resource":"arn:aws:s3:::b","Condition":{{{}}})",
                              effect, condition))
        .ask(question("s3:ListBucket", "arn:aws:s3:::b", facts));
  };
  constexpr std::string_view like = R"("StringLike":{"s3:prefix":"${AWS:UserId}/*"})";
  EXPECT_EQ(asked("Allow", like, both), Verdict::allow);
  EXPECT_EQ(asked("Allow", like, unknown), Verdict::none);
  constexpr std::string_view equal = R"("StringEquals":{"s3:prefix":"${aws:userid, 'no'}/in"})";
  EXPECT_EQ(asked("Allow", equal, both), Verdict::allow);
  EXPECT_EQ(asked("Allow", equal, {{"s3:prefix", {"no/in"}}}), Verdict::allow);
  EXPECT_EQ(asked("Allow", R"("StringLike":{"s3:prefix":"a${*}"})", {{"s3:prefix", {"ab"}}}),
            Verdict::none);
  EXPECT_EQ(asked("Allow", R"("StringLike":{"s3:prefix":"a${*}"})", {{"s3:prefix", {"a*"}}}),
            Verdict::allow);
  // What differs from something unknown lets nobody in, and keeps everybody out.
  constexpr std::string_view other = R"("StringNotLike":{"s3:prefix":"${aws:userid}/*"})";
  EXPECT_EQ(asked("Allow", other, unknown), Verdict::none);
  EXPECT_EQ(asked("Deny", other, unknown), Verdict::deny);
  EXPECT_EQ(asked("Deny", other, both), Verdict::none);
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
