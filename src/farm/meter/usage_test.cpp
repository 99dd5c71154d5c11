#include "farm/meter/usage.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::farm::meter {
namespace {

Usage usage(std::string_view operation, uint64_t in, uint64_t out, std::string instance = "",
            int status = 200) {
  return {.account_id = "1",
          .service = "s3",
          .operation = operation,
          .instance = std::move(instance),
          .status = status,
          .bytes_in = in,
          .bytes_out = out};
}

aio::Task<Result<>> count_requests(aio::World& world, store::Store& store) {
  UsageMeter meter(world, store);
  meter.request(usage("PutObject", 100, 0));
  meter.request(usage("GetObject", 0, 1000));
  meter.request(usage("GetObject", 0, 500, "i-1"));
  meter.request(usage("DeleteObject", 0, 0));
  meter.request(usage("GetObject", 0, 300, "", 404));
  meter.request(usage("GetObject", 0, 300, "", 503));
  auto hours = CO_TRY(co_await meter.hours("1"));
  EXPECT_EQ(hours.size(), 1u);
  const Amounts& amounts = hours.front().amounts;
  EXPECT_EQ(amounts.at("requests.write"), 1);
  EXPECT_EQ(amounts.at("requests.read"), 2);
  EXPECT_EQ(amounts.at("requests.delete"), 1);
  EXPECT_EQ(amounts.at("requests.refused"), 1);
  EXPECT_EQ(amounts.at("bytes.in"), 100);
  EXPECT_EQ(amounts.at("bytes.out"), 1300);
  EXPECT_EQ(amounts.at("bytes.internal"), 500);
  co_return Result<>{};
}

TEST(UsageMeter, CountsRequestsByKindAndTrafficByWhereItGoes) {
  aio::SimWorld sim{1};
  auto store = store::open_memory(sim.world());
  auto done = sim.run(count_requests(sim.world(), *store));
  ASSERT_TRUE(done) << done.error().line();
}

aio::Task<Result<>> keep_ten_bytes(aio::World& world, store::Store& store, int64_t& sum) {
  UsageMeter meter(world, store);
  meter.sample([] { return std::vector<Stored>{{"1", "STANDARD", 10}}; });
  CO_TRY(co_await meter.flush());
  for (int i = 0; i < 3; ++i) {
    CO_TRY(co_await world.clock.sleep(Duration::seconds(100)));
    CO_TRY(co_await meter.flush());
  }
  auto hours = CO_TRY(co_await meter.hours("1"));
  for (const UsageMeter::Hour& hour : hours) sum += hour.amounts.at("storage.STANDARD");
  co_return Result<>{};
}

TEST(UsageMeter, AddsStorageOverTimeToWhatIsThere) {
  aio::SimWorld sim{2};
  auto store = store::open_memory(sim.world());
  int64_t sum = 0;
  auto done = sim.run(keep_ten_bytes(sim.world(), *store, sum));
  ASSERT_TRUE(done) << done.error().line();
  EXPECT_EQ(sum, 3000);
}

TEST(UsageMeter, PricesTheTalksExamples) {
  constexpr int64_t gigabyte = int64_t{1} << 30;
  EXPECT_EQ(cost_of({{"bytes.out", 10 * gigabyte}}), Money::micros(1'800'000));
  EXPECT_EQ(cost_of({{"bytes.out", 10'240 * gigabyte}}), Money::micros(1'843'200'000));
  EXPECT_EQ(cost_of({{"bytes.out", 61'440 * gigabyte}}), Money::micros(9'728'000'000));
  EXPECT_EQ(cost_of({{"bytes.out", 102'400 * gigabyte}}), Money::micros(15'052'800'000));
  EXPECT_EQ(cost_of({{"bytes.in", 1024 * gigabyte}}), Money::micros(102'400'000));
  EXPECT_EQ(cost_of({{"bytes.internal", 1024 * gigabyte}}), Money());
  EXPECT_EQ(cost_of({{"requests.write", 1000}}), Money::micros(10'000));
  int64_t month = 30 * 24 * 3600;
  EXPECT_EQ(cost_of({{"storage.STANDARD", gigabyte * month}}), Money::micros(150'000));
  EXPECT_LT(cost_of({{"storage.REDUCED_REDUNDANCY", gigabyte * month}}), Money::micros(150'000));
}

}  // namespace
}  // namespace croft::farm::meter
