#include "farm/meter/invoice.h"

#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"

namespace croft::farm::meter {
namespace {

WallTime at(std::string_view text) {
  return *WallTime::parse_iso8601(text);
}
Month month(std::string_view text) {
  return *Month::parse(text);
}
Interval ran(std::string_view from, std::string_view to, std::string kind = "m1.small") {
  Interval out;
  out.thing.resource = "i-1";
  out.thing.kind = std::move(kind);
  out.from = at(from);
  if (!to.empty()) out.to = at(to);
  return out;
}
PriceBook by_hour() {
  PriceBook book = PriceBook::standard();
  book.unit = PriceBook::Unit::hour;
  return book;
}
int64_t micros(const std::vector<InvoiceLine>& lines) {
  Money sum;
  for (const InvoiceLine& line : lines) sum = sum + line.amount;
  return sum.micros();
}
const WallTime later = at("2008-12-01T00:00:00Z");

TEST(Invoice, HoursOf2008AreRoundedUpAndSecondsAreNot) {
  auto hour_and_a_minute = ran("2008-04-07T10:00:00Z", "2008-04-07T11:01:00Z");
  EXPECT_EQ(micros(lines_of({hour_and_a_minute}, month("2008-04"), later, by_hour())), 200'000);
  EXPECT_EQ(micros(lines_of({hour_and_a_minute}, month("2008-04"), later, PriceBook::standard())),
            101'667);
  auto day = ran("2008-04-07T00:00:00Z", "2008-04-08T00:00:00Z");
  EXPECT_EQ(micros(lines_of(std::vector<Interval>(10, day), month("2008-04"), later, by_hour())),
            24'000'000);
  auto april = ran("2008-04-01T00:00:00Z", "2008-05-01T00:00:00Z");
  EXPECT_EQ(micros(lines_of(std::vector<Interval>(500, april), month("2008-04"), later, by_hour())),
            36'000'000'000);
}

TEST(Invoice, AnInstanceHasALeastTimeAndADiskHasNone) {
  auto blink = ran("2008-04-07T10:00:00Z", "2008-04-07T10:00:00.001Z");
  auto lines = lines_of({blink}, month("2008-04"), later, PriceBook::standard());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].quantity, 60);
  EXPECT_EQ(lines[0].amount.micros(), 1'667);
  Interval disk = ran("2008-04-01T00:00:00Z", "2008-05-01T00:00:00Z", "volume.gp2");
  disk.thing.resource = "vol-1";
  disk.thing.quantity = 100;
  lines = lines_of({disk}, month("2008-04"), later, PriceBook::standard());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].service, "ebs");
  EXPECT_EQ(lines[0].amount.micros(), 10'000'000);
}

// Whatever the interval and the unit: each unit is in exactly one month.
TEST(Invoice, MonthsAddUpToTheWhole) {
  aio::SimWorld sim{7};
  aio::Random& random = sim.world().random;
  const WallTime begin = at("2008-01-01T00:00:00Z");
  for (const PriceBook& book : {PriceBook::standard(), by_hour()})
    for (int i = 0; i < 200; ++i) {
      Interval one = ran("2008-01-01T00:00:00Z", "");
      auto below = [&](uint64_t n) { return static_cast<int64_t>(random.below(n)); };
      one.from.ns = begin.ns + below(60ull * 86400) * 1'000'000'000 + below(1'000'000'000);
      one.to = WallTime{one.from.ns + below(i % 2 ? 100ull * 86400'000'000'000 : 7200'000'000'000)};
      int64_t quantity = 0;
      for (const char* name :
           {"2007-12", "2008-01", "2008-02", "2008-03", "2008-04", "2008-05", "2008-06", "2008-07"})
        for (const InvoiceLine& line : lines_of({one}, month(name), later, book))
          quantity += line.quantity;
      int64_t unit = (book.unit == PriceBook::Unit::hour ? 3600 : 1) * int64_t{1'000'000'000};
      int64_t least = book.unit == PriceBook::Unit::hour ? 1 : 60;
      EXPECT_EQ(quantity, std::max(least, (one.to->ns - one.from.ns + unit - 1) / unit));
    }
}

TEST(Invoice, WhatGoesOnIsChargedUntilNow) {
  auto open = ran("2008-04-07T10:00:00Z", "");
  auto lines =
      lines_of({open}, month("2008-04"), at("2008-04-07T10:00:10Z"), PriceBook::standard());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].open);
  EXPECT_EQ(lines[0].quantity, 10);
  EXPECT_TRUE(lines_of({open}, month("2008-05"), at("2008-04-30T00:00:00Z"), PriceBook::standard())
                  .empty());
}

TEST(Invoice, AResellerEarnsWhatTheCustomerPays) {
  Interval sold = ran("2008-04-07T10:00:00Z", "2008-04-07T13:20:00Z");
  sold.thing.image = "ami-1";
  sold.thing.reseller = "42";
  sold.thing.margin_micros = 33'333;
  for (const PriceBook& book : {PriceBook::standard(), by_hour()}) {
    auto lines = lines_of({sold}, month("2008-04"), later, book);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[1].service, "margin");
    auto credit = credits_of({sold}, "42", month("2008-04"), later, book);
    ASSERT_EQ(credit.size(), 1u);
    EXPECT_EQ(credit[0].amount.micros(), -lines[1].amount.micros());
    EXPECT_TRUE(credits_of({sold}, "43", month("2008-04"), later, book).empty());
  }
}

TEST(Invoice, AnAgreedPriceGoesBeforeTheBooks) {
  Interval spot = ran("2008-04-07T10:00:00Z", "2008-04-07T11:00:00Z");
  spot.thing.price_micros = 30'000;
  EXPECT_EQ(micros(lines_of({spot}, month("2008-04"), later, PriceBook::standard())), 30'000);
}

TEST(Invoice, BooksCanBeChangedAndMonthsAreChecked) {
  PriceBook book = PriceBook::standard();
  ASSERT_TRUE(book.change(R"({"hourly": {"m1.small": "$1.25"}, "gibMonthly": {"snapshot": "0"}})"));
  EXPECT_EQ(book.hourly["m1.small"], 1'250'000);
  EXPECT_EQ(book.gib_monthly["snapshot"], 0);
  EXPECT_FALSE(book.change(R"({"hourly": {"m1.small": "-1"}})"));
  EXPECT_FALSE(book.change(R"({"hourly": {"m1.small": 1}})"));
  EXPECT_FALSE(book.change(R"({"daily": {}})"));
  EXPECT_EQ(month("2008-12").end, at("2009-01-01T00:00:00Z"));
  for (const char* wrong : {"2008", "2008-13", "2008-00", "2008-4", "April", "20080-4"})
    EXPECT_FALSE(Month::parse(wrong)) << wrong;
}

TEST(Invoice, LinesAreTheTotalInEveryForm) {
  Invoice invoice{"alice", "111122223333", "2008-04", {}};
  invoice.lines = lines_of({ran("2008-04-07T10:00:00Z", "2008-04-07T11:01:00Z")}, month("2008-04"),
                           later, PriceBook::standard());
  invoice.lines[0].application = "=SUM(A1:A9),\"x\"";
  for (InvoiceLine& line :
       lines_of({{"bytes.in", 1 << 30}, {"requests.read", 3}}, month("2008-04")))
    invoice.lines.push_back(line);
  EXPECT_EQ(invoice.total().micros(), 101'667 + 100'000 + 3);
  EXPECT_EQ(
      invoice.csv(),
      "account,month,service,resource,what,from,to,quantity,unit,usd,application,component\r\n"
      "111122223333,2008-04,ec2,i-1,m1.small,2008-04-07T10:00:00.000Z,"
      "2008-04-07T11:01:00.000Z,3660,seconds,0.101667,\"'=SUM(A1:A9),\"\"x\"\"\",\r\n"
      "111122223333,2008-04,s3,,bytes.in,2008-04-01T00:00:00.000Z,2008-05-01T00:00:00.000Z,"
      "1073741824,bytes,0.100000,,\r\n"
      "111122223333,2008-04,s3,,requests.read,2008-04-01T00:00:00.000Z,"
      "2008-05-01T00:00:00.000Z,3,requests,0.000003,,\r\n"
      "111122223333,2008-04,total,,,,,,,0.201670,,\r\n");
  EXPECT_NE(invoice.json().find("\"totalMicros\":201670"), std::string::npos);
}

aio::Task<Result<std::vector<Interval>>> same_moment(aio::World& world, store::Store& store) {
  Thing thing{.resource = "eipalloc-1", .kind = "address.idle"};
  WallTime now = world.clock.wall();
  // Taken and given back at one moment, twice; a stray end of something from before the meter.
  CO_TRY(co_await store.commit({}, {record({"1", thing, true, now})}));
  WallTime next{now.ns + 5};
  CO_TRY(co_await store.commit(
      {}, {record({"1", thing, false, next}), record({"1", thing, true, next}),
           record({"1", {.resource = "vol-9", .kind = "volume.gp2"}, false, next})}));
  co_return co_await intervals(store, "1");
}

TEST(Intervals, AnEndAndAStartAtOneMomentAreTwoIntervals) {
  aio::SimWorld sim{3};
  auto store = store::open_memory(sim.world());
  auto all = sim.run(same_moment(sim.world(), *store));
  ASSERT_TRUE(all) << all.error().line();
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].to, (*all)[1].from);
  EXPECT_FALSE((*all)[1].to);
}

}  // namespace
}  // namespace croft::farm::meter
