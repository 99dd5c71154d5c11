// Leaders in virtual time: slow and lost calls, cut-off, paused processes, clocks that step and
// drift. Never do two believe that they may act.
#include "store/leadership.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "store/testing.h"

namespace croft::store {
namespace {

using aio::SimWorld;
using aio::Task;

/// The clock of one process: runs fast or slow, its wall time is nonsense, and while the process is
/// paused nothing in it happens.
class OddClock final : public aio::Clock {
 public:
  OddClock(aio::Clock& inner, double rate) : inner_(inner), rate_(rate), begin_(inner.now()) {}
  Moment now() override {
    return begin_ + Duration::seconds_f((inner_.now() - begin_).s() * rate_);
  }
  WallTime wall() override { return WallTime::from_unix_seconds(step); }
  TimerId call_at(Moment at, std::move_only_function<void()> function) override {
    TimerId id = ++last_;
    Duration wait =
        Duration::seconds_f(std::max(0.0, (at - now()).s() / rate_)) + Duration::nanoseconds(1);
    functions_[id] = std::move(function);
    timers_[id] = inner_.call_at(inner_.now() + wait, [this, id] {
      timers_.erase(id);
      if (paused_)
        late_.push_back(id);
      else
        fire(id);
    });
    return id;
  }
  void stop(TimerId id) override {
    functions_.erase(id);
    auto it = timers_.find(id);
    if (it == timers_.end()) return;
    inner_.stop(it->second);
    timers_.erase(it);
  }
  void pause() { paused_ = true; }
  void resume() {
    paused_ = false;
    for (TimerId id : std::exchange(late_, {})) fire(id);
  }
  bool paused() const { return paused_; }
  int64_t step = 0;

 private:
  void fire(TimerId id) {
    auto node = functions_.extract(id);
    if (!node.empty()) node.mapped()();
  }
  aio::Clock& inner_;
  double rate_;
  Moment begin_;
  bool paused_ = false;
  TimerId last_ = 0;
  std::map<TimerId, std::move_only_function<void()>> functions_;
  std::map<TimerId, TimerId> timers_;
  std::vector<TimerId> late_;
};

/// A controller as far as it concerns leading.
struct Contender {
  Contender(aio::World& world_in, Store& store, std::string name_in, double rate)
      : outer(world_in),
        clock(world_in.clock, rate),
        world{world_in.executor,  clock,           world_in.net,   world_in.disk,
              world_in.processes, world_in.random, world_in.pools, world_in.crash},
        far(store, world_in, line),
        name(std::move(name_in)) {
    line.stands_still = [this] { return clock.paused(); };
  }
  aio::World& outer;
  OddClock clock;
  aio::World world;
  testing::Line line;
  testing::FarStore far;
  std::string name;
  std::shared_ptr<Leadership> leads;
  bool acts() const { return leads && leads->may_act(); }
};

struct Tally {
  std::vector<uint64_t> fencings;
  int stopped = 0;  ///< times that a leader stopped by its clock alone
  int refused = 0;  ///< commits of leaders that were not any more
};

/// Leads, writes under its number, hands over now and then; and again.
Task<Result<>> contend(Contender& self, Store& truth, Tally& tally) {
  for (;;) {
    self.leads = CO_TRY(co_await campaign(self.world, self.far, {"leader", self.name}));
    tally.fencings.push_back(self.leads->fencing());
    auto resigns = Duration::seconds(static_cast<int64_t>(self.world.random.below(60)) + 5);
    auto first = co_await aio::race(self.leads->lost(), self.world.clock.sleep(resigns));
    if ((co_await aio::here()).cancelled()) co_return fail(aio::cancelled_error());
    if (first.index() == 1) {
      auto ignored = co_await self.leads->resign();
      static_cast<void>(ignored);
      EXPECT_FALSE(self.leads->may_act());
      // Past all its own checks, as a command that was under way: the store refuses it once another
      // leads, and nothing that it wrote stands after what a later leader wrote.
      auto late = co_await truth.commit({self.leads->condition()}, {{"work", "late", 0}});
      if (!late) ++tally.refused;
    }
    self.leads.reset();
  }
}

Task<Result<>> trouble(Contender& self, const bool& over, Tally& tally) {
  aio::World& world = self.outer;
  while (!over) {
    CO_TRY(co_await world.clock.sleep(
        Duration::milliseconds(static_cast<int64_t>(world.random.below(8000)))));
    bool acted = self.acts();
    auto lasts = Duration::milliseconds(static_cast<int64_t>(world.random.below(9000)));
    self.clock.step = static_cast<int64_t>(world.random.below(1'000'000));
    uint64_t kind = world.random.below(4);
    if (kind == 0) self.clock.pause();
    if (kind == 1) self.line.cut = true;
    if (kind == 2) self.line.loss = 0.4;
    if (kind == 3) self.line.delay_max = Duration::seconds(3);
    CO_TRY(co_await world.clock.sleep(lasts));
    if (acted && !self.acts()) ++tally.stopped;
    self.line.cut = false;
    self.line.loss = 0;
    self.line.delay_max = Duration::milliseconds(5);
    if (self.clock.paused()) self.clock.resume();
  }
  co_return Result<>{};
}

Task<Result<>> judge(aio::World& world, const std::vector<std::unique_ptr<Contender>>& all,
                     bool& over, Duration troubled) {
  auto acting = [&all] {
    return std::ranges::count_if(all, [](const auto& one) { return one->acts(); });
  };
  Moment end = world.clock.now() + troubled;
  while (world.clock.now() < end) {
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(7)));
    if (acting() > 1) co_return fail(Code::internal, "two believe that they may act");
  }
  over = true;
  // What is under way ends within 9 s; then a lease and a campaign.
  CO_TRY(co_await world.clock.sleep(Duration::seconds(9)));
  for (int i = 0; acting() == 0; ++i) {
    if (i == 3000) co_return fail(Code::internal, "nobody leads 30 s after the troubles");
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(10)));
  }
  co_return Result<>{};
}

Task<Result<>> troubled_leaders(aio::World& world, Tally& tally) {
  std::unique_ptr<Store> store = open_memory(world);
  std::vector<std::unique_ptr<Contender>> all;
  for (double rate : {0.9, 1.0, 1.1})
    all.push_back(std::make_unique<Contender>(world, *store, fmt::format("c{}", all.size()), rate));
  bool over = false;
  aio::Scope scope(co_await aio::here());
  for (auto& one : all) {
    scope.spawn(contend(*one, *store, tally));
    scope.spawn(trouble(*one, over, tally));
  }
  auto judged = co_await judge(world, all, over, Duration::seconds(90));
  for (auto& one : all)
    if (one->clock.paused()) one->clock.resume();
  scope.cancel();
  CO_TRY(co_await scope.join());
  for (auto& one : all) one->leads.reset();
  CO_TRY(co_await store->close());
  // Renewals that were under way end now.
  CO_TRY(co_await world.clock.sleep(Duration::seconds(20)));
  co_return judged;
}

TEST(Leadership, IsNeverBelievedByTwoWhateverTheTroubles) {
  Tally all;
  for (uint64_t seed = 1; seed <= 14; ++seed) {
    SimWorld sim(seed);
    Tally tally;
    Result<> done = sim.run(troubled_leaders(sim.world(), tally));
    ASSERT_TRUE(done) << "seed " << seed << ": " << done.error().render();
    for (size_t i = 1; i < tally.fencings.size(); ++i)
      EXPECT_LT(tally.fencings[i - 1], tally.fencings[i]) << "seed " << seed;
    all.fencings.insert(all.fencings.end(), tally.fencings.begin(), tally.fencings.end());
    all.stopped += tally.stopped;
    all.refused += tally.refused;
  }
  // The troubles were some.
  EXPECT_GT(all.fencings.size(), 40u);
  EXPECT_GT(all.stopped, 8);
  EXPECT_GT(all.refused, 8);
}

Task<Result<>> hand_over(aio::World& world) {
  std::unique_ptr<Store> store = open_memory(world);
  auto first = CO_TRY(co_await campaign(world, *store, {"leader", "one"}));
  EXPECT_TRUE(first->may_act());
  EXPECT_EQ(CO_TRY(co_await present_leader(*store, "leader")), (Leader{"one", first->fencing()}));
  CO_TRY(co_await world.clock.sleep(Duration::minutes(10)));
  EXPECT_TRUE(first->may_act());
  CO_TRY(co_await first->commit({}, {{"work", "1", 0}}));
  Moment before = world.clock.now();
  aio::Scope scope(co_await aio::here());
  scope.spawn([](aio::World& w, Store& s, Leadership& old) -> Task<Result<>> {
    auto second = CO_TRY(co_await campaign(w, s, {"leader", "two"}));
    EXPECT_GT(second->fencing(), old.fencing());
    auto late = co_await old.commit({}, {{"work", "2", 0}});
    EXPECT_EQ(late.error().code, Code::conflict);
    EXPECT_EQ(late.error().what, "the leadership was lost: it was handed over");
    CO_TRY(co_await second->commit({}, {{"work", "3", 0}}));
    co_return co_await second->resign();
  }(world, *store, *first));
  scope.spawn([](aio::World& w, Store& s, uint64_t old) -> Task<Result<>> {
    auto next = CO_TRY(co_await next_leader(w, s, "leader", Leader{"one", old}));
    EXPECT_TRUE(!next || next->who == "two");
    co_return Result<>{};
  }(world, *store, first->fencing()));
  CO_TRY(co_await world.clock.sleep(Duration::milliseconds(1)));
  CO_TRY(co_await first->resign());
  CO_TRY(co_await first->lost());
  CO_TRY(co_await scope.join());
  EXPECT_LT(world.clock.now() - before, Duration::seconds(1));
  EXPECT_FALSE(CO_TRY(co_await present_leader(*store, "leader")));
  co_return co_await store->close();
}

TEST(Leadership, IsHandedOverWithinASecond) {
  SimWorld sim(3);
  Result<> done = sim.run(hand_over(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

Task<Result<>> fenced_off(aio::World& world) {
  std::unique_ptr<Store> store = open_memory(world);
  std::shared_ptr<Leadership> first = CO_TRY(co_await campaign(world, *store, {"leader", "one"}));
  std::unique_ptr<Store> mine = fenced(*store, first);
  CO_TRY(co_await mine->commit({}, {{"work", "1", 0}}));
  EXPECT_EQ(CO_TRY(co_await mine->get("work"))->value, "1");
  // An operator takes the key away: the lease alone does not make a leader.
  CO_TRY(co_await store->commit({}, {{"leader", std::nullopt, 0}}));
  auto refused = co_await mine->commit({}, {{"work", "2", 0}});
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(refused.error().where.path, "leader");
  EXPECT_FALSE(first->may_act());
  CO_TRY(co_await first->lost());
  // The same without a commit: the next renewal notices.
  auto second = CO_TRY(co_await campaign(world, *store, {"leader", "two"}));
  CO_TRY(co_await store->commit({}, {{"leader", std::nullopt, 0}}));
  CO_TRY(co_await second->lost());
  EXPECT_EQ(second->check().error().what, "the leadership was lost: its key is gone");
  co_return co_await store->close();
}

TEST(Leadership, FencesCommits) {
  SimWorld sim(4);
  Result<> done = sim.run(fenced_off(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

Task<Result<>> bad_candidacy(aio::World& world) {
  std::unique_ptr<Store> store = open_memory(world);
  Candidacy hasty{"leader", "one"};
  hasty.ttl = Duration::seconds(2);
  auto refused = co_await campaign(world, *store, hasty);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_EQ(refused.error().what,
            "a leadership of 2 s that stops 1.5 s before its end cannot be renewed each 1.5 s: "
            "expected less than 500 ms");
  co_return co_await store->close();
}

TEST(Leadership, NeedsTimeToBeRenewed) {
  SimWorld sim(5);
  Result<> done = sim.run(bad_candidacy(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

}  // namespace
}  // namespace croft::store
