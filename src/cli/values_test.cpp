#include "cli/values.h"

#include <gtest/gtest.h>

#include "cli/yaml.h"

namespace croft::cli {
namespace {

std::string shown(const lang::Setting& setting) {
  std::string path;
  for (const auto& name : setting.path) path += (path.empty() ? "" : ":") + name;
  return path + "=" + setting.text;
}

std::string argument(const std::string& text) {
  auto setting = setting_from_argument(text);
  return setting ? shown(*setting) : setting.error().what;
}

TEST(SetOption, LiteralsAreValuesAndTheRestIsText) {
  EXPECT_EQ(argument("port=8080"), "port=8080");
  EXPECT_EQ(argument("sfConfig:web:on=true"), "sfConfig:web:on=true");
  EXPECT_EQ(argument("big=3000000000"), "big=3000000000L");
  EXPECT_EQ(argument("rate=1.5"), "rate=1.5");
  EXPECT_EQ(argument("name=prod"), "name=\"prod\"");
  EXPECT_EQ(argument("version=1.2.3"), "version=\"1.2.3\"");
  EXPECT_EQ(argument("url=http://x/?a=b"), "url=\"http://x/?a=b\"");
  EXPECT_EQ(argument("text=\"80\""), "text=\"80\"");
  EXPECT_EQ(argument("list=[1, 2]"), "list=[1, 2]");
  EXPECT_EQ(argument("sfConfig=(prod)"), "sfConfig=(prod)");
  EXPECT_EQ(argument("nothing="), "nothing=NULL");
  EXPECT_EQ(argument("port"), "--set takes PATH=VALUE, not 'port'");
  EXPECT_EQ(argument("=1"), "--set takes PATH=VALUE, not '=1'");
}

std::vector<std::string> values(const std::string& text) {
  auto settings = settings_from_text("v.yaml", text);
  if (!settings) return {settings.error().line()};
  std::vector<std::string> out;
  for (const auto& setting : *settings) out.push_back(shown(setting));
  return out;
}

TEST(ValuesFile, YamlAndJsonAreTheSame) {
  std::vector<std::string> wanted{"port=8080", "sfConfig:web:host=\"h\"", "sfConfig:web:on=true",
                                  "sfConfig:list=[1, \"a b\", [NULL]]", "sfConfig:zip=\"01234\""};
  EXPECT_EQ(values("# a comment\nport: 8080\nsfConfig:\n  web: {host: h, on: true}\n"
                   "  list:\n    - 1\n    - a b\n    - [null]\n  zip: '01234'\n"),
            wanted);
  EXPECT_EQ(values(R"({"port": 8080, "sfConfig": {"web": {"host": "h", "on": true},
                       "list": [1, "a b", [null]], "zip": "01234"}})"),
            wanted);
  EXPECT_EQ(values("sfConfig:web:port: 1\n"), (std::vector<std::string>{"sfConfig:web:port=1"}));
  EXPECT_EQ(values("a: no\nb: on\nc: ~\nd: 1e3\ne: .5\nf: 0x10\n"),
            (std::vector<std::string>{"a=\"no\"", "b=\"on\"", "c=NULL", "d=1000.0", "e=\".5\"",
                                      "f=\"0x10\""}));
  EXPECT_EQ(values("l: [{a: 1, b: x}]\n"),
            (std::vector<std::string>{"l=[(extends DATA {\"a\" 1; \"b\" \"x\"; })]"}));
  EXPECT_EQ(values(""), std::vector<std::string>{});
  EXPECT_EQ(values("# nothing\n"), std::vector<std::string>{});
}

TEST(ValuesFile, MistakesHaveTheirPlace) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(values("- 1\n"), Texts{"v.yaml:1:1: a file of values holds names and values"});
  EXPECT_EQ(values("a: &x 1\nb: *x\n"),
            Texts{"v.yaml:1:4: anchors and aliases have no meaning in a file of values"});
  EXPECT_EQ(values("a: !!binary aGk=\n"),
            Texts{"v.yaml:1:4: tags but !!str have no meaning in a file of values"});
  EXPECT_EQ(values("a: !!str 5\n"), Texts{"a=\"5\""});
  EXPECT_EQ(values("a: 1\nb: 2\na: 3\n"), Texts{"v.yaml:3:1: 'a' stands twice in this mapping"});
  EXPECT_EQ(values("l: [{x: 1, x: 2}]\n"), Texts{"v.yaml:1:12: 'x' stands twice in this mapping"});
  EXPECT_EQ(values("a: 99999999999999999999\n"),
            Texts{"v.yaml:1:4: 99999999999999999999 does not fit into 64 bits"});
  EXPECT_EQ(values("a: 1\n---\nb: 2\n"), Texts{"v.yaml:2:1: a file of values holds one document"});
  EXPECT_EQ(values("a: 1\n b: 2\n").size(), 1u);
  EXPECT_NE(values("a: {b: 1\n")[0].find("v.yaml:"), std::string::npos);
  EXPECT_EQ(values("? [a]\n: 1\n"), Texts{"v.yaml:1:3: a name is expected here"});
  std::string deep = "a: ";
  for (int i = 0; i < 5000; ++i) deep += '[';
  EXPECT_NE(values(deep)[0].find("nested deeper than 100 levels"), std::string::npos);
}

TEST(YamlOutput, ReadsBackAsWhatItWas) {
  auto text = [](std::string_view document) { return yaml(*wire::json::parse(document)); };
  EXPECT_EQ(text(R"({"a": 1, "b": {"c": "x y", "d": []}, "e": [1, {"f": true, "g": null}, [2]]})"),
            "a: 1\nb:\n  c: x y\n  d: []\ne:\n  - 1\n  - f: true\n    g: null\n  - - 2\n");
  EXPECT_EQ(text(R"({"no": "yes", "n": "1", "t": "a: b", "u": "", "v": "x\ny", "w": "é"})"),
            "\"no\": \"yes\"\n\"n\": \"1\"\nt: \"a: b\"\nu: \"\"\nv: \"x\\ny\"\nw: \"é\"\n");
  EXPECT_EQ(text("{}"), "{}\n");
}

}  // namespace
}  // namespace croft::cli
