#include "farm/ec2/spot.h"

#include <gtest/gtest.h>

#include "farm/ec2/bench_farm.h"

namespace croft::farm::ec2 {
namespace {

class SpotTest : public testing::Test {
 protected:
  BenchFarm farm;
  void SetUp() override {
    // Bids are met later, for an account that is looked up then.
    auto known =
        farm.sim.run(farm.accounts->add({.name = "alice", .account_id = farm.alice->account_id}));
    ASSERT_TRUE(known) << known.error().render();
  }
  std::vector<std::string> bid(std::string price, Fields more = {}) {
    Fields fields{{"SpotPrice", std::move(price)},
                  {"LaunchSpecification.ImageId", std::string(builtin_image)},
                  {"LaunchSpecification.InstanceType", "m1.small"}};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<std::string> out;
    auto answer = farm.ask("RequestSpotInstances", fields);
    for (auto item : answer.root().child("spotInstanceRequestSet").children("item"))
      out.emplace_back(item.child("spotInstanceRequestId").text());
    return out;
  }
  const SpotRequest& request(const std::string& id) { return *farm.state->spots.find(id); }
  std::string begin(Fault fault) {
    auto id = farm.sim.run(farm.faults->begin(std::move(fault), Duration::minutes(10)));
    EXPECT_TRUE(id) << id.error().render();
    return id.value_or("");
  }
};

TEST_F(SpotTest, ABidThatIsHighEnoughIsMet) {
  auto ids = bid("0.05", {{"InstanceCount", "2"}, {"LaunchSpecification.UserData", base64("#!x")}});
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(request(ids[0]).state, "open");
  farm.settle();
  for (const std::string& id : ids) {
    EXPECT_EQ(request(id).state, "active") << request(id).message;
    const Instance* instance = farm.state->find_instance(request(id).instance);
    ASSERT_TRUE(instance);
    EXPECT_EQ(instance->spot_request, id);
    EXPECT_EQ(instance->price_micros, 30'000);
    EXPECT_EQ(instance->user_data, "#!x");
  }
  EXPECT_NE(request(ids[0]).instance, request(ids[1]).instance);
  auto seen = farm.ask("DescribeInstances",
                       {{"Filter.1.Name", "instance-lifecycle"}, {"Filter.1.Value.1", "spot"}});
  EXPECT_EQ(seen.root().child("reservationSet").children("item").size(), 2u);
}

TEST_F(SpotTest, ALowBidWaitsForThePriceAndACancelledOneIsLeftAlone) {
  std::string low = bid("0.01").front(), cancelled = bid("0.01").front();
  farm.settle();
  EXPECT_EQ(request(low).code, "price-too-low");
  farm.ask("CancelSpotInstanceRequests", {{"SpotInstanceRequestId.1", cancelled}});
  Fault cheap;
  cheap.kind = Fault::Kind::spot_price;
  cheap.percent = 10;
  begin(cheap);
  farm.settle(Duration::seconds(3));
  EXPECT_EQ(request(low).state, "active");
  EXPECT_EQ(request(cancelled).state, "cancelled");
}

TEST_F(SpotTest, AnInterruptedInstanceGetsNoticeAndGoes) {
  std::string once = bid("0.05").front();
  std::string again = bid("0.05", {{"Type", "persistent"}}).front();
  farm.settle();
  std::string first = request(once).instance, second = request(again).instance;
  Fault taken;
  taken.kind = Fault::Kind::interrupt;
  taken.where = "us-east-1a";
  taken.time = Duration::minutes(2);
  begin(taken);
  farm.settle(Duration::minutes(1));
  EXPECT_EQ(farm.state_of(first), "running");
  EXPECT_NE(farm.state->find_instance(first)->interrupted.ns, 0);
  // A farm that is killed meanwhile keeps its word.
  farm.reopen();
  farm.settle(Duration::minutes(2));
  EXPECT_EQ(farm.state_of(first), "terminated");
  EXPECT_EQ(farm.state->find_instance(first)->reason.code, "Server.SpotInstanceTermination");
  EXPECT_EQ(request(once).state, "closed");
  EXPECT_EQ(request(again).state, "active");
  EXPECT_NE(request(again).instance, second);
}

TEST_F(SpotTest, RunInstancesTakesTheMarketToo) {
  Fields market{{"InstanceMarketOptions.MarketType", "spot"}};
  std::string id = farm.run(1, 1, market).front();
  const Instance& instance = *farm.state->find_instance(id);
  EXPECT_EQ(request(instance.spot_request).instance, id);
  EXPECT_EQ(request(instance.spot_request).state, "active");
  farm.settle();
  farm.ask("TerminateInstances", {{"InstanceId.1", id}});
  farm.settle(Duration::seconds(3));
  EXPECT_EQ(request(instance.spot_request).code, "instance-terminated-by-user");
  Fields low{{"ImageId", std::string(builtin_image)},
             {"MinCount", "1"},
             {"MaxCount", "1"},
             {"InstanceMarketOptions.MarketType", "spot"},
             {"InstanceMarketOptions.SpotOptions.MaxPrice", "0.001"}};
  EXPECT_EQ(farm.refusal("RunInstances", low), "SpotMaxPriceTooLow");
}

TEST_F(SpotTest, OnlySpotInstancesAreTakenAway) {
  std::string id = farm.run(1, 1).front();
  farm.settle();
  EXPECT_EQ(farm.sim.run(farm.spots->interrupt(id, Duration())).error().code,
            Code::invalid_argument);
  EXPECT_EQ(farm.sim.run(farm.spots->interrupt("i-0", Duration())).error().code, Code::not_found);
}

TEST_F(SpotTest, PricesAreDescribed) {
  auto prices = farm.ask("DescribeSpotPriceHistory", {{"InstanceType.1", "m1.small"}});
  auto items = prices.root().child("spotPriceHistorySet").children("item");
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].child("spotPrice").text(), "0.030000");
}

}  // namespace
}  // namespace croft::farm::ec2
