// Where croft differs from the reference on purpose: one test a line of
// docs/language-differences.md.
#include <gtest/gtest.h>

#include "lang/lang.h"

namespace croft::lang {
namespace {

/// What a description prints, or the text of its error.
std::string answer(const std::string& text) {
  auto description = resolve("a.sf", text, {});
  return description ? print(*description->config) : description.error().what;
}

std::string answer_with_functions(const std::string& body) {
  return answer("#include \"/org/smartfrog/functions.sf\"\nsfConfig extends {\n" + body + "\n}\n");
}

TEST(Differences, DecimalsKeepTheirDigits) {
  EXPECT_EQ(answer("sfConfig extends { a 3.5; b 100.125; c 1e3; d .5; e 5.; f 0.98; }"),
            "a 3.5;\nb 100.125;\nc 1000.0;\nd 0.5;\ne 5.0;\nf 0.98;\n");
  EXPECT_EQ(answer("sfConfig extends { a (1.5 + 1); b (1D + 1); c (1.5f + 1); d (7.0 / 2); }"),
            "a 2.5;\nb 2.0D;\nc 2.5;\nd 3.5;\n");
}

TEST(Differences, EagerSelfReferenceIsACycle) {
  EXPECT_EQ(answer("sfConfig extends { a extends { x THIS; } }"),
            "'sfConfig:a:x' stands for 'sfConfig:a', which contains it: the tree would never end");
  EXPECT_EQ(answer("sfConfig extends { a extends { x PARENT; } }"),
            "'sfConfig:a:x' stands for 'sfConfig', which contains it: the tree would never end");
  EXPECT_EQ(answer("sfConfig extends { a extends { x b; } b extends { y a; } }"),
            "'sfConfig:b:y' stands for 'sfConfig:a', which contains it: the tree would never end");
}

TEST(Differences, OperandsHaveNoNames) {
  EXPECT_EQ(answer("sfConfig extends { left 5; right 2; data true; a (left - right); b (! data); c "
                   "IF data THEN left ELSE right FI; }"),
            "left 5;\nright 2;\ndata true;\na 3;\nb false;\nc 5;\n");
  EXPECT_EQ(answer_with_functions("x 1; a extends minus { left 7; right left; }"), "x 1;\na 0;\n");
}

TEST(Differences, DivisionByZeroIsAnError) {
  EXPECT_EQ(answer("sfConfig extends { a (1 / 0); }"), "division by zero");
  EXPECT_EQ(answer("sfConfig extends { a (1.5D / 0); }"), "division by zero");
  EXPECT_EQ(answer("sfConfig extends { a (1 % 0); }"), "division by zero");
}

TEST(Differences, FormatTakesValuesAsTheyAre) {
  EXPECT_EQ(
      answer_with_functions("a extends formatString { format \"$0!$1\"; s0 \"$1\\\\\"; s1 5; }"),
      "a \"$1\\\\!5\";\n");
}

TEST(Differences, ThePassesAreAlwaysTheSame) {
  EXPECT_EQ(answer("phaseList [|\"print\", \"type\", \"mine\"|]; base extends { a 1; } "
                   "sfConfig extends base { b a; c (a + b); }"),
            "a 1;\nb 1;\nc 2;\n");
}

TEST(Differences, CountersBeginAnew) {
  EXPECT_EQ(answer_with_functions("a extends next {} b extends next {}"), "a 0;\nb 1;\n");
  EXPECT_EQ(answer_with_functions("a extends next {} b extends next {}"), "a 0;\nb 1;\n");
  EXPECT_EQ(
      answer_with_functions("a extends random { seed 5; integer true; min 1; max 1000000; }"),
      answer_with_functions("a extends random { seed 5; integer true; min 1; max 1000000; }"));
}

TEST(Differences, OverrideOfNothingIsNamed) {
  EXPECT_EQ(answer("A extends { a 1; } sfConfig extends A { [sfOverride] b 2; }"),
            "'b' is tagged sfOverride, but nothing that 'sfConfig' extends has it");
}

TEST(Differences, CodebaseIsIgnored) {
  EXPECT_EQ(answer("#codebase \"http://gone.example/x.jar\" #include "
                   "\"/org/smartfrog/functions.sf\"\nsfConfig extends { a 1; }"),
            "a 1;\n");
}

TEST(Differences, PrintedVectorsOfComponentsReadBack) {
  std::string once = answer("sfConfig extends { a [(extends { k 1; }), 2]; }");
  EXPECT_EQ(once, "a [|extends {\n  k 1;\n}, 2|];\n");
  EXPECT_EQ(answer("sfConfig extends {\n" + once + "}"), once);
}

TEST(Differences, ComponentsOfAnIfSeeTheirSurroundings) {
  EXPECT_EQ(answer("sfConfig extends { z 9; c IF true THEN (extends { up z; }) ELSE 0 FI; }"),
            "z 9;\nc extends {\n  up 9;\n}\n");
}

TEST(Differences, ConstantsAreATable) {
  EXPECT_EQ(answer("sfConfig extends { a CONSTANT java.lang.Long.MAX_VALUE; b CONSTANT "
                   "java.io.File.separator; }"),
            "a 9223372036854775807L;\nb \"/\";\n");
  EXPECT_EQ(answer("sfConfig extends { a CONSTANT java.lang.Integer.NONE; }"),
            "the class 'java.lang.Integer' has no constant 'NONE'");
  EXPECT_EQ(answer("sfConfig extends { a CONSTANT my.own.Thing; }"),
            "croft knows no constants of a class 'my.own'");
}

TEST(Differences, MessageConstantsAreNames) {
  EXPECT_EQ(
      answer("sfConfig extends { a CONSTANT "
             "org.smartfrog.services.restlet.client.RemoteRestletResourceImpl.UNKNOWN_VERB; b "
             "CONSTANT \"org.smartfrog.services.ant.AntBuildImpl.BUILD_FAILED\"; }"),
      "a \"Unknown verb: \";\nb \"BUILD_FAILED\";\n");
  EXPECT_EQ(answer("sfConfig extends { a CONSTANT org.smartfrog.services.X.noField; }"),
            "croft knows no constants of a class 'org.smartfrog.services.X'");
}

TEST(Differences, ThereIsNoSolver) {
  EXPECT_EQ(answer_with_functions("a extends Function { sfFunctionClass "
                                  "\"org.smartfrog.sfcore.languages.sf.functions.Constraint\"; }"),
            "there is no function \"org.smartfrog.sfcore.languages.sf.functions.Constraint\"");
}

TEST(Differences, BadUtf8IsReplaced) {
  EXPECT_EQ(answer("sfConfig extends { a \"x\xFFy\"; /* \xC3\x28 */ b 1; }"),
            "a \"x\\ufffdy\";\nb 1;\n");
}

}  // namespace
}  // namespace croft::lang
