#include "engine/ledger.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "aio/sim/sim_world.h"

namespace croft::engine {
namespace {

constexpr size_t events = 2 * Ledger::changes_per_commit + 10;  // three commits

aio::Task<Result<>> write_many(aio::World& world, size_t& commits) {
  auto store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
  Ledger ledger(world, *store, "app");
  ApplicationRecord record;
  record.name = "app";
  ledger.put(record);
  for (size_t i = 0; i < events; ++i)
    ledger.event({.component = "app:a", .event = "MESSAGE", .why = fmt::format("{}", i + 1)});
  record.why = "all of it";
  ledger.put(record);
  uint64_t before = store->revision();
  CO_TRY(co_await ledger.flush());
  commits = store->revision() - before;
  co_return co_await store->close();
}

struct Found {
  std::string why;       ///< of the application's record
  uint64_t events = 0;   ///< the number of the last
  bool in_order = true;  ///< each event is the one of its number
};

aio::Task<Result<>> read_all(aio::World& world, Found& found) {
  auto store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
  Ledger ledger(world, *store, "app");
  auto loaded = co_await ledger.load();
  if (!loaded && loaded.error().code != Code::not_found) co_return fail(std::move(loaded).error());
  if (loaded) found.why = loaded->application.why;
  found.events = ledger.last_event();
  for (uint64_t from = 1; from <= found.events;) {
    auto some = CO_TRY(co_await ledger.events(from));
    for (const auto& event : some)
      found.in_order &= event.seq == from && event.why == fmt::format("{}", from++);
    if (some.empty()) break;
  }
  co_return co_await store->close();
}

TEST(Ledger, WhatIsMoreThanOneCommitTakesBecomesDurableAllTheSame) {
  aio::SimWorld sim(1);
  size_t commits = 0;
  auto written = sim.run(write_many(sim.world(), commits));
  ASSERT_TRUE(written) << written.error().render();
  EXPECT_EQ(commits, 3u);
  Found found;
  auto read = sim.run(read_all(sim.world(), found));
  ASSERT_TRUE(read) << read.error().render();
  EXPECT_EQ(found.events, events);
  EXPECT_EQ(found.why, "all of it");
  EXPECT_TRUE(found.in_order);
}

/// Cut off anywhere, the store holds what came first up to the end of a commit, and nothing of what
/// came later.
TEST(Ledger, ACrashBetweenTwoCommitsLeavesABeginning) {
  std::set<uint64_t> left;
  for (uint64_t at = 3; !left.contains(2 * Ledger::changes_per_commit - 1); ++at) {
    aio::SimWorld sim(1);
    sim.main().crash_at(at);
    size_t unused = 0;
    ASSERT_FALSE(sim.run(write_many(sim.world(), unused))) << "the second commit was never seen";
    sim.main().crash_at(0);
    sim.restart(true);
    Found found;
    auto read = sim.run(read_all(sim.world(), found));
    ASSERT_TRUE(read) << read.error().render();
    EXPECT_TRUE(found.in_order);
    EXPECT_EQ(found.why, "") << "what came last is not there";
    // The record came first, so a commit of events has one less.
    uint64_t more = found.events == 0 ? 0 : found.events + 1;
    EXPECT_EQ(more % Ledger::changes_per_commit, 0u) << found.events;
    left.insert(found.events);
  }
  EXPECT_TRUE(left.contains(Ledger::changes_per_commit - 1));
}

TEST(Ledger, TheOldestEventsGoAndNumbersGoOn) {
  aio::SimWorld sim(1);
  static constexpr uint64_t all = Ledger::events_kept + 700;
  auto written = sim.run([](aio::World& world) -> aio::Task<Result<>> {
    auto store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
    Ledger ledger(world, *store, "app");
    ApplicationRecord record;
    record.name = "app";
    ledger.put(record);
    for (uint64_t i = 0; i < all; ++i) {
      ledger.event({.component = "app:a", .event = "MESSAGE", .why = ""});
      if (i % Ledger::changes_per_commit == 0) CO_TRY(co_await ledger.flush());
    }
    CO_TRY(co_await ledger.flush());
    co_return co_await store->close();
  }(sim.world()));
  ASSERT_TRUE(written) << written.error().render();
  auto read = sim.run([](aio::World& world) -> aio::Task<Result<>> {
    auto store = CO_TRY(co_await store::open_sqlite(world, "/state.db"));
    Ledger ledger(world, *store, "app");
    CO_TRY(co_await ledger.load());
    EXPECT_EQ(ledger.last_event(), all);
    auto first = CO_TRY(co_await ledger.events(1));
    EXPECT_EQ(first.front().seq, all - Ledger::events_kept + 1);
    co_return co_await store->close();
  }(sim.world()));
  ASSERT_TRUE(read) << read.error().render();
}

}  // namespace
}  // namespace croft::engine
