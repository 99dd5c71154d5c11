#include "farm/meter/invoice.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::meter {

namespace {

namespace json = wire::json;

constexpr int64_t second_ns = 1'000'000'000;
constexpr int64_t hour_seconds = 3600;
constexpr int64_t month_seconds = 30 * 24 * hour_seconds;

using Wide = __int128;

int64_t rounded(Wide amount, Wide of) {
  return static_cast<int64_t>((amount + of / 2) / of);
}

/// How many units of an interval begin inside the month.
struct Begun {
  int64_t units = 0;
  WallTime from, to;
};
Begun begun_in(WallTime from, WallTime to, const Month& month, int64_t unit_ns, int64_t least) {
  int64_t length = std::max<int64_t>(to.ns - from.ns, 0);
  int64_t all = std::max((length + unit_ns - 1) / unit_ns, least);
  // Unit k begins at from + k * unit.
  auto before = [&](WallTime edge) {
    if (edge.ns <= from.ns) return int64_t{0};
    return std::min(all, (edge.ns - from.ns + unit_ns - 1) / unit_ns);
  };
  return {before(month.end) - before(month.begin), std::max(from, month.begin),
          std::min(to, month.end)};
}

struct Charge {
  bool instance = false;
  bool disk = false;
  int64_t unit_seconds = 1;
  Begun begun;
  int64_t micros = 0;  ///< an hour, or a GiB and month
};

Charge charge_of(const Interval& interval, const Month& month, WallTime now,
                 const PriceBook& book) {
  Charge out;
  const Thing& thing = interval.thing;
  out.disk = book.gib_monthly.contains(thing.kind) || thing.kind.starts_with("volume.");
  out.instance = thing.resource.starts_with("i-");
  bool hours = book.unit == PriceBook::Unit::hour && !out.disk;
  out.unit_seconds = hours ? hour_seconds : 1;
  int64_t least = out.instance ? hours ? 1 : book.least_seconds : 0;
  // An instance that runs on has not yet had its least time; it is not charged before.
  if (!interval.to) least = std::min<int64_t>(least, 1);
  out.begun = begun_in(interval.from, interval.to.value_or(now), month,
                       out.unit_seconds * second_ns, least);
  const auto& prices = out.disk ? book.gib_monthly : book.hourly;
  auto price = prices.find(thing.kind);
  out.micros = thing.price_micros != 0 ? thing.price_micros
               : price != prices.end() ? price->second
                                       : 0;
  return out;
}

InvoiceLine line_of(const Interval& interval, const Charge& charge) {
  InvoiceLine line;
  line.resource = interval.thing.resource;
  line.what = interval.thing.kind;
  line.from = charge.begun.from;
  line.to = charge.begun.to;
  line.open = !interval.to;
  line.application = interval.thing.application;
  line.component = interval.thing.component;
  return line;
}

Money time_price(const Charge& charge, int64_t micros_an_hour) {
  return Money::micros(
      rounded(Wide{charge.begun.units} * charge.unit_seconds * micros_an_hour, hour_seconds));
}

InvoiceLine margin_line(const Interval& interval, const Charge& charge) {
  InvoiceLine line = line_of(interval, charge);
  line.service = "margin";
  line.what = interval.thing.image;
  line.quantity = charge.begun.units;
  line.unit = charge.unit_seconds == 1 ? "seconds" : "hours";
  line.amount = time_price(charge, interval.thing.margin_micros);
  return line;
}

}  // namespace

PriceBook PriceBook::standard() {
  PriceBook book;
  book.hourly = {
      {"m1.small", 100'000},  {"m1.medium", 200'000}, {"m1.large", 400'000},
      {"m1.xlarge", 800'000}, {"c1.medium", 200'000}, {"c1.xlarge", 800'000},
      {"m2.xlarge", 500'000}, {"t1.micro", 20'000},   {"t2.nano", 5'800},
      {"t2.micro", 11'600},   {"t2.small", 23'000},   {"t2.medium", 46'400},
      {"t3.nano", 5'200},     {"t3.micro", 10'400},   {"t3.small", 20'800},
      {"t3.medium", 41'600},  {"m3.medium", 67'000},  {"m5.large", 96'000},
      {"m5.xlarge", 192'000}, {"c5.large", 85'000},   {"address.idle", 10'000},
  };
  book.gib_monthly = {
      {"volume.standard", 50'000}, {"volume.gp2", 100'000}, {"volume.gp3", 80'000},
      {"volume.io1", 125'000},     {"volume.io2", 125'000}, {"volume.sc1", 15'000},
      {"volume.st1", 45'000},      {"snapshot", 50'000},
  };
  return book;
}

Result<> PriceBook::change(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "the price book"));
  for (const auto& [name, unused] : object)
    if (name != "hourly" && name != "gibMonthly" && name != "gb")
      return fail(Code::invalid_argument,
                  fmt::format("a price book has 'hourly', 'gibMonthly' and 'gb', not '{}'",
                              printable(std::string_view(name))));
  for (auto [name, prices] :
       {std::pair("hourly", &hourly), std::pair("gibMonthly", &gib_monthly), std::pair("gb", &gb)})
    if (const json::Object* wanted = TRY(json::object_if(object, name)))
      for (const auto& [what, unused] : *wanted) {
        Money price = TRY(Money::parse(TRY(json::string_at(*wanted, what))));
        if (price < Money())
          return fail(Code::invalid_argument, fmt::format("the price of '{}' is below zero",
                                                          printable(std::string_view(what))));
        (*prices)[std::string(what)] = price.micros();
      }
  return {};
}

Result<Month> Month::parse(std::string_view text) {
  auto year = text.size() == 7 && text[4] == '-' ? parse_u64(text.substr(0, 4)) : std::nullopt;
  auto number = year ? parse_u64(text.substr(5)) : std::nullopt;
  if (!number || *number < 1 || *number > 12 || *year < 1970 || *year > 2200)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no month: expected YYYY-MM", printable(text)));
  auto first = [](uint64_t y, uint64_t m) {
    return WallTime::parse_iso8601(fmt::format("{:04}-{:02}-01T00:00:00Z", y, m));
  };
  Month out;
  out.begin = TRY(first(*year, *number));
  out.end = TRY(*number == 12 ? first(*year + 1, 1) : first(*year, *number + 1));
  out.name = std::string(text);
  return out;
}

Month Month::of(WallTime at) {
  auto month = parse(at.iso8601().substr(0, 7));
  CHECK(month, "every time is in a month");
  return std::move(*month);
}

std::vector<InvoiceLine> lines_of(const std::vector<Interval>& intervals, const Month& month,
                                  WallTime now, const PriceBook& book) {
  std::vector<InvoiceLine> out;
  for (const Interval& interval : intervals) {
    Charge charge = charge_of(interval, month, now, book);
    if (charge.begun.units <= 0) continue;
    InvoiceLine line = line_of(interval, charge);
    line.service = charge.disk ? "ebs" : "ec2";
    line.quantity = charge.begun.units * interval.thing.quantity;
    if (charge.disk) {
      line.unit = "GiB-seconds";
      line.amount = Money::micros(rounded(Wide{line.quantity} * charge.micros, month_seconds));
    } else {
      line.unit = charge.unit_seconds == 1 ? "seconds" : "hours";
      line.amount = time_price(charge, charge.micros);
    }
    out.push_back(std::move(line));
    if (interval.thing.margin_micros > 0) out.push_back(margin_line(interval, charge));
  }
  return out;
}

std::vector<InvoiceLine> credits_of(const std::vector<Interval>& intervals,
                                    std::string_view reseller, const Month& month, WallTime now,
                                    const PriceBook& book) {
  std::vector<InvoiceLine> out;
  for (const Interval& interval : intervals) {
    if (interval.thing.margin_micros <= 0 || interval.thing.reseller != reseller) continue;
    Charge charge = charge_of(interval, month, now, book);
    if (charge.begun.units <= 0) continue;
    InvoiceLine line = margin_line(interval, charge);
    line.service = "credit";
    line.amount = Money::micros(-line.amount.micros());
    line.application.clear();  // the customer's business
    line.component.clear();
    out.push_back(std::move(line));
  }
  return out;
}

std::vector<InvoiceLine> lines_of(const Amounts& amounts, const Month& month) {
  std::vector<InvoiceLine> out;
  for (const auto& [what, amount] : amounts) {
    InvoiceLine line;
    line.service = "s3";
    line.what = what;
    line.from = month.begin;
    line.to = month.end;
    line.quantity = amount;
    line.unit = what.starts_with("bytes.")     ? "bytes"
                : what.starts_with("storage.") ? "byte-seconds"
                                               : "requests";
    line.amount = cost_of({{what, amount}});
    out.push_back(std::move(line));
  }
  return out;
}

// ---- for people and programs

Money Invoice::total() const {
  Money sum;
  for (const InvoiceLine& line : lines) sum = sum + line.amount;
  return sum;
}

namespace {

std::string dollars(Money amount) {
  int64_t micros = amount.micros();
  return fmt::format("{}{}.{:06}", micros < 0 ? "-" : "", std::abs(micros) / 1'000'000,
                     std::abs(micros) % 1'000'000);
}

/// RFC 4180. A value that a spreadsheet would take for a formula is quoted as text.
std::string cell(std::string_view text) {
  std::string out(text);
  if (!out.empty() && std::string_view("=+-@\t").find(out[0]) != std::string_view::npos)
    out.insert(0, "'");
  if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
  return "\"" + replace_all(out, "\"", "\"\"") + "\"";
}

}  // namespace

std::string Invoice::csv() const {
  std::string out =
      "account,month,service,resource,what,from,to,quantity,unit,usd,application,component\r\n";
  for (const InvoiceLine& line : lines)
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\r\n", account_id, month, line.service,
                       cell(line.resource), cell(line.what), line.from.iso8601(), line.to.iso8601(),
                       line.quantity, line.unit, dollars(line.amount), cell(line.application),
                       cell(line.component));
  out += fmt::format("{},{},total,,,,,,,{},,\r\n", account_id, month, dollars(total()));
  return out;
}

std::string Invoice::json() const {
  json::Array list;
  for (const InvoiceLine& line : lines) {
    json::Object one{{"service", line.service}, {"resource", line.resource},
                     {"what", line.what},       {"from", line.from.iso8601()},
                     {"to", line.to.iso8601()}, {"quantity", line.quantity},
                     {"unit", line.unit},       {"micros", line.amount.micros()},
                     {"open", line.open}};
    if (!line.application.empty()) one["application"] = line.application;
    if (!line.component.empty()) one["component"] = line.component;
    list.push_back(std::move(one));
  }
  return json::compact(json::Object{{"account", account},
                                    {"accountId", account_id},
                                    {"month", month},
                                    {"currency", "USD"},
                                    {"lines", std::move(list)},
                                    {"totalMicros", total().micros()},
                                    {"total", total().text()}});
}

}  // namespace croft::farm::meter
