// Random work on a store against a model of a few lines; and crashes at every step of the disk.
#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "store/etcd/testing.h"
#include "store/store.h"

namespace croft::store {
namespace {

using aio::SimWorld;
using aio::Task;

/// What a store is meant to be.
struct Model {
  struct Row {
    std::string value;
    uint64_t created = 0, modified = 0;
    friend bool operator==(const Row&, const Row&) = default;
  };
  std::map<std::string, Row> rows;
  uint64_t revision = 0;

  bool commit(const std::vector<Condition>& conditions, const std::vector<Change>& changes) {
    for (const Condition& condition : conditions) {
      auto it = rows.find(condition.key);
      if ((it == rows.end() ? 0 : it->second.modified) != condition.modified) return false;
    }
    bool effect = false;
    for (const Change& change : changes)
      effect |= change.value.has_value() || rows.contains(change.key);
    if (!effect) return true;
    ++revision;
    for (const Change& change : changes) {
      if (!change.value) {
        rows.erase(change.key);
        continue;
      }
      auto [it, fresh] = rows.try_emplace(change.key);
      if (fresh) it->second.created = revision;
      it->second.value = *change.value;
      it->second.modified = revision;
    }
    return true;
  }
};

std::string some_key(aio::Random& random) {
  return fmt::format("k{}", random.below(12));
}

std::vector<Change> some_changes(aio::Random& random) {
  std::map<std::string, std::optional<std::string>> changes;
  for (uint64_t i = random.below(4) + 1; i > 0; --i) {
    std::optional<std::string> value;
    if (random.below(4) != 0)
      value = std::string(random.below(20) == 0 ? 9000 : random.below(40), 'a' + random.below(26));
    changes[some_key(random)] = value;
  }
  std::vector<Change> out;
  for (auto& [key, value] : changes) out.push_back({key, value, 0});
  return out;
}

Task<Result<>> compare(Store& store, const Model& model) {
  EXPECT_EQ(store.revision(), model.revision);
  std::map<std::string, Model::Row> found;
  for (Entry& entry : CO_TRY(co_await store.range(prefix(""))))
    found[entry.key] = {entry.value, entry.created, entry.modified};
  EXPECT_EQ(found, model.rows);
  co_return Result<>{};
}

Task<Result<std::unique_ptr<Store>>> reopen(aio::World& world, std::unique_ptr<Store> store) {
  CO_TRY(co_await store->close());
  store.reset();
  co_return co_await open_sqlite(world, "/store.db");
}

enum class Kind { memory, sqlite, etcd };

Task<Result<>> random_work(aio::World& world, Kind kind) {
  bool sqlite = kind == Kind::sqlite;
  Model model;
  std::unique_ptr<Store> store;
  if (sqlite)
    store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  else if (kind == Kind::memory)
    store = open_memory(world);
  else
    store = CO_TRY(co_await open_etcd(world, testing::EtcdCluster::shared().options()));
  model.revision = store->revision();
  for (int step = 0; step < 150; ++step) {
    std::vector<Condition> conditions;
    if (world.random.below(3) == 0) {
      std::string key = some_key(world.random);
      bool right = world.random.below(2) == 0 && model.rows.contains(key);
      conditions.push_back(
          {key, right ? model.rows[key].modified : world.random.below(model.revision + 1)});
    }
    std::vector<Change> changes = some_changes(world.random);
    bool expected = model.commit(conditions, changes);
    auto done = co_await store->commit(conditions, changes);
    EXPECT_EQ(done.has_value(), expected);
    if (done) EXPECT_EQ(*done, model.revision);
    if (world.random.below(10) == 0) CO_TRY(co_await compare(*store, model));
    if (sqlite && world.random.below(25) == 0)
      store = CO_TRY(co_await reopen(world, std::move(store)));
  }
  CO_TRY(co_await compare(*store, model));
  co_return co_await store->close();
}

TEST(StoreProperty, BehavesAsTheModelInMemoryAndOnDisk) {
  for (uint64_t seed = 1; seed <= 30; ++seed)
    for (Kind kind : {Kind::memory, Kind::sqlite}) {
      SimWorld sim(seed);
      Result<> done = sim.run(random_work(sim.world(), kind));
      ASSERT_TRUE(done) << "seed " << seed << ": " << done.error().render();
      ASSERT_FALSE(::testing::Test::HasFailure()) << "seed " << seed;
    }
}

TEST(StoreProperty, BehavesAsTheModelOnEtcd) {
  auto real = aio::RealWorld::open().value();
  aio::World& world = real->world();
  Result<> done = real->run(
      aio::deadline(world.clock, testing::patience, random_work(world, Kind::etcd), "the test"));
  ASSERT_TRUE(done) << done.error().render();
}

TEST(StoreProperty, RepeatsARunFromItsSeed) {
  uint64_t hashes[2];
  for (uint64_t& hash : hashes) {
    SimWorld sim(99);
    ASSERT_TRUE(sim.run(random_work(sim.world(), Kind::sqlite)));
    hash = sim.hash();
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

// Every commit writes the same number under three keys; another task does so side by side.
constexpr int commits_each = 12;

Task<Result<>> count_up(Store& store, std::string who, uint64_t& acknowledged) {
  for (int i = 1; i <= commits_each; ++i) {
    std::string text = std::to_string(i) + std::string(static_cast<size_t>(i) * 300, '.');
    CO_TRY(co_await store.commit(
        {}, {{who + "/1", text, 0}, {who + "/2", text, 0}, {who + "/3", text, 0}}));
    acknowledged = static_cast<uint64_t>(i);
  }
  co_return Result<>{};
}

Task<Result<>> write_until_killed(aio::World& world, uint64_t& a, uint64_t& b) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  aio::Scope scope(co_await aio::here());
  scope.spawn(count_up(*store, "a", a));
  scope.spawn(count_up(*store, "b", b));
  CO_TRY(co_await scope.join());
  co_return co_await store->close();
}

Task<Result<>> check_survivors(aio::World& world, uint64_t a, uint64_t b) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  for (auto [who, acknowledged] : {std::pair{"a", a}, std::pair{"b", b}}) {
    std::set<std::string> values;
    auto rows = CO_TRY(co_await store->range(prefix(std::string(who) + "/")));
    for (Entry& entry : rows) values.insert(entry.value);
    EXPECT_TRUE(rows.empty() || (rows.size() == 3 && values.size() == 1)) << "a torn commit";
    uint64_t kept = rows.empty() ? 0 : static_cast<uint64_t>(atoi(rows[0].value.c_str()));
    // One commit of each task may be durable without its task having heard of it.
    EXPECT_TRUE(kept == acknowledged || kept == acknowledged + 1)
        << kept << " kept, " << acknowledged << " acknowledged";
  }
  CO_TRY(co_await store->commit({}, {{"alive", "yes", 0}}));
  co_return co_await store->close();
}

TEST(StoreCrash, LosesNothingAcknowledgedAndTearsNothingAtAnyStepOfTheDisk) {
  uint64_t steps = 0;
  for (uint64_t at = 1; at <= 400; ++at) {
    SimWorld sim(at);
    uint64_t a = 0, b = 0;
    sim.main().crash_at_disk(at);
    Result<> ended = sim.run(write_until_killed(sim.world(), a, b));
    if (ended) break;
    ++steps;
    sim.restart(true);
    Result<> checked = sim.run(check_survivors(sim.world(), a, b));
    ASSERT_TRUE(checked) << "at step " << at << ": " << checked.error().render();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "at step " << at;
  }
  EXPECT_GT(steps, 50u);
}

TEST(StoreCrash, SurvivesACrashWhileItRecovers) {
  for (uint64_t at = 1; at <= 30; ++at) {
    SimWorld sim(at * 31);
    uint64_t a = 0, b = 0;
    sim.main().crash_at_disk(60);
    ASSERT_FALSE(sim.run(write_until_killed(sim.world(), a, b)));
    sim.restart(true);
    sim.main().crash_at_disk(at);
    if (sim.run(check_survivors(sim.world(), a, b))) break;
    sim.restart(true);
    Result<> checked = sim.run(check_survivors(sim.world(), a, b));
    ASSERT_TRUE(checked) << "at step " << at << ": " << checked.error().render();
    ASSERT_FALSE(::testing::Test::HasFailure()) << "at step " << at;
  }
}

}  // namespace
}  // namespace croft::store
