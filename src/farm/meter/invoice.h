// Invoices of one month: what an account had, at the prices of a book, to the micro-dollar. Every
// started unit (second or hour) belongs to exactly one month, so that the invoices of all months
// add up to the whole; the total is the sum of its lines. Pure.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "farm/meter/intervals.h"
#include "farm/meter/usage.h"

namespace croft::farm::meter {

/// Dollars in millionths.
struct PriceBook {
  enum class Unit { second, hour };  ///< what is charged when it has begun
  Unit unit = Unit::second;
  int64_t least_seconds = 60;                               ///< of an instance, by the second
  std::map<std::string, int64_t, std::less<>> hourly;       ///< instance types, "address.idle"
  std::map<std::string, int64_t, std::less<>> gib_monthly;  ///< "volume.gp2", "snapshot"
  std::map<std::string, int64_t, std::less<>>
      gb;  ///< "transfer.out"; what is not named costs as in 2008

  /// The farm's own: list prices of the day, and those of 2008 for the types of 2008.
  static PriceBook standard();
  /// Changes of it: {"hourly": {"m1.small": "$0.10"}, "gibMonthly": {"volume.gp2": "$0.10"}}.
  Result<> change(std::string_view text);
};

struct Month {
  WallTime begin, end;
  std::string name;  ///< "2008-04"
  /// Code::invalid_argument for what is no month.
  static Result<Month> parse(std::string_view text);
  static Month of(WallTime at);
};

struct InvoiceLine {
  std::string service;   ///< ec2 | ebs | s3 | margin | credit
  std::string resource;  ///< empty: of the account as a whole
  std::string what;      ///< "m1.small", "volume.gp2", "requests.write", "ami-... margin"
  WallTime from, to;     ///< of this line, inside the month
  int64_t quantity = 0;  ///< of `unit`
  std::string unit;      ///< "seconds", "hours", "GiB-seconds", "requests", "bytes", ...
  Money amount;
  std::string application, component;
  bool open = false;  ///< goes on
};

struct Invoice {
  std::string account, account_id, month;
  std::vector<InvoiceLine> lines;
  Money total() const;
  std::string csv() const;
  std::string json() const;
};

/// Lines of what it had in the month, up to `now`.
std::vector<InvoiceLine> lines_of(const std::vector<Interval>& intervals, const Month& month,
                                  WallTime now, const PriceBook& book);
/// What `reseller` earns in the month by margins on what another account had.
std::vector<InvoiceLine> credits_of(const std::vector<Interval>& intervals,
                                    std::string_view reseller, const Month& month, WallTime now,
                                    const PriceBook& book);
/// Lines of what it used of the store.
std::vector<InvoiceLine> lines_of(const Amounts& amounts, const Month& month);

}  // namespace croft::farm::meter
