#include "membership/judge.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

namespace croft::membership {
namespace {

constexpr Duration tick = Duration::milliseconds(250);

/// Hosts that send heartbeats each second, in a made-up time.
class Ward {
 public:
  explicit Ward(int hosts, JudgeOptions options = {}) : judge(options) {
    for (int i = 0; i < hosts; ++i) {
      judge.add(name(i), now);
      beats.push_back(true);
    }
  }
  static std::string name(int i) { return "h" + std::to_string(i); }
  /// Lets time pass; peers answer `reached` to what is asked.
  void pass(Duration time, std::optional<bool> reached = false, Duration lag = {}) {
    for (Moment end = now + time; now < end;) {
      now = now + tick;
      if (now.ns % Duration::seconds(1).ns() == 0)
        for (size_t i = 0; i < beats.size(); ++i)
          if (beats[i]) judge.heard(name(static_cast<int>(i)), now);
      for (Wish& wish : judge.tick(now, lag)) {
        if (wish.kind == Wish::Kind::probe) judge.probed(wish.node, reached);
        if (wish.kind == Wish::Kind::declare) declared.emplace_back(wish.node, now);
        wishes.push_back(std::move(wish));
      }
    }
  }
  size_t count(Wish::Kind kind) const {
    return static_cast<size_t>(
        std::ranges::count_if(wishes, [&](const Wish& wish) { return wish.kind == kind; }));
  }

  Moment now{};
  Judge judge;
  std::vector<bool> beats;
  std::vector<Wish> wishes;
  std::vector<std::pair<std::string, Moment>> declared;
};

TEST(Judge, LeavesTheLivingAlone) {
  Ward ward(5);
  ward.pass(Duration::minutes(10));
  EXPECT_TRUE(ward.wishes.empty());
}

TEST(Judge, DeclaresTheDeadWithinItsBound) {
  for (int offset = 0; offset < 8; ++offset) {
    Ward ward(5);
    ward.pass(Duration::seconds(3) + tick * offset);
    Moment died = ward.now;
    ward.beats[2] = false;
    ward.pass(Duration::seconds(10));
    ASSERT_EQ(ward.declared.size(), 1u);
    EXPECT_EQ(ward.declared[0].first, "h2");
    EXPECT_LE(ward.declared[0].second - died, ward.judge.bound());
    EXPECT_LE(ward.judge.bound(), Duration::seconds(5));
    EXPECT_EQ(ward.judge.health("h2"), Health::dead);
  }
}

TEST(Judge, AHostThatItsPeersReachIsNotDead) {
  Ward ward(5);
  ward.beats[1] = false;
  ward.pass(Duration::minutes(5), true);
  EXPECT_TRUE(ward.declared.empty());
  EXPECT_EQ(ward.judge.health("h1"), Health::suspect);
  EXPECT_GT(ward.count(Wish::Kind::probe), 10u);  // asked again and again
  ward.beats[1] = true;
  ward.pass(Duration::seconds(2), true);
  EXPECT_EQ(ward.judge.health("h1"), Health::alive);
  ward.beats[1] = false;
  ward.pass(Duration::seconds(10), false);
  EXPECT_EQ(ward.declared.size(), 1u);
}

TEST(Judge, TheOnlyHostIsJudgedToo) {
  Ward ward(1);
  ward.beats[0] = false;
  ward.pass(Duration::seconds(10), std::nullopt);
  EXPECT_EQ(ward.declared.size(), 1u);
  EXPECT_NE(ward.wishes.back().why.find("no peer could be asked"), std::string::npos);
}

TEST(Judge, ShortSilenceIsForgiven) {
  Ward ward(4);
  for (int i = 0; i < 20; ++i) {
    ward.beats[0] = i % 2 == 0;
    ward.pass(Duration::seconds(1));
  }
  EXPECT_TRUE(ward.declared.empty());
}

TEST(Judge, ManyAtOnceMeanThatWeAreCutOff) {
  Ward ward(20);
  for (size_t i = 0; i < 8; ++i) ward.beats[i] = false;
  ward.pass(Duration::minutes(10));
  EXPECT_TRUE(ward.declared.empty());
  EXPECT_TRUE(ward.judge.braking());
  EXPECT_EQ(ward.count(Wish::Kind::brake), 1u);
  // The way is back: nobody was replaced.
  for (size_t i = 0; i < 8; ++i) ward.beats[i] = true;
  ward.pass(Duration::seconds(3));
  EXPECT_FALSE(ward.judge.braking());
  EXPECT_EQ(ward.count(Wish::Kind::release), 1u);
  ward.pass(Duration::minutes(2));
  EXPECT_TRUE(ward.declared.empty());
}

TEST(Judge, AFewAtOnceAreReplaced) {
  Ward ward(20);
  ward.beats[3] = ward.beats[4] = false;
  ward.pass(Duration::seconds(10));
  EXPECT_EQ(ward.declared.size(), 2u);
}

TEST(Judge, BlamesItselfFirst) {
  Ward starved(5);
  starved.beats[1] = false;
  starved.pass(Duration::minutes(1), false, Duration::seconds(5));  // far behind: abstains
  EXPECT_TRUE(starved.wishes.empty());
  starved.pass(Duration::seconds(3), false, Duration::seconds(2));  // stretched threefold
  EXPECT_TRUE(starved.declared.empty());
  starved.pass(Duration::seconds(10), false);
  EXPECT_EQ(starved.declared.size(), 1u);
}

TEST(Judge, ForgetsWhoWasGivenBack) {
  Ward ward(3);
  ward.judge.remove("h1");
  ward.pass(Duration::minutes(1));
  EXPECT_TRUE(ward.declared.empty());
}

/// No host whose heartbeats get through at least every second period is ever declared.
RC_GTEST_PROP(JudgeProperty, LossIsNoDeath, ()) {
  Ward ward(6);
  for (int i = 0; i < 600; ++i) {
    for (size_t h = 0; h < 6; ++h) {
      bool lost = *rc::gen::weightedElement<bool>({{95, false}, {5, true}});
      // Two lost in a row are the suspicion that probes have to clear.
      ward.beats[h] = !lost || !ward.beats[h];
    }
    ward.pass(Duration::seconds(1), true);
  }
  RC_ASSERT(ward.declared.empty());
}

/// Ten minutes of a controller that runs a fifth of the time, so that it reads late and is woken
/// late, while every twentieth packet is lost: of beats, and of what is asked of peers.
TEST(Judge, AStarvedControllerThatLosesPacketsHoldsNobodyDead) {
  constexpr int hosts = 50, peers = 3;
  constexpr Duration slice = Duration::milliseconds(100);
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 draw(seed);
    auto lost = [&draw] { return draw() % 20 == 0; };
    Judge judge;
    Moment now{};
    for (int i = 0; i < hosts; ++i) judge.add(Ward::name(i), now);
    std::vector<std::pair<std::string, Moment>> unread;
    std::vector<std::pair<std::string, bool>> asked;
    Moment due = now + tick;
    for (Moment end = now + Duration::minutes(10); now < end;) {
      now = now + slice;
      if (now.ns % Duration::seconds(1).ns() == 0)
        for (int i = 0; i < hosts; ++i)
          if (!lost()) unread.emplace_back(Ward::name(i), now);
      if (draw() % 5 != 0) continue;  // the others run
      for (const auto& [node, at] : unread) judge.heard(node, now);
      unread.clear();
      for (const auto& [node, reached] : std::exchange(asked, {})) judge.probed(node, reached);
      if (now < due) continue;
      for (Wish& wish : judge.tick(now, now - due)) {
        EXPECT_NE(wish.kind, Wish::Kind::declare) << "seed " << seed << ": " << wish.why;
        if (wish.kind != Wish::Kind::probe) continue;
        bool reached = false;
        for (int i = 0; i < peers; ++i) reached |= !lost() && !lost();
        asked.emplace_back(wish.node, reached);
      }
      due = now + tick;
    }
  }
}

}  // namespace
}  // namespace croft::membership
