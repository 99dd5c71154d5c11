#include "cloud/sweep.h"

#include "cloud/testing.h"

namespace croft::cloud {
namespace {
using namespace testing;
using aio::Task;

std::string tags_xml(std::string_view application) {
  return fmt::format(
      "<Tagging><TagSet><Tag><Key>croft:application</Key><Value>{}</Value></Tag></TagSet></"
      "Tagging>",
      application);
}

const std::string no_keys = ec2_answer("DescribeKeyPairs", "<keySet/>");
const std::string buckets =
    "<ListAllMyBucketsResult><Buckets><Bucket><Name>mine</Name></Bucket></Buckets></"
    "ListAllMyBucketsResult>";

std::string instances(std::string_view items) {
  return ec2_answer(
      "DescribeInstances",
      fmt::format("<reservationSet><item><instancesSet>{}</instancesSet></item></reservationSet>",
                  items));
}

TEST(Sweep, FindsWhatCarriesTheTagAndIsNotOnItsWayOut) {
  with_script(
      {{200,
        instances(instance_xml("i-2", 16) + instance_xml("i-1", 80) + instance_xml("i-3", 48) +
                  instance_xml("i-4", 32) + instance_xml("i-5", 16, "another")),
        {},
        {},
        false},
       {200, no_keys, {}, {}, false},
       {200, buckets, {}, {}, false},
       {200, tags_xml("shop"), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        Swept swept = CO_TRY(co_await sweep(stage.ec2, stage.s3, {.application = "shop"}));
        EXPECT_EQ(swept.found.size(), 3u);
        EXPECT_EQ(swept.found.at(0).id, "mine");
        EXPECT_EQ(swept.found.at(1).id, "i-1");
        EXPECT_EQ(swept.found.at(1).state, "stopped");
        EXPECT_EQ(swept.found.at(1).component, "shop:web");
        EXPECT_EQ(swept.found.at(2).id, "i-2");
        EXPECT_TRUE(swept.notes.empty());
        co_return Result<>{};
      });
}

TEST(Sweep, FindsSecurityGroupsOfTheApplication) {
  with_script({{200,
                ec2_answer("DescribeSecurityGroups",
                           "<securityGroupInfo><item><groupId>sg-1</groupId><tagSet><item>"
                           "<key>croft:application</key><value>shop</value></item></tagSet></item>"
                           "<item><groupId>sg-2</groupId></item></securityGroupInfo>"),
                {},
                {},
                false},
               {200, ec2_answer("DeleteSecurityGroup", "<return>true</return>"), {}, {}, false}},
              [](Stage& stage) -> Task<Result<>> {
                SweepRequest request{.application = "shop", .instances = false, .buckets = false};
                request.groups = true;
                Swept swept = CO_TRY(co_await sweep(stage.ec2, stage.s3, request));
                EXPECT_EQ(swept.found.size(), 1u);
                EXPECT_EQ(swept.found.at(0).kind, "security group");
                EXPECT_EQ(swept.found.at(0).id, "sg-1");
                CO_TRY(co_await remove_found(stage.ec2, stage.s3, swept.found.at(0)));
                co_return Result<>{};
              });
}

TEST(Sweep, AsksForBucketsByNameWhereAFarmKeepsNoTags) {
  with_script({{200, buckets, {}, {}, false},
               {501, s3_error("NotImplemented", "No tags."), {}, {}, false},
               {200, "", {}, {}, false}},
              [](Stage& stage) -> Task<Result<>> {
                Swept swept = CO_TRY(co_await sweep(
                    stage.ec2, stage.s3,
                    {.application = "shop", .known_buckets = {"mine"}, .instances = false}));
                EXPECT_EQ(swept.found.size(), 1u);
                EXPECT_EQ(swept.notes.size(), 1u);
                co_return Result<>{};
              });
}

TEST(Sweep, FindsABucketThatWasMadeAndNeverTagged) {
  with_script(
      {{200, buckets, {}, {}, false}, {404, s3_error("NoSuchTagSet", "None."), {}, {}, false}},
      [](Stage& stage) -> Task<Result<>> {
        Swept known = CO_TRY(
            co_await sweep(stage.ec2, stage.s3,
                           {.application = "shop", .known_buckets = {"mine"}, .instances = false}));
        EXPECT_EQ(known.found.size(), 1u);
        co_return Result<>{};
      });
}

TEST(Sweep, FailsWhenItCannotAsk) {
  with_script({{403, ec2_error("UnauthorizedOperation", "No."), {}, {}, false}},
              [](Stage& stage) -> Task<Result<>> {
                auto failed = co_await sweep(stage.ec2, stage.s3, {.application = "shop"});
                EXPECT_EQ(failed.error().code, Code::permission_denied);
                co_return Result<>{};
              });
}

}  // namespace
}  // namespace croft::cloud
