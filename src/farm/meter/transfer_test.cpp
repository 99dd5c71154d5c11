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

TEST(Transfer, becomes_lines_at_the_prices_of_the_book) {
  Transfer transfer{"1", "i-1", "shop", "web", {}, {}};
  transfer.add({1, 2'000'000'000, 1'500'000'001}, at("2008-04-01T00:00:00Z"));
  PriceBook book = PriceBook::standard();
  Month april = *Month::parse("2008-04");
  auto lines = lines_of({transfer}, april, book);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].what, "transfer.in");
  EXPECT_EQ(lines[0].quantity, 2'000'000'000);
  EXPECT_EQ(lines[0].amount, Money()) << "free unless the book has a price";
  EXPECT_EQ(lines[1].application, "shop");
  ASSERT_TRUE(book.change(R"({"gb": {"transfer.out": "$0.18"}})"));
  EXPECT_EQ(lines_of({transfer}, april, book)[1].amount.micros(), 270'000);
  EXPECT_TRUE(lines_of({transfer}, *Month::parse("2008-05"), book).empty());
}

}  // namespace
}  // namespace croft::farm::meter
