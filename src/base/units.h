// Durations, moments, sizes and money as types: a bare number never crosses an interface.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace croft {

/// A span of time in nanoseconds. Text form: "250ms", "1.5s", "2h"; units ns us ms s m h d.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration nanoseconds(int64_t n) { return Duration(n); }
  static constexpr Duration microseconds(int64_t n) { return Duration(n * 1000); }
  static constexpr Duration milliseconds(int64_t n) { return Duration(n * 1'000'000); }
  static constexpr Duration seconds(int64_t n) { return Duration(n * 1'000'000'000); }
  static constexpr Duration minutes(int64_t n) { return seconds(n * 60); }
  static constexpr Duration hours(int64_t n) { return seconds(n * 3600); }
  static constexpr Duration seconds_f(double s) { return Duration(static_cast<int64_t>(s * 1e9)); }
  static constexpr Duration forever() { return Duration(INT64_MAX / 4); }

  constexpr int64_t ns() const { return ns_; }
  constexpr int64_t ms() const { return ns_ / 1'000'000; }
  constexpr double s() const { return static_cast<double>(ns_) / 1e9; }

  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return Duration(a.ns_ + b.ns_); }
  friend constexpr Duration operator-(Duration a, Duration b) { return Duration(a.ns_ - b.ns_); }
  friend constexpr Duration operator*(Duration a, int64_t n) { return Duration(a.ns_ * n); }
  friend constexpr Duration operator/(Duration a, int64_t n) { return Duration(a.ns_ / n); }

  /// A number with a unit; a bare number takes `bare_unit` ("s", "ms", ...; empty: refused).
  static Result<Duration> parse(std::string_view text, std::string_view bare_unit = "");
  /// "250 ms", "1.5 s", "2 h 3 min": for people.
  std::string text() const;

 private:
  explicit constexpr Duration(int64_t n) : ns_(n) {}
  int64_t ns_ = 0;
};

/// A moment of the monotonic clock; comparable only within one World.
struct Moment {
  int64_t ns = 0;
  friend constexpr auto operator<=>(Moment, Moment) = default;
  friend constexpr Moment operator+(Moment a, Duration d) { return {a.ns + d.ns()}; }
  friend constexpr Moment operator-(Moment a, Duration d) { return {a.ns - d.ns()}; }
  friend constexpr Duration operator-(Moment a, Moment b) {
    return Duration::nanoseconds(a.ns - b.ns);
  }
};

/// Wall-clock time: nanoseconds since 1970-01-01T00:00:00Z.
struct WallTime {
  int64_t ns = 0;
  friend constexpr auto operator<=>(WallTime, WallTime) = default;
  friend constexpr WallTime operator+(WallTime a, Duration d) { return {a.ns + d.ns()}; }
  friend constexpr Duration operator-(WallTime a, WallTime b) {
    return Duration::nanoseconds(a.ns - b.ns);
  }

  int64_t unix_seconds() const {
    return ns >= 0 ? ns / 1'000'000'000 : -((999'999'999 - ns) / 1'000'000'000);
  }
  static constexpr WallTime from_unix_seconds(int64_t s) { return {s * 1'000'000'000}; }
  std::string iso8601() const;        ///< 2008-04-07T10:00:00.000Z
  std::string iso8601_basic() const;  ///< 20080407T100000Z, as SigV4 writes it
  std::string http_date() const;      ///< Mon, 07 Apr 2008 10:00:00 GMT (RFC 9110 5.6.7)
  static Result<WallTime> parse_iso8601(std::string_view text);  ///< both ISO forms above
  static Result<WallTime> parse_http_date(std::string_view text);
};

/// A size in bytes. Text form: "64MiB", "10GB"; units B KB MB GB TB KiB MiB GiB TiB.
class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(int64_t n) : n_(n) {}
  static constexpr Bytes kib(int64_t n) { return Bytes(n << 10); }
  static constexpr Bytes mib(int64_t n) { return Bytes(n << 20); }
  static constexpr Bytes gib(int64_t n) { return Bytes(n << 30); }
  constexpr int64_t count() const { return n_; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  static Result<Bytes> parse(std::string_view text);
  std::string text() const;  ///< "64 MiB"

 private:
  int64_t n_ = 0;
};

/// US dollars in millionths. Text form: "$0.10".
class Money {
 public:
  constexpr Money() = default;
  static constexpr Money micros(int64_t n) { return Money(n); }
  constexpr int64_t micros() const { return n_; }
  friend constexpr auto operator<=>(Money, Money) = default;
  friend constexpr Money operator+(Money a, Money b) { return Money(a.n_ + b.n_); }
  friend constexpr Money operator*(Money a, int64_t n) { return Money(a.n_ * n); }
  static Result<Money> parse(std::string_view text);
  std::string text() const;  ///< "$1,843.20"

 private:
  explicit constexpr Money(int64_t n) : n_(n) {}
  int64_t n_ = 0;
};

}  // namespace croft
