#include "agent/cron.h"

#include <fmt/format.h>

#include <chrono>

#include "base/text.h"

namespace croft::agent {
namespace {

using namespace std::chrono;

struct FieldKind {
  const char* name;
  unsigned least, most;
};
constexpr FieldKind kinds[] = {
    {"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 7}};
constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::pair<std::string_view, std::string_view> shorts[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"}};
constexpr int days_ahead_max = 366 * 8 + 2;
constexpr size_t text_max = 500;

std::unexpected<Error> bad(const FieldKind& kind, std::string_view text) {
  return fail(Code::syntax, fmt::format("'{}' is no {} of a schedule ({} to {})", printable(text),
                                        kind.name, kind.least, kind.most));
}

Result<unsigned> number(const FieldKind& kind, std::string_view text) {
  std::string lower = to_lower(text);
  auto named = [&](auto& names, unsigned first) -> std::optional<unsigned> {
    for (unsigned i = 0; i < std::size(names); ++i)
      if (names[i] == lower) return first + i;
    return std::nullopt;
  };
  if (kind.name == kinds[3].name)
    if (auto found = named(months, 1)) return *found;
  if (kind.name == kinds[4].name)
    if (auto found = named(weekdays, 0)) return *found;
  auto value = parse_u64(text);
  if (!value || *value < kind.least || *value > kind.most) return bad(kind, text);
  return static_cast<unsigned>(*value);
}

Result<uint64_t> field(const FieldKind& kind, std::string_view text) {
  uint64_t out = 0;
  for (const std::string& part : split(text, ',')) {
    auto stepped = cut(part, '/');
    std::string_view range = stepped ? stepped->first : std::string_view(part);
    uint64_t step = 1;
    if (stepped) {
      auto given = parse_u64(stepped->second);
      if (!given || *given == 0 || *given > kind.most) return bad(kind, part);
      step = *given;
    }
    unsigned from = kind.least, to = kind.most;
    if (auto ends = cut(range, '-'); ends) {
      from = TRY(number(kind, ends->first));
      to = TRY(number(kind, ends->second));
    } else if (range != "*") {
      from = TRY(number(kind, range));
      if (!stepped) to = from;
    }
    if (from > to) return bad(kind, part);
    for (uint64_t i = from; i <= to; i += step) out |= uint64_t{1} << i;
  }
  return out;
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  if (text.size() > text_max)
    return fail(Code::syntax, "a schedule is longer than any needs to be");
  text = trim(text);
  for (auto [name, meaning] : shorts)
    if (text == name) return parse(meaning);
  std::vector<std::string> parts;
  for (const std::string& each : split(replace_all(text, "\t", " "), ' '))
    if (!each.empty()) parts.push_back(each);
  if (parts.size() != std::size(kinds))
    return fail(Error(Code::syntax,
                      fmt::format("'{}' is no schedule: 5 fields are wanted", printable(text)))
                    .hint("minute hour day month weekday, like '*/5 * * * *', or @hourly"));
  Cron out;
  for (size_t i = 0; i < parts.size(); ++i) out.fields_[i] = TRY(field(kinds[i], parts[i]));
  if (out.fields_[4] & uint64_t{1} << 7) out.fields_[4] |= 1;  // Sunday has two numbers
  out.any_day_ = parts[2].starts_with('*');
  out.any_weekday_ = parts[4].starts_with('*');
  return out;
}

Result<WallTime> Cron::next(WallTime now) const {
  auto has = [this](size_t which, unsigned value) { return (fields_[which] >> value & 1) != 0; };
  int64_t minute = now.unix_seconds() / 60 + 1;
  sys_days day = floor<days>(sys_seconds(seconds(minute * 60)));
  int64_t first = minute - duration_cast<minutes>(day.time_since_epoch()).count();
  for (int i = 0; i < days_ahead_max; ++i, day += days(1), first = 0) {
    year_month_day date(day);
    bool by_day = has(2, unsigned(date.day()));
    bool by_weekday = has(4, weekday(day).c_encoding());
    // crontab(5): where both are given, either is enough.
    bool matches = any_day_ || any_weekday_ ? by_day && by_weekday : by_day || by_weekday;
    if (!matches || !has(3, unsigned(date.month()))) continue;
    for (int64_t at = first; at < 24 * 60; ++at)
      if (has(1, static_cast<unsigned>(at / 60)) && has(0, static_cast<unsigned>(at % 60)))
        return WallTime::from_unix_seconds(duration_cast<seconds>(day.time_since_epoch()).count() +
                                           at * 60);
  }
  return fail(Code::invalid_argument, "the schedule names no day that ever comes");
}

}  // namespace croft::agent
