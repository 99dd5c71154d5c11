// The functions that other modules of the reference add.
#include <gtest/gtest.h>

#include "lang/lang.h"

namespace croft::lang {
namespace {

std::string answer(const std::string& body, bool asks_names = true) {
  Options options;
  options.machine = {"frog", "10.1.2.3", {}};
  if (asks_names)
    options.machine.address_of = [](std::string_view name) -> std::optional<std::string> {
      return name == "frog.pond" ? std::optional<std::string>("10.9.9.9") : std::nullopt;
    };
  options.property = [](std::string_view name) -> std::optional<std::string> {
    if (name == "sum") return "(n + 2)";
    if (name == "list") return "[n, LAZY n, \"x\"]";
    if (name == "part") return "extends { a n; b (a * 2); }";
    return std::nullopt;
  };
  auto description = resolve("a.sf",
                             "#include \"/org/smartfrog/services/www/components.sf\"\n"
                             "#include \"/org/smartfrog/services/utils/components.sf\"\n"
                             "#include \"/org/smartfrog/services/filesystem/components.sf\"\n"
                             "#include \"/org/smartfrog/services/scripting/bsh/functions.sf\"\n"
                             "sfConfig extends {\n" +
                                 body + "\n}\n",
                             options);
  return description ? print(*description->config) : description.error().what;
}

TEST(Functions, FilepathJoinsWithOneSlash) {
  EXPECT_EQ(answer("a extends filepath { left \"/tmp\"; right \"x\"; }"
                   "b extends filepath { left \"/tmp/\"; right \"/x/y\"; }"
                   "c extends filepath { left \"a\\\\b\"; right 5; }"),
            "a \"/tmp/x\";\nb \"/tmp/x/y\";\nc \"a/b/5\";\n");
}

TEST(Functions, TheMachineIsAskedAtRunTimeOrAtOnce) {
  EXPECT_EQ(answer("a extends lookupLocalhost { sfFunctionLazy false; }"
                   "b extends lookupLocalhostAddress { sfFunctionLazy false; }"),
            "a \"frog\";\nb \"10.1.2.3\";\n");
  EXPECT_EQ(answer("a extends lookupLocalhost;").substr(0, 12), "a LAZY APPLY");
}

TEST(Functions, HostExistsAsksNames) {
  EXPECT_EQ(
      answer("a extends hostExists { h \"frog.pond\"; } b extends hostExists { h \"no.pond\"; }"),
      "a true;\nb false;\n");
  EXPECT_EQ(answer("a extends hostExists { h \"frog.pond\"; }", false).substr(0, 12),
            "a LAZY APPLY");
  EXPECT_EQ(answer("a extends hostExists { }"),
            "hostExists needs one attribute, the name of a host");
}

TEST(Functions, PropertiesAreReadAsIfTheyStoodThere) {
  EXPECT_EQ(answer("n 5; a IPROPERTY sum; p IPROPERTY part;"),
            "n 5;\na 7;\np extends {\n  a 5;\n  b 10;\n}\n");
  EXPECT_EQ(answer("n 5; a IPROPERTY list;"), "n 5;\na LAZY IPROPERTY list;\n");
}

TEST(Functions, APhaseMayNameTheFunctionItself) {
  EXPECT_EQ(answer("sum2 extends { phase.function \"org.old.Sum\"; a 1; } x extends sum2 { b 2; }"),
            "sum2 1;\nx 3;\n");
}

std::string computed(const std::string& exp, const std::string& variables = "") {
  std::string out = answer("a extends expression { " + variables + " exp ##" + exp + "#; }");
  return out.starts_with("a ") ? out.substr(2, out.size() - 4) : out;
}

TEST(Functions, ExpressionComputes) {
  EXPECT_EQ(computed("8+6"), "14");
  EXPECT_EQ(computed("1 + 2 * 3 - 8 / 3 % 2"), "7");
  EXPECT_EQ(computed("(a + b) * -2;", "a 3; b 4;"), "-14");
  EXPECT_EQ(computed("return Math.max(a.intValue(), b.intValue());", "a 11; b 5;"), "11");
  EXPECT_EQ(computed("Math.min(2, 1.5)"), "1.5D");
  EXPECT_EQ(computed("Math.abs(-7)"), "7");
  EXPECT_EQ(computed("Math.round(2.5)"), "3L");
  EXPECT_EQ(computed("Math.sqrt(16) + Math.pow(2, 3)"), "12.0D");
  EXPECT_EQ(computed("Math.cos(Math.PI) < -0.9"), "true");
  EXPECT_EQ(computed("3.7.intValue()"), "'exp' cannot be read at character 1: '3.7.intValue'");
  EXPECT_EQ(computed("x.intValue() + 1", "x 3.7D;"), "4");
  EXPECT_EQ(computed("\"n is \" + n + '!'", "n 5;").substr(0, 13), "'exp' cannot ");
  EXPECT_EQ(computed("\"n is \" + n + \"!\"", "n 5;"), "\"n is 5!\"");
  EXPECT_EQ(computed("1 == 1.0 && !(2 != 2) || false"), "true");
  EXPECT_EQ(computed("n > 3 ? \"many\" : n > 1 ? \"some\" : \"few\"", "n 2;"), "\"some\"");
}

TEST(Functions, ExpressionsAreBounded) {
  EXPECT_EQ(computed(std::string(5000, '(') + "1" + std::string(5000, ')')),
            "'exp' is nested too deep");
  EXPECT_EQ(computed(std::string(5000, '-') + "1"), "'exp' is nested too deep");
}

}  // namespace
}  // namespace croft::lang
