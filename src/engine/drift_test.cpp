#include "engine/drift.h"

#include <gtest/gtest.h>

namespace croft::engine {
namespace {

using Kind = Drift::Kind;

struct DriftTest : testing::Test {
  ComponentRecord record;
  std::vector<cloud::Tag> tags = {{"croft:application", "app"}, {"team", "blue"}};
  WallTime old = WallTime() + Duration::minutes(1), settled = WallTime() + Duration::minutes(2);

  void rent(const std::string& id, WallTime since) {
    Rented thing;
    thing.kind = "instance";
    thing.id = id;
    thing.since = since;
    record.rented.push_back(thing);
  }
  cloud::Found seen(const std::string& id, std::string state = "running") const {
    cloud::Found out;
    out.kind = "instance";
    out.id = id;
    out.state = std::move(state);
    out.tags = tags;
    return out;
  }
  std::vector<Kind> kinds(const std::vector<cloud::Found>& found) const {
    std::vector<Kind> out;
    for (const Drift& drift : drifts_of(record, tags, found, settled)) out.push_back(drift.kind);
    return out;
  }
};

TEST_F(DriftTest, what_is_as_it_was_made_is_no_drift) {
  rent("i-1", old);
  EXPECT_TRUE(kinds({seen("i-1")}).empty());
  EXPECT_TRUE(kinds({seen("i-1", "pending")}).empty());
}

TEST_F(DriftTest, what_is_gone_is_told_once_it_had_time_to_be_seen) {
  rent("i-1", old);
  rent("i-2", settled + Duration::seconds(1));
  auto drifts = drifts_of(record, tags, {}, settled);
  ASSERT_EQ(drifts.size(), 1u);
  EXPECT_EQ(drifts[0].text(), "instance i-1 is gone");
}

TEST_F(DriftTest, what_was_given_back_kept_or_adopted_is_not_missed) {
  for (const char* id : {"i-1", "i-2", "i-3"}) rent(id, old);
  record.rented[0].returned = old;
  record.rented[1].kept = true;
  record.rented[2].adopted = true;
  EXPECT_TRUE(kinds({}).empty());
}

TEST_F(DriftTest, tags_and_stops_are_seen_and_the_tags_of_others_are_not) {
  rent("i-1", old);
  auto found = seen("i-1", "stopped");
  found.tags = {{"team", "red"}, {"note", "mine"}};
  EXPECT_EQ(kinds({found}), (std::vector<Kind>{Kind::stopped, Kind::tag, Kind::tag}));
}

TEST_F(DriftTest, what_no_record_has_is_extra_unless_it_went_a_moment_ago) {
  rent("i-1", old);
  rent("i-2", old);
  record.rented[0].returned = settled + Duration::seconds(1);
  record.rented[1].returned = old;
  EXPECT_EQ(kinds({seen("i-1")}), std::vector<Kind>{});
  EXPECT_EQ(kinds({seen("i-2")}), std::vector<Kind>{Kind::extra});
  EXPECT_EQ(kinds({seen("i-3")}), std::vector<Kind>{Kind::extra});
}

TEST_F(DriftTest, the_policy_of_the_nearest_above_counts) {
  auto root = model::Component::make(), web = model::Component::make();
  root->set("web", web);
  EXPECT_EQ(drift_policy_of(*web), DriftPolicy::repair);
  root->set("drift", "REPORT");
  EXPECT_EQ(drift_policy_of(*web), DriftPolicy::report);
  web->set("drift", "ACCEPT");
  EXPECT_EQ(drift_policy_of(*web), DriftPolicy::accept);
}

}  // namespace
}  // namespace croft::engine
