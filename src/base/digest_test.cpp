#include "base/digest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/secret.h"
#include "base/text.h"

namespace croft {

// RFC 1321, FIPS 180-4 and RFC 4231 test vectors.
TEST(Digest, known_answers) {
  EXPECT_EQ(hex(digest(Hash::md5, "abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(digest(Hash::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hmac(Hash::sha256, "Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

RC_GTEST_PROP(Digest, pieces_give_the_same, (const std::vector<std::string>& pieces)) {
  Hasher hasher(Hash::sha256);
  std::string whole;
  for (const auto& piece : pieces) {
    hasher.update(piece);
    whole += piece;
  }
  RC_ASSERT(hasher.finish() == digest(Hash::sha256, whole));
}

TEST(Secret, compares_and_moves_without_leaving_a_copy) {
  Secret a(std::string("EmlMg61YbNoThisIsNotMyKey"));
  Secret b = std::move(a);
  EXPECT_TRUE(a.empty());
  EXPECT_TRUE(constant_time_equal(b.reveal(), "EmlMg61YbNoThisIsNotMyKey"));
  EXPECT_FALSE(constant_time_equal("a", "ab"));
  EXPECT_FALSE(constant_time_equal("ax", "ab"));
}

}  // namespace croft
