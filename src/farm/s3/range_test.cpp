#include "farm/s3/range.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace croft::farm::s3 {
namespace {

std::string ask(std::string_view header, uint64_t size) {
  ByteRange range;
  switch (parse_range(header, size, range)) {
    case RangeKind::whole:
      return "whole";
    case RangeKind::part:
      return fmt::format("{}+{}", range.first, range.length);
    case RangeKind::unsatisfiable:
      return "outside";
  }
  return "";
}

TEST(Range, is_read_as_the_service_does) {
  EXPECT_EQ(ask("bytes=0-0", 10), "0+1");
  EXPECT_EQ(ask("bytes=2-", 10), "2+8");
  EXPECT_EQ(ask("bytes=-3", 10), "7+3");
  EXPECT_EQ(ask("bytes=-30", 10), "0+10");
  EXPECT_EQ(ask(" Bytes=0-99 ", 10), "0+10");
  EXPECT_EQ(ask("bytes=9-9", 10), "9+1");
  EXPECT_EQ(ask("bytes=10-", 10), "outside");
  EXPECT_EQ(ask("bytes=-0", 10), "outside");
  EXPECT_EQ(ask("bytes=0-", 0), "outside");
  EXPECT_EQ(ask("bytes=-1", 0), "outside");
  EXPECT_EQ(ask("bytes=0-18446744073709551615", 10), "0+10");
  EXPECT_EQ(ask("bytes=0-18446744073709551616", 10), "0+10");
  EXPECT_EQ(ask("bytes=0-99999999999999999999", 10), "0+10");
  EXPECT_EQ(ask("bytes=-99999999999999999999", 10), "0+10");
  EXPECT_EQ(ask("bytes=99999999999999999999-", 10), "outside");
  EXPECT_EQ(ask("bytes=18446744073709551615-", 10), "outside");
  for (std::string_view odd : {"", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,3-4",
                               "items=0-1", "bytes=+1-2"})
    EXPECT_EQ(ask(odd, 10), "whole") << odd;
}

}  // namespace
}  // namespace croft::farm::s3
