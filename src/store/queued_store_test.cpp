// The queue before a backing: what a full disk lets through, and when it tidies.
#include "store/queued_store.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "store/changes.h"

namespace croft::store {
namespace {

using aio::SimWorld;
using aio::Task;

/// A disk that may be full, or have something to tidy.
struct Disk {
  bool full = false;
  int to_tidy = 0;  ///< steps
  std::vector<bool> steps = {};
  std::vector<std::string> frees = {};  ///< keys of the batches that may use the reserve
};

class FakeBacking final : public Backing {
 public:
  explicit FakeBacking(Disk& disk) : disk_(disk) {}
  Task<Result<>> persist(const Batch& batch) override {
    if (disk_.full && !batch.frees) co_return fail(Code::resource_exhausted, "full");
    if (batch.frees)
      for (const Write& write : batch.writes) disk_.frees.push_back(write.key);
    co_return Result<>{};
  }
  Task<Result<ColdValues>> read(const std::vector<std::string>& keys) override {
    co_return ColdValues(keys.size());
  }
  bool untidy() const override { return disk_.to_tidy > 0; }
  Task<Result<>> tidy(bool busy) override {
    disk_.steps.push_back(busy);
    --disk_.to_tidy;
    co_return Result<>{};
  }
  Task<Result<>> close() override { co_return Result<>{}; }

 private:
  Disk& disk_;
};

using Body = Task<Result<>> (*)(aio::World& world, Store& store, Disk& disk);

void run(Body body) {
  SimWorld sim(3);
  Disk disk;
  auto store = make_queued_store(sim.world(), std::make_unique<FakeBacking>(disk), {});
  Result<> done = sim.run(body(sim.world(), *store, disk));
  EXPECT_TRUE(done) << done.error().render();
  Result<> closed = sim.run(store->close());
  EXPECT_TRUE(closed);
}

Task<Result<>> tried(Store& store, std::vector<Change> changes, Code& code) {
  auto done = co_await store.commit({}, std::move(changes));
  code = done ? Code::cancelled : done.error().code;
  co_return Result<>{};
}

TEST(QueuedStore, OnAFullDiskWhatTakesAwayGoesOnWithoutWhatAdds) {
  run([](aio::World&, Store& store, Disk& disk) -> Task<Result<>> {
    CO_TRY(co_await store.commit({}, {{"a", "12345", 0}, {"b", "12345", 0}, {"n", "2", 0}}));
    disk.full = true;
    Code removal{}, addition{}, swap{};
    {
      aio::Scope scope(co_await aio::here());
      // All three wait together: one batch.
      scope.spawn(tried(store, {{"a", std::nullopt, 0}, {"n", "1", 0}}, removal));
      scope.spawn(tried(store, {{"c", "x", 0}}, addition));
      scope.spawn(tried(store, {{"b", std::nullopt, 0}, {"d", "123456", 0}}, swap));
      CO_TRY(co_await scope.join());
    }
    EXPECT_EQ(removal, Code::cancelled) << "went through";
    EXPECT_EQ(addition, Code::resource_exhausted);
    EXPECT_EQ(swap, Code::resource_exhausted);
    EXPECT_EQ(disk.frees, (std::vector<std::string>{"a", "n"}));
    EXPECT_FALSE(CO_TRY(co_await store.get("a")));
    EXPECT_EQ(CO_TRY(co_await store.get("n"))->value, "1");
    EXPECT_TRUE(CO_TRY(co_await store.get("b")));
    EXPECT_FALSE(CO_TRY(co_await store.get("c")));
    // Its conditions count as ever.
    auto conflict = co_await store.commit({{"n", 1}}, {{"b", std::nullopt, 0}});
    EXPECT_EQ(conflict.error().code, Code::conflict);
    disk.full = false;
    CO_TRY(co_await store.commit({}, {{"c", "x", 0}}));
    co_return Result<>{};
  });
}

TEST(QueuedStore, WhatFreesIsWhatRemovesAtLeastAsMuchAsItAdds) {
  Table table;
  Row row;
  row.value = "0123456789";
  table.load("old", row);
  auto change = [](std::string key, std::optional<std::string> value, bool cold = false) {
    return Change{.key = std::move(key), .value = std::move(value), .cold = cold};
  };
  EXPECT_TRUE(frees({change("old", std::nullopt)}, table));
  EXPECT_TRUE(frees({change("old", std::nullopt), change("new", "0123456789")}, table));
  EXPECT_FALSE(frees({change("old", std::nullopt), change("new", "0123456789A")}, table));
  EXPECT_FALSE(frees({change("old", "012345678")}, table)) << "nothing goes";
  EXPECT_TRUE(frees({change("body", std::nullopt, true), change("old", "012345678")}, table));
  EXPECT_FALSE(frees(
      {change("body", std::nullopt, true), change("other", std::string(100, 'x'), true)}, table));
}

TEST(QueuedStore, TidiesAStepAtATimeBetweenBatches) {
  run([](aio::World& world, Store& store, Disk& disk) -> Task<Result<>> {
    disk.to_tidy = 3;
    CO_TRY(co_await store.commit({}, {{"a", "1", 0}}));
    EXPECT_TRUE(disk.steps.empty()) << "not in the way of the commit";
    CO_TRY(co_await world.clock.sleep(Duration::seconds(10)));
    EXPECT_EQ(disk.steps, (std::vector<bool>{true, false, false}));
    disk.to_tidy = 1000;
    CO_TRY(co_await store.commit({}, {{"a", "2", 0}}));
    co_return Result<>{};  // closing does not wait for the rest
  });
}

}  // namespace
}  // namespace croft::store
