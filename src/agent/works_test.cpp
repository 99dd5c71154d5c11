#include "agent/works.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"

namespace croft::agent {
namespace {

using Texts = std::map<std::string, std::string>;

struct WorksTest : testing::Test {
  aio::SimWorld sim{1};

  Texts read() {
    Texts out;
    auto done = sim.run([](aio::World& world, Texts& into) -> aio::Task<Result<>> {
      Works works(world);
      for (auto& each : CO_TRY(co_await works.open("/works.log"))) into[each.name] = each.text;
      co_return Result<>{};
    }(sim.world(), out));
    EXPECT_TRUE(done) << done.error().render();
    return out;
  }
  Result<> run(std::function<aio::Task<Result<>>(Works&)> what) {
    return sim.run([](aio::World& world, auto script) -> aio::Task<Result<>> {
      Works works(world);
      CO_TRY(co_await works.open("/works.log"));
      co_return co_await script(works);
    }(sim.world(), std::move(what)));
  }
};

TEST_F(WorksTest, KeepsTheLastTextOfEachName) {
  EXPECT_TRUE(run([](Works& works) -> aio::Task<Result<>> {
    CO_TRY(co_await works.put("app:a", "{\"x\":1}"));
    CO_TRY(co_await works.put("app:\"b\\", "{\"x\":2}"));
    CO_TRY(co_await works.put("app:a", "{\"x\":3}"));
    CO_TRY(co_await works.put("app:c", "{}"));
    CO_TRY(co_await works.erase("app:none"));
    co_return co_await works.erase("app:c");
  }));
  EXPECT_EQ(read(), (Texts{{"app:a", "{\"x\":3}"}, {"app:\"b\\", "{\"x\":2}"}}));
}

TEST_F(WorksTest, WhatIsAskedForAtOnceIsWrittenTogether) {
  EXPECT_TRUE(run([](Works& works) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    for (int i = 0; i < 100; ++i)
      scope.spawn(works.put(fmt::format("app:{}", i), fmt::format("{{\"n\":{}}}", i)));
    CO_TRY(co_await scope.join());
    aio::Scope again(co_await aio::here());
    for (int i = 0; i < 100; i += 2) again.spawn(works.erase(fmt::format("app:{}", i)));
    co_return co_await again.join();
  }));
  Texts left = read();
  EXPECT_EQ(left.size(), 50u);
  EXPECT_EQ(left["app:99"], "{\"n\":99}");
}

TEST_F(WorksTest, IsWrittenAnewWhereMostOfItIsOld) {
  std::string big(1000, 'x');
  EXPECT_TRUE(run([&big](Works& works) -> aio::Task<Result<>> {
    return [](Works& all, const std::string& text) -> aio::Task<Result<>> {
      for (int i = 0; i < 5000; ++i)
        CO_TRY(
            co_await all.put(fmt::format("app:{}", i % 7), fmt::format("{{\"{}\":{}}}", text, i)));
      co_return Result<>{};
    }(works, big);
  }));
  Texts left = read();
  EXPECT_EQ(left.size(), 7u);
  EXPECT_TRUE(left["app:1"].ends_with(":4999}")) << left["app:1"].substr(990);
  auto size = sim.run([](aio::World& world) -> aio::Task<Result<uint64_t>> {
    co_return CO_TRY(co_await world.disk.info("/works.log")).size;
  }(sim.world()));
  ASSERT_TRUE(size);
  EXPECT_LT(*size, 3u << 20);
}

aio::Task<Result<>> write_forty(aio::World& world, std::map<std::string, int>& answered) {
  Works works(world);
  CO_TRY(co_await works.open("/works.log"));
  for (int i = 0; i < 40; ++i) {
    std::string name = fmt::format("app:{}", i % 5);
    CO_TRY(co_await works.put(name, fmt::format("{}", i)));
    answered[name] = i;
  }
  co_return Result<>{};
}

/// Also puts one more: it goes on behind what a crash has left.
aio::Task<Result<>> read_and_go_on(aio::World& world, Texts& found) {
  Works works(world);
  for (auto& each : CO_TRY(co_await works.open("/works.log"))) found[each.name] = each.text;
  co_return co_await works.put("app:more", "41");
}

TEST(WorksCrash, WhatWasAnsweredIsThereAtEveryPoint) {
  constexpr uint64_t points = 120;
  for (uint64_t at = 1; at <= points; at += 7) {
    aio::SimWorld sim(at);
    std::map<std::string, int> answered;
    sim.main().crash_at(at);
    EXPECT_FALSE(sim.run(write_forty(sim.world(), answered))) << at;
    sim.restart(true);
    Texts found, again;
    ASSERT_TRUE(sim.run(read_and_go_on(sim.world(), found))) << at;
    ASSERT_TRUE(sim.run(read_and_go_on(sim.world(), again))) << at;
    for (const auto& [name, number] : answered) {
      ASSERT_TRUE(found.contains(name)) << "point " << at;
      EXPECT_GE(std::stoi(found[name]), number) << "point " << at;
    }
    found["app:more"] = "41";
    EXPECT_EQ(again, found) << "point " << at;
  }
}

}  // namespace
}  // namespace croft::agent
