#include "farm/ec2/request_limits.h"

#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

Moment second(int64_t n) {
  return Moment() + Duration::seconds(n);
}

/// How many calls of one second pass.
int passed(RequestLimits& limits, const RequestLimits::Use& use, int64_t at, int calls = 200) {
  int count = 0;
  for (int i = 0; i < calls; ++i) count += limits.take(use, second(at)).has_value();
  return count;
}

TEST(RequestLimits, each_action_of_each_account_has_a_bucket_that_fills_again) {
  RequestLimits limits;
  RequestLimits::Use read{"DescribeInstances", "1", false, true, 0};
  EXPECT_EQ(passed(limits, read, 1), 100);
  EXPECT_EQ(passed(limits, read, 2), 20);
  read.account = "2";
  EXPECT_EQ(passed(limits, read, 2), 100);
  read.action = "DescribeVpcs";
  read.narrow = false;
  EXPECT_EQ(passed(limits, read, 2), 50);
  EXPECT_EQ(passed(limits, {"CreateVpc", "1", true, false, 0}, 2), 50);
  EXPECT_EQ(passed(limits, {"CreateVpc", "1", true, false, 0}, 4), 10);
}

TEST(RequestLimits, launches_are_counted_by_instances_too) {
  RequestLimits limits;
  RequestLimits::Use run{"RunInstances", "1", true, false, 400};
  EXPECT_EQ(passed(limits, run, 1), 2);
  run.instances = 200;
  EXPECT_EQ(passed(limits, run, 20), 1);
  run.instances = 38;
  EXPECT_EQ(passed(limits, run, 40), 2);  // 38 were left, 40 came
}

TEST(RequestLimits, are_off_unless_the_farm_is_told) {
  BenchFarm farm;
  auto refused = [&] {
    for (int i = 0; i < 60; ++i)
      if (std::string code = farm.refusal("DescribeVpcs"); !code.empty()) return code;
    return std::string();
  };
  EXPECT_EQ(refused(), "");
  farm.context->request_limits = true;
  EXPECT_EQ(refused(), "RequestLimitExceeded");
}

}  // namespace
}  // namespace croft::farm::ec2
