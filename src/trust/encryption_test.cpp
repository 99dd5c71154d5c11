#include "trust/encryption.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "aio/real/real_world.h"
#include "aio/sim/sim_world.h"
#include "base/text.h"

namespace croft::trust {
namespace {

const std::string key_file = "/keys/secret.key";

Encryption open_in(aio::SimWorld& sim) {
  EXPECT_TRUE(sim.run(sim.world().disk.make_dirs("/keys")));
  return sim.run(Encryption::open(sim.world(), key_file)).value();
}

TEST(Encryption, opens_what_it_sealed) {
  aio::SimWorld sim(1);
  auto cipher = open_in(sim);
  for (std::string text :
       {std::string(), std::string("p"), std::string("\0\xff", 2), std::string(1 << 20, 's')}) {
    auto sealed = cipher.seal(Secret(text), "place");
    ASSERT_TRUE(sealed);
    if (text.size() > 8) EXPECT_EQ(sealed->find(text.substr(0, 8)), std::string::npos);
    auto opened = cipher.unseal(*sealed, "place");
    ASSERT_TRUE(opened) << opened.error().render();
    EXPECT_TRUE(opened->reveal() == text);
  }
  EXPECT_NE(cipher.seal(Secret("same"), "p").value(), cipher.seal(Secret("same"), "p").value());
  EXPECT_EQ(cipher.seal(Secret(std::string((1 << 20) + 1, 's')), "p").error().code,
            Code::resource_exhausted);
}

TEST(Encryption, keys_that_are_derived_are_the_same_again_and_each_its_own) {
  aio::SimWorld sim(7);
  auto cipher = open_in(sim);
  Secret key = cipher.derive("papers of a");
  EXPECT_EQ(key.reveal().size(), 32U);
  EXPECT_EQ(cipher.derive("papers of a").reveal(), key.reveal());
  EXPECT_NE(cipher.derive("papers of b").reveal(), key.reveal());
  auto other = Encryption::of_key(sim.world().random, key);
  ASSERT_TRUE(other);
  auto sealed = other->seal(Secret("words"), "place").value();
  EXPECT_EQ(Encryption::of_key(sim.world().random, cipher.derive("papers of a"))
                ->unseal(sealed, "place")
                .value()
                .reveal(),
            "words");
  EXPECT_EQ(cipher.unseal(sealed, "place").error().code, Code::conflict);
  EXPECT_EQ(Encryption::of_key(sim.world().random, Secret("short")).error().code, Code::corrupt);
}

TEST(Encryption, every_changed_bit_and_every_cut_is_noticed) {
  aio::SimWorld sim(2);
  auto cipher = open_in(sim);
  std::string sealed = cipher.seal(Secret("a password"), "place").value();
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    auto opened = cipher.unseal(changed, "place");
    ASSERT_FALSE(opened) << bit;
    bool of_key_id = bit / 8 >= 1 && bit / 8 < 5;
    EXPECT_EQ(opened.error().code, of_key_id ? Code::conflict : Code::corrupt) << bit;
  }
  for (size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(cipher.unseal(sealed.substr(0, size), "place"));
  EXPECT_FALSE(cipher.unseal(sealed + "x", "place"));
}

TEST(Encryption, is_bound_to_its_place) {
  aio::SimWorld sim(3);
  auto cipher = open_in(sim);
  std::string sealed = cipher.seal(Secret("a password"), "apps/shop/db").value();
  for (std::string place : {"", "apps/shop/d", "apps/shop/db2"})
    EXPECT_EQ(cipher.unseal(sealed, place).error().code, Code::corrupt);
}

TEST(Encryption, the_key_stays_over_a_restart_and_a_lost_key_is_named) {
  aio::SimWorld sim(4);
  std::string sealed = open_in(sim).seal(Secret("a password"), "p").value();
  sim.restart(true);
  auto again = open_in(sim);
  EXPECT_EQ(again.unseal(sealed, "p").value().reveal(), "a password");
  ASSERT_TRUE(sim.run(sim.world().disk.remove(key_file)));
  auto other = open_in(sim);
  auto opened = other.unseal(sealed, "p");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::conflict);
  EXPECT_NE(opened.error().what.find(again.key_id()), std::string::npos);
}

TEST(Encryption, a_damaged_key_file_is_refused) {
  aio::SimWorld sim(5);
  open_in(sim);
  for (std::string text :
       {"", "text", "croft-key-1 ", "croft-key-1 AAAA", "croft-key-1 ****", "croft-key-2 AAAA"}) {
    ASSERT_TRUE(sim.run(sim.world().disk.write_file(key_file, text)));
    auto opened = sim.run(Encryption::open(sim.world(), key_file));
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().code, Code::corrupt);
  }
}

TEST(Encryption, a_crash_while_the_key_is_made_leaves_a_key_or_none) {
  for (uint64_t at = 1; at < 12; ++at) {
    aio::SimWorld sim(at);
    ASSERT_TRUE(sim.run(sim.world().disk.make_dirs("/keys")));
    sim.main().crash_at_disk(at);
    auto first = sim.run(Encryption::open(sim.world(), key_file));
    std::string id = first ? first->key_id() : "";
    sim.restart(true);
    auto second = sim.run(Encryption::open(sim.world(), key_file));
    ASSERT_TRUE(second) << second.error().render();
    if (first) EXPECT_EQ(second->key_id(), id);
  }
}

TEST(Encryption, the_file_on_a_real_disk_is_private) {
  char name[] = "/tmp/croft-test-XXXXXX";
  std::string folder = mkdtemp(name), path = folder + "/key";
  {
    auto real = aio::RealWorld::open().value();
    auto cipher = real->run(Encryption::open(real->world(), path));
    ASSERT_TRUE(cipher) << cipher.error().render();
    struct stat info{};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ASSERT_EQ(chmod(path.c_str(), 0640), 0);
    auto open_to_others = real->run(Encryption::open(real->world(), path));
    ASSERT_FALSE(open_to_others);
    EXPECT_EQ(open_to_others.error().code, Code::permission_denied);
    EXPECT_EQ(open_to_others.error().hints.front(), fmt::format("chmod 600 '{}'", path));
  }
  std::system(("rm -rf " + folder).c_str());
}

}  // namespace
}  // namespace croft::trust
