#include "wire/metrics_text.h"

#include <gmock/gmock.h>

namespace croft::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr size_t plenty = 64;

TEST(MetricsText, adds_up_the_samples_of_a_name) {
  auto read = metrics_in(
      "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
      "requests_total{code=\"200\",path=\"/a\\\"b}\"} 5 1700000000000\n"
      "requests_total{ code = \"500\" , } 2\r\n"
      "\n  queue_length\t+3.5e1\nlast 7",
      {}, plenty);
  ASSERT_TRUE(read) << read.error().render();
  EXPECT_THAT(*read,
              ElementsAre(Pair("last", 7), Pair("queue_length", 35), Pair("requests_total", 7)));
}

TEST(MetricsText, leaves_out_what_has_no_meaning_as_a_sum_or_is_no_number) {
  auto read = metrics_in(
      "wait_bucket{le=\"1\"} 4\nwait_bucket{le=\"+Inf\"} 9\nwait_sum 12.5\nwait_count 9\n"
      "size{quantile=\"0.5\"} 3\nodd NaN\nendless +Inf\nhuge 1e999\n",
      {}, plenty);
  ASSERT_TRUE(read) << read.error().render();
  EXPECT_THAT(*read, ElementsAre(Pair("wait_count", 9), Pair("wait_sum", 12.5)));
}

TEST(MetricsText, takes_the_names_that_are_asked_for_or_the_first_ones) {
  const char* page = "a 1\nb 2\nc 3\na{x=\"y\"} 1\n";
  EXPECT_THAT(*metrics_in(page, {"c", "unknown"}, plenty), ElementsAre(Pair("c", 3)));
  EXPECT_THAT(*metrics_in(page, {}, 2), ElementsAre(Pair("a", 2), Pair("b", 2)));
}

TEST(MetricsText, says_which_line_is_no_sample) {
  for (const char* bad : {"<html>", "name", "name{", "name{a=1} 2", "name{a=\"b} 2", "name 1x",
                          "name{a=\"b\\", "1name 2", "name{a=\"\"} "}) {
    auto read = metrics_in(std::string("fine 1\n") + bad + "\n", {}, plenty);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, Code::syntax);
    EXPECT_THAT(read.error().line(), HasSubstr("line 2 is no sample")) << bad;
  }
  EXPECT_TRUE(metrics_in("", {}, plenty)->empty());
}

}  // namespace
}  // namespace croft::wire
