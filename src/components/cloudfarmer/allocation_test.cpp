// The allocation rule against the answers that the reference's own tests fix.
#include "components/cloudfarmer/allocation.h"

#include <gtest/gtest.h>

namespace croft::components {
namespace {

/// A farm of 20 with the roles master (1..1) and worker (0..unlimited).
struct Farm {
  int64_t masters = 0, workers = 0;
  Result<int64_t> create(const std::string& role, int64_t least, int64_t most) {
    Allocation wanted{role, std::nullopt, least, most};
    if (role == "master") wanted.limits = RoleLimits{1, 1};
    if (role == "worker") wanted.limits = RoleLimits{0, -1};
    wanted.in_role = role == "master" ? masters : workers;
    wanted.in_all = masters + workers;
    wanted.farm_limit = 20;
    auto count = allocate(wanted);
    if (count) (role == "master" ? masters : workers) += *count;
    return count;
  }
};

TEST(Allocation, TheOracleOfTheMockFarm) {
  Farm farm;
  EXPECT_EQ(*farm.create("master", 1, 1), 1);
  Farm workers;
  EXPECT_EQ(*workers.create("worker", 10, 10), 10);
  EXPECT_EQ(*workers.create("worker", 10, 10), 10);
  EXPECT_EQ(workers.create("worker", 1, 1).error().code, Code::resource_exhausted);
  Farm wide;
  EXPECT_EQ(*wide.create("worker", 1, 100), 20);
  Farm master;
  EXPECT_EQ(*master.create("master", 1, 100), 1);
  Farm many;
  EXPECT_EQ(many.create("master", 100, 100).error().code, Code::resource_exhausted);
  EXPECT_EQ(many.create("janitor", 1, 1).error().code, Code::not_found);
  EXPECT_EQ(many.create("worker", -10, 1).error().code, Code::invalid_argument);
  EXPECT_EQ(many.create("worker", 5, 4).error().code, Code::invalid_argument);
}

TEST(Allocation, NothingIsAnAnswerWhereNothingIsEnough) {
  Farm farm;
  EXPECT_EQ(*farm.create("master", 1, 1), 1);
  EXPECT_EQ(*farm.create("master", 0, 5), 0);
  EXPECT_EQ(farm.create("master", 1, 1).error().code, Code::resource_exhausted);
  EXPECT_EQ(*farm.create("worker", 0, 100), 19);
  EXPECT_EQ(*farm.create("worker", 0, 3), 0);
}

TEST(Allocation, NeverMoreThanAnyLimit) {
  for (int64_t max : {-1, 0, 1, 3, 7})
    for (int64_t limit : {-1, 0, 2, 5})
      for (int64_t role = 0; role <= 3; ++role)
        for (int64_t other = 0; other <= 2; ++other)
          for (int64_t least = 0; least <= 4; ++least)
            for (int64_t most = least; most <= 6; ++most) {
              Allocation wanted{"r", RoleLimits{0, max}, least, most, role, role + other, limit};
              auto count = allocate(wanted);
              if (!count) {
                bool room = (max < 0 || role + least <= max) &&
                            (limit < 0 || role + other + least <= limit);
                EXPECT_FALSE(room && least > 0);
                continue;
              }
              EXPECT_TRUE(*count >= least && *count <= most);
              if (max >= 0 && *count > 0) EXPECT_LE(role + *count, max);
              if (limit >= 0 && *count > 0) EXPECT_LE(role + other + *count, limit);
            }
}

}  // namespace
}  // namespace croft::components
