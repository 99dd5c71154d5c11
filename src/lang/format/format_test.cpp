// The formatter: its style as examples; over every description at hand it is idempotent and changes
// no meaning.
#include "lang/format/format.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "lang/format/shape.h"
#include "lang/lang.h"

namespace croft::lang {
namespace {

namespace fs = std::filesystem;

std::string formatted(const std::string& text) {
  auto out = format("a.sf", text);
  return out ? *out : out.error().render();
}

TEST(Format, OneStatementALine) {
  EXPECT_EQ(formatted("a   1;b 2 c extends{d 3;};;e;"), "a 1;\nb 2;\nc extends { d 3; }\ne;\n");
}

TEST(Format, BodiesOnOneLineStayThere) {
  EXPECT_EQ(formatted("a extends B { x 1; y [1,2 , 3] }"), "a extends B { x 1; y [1, 2, 3]; }\n");
  EXPECT_EQ(formatted("a extends B {\nx 1; }"), "a extends B {\n  x 1;\n}\n");
  EXPECT_EQ(formatted("a extends {\n\n}"), "a extends {}\n");
  EXPECT_EQ(formatted("a extends A , {x 1;},B;"), "a extends A, { x 1; }, B;\n");
}

TEST(Format, CommentsStayWhereTheyAre) {
  EXPECT_EQ(formatted("// top\n\n\n/* two */\na 1; // behind\n  // above b\nb 2 /* c */ ;\nc "
                      "extends {\n// inside\n}\n// end"),
            "// top\n\n/* two */\na 1; // behind\n// above b\nb 2; /* c */\nc extends {\n  // "
            "inside\n}\n// end\n");
}

TEST(Format, ExpressionsAndReferences) {
  EXPECT_EQ(formatted("a (1+2); b ( x + (y*2) ); c PARENT:x ; d LAZY  ROOT:a:b; e OPTIONAL( 5 ) q; "
                      "f IF (a==1) THEN 1 ELSE 2 FI; [t1 t2] g ( ! true);"),
            "a (1 + 2);\n"
            "b (x + (y * 2));\n"
            "c PARENT:x;\nd LAZY ROOT:a:b;\ne OPTIONAL(5) q;\nf IF (a == 1) THEN 1 ELSE 2 FI;\n[t1 "
            "t2] g (!true);\n");
}

TEST(Format, LongVectorsBreak) {
  std::string item = "\"0123456789012345678901234567890123456789\"";
  EXPECT_EQ(formatted("a [" + item + "," + item + "," + item + "];"),
            "a [\n  " + item + ",\n  " + item + ",\n  " + item + "\n];\n");
}

TEST(Format, RefusesWhatDoesNotParse) {
  auto out = format("a.sf", "a extends {");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, Code::syntax);
}

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void check_file(const fs::path& path) {
  std::string text = slurp(path);
  auto once = format(path.string(), text);
  if (!once) return;  // some cases are there to fail
  auto twice = format(path.string(), *once);
  ASSERT_TRUE(twice) << path << "\n" << *once << twice.error().render();
  EXPECT_EQ(*once, *twice) << path;
  Tree written = parse(std::make_shared<const model::SourceText>("a", text), {});
  Tree neat = parse(std::make_shared<const model::SourceText>("a", *once), {});
  EXPECT_EQ(shape_of(written), shape_of(neat)) << path;
  EXPECT_EQ(comments_of(written), comments_of(neat)) << path;
  // The library's files are parts: that their trees are the same says enough.
  if (path.string().find("/lib/") != std::string::npos) return;
  auto before = resolve(path.string(), text, {});
  auto after = resolve(path.string(), *once, {});
  ASSERT_EQ(before.has_value(), after.has_value()) << path << "\n" << *once;
  if (before) EXPECT_EQ(print(*before->root), print(*after->root)) << path;
}

TEST(Format, EveryDescriptionAtHand) {
  size_t files = 0;
  for (const char* folder : {"/test/lang/conformance", "/lib", "/examples"})
    for (const auto& entry :
         fs::recursive_directory_iterator(std::string(CROFT_SOURCE_DIR) + folder))
      if (entry.path().extension() == ".sf") {
        check_file(entry.path());
        ++files;
      }
  EXPECT_GT(files, 120u);
}

}  // namespace
}  // namespace croft::lang
