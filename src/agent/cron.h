// Times as crontab(5) writes them: "m h dom mon dow", in UTC, so that no hour comes twice or never.
// Numbers, names of months and days, lists, ranges, steps, and @hourly and its like. Pure.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace croft::agent {

class Cron {
 public:
  /// Code::syntax naming the field.
  static Result<Cron> parse(std::string_view text);
  /// The first minute after `now` that it names; at most eight years ahead (29 February).
  Result<WallTime> next(WallTime now) const;

 private:
  std::array<uint64_t, 5> fields_{};  ///< bits of minute, hour, day, month, weekday
  bool any_day_ = false, any_weekday_ = false;
};

}  // namespace croft::agent
