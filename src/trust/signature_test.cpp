#include "trust/signature.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/text.h"

namespace croft::trust {
namespace {

TEST(Signature, HoldsForItsTextAndKeyAlone) {
  aio::SimWorld sim(1);
  auto key = SigningKey::make(sim.world().random), other = SigningKey::make(sim.world().random);
  std::string text = "left 0", signature = key.sign(text).value();
  EXPECT_TRUE(check_signature(text, signature, key.public_key().value()));
  EXPECT_EQ(check_signature("left 1", signature, key.public_key().value()).error().code,
            Code::permission_denied);
  EXPECT_EQ(check_signature(text, signature, other.public_key().value()).error().code,
            Code::permission_denied);
  EXPECT_EQ(check_signature(text, "AAAA", key.public_key().value()).error().code, Code::syntax);
  auto again = SigningKey::from_seed(key.seed()).value();
  EXPECT_EQ(again.sign(text).value(), signature);
  EXPECT_FALSE(SigningKey::from_seed(Secret("short")));
}

/// RFC 8032, 7.1, test 2: one byte, 0x72.
TEST(Signature, IsTheStandards) {
  auto seed = unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  auto key = SigningKey::from_seed(Secret(*seed)).value();
  EXPECT_EQ(hex(*unbase64(key.public_key().value())),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(hex(*unbase64(key.sign("\x72").value())),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

}  // namespace
}  // namespace croft::trust
