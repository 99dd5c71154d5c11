#include "farm/s3/checksum.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/digest.h"
#include "base/text.h"

namespace croft::farm::s3 {
namespace {

// Check values of the CRC catalogue (reveng) and of RFC 1321, 3174, 6234.
TEST(Checksum, gives_the_published_values) {
  std::string_view text = "123456789";
  EXPECT_EQ(hex(checksum_of(Checksum::crc32, text)), "cbf43926");
  EXPECT_EQ(hex(checksum_of(Checksum::crc32c, text)), "e3069283");
  EXPECT_EQ(hex(checksum_of(Checksum::crc64nvme, text)), "ae8b14860a799888");
  EXPECT_EQ(hex(checksum_of(Checksum::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(checksum_of(Checksum::sha256, "")), sha256_hex(""));
  EXPECT_EQ(hex(checksum_of(Checksum::crc32, "")), "00000000");
}

RC_GTEST_PROP(Checksum, does_not_depend_on_the_pieces,
              (std::string data, std::vector<uint8_t> cuts)) {
  for (Checksum kind : checksums) {
    ChecksumState state(kind);
    std::string_view rest = data;
    for (uint8_t cut : cuts) {
      state.update(rest.substr(0, cut));
      rest.remove_prefix(std::min<size_t>(cut, rest.size()));
    }
    state.update(rest);
    RC_ASSERT(state.finish() == checksum_of(kind, data));
  }
}

RC_GTEST_PROP(Checksum, of_a_whole_is_made_of_its_halves, (std::string first, std::string second)) {
  for (Checksum kind : checksums) {
    if (!can_combine(kind)) continue;
    std::string whole =
        combine_checksums(kind, checksum_of(kind, first), checksum_of(kind, second), second.size());
    RC_ASSERT(whole == checksum_of(kind, first + second));
  }
}

TEST(Checksum, names_go_both_ways) {
  for (Checksum kind : checksums) {
    EXPECT_EQ(checksum_from_name(to_lower(name_of(kind))), kind);
    EXPECT_EQ(checksum_from_header(to_upper(header_of(kind))), kind);
    EXPECT_EQ(checksum_of(kind, "x").size(), size_of(kind));
  }
  EXPECT_FALSE(checksum_from_name("MD5"));
}

}  // namespace
}  // namespace croft::farm::s3
