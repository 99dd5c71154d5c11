#include "engine/stored_secrets.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::engine {
namespace {

/// Turns the text round: enough to see that it went through here.
class Backwards : public protocol::SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override {
    return std::string(plain.reveal().rbegin(), plain.reveal().rend());
  }
  Result<Secret> open(std::string_view sealed) const override {
    return Secret(std::string(sealed.rbegin(), sealed.rend()));
  }
};

TEST(StoredSecrets, AreKeptByNameSealedAndGo) {
  aio::SimWorld sim(1);
  Backwards sealer;
  auto run = [&](aio::World& world) -> aio::Task<Result<>> {
    auto store = store::open_memory(world);
    CO_TRY(co_await store_secret(*store, sealer, "shop/db", Secret("hunter2"), WallTime{0}));
    CO_TRY(co_await store_secret(*store, sealer, "other", Secret("x\n\"y"), WallTime{0}));
    EXPECT_EQ(CO_TRY(co_await stored_secret(*store, sealer, "shop/db"))->reveal(), "hunter2");
    EXPECT_EQ(CO_TRY(co_await stored_secret(*store, sealer, "other"))->reveal(), "x\n\"y");
    EXPECT_FALSE(CO_TRY(co_await stored_secret(*store, sealer, "nothing")));
    auto raw = CO_TRY(co_await store->get("v1/secret/shop/db"));
    EXPECT_EQ(raw->value.find("hunter2"), std::string::npos);
    CO_TRY(co_await store_secret(*store, sealer, "shop/db", Secret("hunter3"), WallTime{1}));
    EXPECT_EQ(CO_TRY(co_await stored_secret(*store, sealer, "shop/db"))->reveal(), "hunter3");
    auto all = CO_TRY(co_await stored_secrets(*store));
    EXPECT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].name, "other");
    CO_TRY(co_await remove_secret(*store, "other"));
    EXPECT_EQ((co_await remove_secret(*store, "other")).error().code, Code::not_found);
    // Copied to another name it is not that one.
    CO_TRY(co_await store->commit({}, {{.key = "v1/secret/moved", .value = raw->value}}));
    EXPECT_EQ((co_await stored_secret(*store, sealer, "moved")).error().code, Code::corrupt);
    co_return co_await store->close();
  };
  auto done = sim.run(run(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

TEST(StoredSecrets, NamesAndSizesAreBounded) {
  for (const char* name : {"a", "shop/db-password", "A_1.x"}) EXPECT_TRUE(check_secret_name(name));
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("ä"), std::string(129, 'a')})
    EXPECT_FALSE(check_secret_name(name)) << name;
  aio::SimWorld sim(1);
  Backwards sealer;
  auto run = [&](aio::World& world) -> aio::Task<Result<>> {
    auto store = store::open_memory(world);
    Secret large(std::string(stored_secret_max + 1, 'x'));
    auto done = co_await store_secret(*store, sealer, "large", std::move(large), WallTime{0});
    EXPECT_EQ(done.error().code, Code::invalid_argument);
    co_return co_await store->close();
  };
  EXPECT_TRUE(sim.run(run(sim.world())));
}

}  // namespace
}  // namespace croft::engine
