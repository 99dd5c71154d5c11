// Parameters from outside, environments of one file, and the question where a value comes from.
#include <gtest/gtest.h>

#include "lang/lang.h"

namespace croft::lang {
namespace {

Setting setting(std::vector<std::string> path, std::string text) {
  return {std::move(path), std::move(text), {}};
}

std::string printed(const std::string& text, const Options& options) {
  auto description = resolve("app.sf", text, options);
  return description ? print(*description->config) : description.error().render();
}

std::string with(const std::string& text, std::vector<Setting> settings) {
  Options options;
  options.settings = std::move(settings);
  return printed(text, options);
}

TEST(Settings, ReachTemplatesAndPlaces) {
  const std::string text =
      "port 80;\nServer extends { p port; in extends { k 1; } }\nsfConfig extends { web extends "
      "Server; }\n";
  EXPECT_EQ(with(text, {}), "web extends {\n  p 80;\n  in extends {\n    k 1;\n  }\n}\n");
  EXPECT_EQ(with(text, {setting({"port"}, "81"), setting({"sfConfig", "web", "in", "k"}, "\"x\"")}),
            "web extends {\n  p 81;\n  in extends {\n    k \"x\";\n  }\n}\n");
  EXPECT_EQ(with(text, {setting({"port"}, "81"), setting({"port"}, "(40 + 2)")}),
            "web extends {\n  p 42;\n  in extends {\n    k 1;\n  }\n}\n");
}

TEST(Settings, TheTreeToDeployCanBeChosen) {
  EXPECT_EQ(
      with("a extends { x 1; } b extends { x 2; } sfConfig a;", {setting({"sfConfig"}, "(b)")}),
      "x 2;\n");
}

TEST(Settings, SlipsAreNamed) {
  const std::string text = "port 80;\nsfConfig extends { web extends { p 1; } }\n";
  EXPECT_EQ(with(text, {setting({"prot"}, "81")}),
            "--set:1:1: error: there is no 'prot' at the top level of the description\n"
            "  1 | prot=81\n"
            "    | ^^^^^^^\n"
            "  hint: did you mean 'port'?\n");
  EXPECT_EQ(
      with(text, {setting({"sfConfig", "wob", "p"}, "2")}),
      "--set:1:1: error: 'sfConfig:wob:p' cannot be placed: there is no 'wob' in 'sfConfig' to "
      "place it in\n"
      "  1 | sfConfig:wob:p=2\n"
      "    | ^^^^^^^^^^^^^^^^\n"
      "  hint: did you mean 'web'?\n");
  EXPECT_NE(with(text, {setting({"port"}, "1; q 2")}).find("the value of 'port' cannot be read"),
            std::string::npos);
  EXPECT_NE(with(text, {setting({"sfConfig", ""}, "1")}).find("a name in it is empty"),
            std::string::npos);
}

const char* const staged =
    "#include \"/org/smartfrog/components.sf\"\nsize 1;\n"
    "environments extends Environments {\n"
    "  dev extends { size 2; }\n"
    "  stage extends { size 5; sfConfig:web:debug true; }\n"
    "  prod extends stage { size 50; sfConfig:web:debug false; }\n"
    "}\n"
    "sfConfig extends { web extends { n size; debug true; } }\n";

std::string in_environment(const std::string& name, std::vector<Setting> settings = {}) {
  Options options;
  options.environment_name = name;
  options.settings = std::move(settings);
  return printed(staged, options);
}

TEST(Environments, OneFileForAll) {
  EXPECT_EQ(in_environment(""), "web extends {\n  n 1;\n  debug true;\n}\n");
  EXPECT_EQ(in_environment("dev"), "web extends {\n  n 2;\n  debug true;\n}\n");
  EXPECT_EQ(in_environment("prod"), "web extends {\n  n 50;\n  debug false;\n}\n");
  EXPECT_EQ(in_environment("prod", {setting({"size"}, "7")}),
            "web extends {\n  n 7;\n  debug false;\n}\n");
}

TEST(Environments, SlipsAreNamed) {
  EXPECT_NE(in_environment("pord").find("there is no environment 'pord'"), std::string::npos);
  EXPECT_NE(in_environment("pord").find("did you mean 'prod'?"), std::string::npos);
  Options options;
  options.environment_name = "dev";
  EXPECT_NE(
      printed("sfConfig extends {}", options).find("has no environments, so there is no 'dev'"),
      std::string::npos);
  const std::string head = "size 1; sfConfig extends {}\nenvironments extends Environments {";
  EXPECT_NE(printed(head + " dev extends { siez 2; } }", options)
                .find("there is no 'siez' at the top level of the description"),
            std::string::npos);
  EXPECT_NE(printed(head + " dev extends dev { } }", options).find("extend each other without end"),
            std::string::npos);
  EXPECT_NE(printed(head + " dev extends other { } }", options).find("'other' is none"),
            std::string::npos);
}

TEST(Environments, AnAttributeOfThatNameIsNotTouched) {
  EXPECT_EQ(printed("environments extends { a 1; } sfConfig extends { x environments:a; }", {}),
            "x 1;\n");
}

Options one_file(const std::string& text) {
  Options options;
  options.reader = [text](const std::string& path) -> Result<std::string> {
    if (path != "app.sf") return fail(Code::not_found, path);
    return text;
  };
  return options;
}

TEST(Explain, FollowsTemplatesPlacementsAndReferences) {
  Options options = one_file(
      "host \"h\";\n"
      "Server extends { port 80; url (host ++ port); }\n"
      "sfConfig extends {\n"
      "  web extends Server { port 81; }\n"
      "  web:port 82;\n"
      "}\n");
  auto port = explain("app.sf", options, "web:port");
  ASSERT_TRUE(port) << port.error().render();
  EXPECT_EQ(port->path, "sfConfig:web:port");
  EXPECT_EQ(port->value, "82");
  EXPECT_EQ(port->where.line, 5);
  ASSERT_EQ(port->instead_of.size(), 2u);
  EXPECT_EQ(port->instead_of[0].line, 4);
  EXPECT_EQ(port->instead_of[1].line, 2);

  auto url = explain("app.sf", options, "sfConfig:web:url");
  ASSERT_TRUE(url) << url.error().render();
  EXPECT_EQ(url->value, "\"h82\"");
  EXPECT_EQ(url->where.line, 2);
  ASSERT_EQ(url->way.size(), 1u);
  EXPECT_EQ(url->way[0].what, "inherited by 'sfConfig:web' through 'extends Server'");
  ASSERT_EQ(url->uses.size(), 2u);
  EXPECT_EQ(url->uses[0].path, "host");
  EXPECT_EQ(url->uses[1].path, "sfConfig:web:port");
  EXPECT_EQ(url->uses[1].value, "82");
}

TEST(Explain, SaysWhatIsNotThere) {
  Options options = one_file("sfConfig extends { web extends { port 1; } }\n");
  EXPECT_EQ(explain("app.sf", options, "web:prot").error().render(),
            "error: 'web:prot' names nothing: there is no 'prot' in 'sfConfig:web'\n"
            "  hint: did you mean 'port'?\n");
  EXPECT_EQ(explain("app.sf", options, "web:port:x").error().what,
            "'web:port:x' names nothing: 'port' is 1, not a component");
  EXPECT_FALSE(explain("gone.sf", options, "web:port"));
}

TEST(Explain, ASettingIsAPlaceToo) {
  Options options = one_file("port 1;\nsfConfig extends { p port; }\n");
  options.settings.push_back(setting({"port"}, "5"));
  auto found = explain("app.sf", options, "p");
  ASSERT_TRUE(found) << found.error().render();
  ASSERT_EQ(found->uses.size(), 1u);
  EXPECT_EQ(found->uses[0].where.file, "--set");
  ASSERT_EQ(found->uses[0].instead_of.size(), 1u);
  EXPECT_EQ(found->uses[0].instead_of[0].file, "app.sf");
}

}  // namespace
}  // namespace croft::lang
