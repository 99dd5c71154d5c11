#include "agent/cron.h"

#include <gtest/gtest.h>

namespace croft::agent {
namespace {

std::string after(std::string_view schedule, std::string_view now) {
  auto cron = Cron::parse(schedule);
  if (!cron) return cron.error().what;
  auto next = cron->next(WallTime::parse_iso8601(now).value());
  return next ? next->iso8601() : next.error().what;
}

TEST(Cron, NamesTheNextMinute) {
  struct {
    const char *schedule, *now, *next;
  } cases[] = {
      {"* * * * *", "2024-02-28T23:59:59Z", "2024-02-29T00:00:00.000Z"},
      {"* * * * *", "2024-02-28T10:00:00Z", "2024-02-28T10:01:00.000Z"},
      {"*/15 * * * *", "2024-02-28T10:07:00Z", "2024-02-28T10:15:00.000Z"},
      {"5/20 * * * *", "2024-02-28T10:26:00Z", "2024-02-28T10:45:00.000Z"},
      {"30 4 * * mon-fri", "2024-03-01T05:00:00Z", "2024-03-04T04:30:00.000Z"},
      {"0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00.000Z"},
      {"0 12 13 * fri", "2024-09-01T00:00:00Z", "2024-09-06T12:00:00.000Z"},
      {"0 12 * * 7", "2024-09-02T00:00:00Z", "2024-09-08T12:00:00.000Z"},
      {"@monthly", "2024-12-01T00:00:00Z", "2025-01-01T00:00:00.000Z"},
      {"1,3 0,23 31 JAN,dec *", "2024-02-01T00:00:00Z", "2024-12-31T00:01:00.000Z"},
  };
  for (const auto& each : cases)
    EXPECT_EQ(after(each.schedule, each.now), each.next) << each.schedule;
}

TEST(Cron, RefusesWhatIsNone) {
  for (const char* text : {"", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
                           "* * * * 8", "5-1 * * * *", "*/0 * * * *", "a * * * *", "@never",
                           "1, * * * *", "-1 * * * *", "* * * * * *"})
    EXPECT_FALSE(Cron::parse(text)) << text;
  EXPECT_EQ(after("0 0 31 2 *", "2024-01-01T00:00:00Z"),
            "the schedule names no day that ever comes");
}

}  // namespace
}  // namespace croft::agent
