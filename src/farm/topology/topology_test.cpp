#include "farm/topology/topology.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace croft::farm {
namespace {

constexpr std::string_view two_zones = R"({"placement": "spread", "zones": [
  {"name": "za", "racks": [
    {"name": "ra1", "hosts": [{"name": "ha", "count": 2, "cores": 4, "memory": "8 GiB",
      "idleWatts": 60, "busyWatts": 150, "disks": [{"name": "d0", "size": "500 GiB"}]}]},
    {"name": "ra2", "hosts": [{"name": "hb", "cores": 4, "memory": "8 GiB"}]}]},
  {"name": "zb", "racks": [{"name": "rb", "hosts": [{"name": "hc", "cores": 1, "memory": "1 GiB"}]}]}]})";

std::string refusal(std::string text) {
  auto parsed = Topology::parse(text, "t.json");
  return parsed ? "" : parsed.error().what;
}

TEST(Topology, ReadsZonesRacksAndHosts) {
  auto t = Topology::parse(two_zones, "t.json");
  ASSERT_TRUE(t) << t.error().render();
  EXPECT_EQ(t->zones, (std::vector<std::string>{"za", "zb"}));
  ASSERT_EQ(t->hosts.size(), 4u);
  EXPECT_EQ(t->hosts[1].name, "ha-2");
  EXPECT_EQ(t->hosts[1].rack, "ra1");
  EXPECT_EQ(t->hosts[1].disks.at(0).size, Bytes::gib(500));
  EXPECT_EQ(t->hosts_of("za"), (std::vector<std::string>{"ha-1", "ha-2", "hb"}));
  EXPECT_EQ(t->hosts_of("ra1").size(), 2u);
  EXPECT_EQ(t->part_of("rb"), Topology::Part::rack);
  EXPECT_EQ(t->part_of("hc"), Topology::Part::host);
  EXPECT_EQ(t->part_of("nowhere"), Topology::Part::none);
  EXPECT_NE(t->hint("ha-3").find("ha-"), std::string::npos);
}

TEST(Topology, SaysWhatIsWrong) {
  EXPECT_NE(refusal(R"({"zones": []})").find("no host"), std::string::npos);
  EXPECT_NE(refusal(R"({"placement": "random", "zones": []})").find("spread or pack"),
            std::string::npos);
  std::string twice = replace_all(std::string(two_zones), "\"hc\"", "\"ra1\"");
  EXPECT_NE(refusal(twice).find("'ra1' stands there twice"), std::string::npos);
  std::string weak = replace_all(std::string(two_zones), "\"cores\": 1", "\"cores\": 0");
  EXPECT_NE(refusal(weak).find("'hc' has no processors"), std::string::npos);
  std::string odd = replace_all(std::string(two_zones), "\"idleWatts\": 60", "\"idleWatts\": 200");
  EXPECT_NE(refusal(odd).find("less power"), std::string::npos);
  std::string many = replace_all(std::string(two_zones), "\"count\": 2", "\"count\": 20000");
  EXPECT_NE(refusal(many).find("more than"), std::string::npos);
  EXPECT_NE(refusal(R"({"zones": [1]})").find("holds objects"), std::string::npos);
}

struct Field {
  Topology topology = *Topology::parse(two_zones, "t");
  std::vector<HostLoad> loads = std::vector<HostLoad>(4);
  std::string put(Wish wish) {
    auto at = choose_host(topology, loads, wish);
    if (!at) return "none";
    loads[*at].memory = Bytes(loads[*at].memory.count() + wish.memory.count());
    loads[*at].cpu_permille += wish.cpu_permille;
    ++loads[*at].instances;
    ++loads[*at].mates;
    return topology.hosts[*at].name;
  }
};

TEST(Placement, SpreadTakesAnotherRackThenAnotherHost) {
  Field field;
  Wish wish{"za", Bytes::gib(1), 1000, Placement::spread, false, false};
  EXPECT_EQ(field.put(wish), "ha-1");
  EXPECT_EQ(field.put(wish), "hb");
  EXPECT_EQ(field.put(wish), "ha-2");
  EXPECT_EQ(field.put(wish), "hb");
}

TEST(Placement, PackFillsOneHostBeforeTheNext) {
  Field field;
  Wish wish{"za", Bytes::gib(2), 1000, Placement::pack, false, false};
  std::vector<std::string> order;
  for (int i = 0; i < 12; ++i) order.push_back(field.put(wish));
  EXPECT_EQ(order, (std::vector<std::string>{"ha-1", "ha-1", "ha-1", "ha-1", "ha-2", "ha-2", "ha-2",
                                             "ha-2", "hb", "hb", "hb", "hb"}));
  EXPECT_EQ(field.put(wish), "none");
}

TEST(Placement, CapacityZoneHealthAndLonelinessAreKept) {
  Field field;
  EXPECT_EQ(field.put({"zb", Bytes::gib(2), 100, Placement::spread, false, false}), "none");
  EXPECT_EQ(field.put({"zb", Bytes::mib(512), 2000, Placement::spread, false, false}), "none");
  EXPECT_EQ(field.put({"nowhere", Bytes::mib(1), 1, Placement::spread, false, false}), "none");
  Wish alone{"za", Bytes::gib(1), 100, Placement::spread, true, false};
  EXPECT_EQ(field.put(alone), "ha-1");
  EXPECT_EQ(field.put(alone), "hb");
  EXPECT_EQ(field.put(alone), "none");
  Wish own_host{"za", Bytes::gib(1), 100, Placement::pack, false, true};
  EXPECT_EQ(field.put(own_host), "ha-2");
  EXPECT_EQ(field.put(own_host), "none");
  for (HostLoad& load : field.loads) load.usable = false;
  EXPECT_EQ(field.put({"za", Bytes::mib(1), 1, Placement::spread, false, false}), "none");
}

TEST(Power, IsBetweenIdleAndBusyAndNothingWhenEmpty) {
  Field field;
  const Host& host = field.topology.hosts[0];
  EXPECT_EQ(watts_of(host, {}), 0);
  EXPECT_EQ(watts_of(host, {Bytes(), 0, 1, 0, true}), 60);
  EXPECT_EQ(watts_of(host, {Bytes(), 2000, 1, 0, true}), 105);
  EXPECT_EQ(watts_of(host, {Bytes(), 9000, 1, 0, true}), 150);
}

}  // namespace
}  // namespace croft::farm
