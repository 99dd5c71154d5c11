#include "base/units.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>

#include "base/text.h"

namespace croft {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr Unit duration_units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                   {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
constexpr Unit byte_units[] = {{"", 1},
                               {"B", 1},
                               {"KB", 1e3},
                               {"MB", 1e6},
                               {"GB", 1e9},
                               {"TB", 1e12},
                               {"KiB", 1024.0},
                               {"MiB", 1048576.0},
                               {"GiB", 1073741824.0},
                               {"TiB", 1099511627776.0}};

/// Splits "1.5 GiB" into number and unit and scales; nullopt when either is not known.
template <size_t N>
std::optional<int64_t> scaled(std::string_view text, const Unit (&units)[N],
                              std::string_view bare) {
  text = trim(text);
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  std::string_view unit = trim(text.substr(static_cast<size_t>(end - text.data())));
  if (unit.empty()) unit = bare;
  for (const auto& u : units) {
    if (u.name != unit) continue;
    double value = number * u.factor;
    if (std::abs(value) > 9e18) return std::nullopt;
    return static_cast<int64_t>(std::llround(value));
  }
  return std::nullopt;
}

std::tm utc(int64_t unix_seconds) {
  std::tm out{};
  time_t t = unix_seconds;
  gmtime_r(&t, &out);
  return out;
}

std::optional<int> digits(std::string_view s, size_t at, size_t n) {
  if (at + n > s.size()) return std::nullopt;
  int value = 0;
  for (size_t i = at; i < at + n; ++i) {
    if (s[i] < '0' || s[i] > '9') return std::nullopt;
    value = value * 10 + (s[i] - '0');
  }
  return value;
}

constexpr std::string_view month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::string_view day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

Result<WallTime> from_fields(int year, int month, int day, int hour, int minute, int second,
                             std::string_view text) {
  std::tm fields{};
  fields.tm_year = year - 1900;
  fields.tm_mon = month - 1;
  fields.tm_mday = day;
  fields.tm_hour = hour;
  fields.tm_min = minute;
  fields.tm_sec = second;
  // Nanoseconds in 64 bits end in 2262; with these years sums and differences of two moments fit
  // too.
  bool in_range = year >= 1900 && year <= 2200 && month >= 1 && month <= 12 && day >= 1 &&
                  day <= 31 && hour < 24 && minute < 60 && second < 61;
  std::tm copy = fields;
  time_t t = timegm(&copy);
  if (!in_range || copy.tm_mday != fields.tm_mday)
    return fail(Code::invalid_argument, fmt::format("'{}' is not a date", printable(text)));
  return WallTime::from_unix_seconds(t);
}

}  // namespace

Result<Duration> Duration::parse(std::string_view text, std::string_view bare_unit) {
  auto value = scaled(text, duration_units, bare_unit);
  if (!value)
    return fail(
        Error(Code::invalid_argument, fmt::format("'{}' is not a duration", printable(text)))
            .hint("write a number and a unit, such as 250ms, 30s, 5m, 2h or 1d"));
  return Duration(*value);
}

std::string Duration::text() const {
  double n = static_cast<double>(ns_);
  if (ns_ < 1000) return fmt::format("{} ns", ns_);
  if (ns_ < 1'000'000) return fmt::format("{:.3g} us", n / 1e3);
  if (ns_ < 1'000'000'000) return fmt::format("{:.3g} ms", n / 1e6);
  if (ns_ < 60'000'000'000) return fmt::format("{:.3g} s", n / 1e9);
  int64_t whole = ns_ / 1'000'000'000;
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

// By hand: every answer of a server carries some of these, every key of a listing one.
namespace {
struct Digits {
  std::string out;
  explicit Digits(size_t size) { out.reserve(size); }
  Digits& two(int n) {
    out += static_cast<char>('0' + n / 10);
    out += static_cast<char>('0' + n % 10);
    return *this;
  }
  Digits& four(int n) { return two(n / 100).two(n % 100); }
  Digits& text(std::string_view more) {
    out += more;
    return *this;
  }
};
}  // namespace

std::string WallTime::iso8601() const {
  std::tm t = utc(unix_seconds());
  int ms = static_cast<int>((ns - unix_seconds() * 1'000'000'000) / 1'000'000);
  Digits to(24);
  to.four(t.tm_year + 1900).text("-").two(t.tm_mon + 1).text("-").two(t.tm_mday).text("T");
  to.two(t.tm_hour).text(":").two(t.tm_min).text(":").two(t.tm_sec).text(".");
  to.out += static_cast<char>('0' + ms / 100);
  return to.two(ms % 100).text("Z").out;
}

std::string WallTime::iso8601_basic() const {
  std::tm t = utc(unix_seconds());
  Digits to(16);
  to.four(t.tm_year + 1900).two(t.tm_mon + 1).two(t.tm_mday).text("T");
  return to.two(t.tm_hour).two(t.tm_min).two(t.tm_sec).text("Z").out;
}

std::string WallTime::http_date() const {
  std::tm t = utc(unix_seconds());
  Digits to(29);
  to.text(day_names[t.tm_wday]).text(", ").two(t.tm_mday).text(" ").text(month_names[t.tm_mon]);
  to.text(" ").four(t.tm_year + 1900).text(" ").two(t.tm_hour).text(":").two(t.tm_min);
  return to.text(":").two(t.tm_sec).text(" GMT").out;
}

Result<WallTime> WallTime::parse_iso8601(std::string_view text) {
  bool basic = text.size() == 16 && text[8] == 'T' && text[15] == 'Z';
  bool extended = text.size() >= 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
                  text.back() == 'Z';
  if (basic || extended) {
    size_t step = basic ? 0 : 1;
    auto year = digits(text, 0, 4), month = digits(text, 4 + step, 2),
         day = digits(text, 6 + 2 * step, 2);
    size_t h = basic ? 9 : 11;
    auto hour = digits(text, h, 2), minute = digits(text, h + 2 + step, 2),
         second = digits(text, h + 4 + 2 * step, 2);
    if (year && month && day && hour && minute && second) {
      auto whole = TRY(from_fields(*year, *month, *day, *hour, *minute, *second, text));
      if (extended && text.size() > 20 && text[19] == '.') {
        int64_t scale = 100'000'000;
        for (size_t i = 20; i + 1 < text.size() && scale > 0; ++i, scale /= 10) {
          if (text[i] < '0' || text[i] > '9') return fail(Code::invalid_argument, "not a date");
          whole.ns += (text[i] - '0') * scale;
        }
      }
      return whole;
    }
  }
  return fail(Code::invalid_argument,
              fmt::format("'{}' is not an ISO 8601 UTC time", printable(text)));
}

Result<WallTime> WallTime::parse_http_date(std::string_view text) {
  // IMF-fixdate only: RFC 9110 lets a server read the two obsolete forms, which no client here
  // sends.
  if (text.size() == 29 && text.substr(25) == " GMT") {
    int month = 0;
    for (int m = 0; m < 12; ++m)
      if (text.substr(8, 3) == month_names[m]) month = m + 1;
    auto day = digits(text, 5, 2), year = digits(text, 12, 4), hour = digits(text, 17, 2),
         minute = digits(text, 20, 2), second = digits(text, 23, 2);
    if (month && day && year && hour && minute && second)
      return from_fields(*year, month, *day, *hour, *minute, *second, text);
  }
  return fail(Code::invalid_argument, fmt::format("'{}' is not an HTTP date", printable(text)));
}

Result<Bytes> Bytes::parse(std::string_view text) {
  auto value = scaled(text, byte_units, "");
  if (!value || *value < 0)
    return fail(Error(Code::invalid_argument, fmt::format("'{}' is not a size", printable(text)))
                    .hint("write a number and a unit, such as 512KiB, 64MiB or 10GB"));
  return Bytes(*value);
}

std::string Bytes::text() const {
  constexpr std::string_view names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(n_);
  size_t unit = 0;
  while (value >= 1024 && unit < 5) value /= 1024, ++unit;
  return unit == 0 ? fmt::format("{} B", n_) : fmt::format("{:.4g} {}", value, names[unit]);
}

Result<Money> Money::parse(std::string_view text) {
  std::string_view number = trim(text);
  if (number.starts_with('$')) number.remove_prefix(1);
  double value = 0;
  std::string plain = replace_all(number, ",", "");
  auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error != std::errc() || end != plain.data() + plain.size() || std::abs(value) > 9e12)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is not an amount of money", printable(text)));
  return Money(std::llround(value * 1e6));
}

std::string Money::text() const {
  int64_t magnitude = n_ < 0 ? -n_ : n_;
  std::string whole = std::to_string(magnitude / 1'000'000);
  for (int at = static_cast<int>(whole.size()) - 3; at > 0; at -= 3)
    whole.insert(static_cast<size_t>(at), ",");
  int64_t fraction = magnitude % 1'000'000;
  std::string tail = fraction % 10'000 == 0 ? fmt::format("{:02}", fraction / 10'000)
                                            : fmt::format("{:06}", fraction);
  return fmt::format("{}${}.{}", n_ < 0 ? "-" : "", whole, tail);
}

}  // namespace croft
