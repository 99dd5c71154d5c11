#include "base/error.h"

#include <gtest/gtest.h>

namespace croft {
namespace {
Result<int> half(int n) {
  if (n % 2) return fail(Code::invalid_argument, "odd");
  return n / 2;
}
Result<int> quarter(int n) {
  return TRY(half(TRY(half(n))));
}
}  // namespace

TEST(Error, try_returns_the_first_failure) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(6).error().what, "odd");
}

TEST(Error, renders_place_line_caret_trace_and_hint) {
  Where where{"app.sf", 3, 12, 5, "", "  b extends S3Bukt;"};
  auto text = Error(Code::unresolved, "nothing is called 'S3Bukt'", where)
                  .frame("included from", {"all.sf", 1, 1, 0, "", ""})
                  .hint("did you mean 'S3Bucket'?")
                  .render();
  EXPECT_EQ(text,
            "app.sf:3:12: error: nothing is called 'S3Bukt'\n"
            "  3 |   b extends S3Bukt;\n"
            "    |            ^^^^^\n"
            "  included from at all.sf:1:1\n"
            "  hint: did you mean 'S3Bucket'?\n");
}

TEST(Error, nearest_names) {
  std::vector<std::string> names{"S3Bucket", "S3File", "ImageInstance", "Compound"};
  EXPECT_EQ(nearest("S3Bukcet", names), "S3Bucket");
  EXPECT_EQ(nearest("compound", names), "Compound");
  EXPECT_EQ(nearest("Zebra", names), "");
  EXPECT_EQ(did_you_mean("ImageInstanc", names), "did you mean 'ImageInstance'?");
}

TEST(Error, codes_have_reversible_names) {
  for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
    auto code = static_cast<Code>(i);
    EXPECT_EQ(code_from_name(name_of(code)), code);
  }
}

}  // namespace croft
