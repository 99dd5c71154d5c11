// Event, Signal, Semaphore, Mutex and Channel, with cancellation in awkward moments.
#include "aio/sync.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"

namespace croft::aio {
namespace {

constexpr auto second = Duration::seconds(1);

Task<Result<>> set_later(Clock& clock, Event& event) {
  CO_TRY(co_await clock.sleep(second));
  event.set();
  co_return Result<>{};
}

Task<Result<>> event_body(World& world) {
  Event event;
  Scope scope(co_await here());
  scope.spawn(event.wait());
  scope.spawn(event.wait());
  scope.spawn(set_later(world.clock, event));
  CO_TRY(co_await scope.join());
  CO_TRY(co_await event.wait());  // set: passes
  event.reset();
  auto late = co_await deadline(world.clock, second, event.wait(), "the event");
  EXPECT_FALSE(late);
  co_return Result<>{};
}

TEST(Event, wakes_all_and_stays_set) {
  SimWorld sim(1);
  auto result = sim.run(event_body(sim.world()));
  EXPECT_TRUE(result) << result.error().render();
}

struct Places {
  Semaphore places{2};
  size_t inside = 0, most = 0, done = 0;
};

Task<Result<>> visitor(World& world, Places& places, Duration stay) {
  CO_TRY(co_await places.places.acquire());
  places.most = std::max(places.most, ++places.inside);
  auto slept = co_await world.clock.sleep(stay);
  --places.inside;
  ++places.done;
  places.places.release();
  co_return slept;
}

Task<Result<>> impatient(World& world, Places& places, Duration patience) {
  auto result =
      co_await deadline(world.clock, patience, visitor(world, places, second), "the visit");
  static_cast<void>(result);
  co_return Result<>{};
}

Task<Result<>> semaphore_body(World& world, Places& places) {
  Scope scope(co_await here());
  for (int i = 0; i < 40; ++i)
    scope.spawn(impatient(
        world, places, Duration::milliseconds(static_cast<int64_t>(world.random.below(12'000)))));
  co_return co_await scope.join();
}

TEST(Semaphore, loses_no_place_when_waiters_give_up) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimWorld sim(seed);
    Places places;
    ASSERT_TRUE(sim.run(semaphore_body(sim.world(), places)));
    EXPECT_EQ(places.places.free(), 2u) << seed;
    EXPECT_LE(places.most, 2u);
    EXPECT_GT(places.done, 0u);
  }
}

/// The waiter is woken and cancelled in the same moment: it has the place and must give it back.
Task<Result<>> woken_and_cancelled(World& world, Semaphore& one) {
  CO_TRY(co_await one.acquire());
  Scope scope(co_await here());
  auto body = [](Semaphore& semaphore) -> Task<Result<>> {
    CO_TRY(co_await semaphore.acquire());
    semaphore.release();
    co_return Result<>{};
  };
  scope.spawn(body(one));
  CO_TRY(co_await world.clock.sleep(second));
  one.release();
  scope.cancel();
  co_return co_await scope.join();
}

TEST(Semaphore, woken_and_cancelled_at_once) {
  SimWorld sim(1);
  Semaphore one(1);
  EXPECT_TRUE(sim.run(woken_and_cancelled(sim.world(), one)));
  EXPECT_EQ(one.free(), 1u);
}

Task<Result<>> locked_add(World& world, Mutex& mutex, int& value) {
  auto lock = CO_TRY(co_await mutex.lock());
  int before = value;
  CO_TRY(co_await world.clock.sleep(second));
  value = before + 1;
  co_return Result<>{};
}

Task<Result<>> mutex_body(World& world, Mutex& mutex, int& value) {
  Scope scope(co_await here());
  for (int i = 0; i < 10; ++i) scope.spawn(locked_add(world, mutex, value));
  co_return co_await scope.join();
}

TEST(Mutex, one_at_a_time) {
  SimWorld sim(3);
  Mutex mutex;
  int value = 0;
  EXPECT_TRUE(sim.run(mutex_body(sim.world(), mutex, value)));
  EXPECT_EQ(value, 10);
}

struct Traffic {
  Channel<int> channel{3};
  std::vector<int> received;
  size_t most = 0;
};

Task<Result<>> produce(Traffic& traffic, int from, int count) {
  for (int i = 0; i < count; ++i) {
    CO_TRY(co_await traffic.channel.push(from + i));
    traffic.most = std::max(traffic.most, traffic.channel.size());
  }
  co_return Result<>{};
}

Task<Result<>> consume(World& world, Traffic& traffic) {
  for (;;) {
    auto item = co_await traffic.channel.pop();
    if (!item) co_return Result<>{};
    traffic.received.push_back(*item);
    if (world.random.below(3) == 0) CO_TRY(co_await world.clock.sleep(second));
  }
}

Task<Result<>> channel_body(World& world, Traffic& traffic) {
  Scope consumers(co_await here());
  for (int i = 0; i < 3; ++i) consumers.spawn(consume(world, traffic));
  Scope producers(co_await here());
  for (int i = 0; i < 4; ++i) producers.spawn(produce(traffic, i * 100, 50));
  auto produced = co_await producers.join();
  traffic.channel.close();
  auto consumed = co_await consumers.join();
  CO_TRY(std::move(produced));
  co_return consumed;
}

TEST(Channel, delivers_each_item_once_within_its_bound) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SimWorld sim(seed);
    Traffic traffic;
    auto result = sim.run(channel_body(sim.world(), traffic));
    ASSERT_TRUE(result) << result.error().render();
    EXPECT_LE(traffic.most, 3u);
    std::set<int> unique(traffic.received.begin(), traffic.received.end());
    EXPECT_EQ(unique.size(), 200u);
    EXPECT_EQ(traffic.received.size(), 200u);
  }
}

Task<Result<>> closed_body() {
  Channel<int> channel(2);
  EXPECT_TRUE(channel.try_push(1));
  EXPECT_TRUE(channel.try_push(2));
  EXPECT_FALSE(channel.try_push(3));
  channel.close();
  EXPECT_FALSE(channel.try_push(3));
  EXPECT_FALSE(co_await channel.push(3));
  EXPECT_EQ((co_await channel.pop()).value(), 1);
  EXPECT_EQ((co_await channel.pop()).value(), 2);
  auto end = co_await channel.pop();
  EXPECT_FALSE(end);
  EXPECT_EQ(end.error().code, Code::cancelled);
  co_return Result<>{};
}

TEST(Channel, closed_gives_the_rest_then_ends) {
  SimWorld sim(1);
  EXPECT_TRUE(sim.run(closed_body()));
}

/// A consumer that is woken for an item and then finds it taken must not keep another from waking.
Task<Result<>> give_up_body(World& world, Traffic& traffic) {
  Scope scope(co_await here());
  auto patient = [](Traffic& t) -> Task<Result<>> {
    for (int i = 0; i < 20; ++i) t.received.push_back(CO_TRY(co_await t.channel.pop()));
    co_return Result<>{};
  };
  auto hasty = [](World& w, Traffic& t) -> Task<Result<>> {
    for (int i = 0; i < 60; ++i) {
      auto length = Duration::milliseconds(static_cast<int64_t>(w.random.below(100)));
      auto item = co_await deadline(w.clock, length, t.channel.pop(), "an item");
      if (item) CO_TRY(co_await t.channel.push(*item));
    }
    co_return Result<>{};
  };
  auto feed = [](World& w, Traffic& t) -> Task<Result<>> {
    for (int i = 0; i < 20; ++i) {
      CO_TRY(co_await w.clock.sleep(Duration::milliseconds(50)));
      CO_TRY(co_await t.channel.push(i));
    }
    co_return Result<>{};
  };
  scope.spawn(patient(traffic));
  for (int i = 0; i < 3; ++i) scope.spawn(hasty(world, traffic));
  scope.spawn(feed(world, traffic));
  co_return co_await scope.join();
}

TEST(Channel, no_item_and_no_wake_up_is_lost_when_readers_give_up) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SimWorld sim(seed);
    Traffic traffic;
    auto result = sim.run(give_up_body(sim.world(), traffic));
    ASSERT_TRUE(result) << seed << ": " << result.error().render();
    EXPECT_EQ(traffic.received.size(), 20u);
  }
}

}  // namespace
}  // namespace croft::aio
