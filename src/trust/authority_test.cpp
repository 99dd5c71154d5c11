#include "trust/authority.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::trust {
namespace {

class Authorities : public ::testing::Test {
 protected:
  aio::SimWorld sim{1};
  Authority open(std::string folder = "/ca") {
    auto out = sim.run(Authority::open(sim.world(), std::move(folder)));
    EXPECT_TRUE(out) << out.error().render();
    return *std::move(out);
  }
};

TEST_F(Authorities, StayTheSame) {
  Authority first = open();
  EXPECT_EQ(open().pin(), first.pin());
  EXPECT_EQ(fingerprint(first.certificate_pem()).value(), first.pin());
  EXPECT_NE(open("/other").pin(), first.pin());
}

TEST_F(Authorities, SignWhatTheyWereAskedFor) {
  Authority authority = open();
  auto key = make_key("whatever it wishes");
  ASSERT_TRUE(key);
  auto chain = authority.sign(key->request_pem, {.name = "i-1",
                                                 .uri = "croft://shop/web/i-1",
                                                 .addresses = {},
                                                 .server = false,
                                                 .lasts = Duration::hours(24)});
  ASSERT_TRUE(chain) << chain.error().render();
  auto read = read_certificate(*chain);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->subject, "i-1");
  EXPECT_EQ(read->uri, "croft://shop/web/i-1");
  EXPECT_EQ(read->until - sim.world().clock.wall(), Duration::hours(24));
  EXPECT_TRUE(chain->ends_with(authority.certificate_pem()));
}

TEST_F(Authorities, RefuseWhatIsNoRequest) {
  Authority authority = open();
  EXPECT_FALSE(authority.sign("", {.name = "x"}));
  EXPECT_FALSE(authority.sign(authority.certificate_pem(), {.name = "x"}));
  auto key = make_key("x");
  std::string changed = key->request_pem;
  changed[changed.size() / 2] ^= 1;
  EXPECT_FALSE(authority.sign(changed, {.name = "x"}));
  EXPECT_FALSE(authority.sign(key->request_pem, {.name = "x", .uri = "croft://a,DNS:evil"}));
}

TEST_F(Authorities, SayWhenTheirFileIsDamaged) {
  open();
  ASSERT_TRUE(sim.run(sim.world().disk.write_file("/ca/authority.pem", "nonsense")));
  auto read = sim.run(Authority::open(sim.world(), "/ca"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::corrupt);
}

}  // namespace
}  // namespace croft::trust
