#include "farm/api/sessions.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::farm {
namespace {

class PlainSealer final : public Sealer {
 public:
  Result<std::string> seal(const Secret& secret, std::string_view context) override {
    return std::string(context) + "|" + secret.reveal();
  }
  Result<Secret> unseal(std::string_view sealed, std::string_view context) override {
    return Secret(std::string(sealed.substr(context.size() + 1)));
  }
};

class SessionsTest : public testing::Test {
 protected:
  aio::SimWorld sim{1};
  PlainSealer sealer;
  std::unique_ptr<store::Store> store = store::open_memory(sim.world());
  std::unique_ptr<Sessions> sessions = open(*store);

  std::unique_ptr<Sessions> open(store::Store& in) {
    return std::move(*sim.run(Sessions::open(sim.world(), in, sealer)));
  }
  Session session() {
    return {"111122223333",
            "worker",
            "i-1",
            "i-1",
            {{"s3"}, {"app-*"}},
            sim.world().clock.wall() + Duration::hours(1)};
  }
};

TEST_F(SessionsTest, say_again_what_they_were_issued_for_also_after_a_restart) {
  auto keys = sessions->issue(session());
  EXPECT_TRUE(keys.access_key.starts_with("ASIA"));
  EXPECT_EQ(keys.access_key.size(), 20u);
  auto again = open(*store)->check(keys.access_key, keys.token);
  ASSERT_TRUE(again) << again.error().render();
  EXPECT_EQ(again->secret.reveal(), keys.secret.reveal());
  EXPECT_EQ(again->session.account_id, "111122223333");
  EXPECT_EQ(again->session.role, "worker");
  EXPECT_EQ(again->session.scope.buckets, std::vector<std::string>{"app-*"});
}

TEST_F(SessionsTest, are_good_for_their_own_farm_and_key_only) {
  auto keys = sessions->issue(session());
  auto others = sessions->issue({"111122223333", "other", "x", "", {}, session().expires});
  EXPECT_EQ(sessions->check(others.access_key, keys.token).error().code, Code::permission_denied);
  auto elsewhere = store::open_memory(sim.world());
  EXPECT_EQ(open(*elsewhere)->check(keys.access_key, keys.token).error().code,
            Code::permission_denied);
  for (size_t at = 0; at < keys.token.size(); at += 7) {
    std::string changed = keys.token;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(sessions->check(keys.access_key, changed)) << at;
  }
  for (const char* token : {"", ".", "a.b", "x"}) EXPECT_FALSE(sessions->check("ASIA", token));
}

TEST_F(SessionsTest, end_by_themselves) {
  auto keys = sessions->issue(session());
  ASSERT_TRUE(sim.run(sim.world().clock.sleep(Duration::hours(2))));
  EXPECT_EQ(sessions->check(keys.access_key, keys.token).error().code, Code::timeout);
}

}  // namespace
}  // namespace croft::farm
