// A store of an older format becomes the present one, whatever cuts it off; a newer one stays as it
// is.
#include "controller/store_format.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/text.h"
#include "controller/backup.h"

namespace croft::controller {
namespace {

constexpr const char* home = "/h";
constexpr const char* file = "/h/controller/controller.db";

/// Format 2 has the names in capitals under another prefix; format 3 counts them. Both take several
/// commits, so that a crash may leave them half done.
std::vector<FormatStep> steps() {
  auto rename = [](store::Store& store) -> aio::Task<Result<>> {
    for (const auto& entry : CO_TRY(co_await store.range(store::prefix("names/")))) {
      std::string value = entry.value;
      for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      CO_TRY(co_await store.commit({}, {{.key = "people/" + entry.key.substr(6), .value = value},
                                        {.key = entry.key, .value = std::nullopt}}));
    }
    co_return Result<>{};
  };
  auto count = [](store::Store& store) -> aio::Task<Result<>> {
    auto all = CO_TRY(co_await store.range(store::prefix("people/")));
    CO_TRY(co_await store.commit({}, {{.key = "count", .value = fmt::format("{}", all.size())}}));
    co_return Result<>{};
  };
  return {{2, "names in capitals", rename}, {3, "their number", count}};
}

aio::Task<Result<>> make_old(aio::World& world) {
  CO_TRY(co_await world.disk.make_dirs(std::string(home) + "/controller"));
  auto store = CO_TRY(co_await store::open_sqlite(world, file));
  CO_TRY(co_await bring_up_to_date(world, *store, home, {}));
  for (const char* name : {"ada", "grace", "barbara"})
    CO_TRY(co_await store->commit({}, {{.key = std::string("names/") + name, .value = name}}));
  co_return co_await store->close();
}

aio::Task<Result<>> open_new(aio::World& world) {
  auto store = CO_TRY(co_await store::open_sqlite(world, file));
  auto done = co_await bring_up_to_date(world, *store, home, steps());
  CO_TRY(co_await store->close());
  co_return done;
}

aio::Task<Result<std::string>> contents(aio::World& world) {
  auto store = CO_TRY(co_await store::open_sqlite(world, file));
  std::string out;
  for (const auto& entry : CO_TRY(co_await store->range(store::prefix(""))))
    out += entry.key + "=" + entry.value + "\n";
  CO_TRY(co_await store->close());
  co_return out;
}

constexpr const char* wanted =
    "count=3\npeople/ada=ADA\npeople/barbara=BARBARA\npeople/grace=GRACE\nv1/format=3\n";

TEST(StoreFormat, AnOlderOneBecomesThePresentOneWhereverItIsCutOff) {
  int cut_off = 0;
  for (uint64_t at = 1;; ++at) {
    aio::SimWorld sim(at);
    ASSERT_TRUE(sim.run(make_old(sim.world())));
    sim.main().crash_at(sim.main().crash_points() + at);
    auto opened = sim.run(open_new(sim.world()));
    bool died = sim.main().dead();
    if (died) {
      ++cut_off;
      sim.restart(at % 2 == 0);
      opened = sim.run(open_new(sim.world()));
    }
    ASSERT_TRUE(opened) << opened.error().render();
    auto has = sim.run(contents(sim.world()));
    ASSERT_TRUE(has);
    EXPECT_EQ(*has, wanted) << "cut off at " << at;
    auto kept = sim.run(sim.world().disk.read_file(
        std::string(home) + "/controller/format-1.backup", Bytes::mib(1)));
    ASSERT_TRUE(kept);
    EXPECT_EQ(entries_of(*kept).value_or(0), 4U) << "the backup is of the store as it was";
    if (!died) break;
  }
  EXPECT_GT(cut_off, 5);
}

TEST(StoreFormat, ANewerOneIsRefusedAndStaysAsItIs) {
  aio::SimWorld sim(1);
  ASSERT_TRUE(sim.run(make_old(sim.world())));
  ASSERT_TRUE(sim.run(open_new(sim.world())));
  auto refused = sim.run([](aio::World& world) -> aio::Task<Result<>> {
    auto store = CO_TRY(co_await store::open_sqlite(world, file));
    auto done = co_await bring_up_to_date(world, *store, home, {});
    CO_TRY(co_await store->close());
    co_return done;
  }(sim.world()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_EQ(sim.run(contents(sim.world())).value_or(""), wanted);
}

TEST(StoreFormat, AStepThatFailsSaysWhichAndIsTriedAgain) {
  aio::SimWorld sim(1);
  ASSERT_TRUE(sim.run(make_old(sim.world())));
  auto broken = steps();
  broken[1].change = [](store::Store&) -> aio::Task<Result<>> { co_return fail(Code::io, "no"); };
  auto failed = sim.run([](aio::World& world, std::vector<FormatStep> all) -> aio::Task<Result<>> {
    auto store = CO_TRY(co_await store::open_sqlite(world, file));
    auto done = co_await bring_up_to_date(world, *store, home, all);
    CO_TRY(co_await store->close());
    co_return done;
  }(sim.world(), broken));
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().render().find("their number"), std::string::npos);
  ASSERT_TRUE(sim.run(open_new(sim.world())));
  EXPECT_EQ(sim.run(contents(sim.world())).value_or(""), wanted);
}

}  // namespace
}  // namespace croft::controller
