#include "farm/meter/transfer.h"

#include <gtest/gtest.h>

namespace croft::farm::meter {
namespace {

WallTime at(const char* text) {
  return *WallTime::parse_iso8601(text);
}

TEST(Transfer, counts_what_was_moved_since_the_last_reading) {
  Transfer transfer{"1", "i-1", "", "", {}, {}};
  EXPECT_FALSE(transfer.add({7, 0, 0}, at("2008-04-01T00:00:00Z")));
  EXPECT_TRUE(transfer.add({7, 100, 50}, at("2008-04-01T00:00:10Z")));
  EXPECT_FALSE(transfer.add({7, 100, 50}, at("2008-04-01T00:00:20Z"))) << "read twice";
  EXPECT_TRUE(transfer.add({7, 110, 50}, at("2008-04-01T00:00:30Z")));
  EXPECT_TRUE(transfer.add({9, 5, 5}, at("2008-05-01T00:00:00Z"))) << "another boot";
  EXPECT_TRUE(transfer.add({9, 6, 1}, at("2008-05-01T00:00:10Z"))) << "its link was made again";
  ASSERT_EQ(transfer.months.size(), 2u);
  const Transfer::Moved& april = transfer.months["2008-04"];
  EXPECT_EQ(april.in, 110);
  EXPECT_EQ(april.out, 50);
  EXPECT_EQ(april.from, at("2008-04-01T00:00:10Z"));
  EXPECT_EQ(april.to, at("2008-04-01T00:00:30Z"));
  EXPECT_EQ(transfer.months["2008-05"].in, 11);
  EXPECT_EQ(transfer.months["2008-05"].out, 6);
}

TEST(Transfer, a_last_word_that_is_told_again_counts_once) {
  Transfer transfer{"1", "i-1", "", "", {}, {}};
  WallTime now = at("2008-04-01T00:00:00Z");
  EXPECT_TRUE(transfer.add({7, 100, 50, 60, 0}, now));
  EXPECT_TRUE(transfer.add({9, 10, 5}, now)) << "started again";
  EXPECT_FALSE(transfer.add({7, 100, 50, 60, 0}, now));
  EXPECT_TRUE(transfer.add({7, 101, 50, 61, 0}, now)) << "more than was known of it";
  EXPECT_FALSE(transfer.add({9, 10, 5}, now));
  const Transfer::Moved& moved = transfer.months["2008-04"];
  EXPECT_EQ(moved.in, 111);
  EXPECT_EQ(moved.out, 55);
  EXPECT_EQ(moved.public_in, 61);
}

TEST(Transfer, becomes_lines_at_the_prices_of_2008_or_of_the_book) {
  constexpr int64_t gib = int64_t{1} << 30;
  Transfer transfer{"1", "i-1", "shop", "web", {}, {}};
  transfer.add({1, 3 * gib, 2 * gib, 2 * gib, 2 * gib}, at("2008-04-01T00:00:00Z"));
  PriceBook book = PriceBook::standard();
  Month april = *Month::parse("2008-04");
  auto lines = lines_of({transfer}, april, book);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].what, "transfer.in");
  EXPECT_EQ(lines[0].quantity, 2 * gib);
  EXPECT_EQ(lines[0].amount.micros(), 200'000);
  EXPECT_EQ(lines[1].what, "transfer.out");
  EXPECT_EQ(lines[1].amount.micros(), 360'000);
  EXPECT_EQ(lines[1].application, "shop");
  EXPECT_EQ(lines[2].what, "transfer.internal.in");
  EXPECT_EQ(lines[2].quantity, gib);
  EXPECT_EQ(lines[2].amount, Money()) << "between instances it was free";
  ASSERT_TRUE(book.change(R"({"gb": {"transfer.out": "$0.10", "transfer.internal.in": "$1"}})"));
  lines = lines_of({transfer}, april, book);
  EXPECT_EQ(lines[1].amount.micros(), 214'748);
  EXPECT_EQ(lines[2].amount.micros(), 1'073'742);
  EXPECT_TRUE(lines_of({transfer}, *Month::parse("2008-05"), book).empty());
}

TEST(Transfer, what_goes_out_is_cheaper_the_more_an_account_has_of_it) {
  constexpr int64_t gib = int64_t{1} << 30;
  std::vector<Transfer> all;
  for (const char* id : {"i-1", "i-2"}) {
    all.push_back({"1", id, "", "", {}, {}});
    all.back().add({1, 0, 5'121 * gib, 0, 5'121 * gib}, at("2008-04-01T00:00:00Z"));
  }
  auto lines = lines_of(all, *Month::parse("2008-04"), PriceBook::standard());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].amount.micros(), 5'121 * 180'000);
  EXPECT_EQ(lines[1].amount.micros(), 5'119 * 180'000 + 2 * 160'000);
}

}  // namespace
}  // namespace croft::farm::meter
