// A farm that is late on purpose: what it still shows is never another bucket's.
#include <gtest/gtest.h>

#include "farm/s3/local_farm.h"

namespace croft::farm::s3 {
namespace {

aio::Task<Result<>> hand_over(aio::World& world) {
  auto farm = CO_TRY(co_await LocalFarm::open(world));
  farm->s3().index().past().set({.reads = Duration::seconds(5), .lists = Duration::seconds(5)});
  auto ask = [&](std::string method, std::string target, std::string body = {}) {
    return farm->ask(std::move(method), std::move(target), std::move(body));
  };
  for (const char* bucket : {"/given", "/given-not"}) {
    EXPECT_EQ(CO_TRY(co_await ask("PUT", bucket)).status, 200);
    EXPECT_EQ(CO_TRY(co_await ask("PUT", std::string(bucket) + "/key", "secret")).status, 200);
  }
  CO_TRY(co_await world.clock.sleep(Duration::seconds(6)));
  for (const char* bucket : {"/given", "/given-not"})
    EXPECT_EQ(CO_TRY(co_await ask("DELETE", std::string(bucket) + "/key")).status, 204);
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given/key")).body, "secret") << "it is not late at all";
  EXPECT_EQ(CO_TRY(co_await ask("DELETE", "/given")).status, 204);
  EXPECT_EQ(CO_TRY(co_await ask("PUT", "/given")).status, 200);
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given/key")).code, "NoSuchKey");
  Reply list = CO_TRY(co_await ask("GET", "/given?list-type=2"));
  EXPECT_EQ(list.body.find("<Contents>"), std::string::npos) << list.body;
  // The other bucket, whose name begins alike, goes on as before, and what is done anew is late.
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given-not/key")).body, "secret");
  EXPECT_EQ(CO_TRY(co_await ask("PUT", "/given/key", "new")).status, 200);
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given/key")).code, "NoSuchKey");
  CO_TRY(co_await world.clock.sleep(Duration::seconds(6)));
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given/key")).body, "new");
  EXPECT_EQ(CO_TRY(co_await ask("GET", "/given-not/key")).code, "NoSuchKey");
  co_return co_await farm->close();
}

TEST(S3Past, goes_with_its_bucket) {
  aio::SimWorld sim(8);
  auto done = sim.run(hand_over(sim.world()));
  EXPECT_TRUE(done) << done.error().render();
}

}  // namespace
}  // namespace croft::farm::s3
