#include "base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace croft {

TEST(Duration, parses_units) {
  EXPECT_EQ(Duration::parse("250ms")->ms(), 250);
  EXPECT_EQ(Duration::parse("1.5 s")->ms(), 1500);
  EXPECT_EQ(Duration::parse("2h")->ns(), 7200ll * 1'000'000'000);
  EXPECT_EQ(Duration::parse("30", "s")->ms(), 30'000);
  for (auto bad : {"", "30", "ms", "1x", "1e999s", "nan s", "-"})
    EXPECT_FALSE(Duration::parse(bad)) << bad;
}

TEST(WallTime, writes_and_reads_the_forms) {
  auto t = WallTime::from_unix_seconds(1207562400);
  EXPECT_EQ(t.iso8601(), "2008-04-07T10:00:00.000Z");
  EXPECT_EQ(t.iso8601_basic(), "20080407T100000Z");
  EXPECT_EQ(t.http_date(), "Mon, 07 Apr 2008 10:00:00 GMT");
  EXPECT_EQ(*WallTime::parse_iso8601("2008-04-07T10:00:00Z"), t);
  EXPECT_EQ(*WallTime::parse_iso8601("20080407T100000Z"), t);
  EXPECT_EQ(WallTime::parse_iso8601("2008-04-07T10:00:00.250Z")->ns - t.ns, 250'000'000);
  for (auto bad : {"2008-02-30T10:00:00Z", "20080407T100000", "2008-04-07 10:00:00Z",
                   "20081307T100000Z", "", "40160407T100001Z", "16000101T000000Z"})
    EXPECT_FALSE(WallTime::parse_iso8601(bad)) << bad;
}

RC_GTEST_PROP(WallTime, http_dates_are_reversible, ()) {
  auto t = WallTime::from_unix_seconds(*rc::gen::inRange<int64_t>(0, 4'000'000'000));
  RC_ASSERT(*WallTime::parse_http_date(t.http_date()) == t);
  RC_ASSERT(*WallTime::parse_iso8601(t.iso8601()) == t);
}

TEST(Bytes, parses_and_prints) {
  EXPECT_EQ(Bytes::parse("64MiB")->count(), 64ll << 20);
  EXPECT_EQ(Bytes::parse("10GB")->count(), 10'000'000'000);
  EXPECT_EQ(Bytes::mib(64).text(), "64 MiB");
  EXPECT_FALSE(Bytes::parse("-1KiB"));
  EXPECT_FALSE(Bytes::parse("64Mib"));
}

TEST(Money, is_exact) {
  EXPECT_EQ(Money::micros(1'843'200'000).text(), "$1,843.20");
  EXPECT_EQ(Money::micros(101'667).text(), "$0.101667");
  EXPECT_EQ(Money::parse("$1,843.20")->micros(), 1'843'200'000);
  EXPECT_FALSE(Money::parse("free"));
}

}  // namespace croft
