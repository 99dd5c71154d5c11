#include "cli/log_merge.h"

#include <gmock/gmock.h>

namespace croft::cli {
namespace {

using ::testing::ElementsAre;

class Merged : public ::testing::Test {
 protected:
  std::vector<std::string> printed;
  LogMerge merge{[this](size_t source, const LogLine& line) {
    printed.push_back(std::to_string(source) + "@" + std::to_string(line.time.ns) + " " +
                      line.text);
  }};
};

TEST_F(Merged, lines_come_in_the_order_of_their_times) {
  merge.add();
  merge.add();
  merge.take(0, WallTime{10}, "a\nb\n");
  EXPECT_THAT(printed, ElementsAre()) << "the other may have earlier ones";
  merge.take(1, WallTime{5}, "c\n");
  EXPECT_THAT(printed, ElementsAre("1@5 c"));
  merge.take(1, WallTime{20}, "d\n");
  EXPECT_THAT(printed, ElementsAre("1@5 c", "0@10 a", "0@10 b"));
  merge.end(0);
  EXPECT_EQ(printed.back(), "1@20 d");
  merge.take(1, WallTime{21}, "e\n");
  EXPECT_EQ(printed.back(), "1@21 e");
}

TEST_F(Merged, a_torn_line_is_put_together_and_has_the_time_of_its_beginning) {
  merge.add();
  merge.take(0, WallTime{1}, "one\ntw");
  merge.take(0, WallTime{2}, "o\n\nthr");
  EXPECT_THAT(printed, ElementsAre("0@1 one", "0@1 two", "0@2 "));
  merge.end(0);
  EXPECT_EQ(printed.back(), "0@2 thr");
}

TEST_F(Merged, one_that_has_caught_up_or_joins_late_holds_nobody_up) {
  merge.add();
  merge.add();
  merge.take(0, WallTime{9}, "a\n");
  EXPECT_EQ(merge.waiting(0), 1u);
  merge.caught_up(1);
  EXPECT_THAT(printed, ElementsAre("0@9 a"));
  EXPECT_EQ(merge.waiting(0), 0u);
  merge.caught_up(0);
  merge.take(1, WallTime{12}, "b\n");
  merge.take(0, WallTime{11}, "c\n");
  EXPECT_EQ(merge.add(true), 2u);
  merge.take(0, WallTime{13}, "d\n");
  merge.end(1);
  merge.take(2, WallTime{3}, "e\n");
  EXPECT_THAT(printed, ElementsAre("0@9 a", "1@12 b", "0@11 c", "0@13 d", "2@3 e"));
}

TEST_F(Merged, a_line_without_end_is_cut) {
  merge.add();
  merge.take(0, WallTime{1}, std::string(3 << 20, 'x'));
  ASSERT_FALSE(printed.empty());
  EXPECT_GT(printed.front().size(), size_t{1} << 20);
}

}  // namespace
}  // namespace croft::cli
