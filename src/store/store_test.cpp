// What every store must do: memory/ and sqlite/ in the simulation, etcd/ against a member.
#include "store/store.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "store/etcd/testing.h"

namespace croft::store {
namespace {

using aio::SimWorld;
using aio::Task;

enum class Kind { memory, sqlite, etcd };

Task<Result<std::unique_ptr<Store>>> open(aio::World& world, Kind kind) {
  if (kind == Kind::memory) co_return open_memory(world);
  if (kind == Kind::sqlite) co_return co_await open_sqlite(world, "/store.db");
  co_return co_await open_etcd(world, testing::EtcdCluster::shared().options());
}

using Body = Task<Result<>> (*)(aio::World& world, Store& store);

Task<Result<>> with_store(aio::World& world, Kind kind, Body body) {
  std::unique_ptr<Store> store = CO_TRY(co_await open(world, kind));
  Result<> result = co_await body(world, *store);
  CO_TRY(co_await store->close());
  co_return result;
}

std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  if (info.param == Kind::etcd) return "etcd";
  return info.param == Kind::memory ? "memory" : "sqlite";
}

class AnyStore : public ::testing::TestWithParam<Kind> {
 protected:
  void run(Body body) {
    Result<> result;
    if (GetParam() == Kind::etcd) {
      auto real = aio::RealWorld::open().value();
      aio::World& world = real->world();
      result = real->run(aio::deadline(world.clock, testing::patience,
                                       with_store(world, Kind::etcd, body), "the test"));
    } else {
      SimWorld sim(7);
      result = sim.run(with_store(sim.world(), GetParam(), body));
    }
    EXPECT_TRUE(result) << result.error().render();
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, AnyStore, ::testing::Values(Kind::memory, Kind::sqlite, Kind::etcd),
                         name_of);

/// What takes a while, for those that live in virtual time.
class SimStore : public AnyStore {};
INSTANTIATE_TEST_SUITE_P(Kinds, SimStore, ::testing::Values(Kind::memory, Kind::sqlite), name_of);

std::vector<Change> put(std::string key, std::string value, uint64_t lease = 0) {
  return {{std::move(key), std::move(value), lease}};
}

TEST_P(AnyStore, KeepsWhatIsCommitted) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    uint64_t base = store.revision();
    uint64_t first = CO_TRY(co_await store.commit({}, {{"a", "1", 0}, {"b", "2", 0}}));
    EXPECT_EQ(first, base + 1);
    uint64_t second = CO_TRY(co_await store.commit({}, put("a", std::string("x\0y", 3))));
    EXPECT_EQ(second, base + 2);
    auto a = CO_TRY(co_await store.get("a"));
    EXPECT_TRUE(a && a->value == std::string("x\0y", 3));
    EXPECT_TRUE(a->created == base + 1 && a->modified == base + 2);
    CO_TRY(co_await store.commit({}, {{"a", std::nullopt, 0}, {"absent", std::nullopt, 0}}));
    EXPECT_FALSE(CO_TRY(co_await store.get("a")));
    uint64_t nothing = CO_TRY(co_await store.commit({}, {{"absent", std::nullopt, 0}}));
    EXPECT_EQ(nothing, base + 3);
    CO_TRY(co_await store.commit({}, put("a", "again")));
    auto again = CO_TRY(co_await store.get("a"));
    EXPECT_EQ(again->created, base + 4);
    EXPECT_EQ(store.revision(), base + 4);
    co_return Result<>{};
  });
}

TEST_P(AnyStore, RefusesACommitWhoseConditionsDoNotHold) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    uint64_t made = CO_TRY(co_await store.commit({{"lock", 0}}, put("lock", "me")));
    auto twice = co_await store.commit({{"lock", 0}}, {{"lock", "you", 0}, {"other", "x", 0}});
    EXPECT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::conflict);
    EXPECT_EQ(twice.error().where.path, "lock");
    EXPECT_FALSE(CO_TRY(co_await store.get("other")));
    EXPECT_FALSE(co_await store.commit({{"lock", made + 8}}, put("lock", "x")));
    EXPECT_FALSE(co_await store.commit({{"gone", 1}}, put("lock", "x")));
    EXPECT_FALSE(co_await store.commit({{"gone", 1}}, {}));
    EXPECT_TRUE(co_await store.commit({{"lock", made}}, {}));
    EXPECT_TRUE(co_await store.commit({{"lock", made}}, put("lock", "mine")));
    co_return Result<>{};
  });
}

Task<Result<>> claim(Store& store, int who, int& won) {
  auto done = co_await store.commit({{"claim", 0}}, put("claim", std::to_string(who)));
  if (done) ++won;
  if (!done) EXPECT_EQ(done.error().code, Code::conflict);
  co_return Result<>{};
}

TEST_P(AnyStore, LetsOneOfManyWinWithinOneBatch) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    int won = 0;
    aio::Scope scope(co_await aio::here());
    for (int i = 0; i < 50; ++i) scope.spawn(claim(store, i, won));
    CO_TRY(co_await scope.join());
    EXPECT_EQ(won, 1);
    co_return Result<>{};
  });
}

TEST_P(AnyStore, KeepsTheOrderOfCommitsToOneKey) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    std::string last;
    for (int i = 0; i < 50; ++i)
      scope.spawn([](Store& all, std::string text, std::string& asked) -> Task<Result<>> {
        asked = text;
        std::vector<Change> changes{{"last", text, 0}, {"each/" + text, "x", 0}};
        CO_TRY(co_await all.commit({}, std::move(changes)));
        co_return Result<>{};
      }(store, std::to_string(i), last));
    CO_TRY(co_await scope.join());
    EXPECT_EQ(CO_TRY(co_await store.get("last"))->value, last);
    EXPECT_EQ(CO_TRY(co_await store.range(prefix("each/"))).size(), 50u);
    co_return Result<>{};
  });
}

TEST_P(AnyStore, RefusesWhatItCannotHold) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    auto twice = co_await store.commit({}, {{"k", "1", 0}, {"k", "2", 0}});
    EXPECT_EQ(twice.error().what, "a commit changes the same key twice");
    EXPECT_FALSE(co_await store.commit({}, put("", "x")));
    EXPECT_FALSE(co_await store.commit({}, put(std::string(key_bytes_max + 1, 'k'), "x")));
    EXPECT_TRUE(co_await store.commit({}, put(std::string(key_bytes_max, 'k'), "x")));
    EXPECT_EQ((co_await store.commit({}, put("k", "v", 77))).error().code, Code::not_found);
    co_return Result<>{};
  });
}

TEST_P(AnyStore, KeepsColdValuesBesideTheTable) {
  run([](aio::World& world, Store& store) -> Task<Result<>> {
    std::string body(10'000, 'c');
    std::vector<Change> changes{{"row", "warm", 0}, {.key = "body", .value = body, .cold = true}};
    CO_TRY(co_await store.commit({}, std::move(changes)));
    EXPECT_FALSE(CO_TRY(co_await store.get("body")));
    EXPECT_EQ(CO_TRY(co_await store.range(prefix(""))).size(), 1u);
    EXPECT_EQ(CO_TRY(co_await store.get_cold("body")), body);
    EXPECT_FALSE(CO_TRY(co_await store.get_cold("row")));
    // Reads beside commits, and one that is taken back.
    aio::Scope scope(co_await aio::here());
    for (int i = 0; i < 100; ++i) {
      scope.spawn([](Store& all, std::string key) -> Task<Result<>> {
        std::vector<Change> one{{.key = key, .value = key, .cold = true}};
        CO_TRY(co_await all.commit({}, std::move(one)));
        EXPECT_EQ(CO_TRY(co_await all.get_cold(key)), key);
        std::vector<Change> none{{.key = key, .value = std::nullopt, .cold = true}};
        CO_TRY(co_await all.commit({}, std::move(none)));
        EXPECT_FALSE(CO_TRY(co_await all.get_cold(key)));
        co_return Result<>{};
      }(store, std::to_string(i)));
      auto early = co_await aio::deadline(world.clock, Duration::nanoseconds(1),
                                          store.get_cold("body"), "reading");
      EXPECT_TRUE(early ? *early == body : early.error().code == Code::timeout);
    }
    CO_TRY(co_await scope.join());
    std::vector<Change> leased{{"l", "x", 1, true}};
    EXPECT_FALSE(co_await store.commit({}, std::move(leased)));
    co_return Result<>{};
  });
}

TEST_P(AnyStore, ReadsRanges) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    CO_TRY(co_await store.commit(
        {},
        {{"a/1", "1", 0}, {"a/2", "2", 0}, {"a0", "x", 0}, {"b/1", "3", 0}, {"b\xff", "4", 0}}));
    auto a = CO_TRY(co_await store.range(prefix("a/")));
    EXPECT_TRUE(a.size() == 2 && a[0].key == "a/1" && a[1].value == "2");
    EXPECT_EQ(CO_TRY(co_await store.range(prefix(""))).size(), 5u);
    EXPECT_EQ(CO_TRY(co_await store.range(prefix("b\xff"))).size(), 1u);
    EXPECT_EQ(CO_TRY(co_await store.range(prefix("", 2))).size(), 2u);
    auto keys = CO_TRY(co_await store.range({"a/1", "", 10, true}));
    EXPECT_TRUE(keys.size() == 1 && keys[0].value.empty());
    co_return Result<>{};
  });
}

TEST_P(AnyStore, TellsWatchersInOrder) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    CO_TRY(co_await store.commit({}, put("w/0", "before")));
    uint64_t base = store.revision();
    auto watch = CO_TRY(store.watch(prefix("w/")));
    CO_TRY(co_await store.commit({}, {{"w/1", "a", 0}, {"x", "b", 0}}));
    CO_TRY(co_await store.commit({}, {{"w/1", std::nullopt, 0}, {"w/2", "c", 0}}));
    std::vector<Watched> seen;
    while (seen.size() < 3)
      for (Watched& one : CO_TRY(co_await watch->next())) seen.push_back(std::move(one));
    EXPECT_EQ(seen.size(), 3u);
    auto at = [base](const Watched& one) { return one.entry.modified - base; };
    EXPECT_TRUE(seen[0].entry.key == "w/1" && !seen[0].deleted && at(seen[0]) == 1);
    EXPECT_EQ(seen[0].entry.value, "a");
    // The order within one commit is the store's.
    if (seen[1].entry.key != "w/1") std::swap(seen[1], seen[2]);
    EXPECT_TRUE(seen[1].entry.key == "w/1" && seen[1].deleted && at(seen[1]) == 2);
    EXPECT_TRUE(seen[2].entry.value == "c" && at(seen[2]) == 2);
    co_return Result<>{};
  });
}

TEST_P(AnyStore, EndsAWatchWhenItCloses) {
  run([](aio::World&, Store& store) -> Task<Result<>> {
    auto watch = CO_TRY(store.watch(prefix("w/")));
    aio::Scope scope(co_await aio::here());
    scope.spawn([](Watch& w) -> Task<Result<>> {
      auto end = co_await w.next();
      EXPECT_EQ(end.error().what, "the store was closed");
      co_return Result<>{};
    }(*watch));
    CO_TRY(co_await store.close());
    CO_TRY(co_await scope.join());
    EXPECT_EQ((co_await store.commit({}, put("k", "v"))).error().code, Code::unavailable);
    co_return Result<>{};
  });
}

TEST_P(SimStore, EndsLeasesWithTheirKeys) {
  run([](aio::World& world, Store& store) -> Task<Result<>> {
    uint64_t lease = CO_TRY(co_await store.grant(Duration::seconds(10)));
    CO_TRY(
        co_await store.commit({}, {{"l/1", "a", lease}, {"l/2", "b", lease}, {"stays", "c", 0}}));
    CO_TRY(co_await store.commit({}, put("l/2", "unbound")));
    CO_TRY(co_await world.clock.sleep(Duration::seconds(8)));
    CO_TRY(co_await store.renew(lease));
    CO_TRY(co_await world.clock.sleep(Duration::seconds(8)));
    EXPECT_TRUE(CO_TRY(co_await store.get("l/1")));
    auto watch = CO_TRY(store.watch(prefix("l/")));
    auto gone = CO_TRY(co_await watch->next());
    EXPECT_TRUE(gone.size() == 1 && gone[0].deleted && gone[0].entry.key == "l/1");
    EXPECT_TRUE(CO_TRY(co_await store.get("l/2")));
    EXPECT_EQ((co_await store.renew(lease)).error().code, Code::not_found);
    EXPECT_EQ((co_await store.revoke(lease)).error().code, Code::not_found);
    uint64_t other = CO_TRY(co_await store.grant(Duration::hours(1)));
    CO_TRY(co_await store.commit({}, put("l/3", "x", other)));
    CO_TRY(co_await store.revoke(other));
    EXPECT_FALSE(CO_TRY(co_await store.get("l/3")));
    co_return Result<>{};
  });
}

TEST_P(SimStore, NoticesAShorterLeaseWhileItSleepsForALongerOne) {
  run([](aio::World& world, Store& store) -> Task<Result<>> {
    CO_TRY(co_await store.grant(Duration::hours(5)));
    CO_TRY(co_await world.clock.sleep(Duration::seconds(1)));
    uint64_t brief = CO_TRY(co_await store.grant(Duration::seconds(1)));
    CO_TRY(co_await store.commit({}, put("k", "v", brief)));
    CO_TRY(co_await world.clock.sleep(Duration::seconds(2)));
    EXPECT_FALSE(CO_TRY(co_await store.get("k")));
    co_return Result<>{};
  });
}

// ---- sqlite/ alone ----

Task<Result<>> write_and_leave(aio::World& world) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  uint64_t lease = CO_TRY(co_await store->grant(Duration::seconds(30)));
  CO_TRY(co_await store->commit({}, {{"k", "v", 0}, {"leased", "x", lease}}));
  CO_TRY(co_await store->close());
  co_return Result<>{};
}

Task<Result<>> find_again(aio::World& world) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  EXPECT_EQ(store->revision(), 1u);
  auto k = CO_TRY(co_await store->get("k"));
  EXPECT_TRUE(k && k->value == "v" && k->created == 1 && k->lease == 0);
  EXPECT_TRUE(CO_TRY(co_await store->get("leased")));
  CO_TRY(co_await world.clock.sleep(Duration::seconds(31)));
  EXPECT_FALSE(CO_TRY(co_await store->get("leased")));
  CO_TRY(co_await store->close());
  co_return Result<>{};
}

TEST(SqliteStore, KeepsEverythingOverACleanRestart) {
  SimWorld sim(1);
  Result<> wrote = sim.run(write_and_leave(sim.world()));
  ASSERT_TRUE(wrote) << wrote.error().render();
  sim.restart(true);
  Result<> found = sim.run(find_again(sim.world()));
  EXPECT_TRUE(found) << found.error().render();
}

Task<Result<>> one(Store& store, int i) {
  CO_TRY(co_await store.commit({}, put("key/" + std::to_string(i), "v")));
  co_return Result<>{};
}

Task<Result<>> commit_many(aio::World& world, int count) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  aio::Scope scope(co_await aio::here());
  for (int i = 0; i < count; ++i) scope.spawn(one(*store, i));
  CO_TRY(co_await scope.join());
  EXPECT_EQ(CO_TRY(co_await store->range(prefix("key/"))).size(), static_cast<size_t>(count));
  EXPECT_EQ(store->revision(), static_cast<uint64_t>(count));
  co_return co_await store->close();
}

TEST(SqliteStore, SyncsOnceForManyCommits) {
  SimWorld sim(1);
  Result<> done = sim.run(commit_many(sim.world(), 500));
  ASSERT_TRUE(done) << done.error().render();
  // Two crash points a batch.
  EXPECT_LE(sim.main().crash_points(), 6u);
}

Task<Result<>> fill_the_disk(aio::World& world, aio::SimDisk& disk) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  CO_TRY(co_await store->commit({}, put("before", "1")));
  disk.full = true;
  auto refused = co_await store->commit({}, put("during", std::string(100'000, 'x')));
  EXPECT_EQ(refused.error().code, Code::resource_exhausted) << refused.error().render();
  EXPECT_FALSE(CO_TRY(co_await store->get("during")));
  disk.full = false;
  CO_TRY(co_await store->commit({}, put("after", "2")));
  EXPECT_EQ(store->revision(), 2u);
  co_return co_await store->close();
}

Task<Result<>> expect_keys(aio::World& world, std::vector<std::string> keys) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  std::vector<std::string> found;
  for (Entry& entry : CO_TRY(co_await store->range(prefix("")))) found.push_back(entry.key);
  EXPECT_EQ(found, keys);
  co_return co_await store->close();
}

TEST(SqliteStore, LeavesNothingHalfDoneOnAFullDiskAndGoesOn) {
  SimWorld sim(1);
  Result<> done = sim.run(fill_the_disk(sim.world(), sim.disk()));
  ASSERT_TRUE(done) << done.error().render();
  sim.restart(true);
  Result<> kept = sim.run(expect_keys(sim.world(), {"after", "before"}));
  EXPECT_TRUE(kept) << kept.error().render();
}

Task<Result<>> fail_a_sync(aio::World& world, aio::SimDisk& disk) {
  auto store = CO_TRY(co_await open_sqlite(world, "/store.db"));
  CO_TRY(co_await store->commit({}, put("before", "1")));
  disk.sync_fails = true;
  EXPECT_EQ((co_await store->commit({}, put("lost", "x"))).error().code, Code::io);
  disk.sync_fails = false;
  // Whether "lost" is on the disk nobody knows: the store must not go on as if it did.
  EXPECT_EQ((co_await store->commit({}, put("later", "x"))).error().code, Code::io);
  EXPECT_TRUE(CO_TRY(co_await store->get("before")));
  auto ignored = co_await store->close();
  static_cast<void>(ignored);
  co_return Result<>{};
}

TEST(SqliteStore, StopsWritingAfterAFailedSync) {
  SimWorld sim(1);
  Result<> done = sim.run(fail_a_sync(sim.world(), sim.disk()));
  EXPECT_TRUE(done) << done.error().render();
}

}  // namespace
}  // namespace croft::store
