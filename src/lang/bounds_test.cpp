// Nothing in a description may take time or memory without bound. Each case here did once.
#include <gtest/gtest.h>

#include "lang/lang.h"
#include "lang/library.h"

namespace croft::lang {
namespace {

std::string answer(const std::string& text, Options options = {}) {
  auto description = resolve("a.sf", text, options);
  return description ? "ok" : description.error().what;
}

/// "sfConfig extends { FIRST a1 .. a<count> made of the one before }".
std::string doubled(const std::string& first, const std::string& pattern, int count) {
  std::string out = "sfConfig extends {\n a0 " + first + ";\n";
  for (int i = 1; i <= count; ++i) {
    out += " a" + std::to_string(i) + " ";
    for (char c : pattern) out += c == '@' ? "a" + std::to_string(i - 1) : std::string(1, c);
    out += ";\n";
  }
  return out;
}

TEST(Bounds, VectorsThatHoldEachOther) {
  EXPECT_EQ(answer(doubled("[1, 2]", "[@, @]", 60) + "}"), "vectors grow beyond 24000000 elements");
  Options options;
  options.limits.text_bytes = 1 << 20;
  EXPECT_EQ(answer(doubled("[1, 2]", "(@ <> @)", 60) + "}", options),
            "the vectors of this description grow too large");
  options.limits.attributes = 5000;
  EXPECT_EQ(answer(doubled("[1]", "[@, @]", 9) + "}", options), "ok");
  EXPECT_EQ(answer(doubled("[1]", "[@, @]", 12) + "}", options),
            "vectors grow beyond 5000 elements");
}

TEST(Bounds, BrokenTextTakesItsTimeOnce) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += ") ] } %d @" + std::to_string(i) + "\n";
  auto refused = resolve("a.sf", text, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::syntax);
}

TEST(Bounds, LongPaths) {
  std::string names = "b";
  for (int i = 0; i < 100'000; ++i) names += ":b";
  EXPECT_EQ(answer("sfConfig extends { a " + names + "; }"), "a path of more than 2000 names");
  EXPECT_EQ(answer("sfConfig extends { " + names + " 3; }"), "a path of more than 2000 names");
}

TEST(Bounds, ArraysOfManyDimensions) {
  EXPECT_EQ(answer("#include \"/org/smartfrog/functions.sf\"\nsfConfig extends { c extends Array { "
                   "extent [50000, 50000, 50000]; template extends {} } }"),
            "an Array of more than 4000000 members is beyond the limit of components");
}

TEST(Bounds, NumbersThatNothingPrints) {
  EXPECT_EQ(answer("sfConfig extends { a 1e400; }"),
            "1e400 is beyond the largest number of 64 bits");
  EXPECT_EQ(answer("sfConfig extends { a 1e39f; }"),
            "1e39f is beyond the largest number of 32 bits");
  EXPECT_EQ(answer("sfConfig extends { a (1e308 * 10); }"),
            "the result is beyond the largest number");
}

TEST(Bounds, VectorsInVectors) {
  // Each of them is written out whole, so the work grows with the square of the levels.
  Options options;
  options.limits.nesting = 200;
  EXPECT_EQ(answer(doubled("1", "[@]", 199) + "}", options), "ok");
  EXPECT_EQ(answer(doubled("1", "[@]", 201) + "}", options),
            "vectors are nested deeper than 200 levels");
}

TEST(Bounds, TextsThatDouble) {
  Options options;
  options.limits.text_bytes = 1 << 20;
  EXPECT_EQ(answer(doubled("\"xy\"", "(@ ++ @)", 40) + "}", options),
            "the texts of this description grow beyond 1048576 bytes");
}

TEST(Bounds, OneTextInManyPlaces) {
  std::string text = "sfConfig extends {\n big \"" + std::string(10'000, 'x') + "\";\n";
  for (int i = 0; i < 500; ++i) text += " r" + std::to_string(i) + " big;\n";
  Options options;
  options.limits.text_bytes = 1 << 20;
  EXPECT_EQ(answer(text + "}", options), "the texts of this description grow beyond 1048576 bytes");
  EXPECT_EQ(answer(text + "}"), "ok");
}

TEST(Bounds, OneComponentInManyPlaces) {
  std::string text = "sfConfig extends {\n big extends {";
  for (int i = 0; i < 1000; ++i) text += " a" + std::to_string(i) + " 1;";
  text += "}\n";
  for (int i = 0; i < 200; ++i) text += " r" + std::to_string(i) + " big;\n";
  Options options;
  options.limits.attributes = 100'000;
  EXPECT_EQ(answer(text + "}", options), "the description grows beyond 100000 attributes");
}

TEST(Bounds, ComparedVectors) {
  std::string both = doubled("[1, 2]", "[@, @]", 21);
  std::string other = both;
  for (size_t at = 0; (at = other.find('a', at)) != std::string::npos; ++at) other[at] = 'b';
  Options options;
  options.limits.steps = 100'000;
  both += other.substr(other.find('{') + 1) + " r (a21 == b21); }";
  EXPECT_EQ(answer(both, options), "this description needs more than 100000 steps");
}

TEST(Bounds, PlacementsAgainstTheirOrder) {
  constexpr int levels = 120;
  std::string text = "sfConfig extends {\n", path = "a";
  std::vector<std::string> lines{" a extends {}\n"};
  for (int i = 0; i < levels; ++i) lines.push_back(" " + (path += ":a") + " extends {}\n");
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) text += *line;
  EXPECT_EQ(answer(text + "}"), "ok");
  Options options;
  options.limits.steps = 10'000;
  EXPECT_EQ(answer(text + "}", options), "this description needs more than 10000 steps");
}

TEST(Bounds, ManyTags) {
  std::string text = "sfConfig extends {\n";
  for (int i = 0; i < 10'000; ++i)
    text += " [t" + std::to_string(i) + "] a" + std::to_string(i) + " 1;\n";
  EXPECT_EQ(answer(text + "}"), "ok");
}

TEST(Bounds, OneLongLine) {
  std::string text = "sfConfig extends {";
  for (int i = 0; i < 40'000; ++i) text += " -- 1;";
  EXPECT_EQ(answer(text + "}"), "ok");
}

TEST(Bounds, ErrorsNeededByMany) {
  std::string text = "sfConfig extends {\n";
  for (int i = 0; i < 4'000; ++i)
    text += " a" + std::to_string(i) + " a" + std::to_string(i + 1) + ";\n";
  EXPECT_EQ(answer(text + "}"), "there is no attribute 'a4000' here or above");
}

TEST(Bounds, ManyDifferentValues) {
  std::string text =
      "#include \"/org/smartfrog/functions.sf\"\nsfConfig extends { a extends alldifferent {";
  for (int i = 0; i < 10'000; ++i) text += " v" + std::to_string(i) + " " + std::to_string(i) + ";";
  auto all = resolve("a.sf", text + " } }", {});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->config->boolean("a"), true);
  auto twice = resolve("a.sf", text + " again 77; } }", {});
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->config->boolean("a"), false);
}

TEST(Bounds, SwitchesWithManyBranches) {
  std::string text = "sfConfig extends { x SWITCH\n";
  for (int i = 0; i < 10'000; ++i) text += " IF false THEN 1\n";
  EXPECT_EQ(answer(text + " ENDSWITCH; }"), "ok");
}

TEST(OldNames, LeadToTheLibrary) {
  EXPECT_EQ(library_path("org/smartfrog/sfcore/workflow/combinators/sequence.sf"),
            "org/smartfrog/sfcore/workflow/components.sf");
  EXPECT_EQ(library_path("org/smartfrog/services/nothing.sf"), "org/smartfrog/services/nothing.sf");
  EXPECT_EQ(library_path("mine.sf"), "mine.sf");
  for (const char* name : {"services/filesystem/touchfile", "services/utils/echo/components",
                           "sfcore/workflow/components/doNothing", "services/trace/components"})
    EXPECT_TRUE(library_file("/org/smartfrog/" + std::string(name) + ".sf")) << name;
  EXPECT_EQ(answer("#include \"/org/smartfrog/components.sf\"\n"
                   "#include \"/org/smartfrog/sfcore/workflow/combinators/sequence.sf\"\n"
                   "#include \"/org/smartfrog/sfcore/workflow/combinators/parallel.sf\"\n"
                   "sfConfig extends Sequence { a extends Parallel; }\n"),
            "ok");
}

}  // namespace
}  // namespace croft::lang
