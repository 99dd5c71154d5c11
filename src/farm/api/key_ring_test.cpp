// A key store that is slow or gone: who is known goes on, who is new waits a bounded time.
#include "farm/api/key_ring.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "farm/s3/local_farm.h"

namespace croft::farm {
namespace {

struct Keys {
  std::unique_ptr<store::Store> store;
  s3::OpenSealer sealer;
  std::unique_ptr<Accounts> accounts;

  static aio::Task<Result<>> open(aio::World& world, Keys& keys, int count) {
    keys.store = store::open_memory(world);
    keys.accounts = CO_TRY(co_await Accounts::open(world, *keys.store, keys.sealer));
    for (int i = 0; i < count; ++i) {
      NewAccount wanted{.name = fmt::format("account {}", i),
                        .access_key = fmt::format("AKIA{}", i),
                        .secret_key = Secret("secret")};
      CO_TRY(co_await keys.accounts->add(std::move(wanted)));
    }
    co_return Result<>{};
  }
};

constexpr Moment whenever{INT64_MAX};

void with_keys(KeyRingLimits limits,
               std::function<aio::Task<Result<>>(aio::World&, Keys&, KeyRing&)> test) {
  aio::SimWorld sim(3);
  Keys keys;
  ASSERT_TRUE(sim.run(Keys::open(sim.world(), keys, 3)));
  KeyRing ring(sim.world(), *keys.accounts, limits);
  auto whole = [](aio::World& world, Keys& all, KeyRing& asked, auto body) -> aio::Task<Result<>> {
    aio::Scope scope(co_await aio::here());
    scope.spawn(asked.run());
    auto done = co_await body(world, all, asked);
    scope.cancel();
    auto ended = co_await scope.join();
    static_cast<void>(ended);
    co_return done;
  };
  auto done = sim.run(whole(sim.world(), keys, ring, test));
  ASSERT_TRUE(done) << done.error().render();
}

TEST(KeyRing, known_keys_go_on_while_the_store_is_down) {
  with_keys({}, [](aio::World& world, Keys&, KeyRing& ring) -> aio::Task<Result<>> {
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    ring.set_fault({.time = Duration::seconds(2), .down = true});
    for (int minute = 0; minute < 14; ++minute) {
      Moment before = world.clock.now();
      EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
      EXPECT_EQ(world.clock.now(), before) << "a known caller had to wait";
      CO_TRY(co_await world.clock.sleep(Duration::minutes(1)));
    }
    // A new caller is told so, soon; and so is a known one once the grace is over.
    auto stranger = co_await ring.find("AKIA1", whenever);
    EXPECT_FALSE(stranger.error().fact("overload").empty());
    CO_TRY(co_await world.clock.sleep(Duration::minutes(2)));
    EXPECT_FALSE(co_await ring.find("AKIA0", whenever));
    ring.set_fault({});
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA1", whenever)).account);
    co_return Result<>{};
  });
}

TEST(KeyRing, the_grace_of_a_key_begins_with_its_last_use_not_its_first) {
  with_keys({}, [](aio::World& world, Keys&, KeyRing& ring) -> aio::Task<Result<>> {
    for (int minute = 0; minute < 60; ++minute) {
      EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
      if (minute == 0) EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA1", whenever)).account);
      CO_TRY(co_await world.clock.sleep(Duration::minutes(1)));
    }
    ring.set_fault({.down = true});
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    EXPECT_FALSE(co_await ring.find("AKIA1", whenever)) << "not used for an hour";
    CO_TRY(co_await world.clock.sleep(Duration::minutes(13)));
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    CO_TRY(co_await world.clock.sleep(Duration::minutes(2)));
    EXPECT_FALSE(co_await ring.find("AKIA0", whenever));
    co_return Result<>{};
  });
}

TEST(KeyRing, old_news_are_asked_for_again_beside_the_callers) {
  with_keys({}, [](aio::World& world, Keys& keys, KeyRing& ring) -> aio::Task<Result<>> {
    ring.set_fault({.time = Duration::milliseconds(300)});
    AccountRef before = CO_TRY(co_await ring.find("AKIA0", whenever)).account;
    EXPECT_TRUE(before);
    CO_TRY(co_await keys.accounts->remove(before->account_id));
    // Within the minute the verdict stands; after it the news come in while the caller is served.
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    CO_TRY(co_await world.clock.sleep(Duration::seconds(61)));
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    CO_TRY(co_await world.clock.sleep(Duration::seconds(1)));
    EXPECT_FALSE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    co_return Result<>{};
  });
}

TEST(KeyRing, made_up_keys_do_not_hold_up_known_ones) {
  KeyRingLimits limits;
  limits.fresh = limits.grace = Duration::nanoseconds(-1);  // every call has to ask
  limits.look_ups = {.places = 1, .max_wait = Duration::seconds(20), .waiting_max = 1000};
  with_keys(limits, [](aio::World& world, Keys&, KeyRing& ring) -> aio::Task<Result<>> {
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    ring.set_fault({.time = Duration::milliseconds(100)});
    aio::Scope scope(co_await aio::here());
    for (int i = 0; i < 100; ++i)
      scope.spawn([](KeyRing& asked, int number) -> aio::Task<Result<>> {
        auto found = co_await asked.find(fmt::format("MADEUP{}", number), whenever);
        EXPECT_FALSE(found && found->account);
        co_return Result<>{};
      }(ring, i));
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(50)));
    Moment before = world.clock.now();
    EXPECT_TRUE(CO_TRY(co_await ring.find("AKIA0", whenever)).account);
    EXPECT_LE(world.clock.now() - before, Duration::milliseconds(301));
    co_return co_await scope.join();
  });
}

TEST(KeyRing, an_unknown_key_is_remembered_for_a_moment) {
  with_keys({}, [](aio::World& world, Keys&, KeyRing& ring) -> aio::Task<Result<>> {
    ring.set_fault({.time = Duration::milliseconds(100)});
    EXPECT_FALSE(CO_TRY(co_await ring.find("NOBODY", whenever)).account);
    Moment before = world.clock.now();
    EXPECT_FALSE(CO_TRY(co_await ring.find("NOBODY", whenever)).account);
    EXPECT_EQ(world.clock.now(), before);
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::farm
