#include "terminal/terminal.h"

#include <gtest/gtest.h>

namespace croft::terminal {

TEST(Table, aligns_to_the_widest_cell_and_trims_the_end) {
  Table table({"KIND", "ID"});
  table.row({"bucket", "talk-transient"});
  table.row({"instance", "i-1"});
  EXPECT_EQ(table.text(), "KIND      ID\nbucket    talk-transient\ninstance  i-1\n");
}

TEST(Width, counts_code_points_and_skips_colours) {
  EXPECT_EQ(display_width("größe"), 5u);
  EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3u);
}

TEST(Elide, keeps_both_ends) {
  EXPECT_EQ(elide("abcdefghij", 7), "abcd…ij");
  EXPECT_EQ(elide("short", 7), "short");
}

}  // namespace croft::terminal
