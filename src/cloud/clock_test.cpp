#include "cloud/clock.h"

#include "cloud/testing.h"

namespace croft::cloud {
namespace {
using namespace testing;
using aio::Task;

constexpr const char* sixteen_later = "Mon, 07 Apr 2008 10:16:00 GMT";

std::string date_of(const Asked& asked) {
  return std::string(asked.headers.value("x-amz-date")).substr(0, 13);
}

TEST(ClockSkew, RequestsAreSignedWithTheFarmsTimeOnceItRefusedOurs) {
  Script script = with_script(
      {{400, ec2_error("RequestExpired", "Request has expired"), {{"Date", sixteen_later}}},
       {200, ec2_answer("DescribeInstances", "<reservationSet/>")}},
      [](Stage& stage) -> Task<Result<>> {
        CO_TRY(co_await stage.ec2.describe_instances({}));
        CO_TRY(co_await stage.ec2.describe_instances({}));
        std::string url = CO_TRY(stage.s3.presign("GET", "b", "k", Duration::minutes(5)));
        EXPECT_NE(url.find("X-Amz-Date=20080407T1016"), std::string::npos) << url;
        co_return Result<>{};
      });
  ASSERT_EQ(script.asked.size(), 3u);
  EXPECT_EQ(date_of(script.asked[0]), "20080407T1000");
  EXPECT_EQ(date_of(script.asked[1]), "20080407T1016");
  EXPECT_EQ(date_of(script.asked[2]), "20080407T1016");
}

TEST(ClockSkew, S3IsToldTheSame) {
  Script script =
      with_script({{403, s3_error("RequestTimeTooSkewed", "too large"), {{"Date", sixteen_later}}},
                   {200, "it"}},
                  [](Stage& stage) -> Task<Result<>> {
                    CO_TRY(co_await stage.s3.head_bucket("b"));
                    co_return Result<>{};
                  });
  ASSERT_EQ(script.asked.size(), 2u);
  EXPECT_EQ(date_of(script.asked[1]), "20080407T1016");
}

TEST(ClockSkew, AWrongKeyIsAWrongKey) {
  Script script = with_script(
      {{401, ec2_error("AuthFailure", "no"), {{"Date", "Mon, 07 Apr 2008 10:01:00 GMT"}}}},
      [](Stage& stage) -> Task<Result<>> {
        auto refused = co_await stage.ec2.describe_instances({});
        EXPECT_FALSE(refused);
        if (!refused) EXPECT_EQ(refused.error().code, Code::unauthenticated);
        co_return Result<>{};
      });
  EXPECT_EQ(script.asked.size(), 1u);
}

TEST(ClockSkew, IsLearntOnce) {
  Script script = with_script({{401, ec2_error("AuthFailure", "no"), {{"Date", sixteen_later}}}},
                              [](Stage& stage) -> Task<Result<>> {
                                auto refused = co_await stage.ec2.describe_instances({});
                                EXPECT_FALSE(refused);
                                if (!refused)
                                  EXPECT_EQ(refused.error().code, Code::unauthenticated);
                                co_return Result<>{};
                              });
  EXPECT_EQ(script.asked.size(), 2u);
}

}  // namespace
}  // namespace croft::cloud
