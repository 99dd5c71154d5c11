// The language as its callers use it: the library in the binary, the talk's example, errors with
// their places, checks against schemas.
#include "lang/lang.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace croft::lang {
namespace {

/// Files in memory.
Options with_files(std::map<std::string, std::string> files) {
  Options options;
  options.reader = [files = std::move(files)](const std::string& path) -> Result<std::string> {
    auto found = files.find(path);
    if (found == files.end()) return fail(Code::not_found, path);
    return found->second;
  };
  return options;
}

Result<std::string> printed(std::string text, const Options& options = {}) {
  auto description = resolve("app.sf", std::move(text), options);
  if (!description) return fail(std::move(description).error());
  return print(*description->config);
}

std::string rendered_error(std::string text, const Options& options = {}) {
  auto description = resolve("app.sf", std::move(text), options);
  return description ? "no error:\n" + print(*description->config) : description.error().render();
}

std::string disk_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

Options with_disk() {
  Options options;
  options.reader = [](const std::string& path) -> Result<std::string> {
    std::ifstream in(path);
    if (!in) return fail(Code::not_found, path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  };
  return options;
}

TEST(Library, EveryFileResolvesByItself) {
  for (std::string_view file : library_files()) {
    // What a components.sf has beside it is a part of it.
    std::string name(file);
    for (std::string_view part : {"/variants.sf", "/types.sf"})
      if (name.ends_with(part))
        name.replace(name.size() - part.size(), part.size(), "/components.sf");
    std::string text = "#include \"/org/smartfrog/components.sf\"\n#include \"/" + name +
                       "\"\nsfConfig extends {}\n";
    auto description = resolve("app.sf", text, {});
    EXPECT_TRUE(description) << file << "\n" << description.error().render();
  }
}

TEST(Talk, ResolvesToBucketsAndService) {
  auto description = resolve_file(CROFT_SOURCE_DIR "/examples/talk/talk.sf", with_disk());
  ASSERT_TRUE(description) << description.error().render();
  auto transient = description->config->component("transient");
  ASSERT_TRUE(transient);
  EXPECT_EQ(transient->path(), "sfConfig:transient");
  EXPECT_EQ(print_value(transient->find("startActions")->value), "[|[|\"put\", 200, 299|]|]");
  EXPECT_EQ(print_value(transient->find("terminateActions")->value),
            "[|[|\"delete\", 200, 499|]|]");
  EXPECT_EQ(transient->string("path"), "talk-transient");
  EXPECT_EQ(transient->string("username"), "0X03DS92MX8K2A29P082");
  EXPECT_EQ(
      print_value(description->config->component("persistent")->find("terminateActions")->value),
      "[||]");
  auto service = description->config->component("service");
  EXPECT_EQ(service->integer("minCount"), 10);
  EXPECT_EQ(service->integer("maxCount"), 100);
  EXPECT_EQ(service->string("instanceType"), "m1.small");
  auto farm = description->root->component("farm");
  ASSERT_TRUE(farm);
  EXPECT_EQ(farm->component("accounts")->component("talk")->string("key"),
            "EmlMg61YbNoThisIsNotMyKey");
  std::vector<std::string> chain{"TransientS3Bucket", "S3Bucket",       "S3Resource",
                                 "AWSResource",       "RemoteResource", "Prim"};
  EXPECT_EQ(transient->supertypes.list(), chain);
}

TEST(Talk, TheSnippetsAreTheTalksOwn) {
  EXPECT_EQ(disk_file(CROFT_SOURCE_DIR "/examples/talk/buckets.sf"),
            "TransientS3Bucket extends S3Bucket {\n    startActions [PUT_ACTION];\n    "
            "livenessActions [HEAD_ACTION];\n"
            "    terminateActions [S3_DELETE_ACTION];\n}\n\nPersistentS3Bucket extends "
            "TransientS3Bucket {\n    terminateActions [];\n}\n");
  EXPECT_EQ(disk_file(CROFT_SOURCE_DIR "/examples/talk/service.sf"),
            "service extends ImageInstance {\n    id \"0X03DS92MX8K2A29P082\";\n    imageID "
            "\"ami-26b6534f\";\n"
            "    key \"EmlMg61YbNoThisIsNotMyKey\";\n    minCount 10;\n    maxCount 100;\n};\n");
}

TEST(Errors, UnknownTemplateHasPlaceCaretAndSuggestion) {
  EXPECT_EQ(
      rendered_error("#include \"/org/smartfrog/components.sf\"\nsfConfig extends Compund {}\n"),
      "app.sf:2:18: error: there is no component 'Compund' to extend (in sfConfig)\n"
      "  2 | sfConfig extends Compund {}\n"
      "    |                  ^^^^^^^\n"
      "  hint: did you mean 'Compound'?\n");
}

TEST(Errors, SeveralInOneRun) {
  auto description =
      resolve("app.sf", "a = 1;\nb extends { c ( ; }\nsfConfig extends {}\nd ] 3;\n", {});
  ASSERT_FALSE(description);
  EXPECT_EQ(description.error().where.line, 1);
  ASSERT_EQ(description.error().others.size(), 2u);
  EXPECT_EQ(description.error().others[0].where.line, 2);
  EXPECT_EQ(description.error().others[1].where.line, 4);
}

TEST(Errors, IncludeChainIsNamed) {
  auto options = with_files({{"inner.sf", "x 1;\n#include \"absent.sf\"\n"}});
  EXPECT_EQ(rendered_error("#include \"inner.sf\"\nsfConfig extends {}\n", options),
            "inner.sf:2:10: error: there is no file 'absent.sf' to include\n"
            "  2 | #include \"absent.sf\"\n"
            "    |          ^^^^^^^^^^^\n"
            "  included at app.sf:1:10\n"
            "  hint: looked for absent.sf, the library in croft\n");
}

TEST(Errors, IncludeCycleIsNamed) {
  auto options = with_files({{"a.sf", "#include \"b.sf\"\n"}, {"b.sf", "#include \"a.sf\"\n"}});
  auto text = rendered_error("#include \"a.sf\"\nsfConfig extends {}\n", options);
  EXPECT_NE(text.find("'a.sf' includes itself: a.sf -> b.sf -> a.sf"), std::string::npos) << text;
}

TEST(Errors, CyclesNameTheWay) {
  auto text = rendered_error("sfConfig extends { a b; b c; c a; }\n");
  EXPECT_NE(text.find("sfConfig:a -> sfConfig:b -> sfConfig:c -> sfConfig:a"), std::string::npos)
      << text;
  text = rendered_error("sfConfig extends { a extends { x THIS; } }\n");
  EXPECT_NE(text.find("'sfConfig:a:x' stands for 'sfConfig:a', which contains it"),
            std::string::npos)
      << text;
  text = rendered_error("sfConfig extends { a extends { x b; } b extends { y a; } }\n");
  EXPECT_NE(text.find("which contains it"), std::string::npos) << text;
}

TEST(Errors, TheWayThroughExtendsIsNamed) {
  auto text = rendered_error("A extends { x nowhere; }\nsfConfig extends {\n  b extends A;\n}\n");
  EXPECT_EQ(text,
            "app.sf:1:15: error: there is no attribute 'nowhere' here or above (in sfConfig:b:x)\n"
            "  1 | A extends { x nowhere; }\n"
            "    |               ^^^^^^^\n"
            "  inherited by 'sfConfig:b' through 'extends A' at app.sf:3:3\n");
}

TEST(Limits, DeepNestingIsRefused) {
  std::string text = "sfConfig ";
  for (int i = 0; i < 5000; ++i) text += "extends { a ";
  text += "1";
  for (int i = 0; i < 5000; ++i) text += "; }";
  EXPECT_NE(rendered_error(text).find("nested deeper than 1000 levels"), std::string::npos);
  std::string parens =
      "sfConfig extends { a " + std::string(5000, '(') + "1" + std::string(5000, ')') + "; }";
  EXPECT_NE(rendered_error(parens).find("nested deeper than 1000 levels"), std::string::npos);
}

TEST(Limits, LongChainsOfReferencesResolve) {
  std::string text = "sfConfig extends {\n";
  for (int i = 0; i < 20'000; ++i)
    text += "  a" + std::to_string(i) + " a" + std::to_string(i + 1) + ";\n";
  text += "  a20000 7;\n}\n";
  auto description = resolve("app.sf", text, {});
  ASSERT_TRUE(description) << description.error().line();
  EXPECT_EQ(description->config->integer("a0"), 7);
}

TEST(Limits, LongChainsOfTemplatesResolve) {
  std::string text;
  for (int i = 0; i < 8'000; ++i)
    text += "A" + std::to_string(i) + " extends A" + std::to_string(i + 1) + ";\n";
  text += "A8000 extends { x 1; }\nsfConfig extends A0;\n";
  auto description = resolve("app.sf", text, {});
  ASSERT_TRUE(description) << description.error().line();
  EXPECT_EQ(description->config->integer("x"), 1);
}

TEST(Limits, ExponentialGrowthIsRefused) {
  std::string text = "A0 extends { x 1; }\n";
  for (int i = 1; i < 60; ++i) {
    std::string before = "A" + std::to_string(i - 1);
    text += "A" + std::to_string(i) + " extends { a extends " + before + "; b extends " + before +
            "; }\n";
  }
  text += "sfConfig extends A59;\n";
  Options options;
  options.limits.components = 100'000;
  EXPECT_NE(rendered_error(text, options).find("grows beyond 100000 components"),
            std::string::npos);
}

TEST(Limits, SharedComponentsDoNotGrowWithoutBound) {
  std::string text = "sfConfig extends {\n  A0 extends { x 1; }\n";
  for (int i = 1; i < 60; ++i) {
    std::string before = "A" + std::to_string(i - 1);
    text += "  A" + std::to_string(i) + " extends { a " + before + "; b " + before + "; }\n";
  }
  text += "}\n";
  EXPECT_NE(rendered_error(text).find("grows beyond 24000000 attributes"), std::string::npos);
}

TEST(Printing, WhatIsPrintedResolvesToTheSame) {
  const std::string text =
      "sfConfig extends { a 1; b 2L; c 1.5; d 2D; s \"x\\\"y\\n\\u1234\"; v [1, [\"a\"], NULL]; n; "
      "t true;\n"
      "  l LAZY PARENT:b:c; m LAZY HOST \"1.2.3.4\":x; h #HEX#00FF#; r DATA x:y; e extends { [t1 "
      "t2] \"q q\" 1; } f extends DATA {} "
      "\"if\" 1; \"extends\" 2; o LAZY OPTIONAL(3) z; }";
  auto once = printed(text);
  ASSERT_TRUE(once) << once.error().render();
  auto twice = printed("sfConfig extends {\n" + *once + "}\n");
  ASSERT_TRUE(twice) << twice.error().render();
  EXPECT_EQ(*once, *twice);
}

TEST(Printing, NamesWithColonsStayNames) {
  auto text = printed("sfConfig extends { \"a:b\" 1; \"c d\" 2; }");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "\"a:b\" 1;\n\"c d\" 2;\n");
}

TEST(Printing, EachPhaseCanBeSeen) {
  const std::string text =
      "A extends { x 1; in extends {} } sfConfig extends A { in:y x; z (x + 1); }";
  Options options;
  auto at = [&](Phase phase) {
    options.until = phase;
    auto description = resolve("app.sf", text, options);
    if (!description) return description.error().render();
    return print(description->config ? *description->config
                                     : *description->root->component("sfConfig"));
  };
  std::string call =
      "APPLY {\n  sfFunctionClass \"org.smartfrog.sfcore.languages.sf.functions.Sum\";\n  unique0 "
      "x;\n  unique1 1;\n};\n";
  EXPECT_EQ(at(Phase::parse), "in:y x;\nz " + call);
  EXPECT_EQ(at(Phase::type), "x 1;\nin extends {}\nin:y x;\nz " + call);
  EXPECT_EQ(at(Phase::place), "x 1;\nin extends {\n  y x;\n}\nz " + call);
  EXPECT_EQ(at(Phase::function), at(Phase::place));
  EXPECT_EQ(at(Phase::sf_config), at(Phase::place));
  EXPECT_EQ(at(Phase::link), "x 1;\nin extends {\n  y 1;\n}\nz 2;\n");
}

TEST(Values, AreReadAlone) {
  EXPECT_EQ(parse_value("5")->as_integer(), 5);
  EXPECT_EQ(print_value(*parse_value("[1, \"a\"]")), "[|1, \"a\"|]");
  EXPECT_EQ(print_value(*parse_value("extends { a 1; }")), "extends {\n  a 1;\n}");
  EXPECT_FALSE(parse_value("1; b 2"));
  EXPECT_EQ(parse_reference("LAZY PARENT:a:b")->text(), "LAZY PARENT:a:b");
}

TEST(Numbers, DecimalsKeepTheirDigits) {
  auto text = printed("sfConfig extends { a 0.98; b 1e3; c .5; d 100.125; e 5.; f 3.5D; g 2.5f; }");
  ASSERT_TRUE(text) << text.error().render();
  EXPECT_EQ(*text, "a 0.98;\nb 1000.0;\nc 0.5;\nd 100.125;\ne 5.0;\nf 3.5D;\ng 2.5;\n");
}

TEST(Includes, OldProjectsOverrideTheLibrary) {
  auto options = with_files({{"old/org/smartfrog/functions.sf", "mine 1;"}});
  options.include = {"old"};
  auto text =
      printed("#include \"/org/smartfrog/functions.sf\"\nsfConfig extends { a mine; }", options);
  ASSERT_TRUE(text) << text.error().render();
  EXPECT_EQ(*text, "a 1;\n");
}

model::SchemaSet some_schemas() {
  model::SchemaSet set;
  model::ComponentSchema thing;
  thing.sf_class = "t.Thing";
  thing.type = "Thing";
  auto add = [&](std::string name, model::Type type) -> model::AttributeSchema& {
    model::AttributeSchema attribute;
    attribute.name = std::move(name);
    attribute.type = type;
    thing.attributes.push_back(attribute);
    return thing.attributes.back();
  };
  add("image", model::Type::string).required = true;
  auto& count = add("count", model::Type::integer);
  count.least = 1;
  add("timeout", model::Type::duration);
  add("password", model::Type::string).secret = true;
  set.add(thing);
  model::ComponentSchema box;
  box.sf_class = "t.Box";
  box.container = true;
  set.add(box);
  return set;
}

std::vector<std::string> problems(const std::string& body, bool warnings = false) {
  auto description = resolve(
      "app.sf",
      "sfConfig extends { sfClass \"t.Box\"; a extends { sfClass \"t.Thing\"; " + body + " } }",
      {});
  if (!description) return {description.error().render()};
  auto findings = check(*description, some_schemas());
  std::vector<std::string> out;
  for (const auto& error : warnings ? findings.warnings : findings.errors)
    out.push_back(error.what);
  return out;
}

TEST(Check, SaysWhatIsWrongWithAttributes) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(problems("image \"x\";"), Texts{});
  EXPECT_EQ(problems(""), Texts{"'Thing' needs the attribute 'image': a string"});
  EXPECT_EQ(problems("image 5;"), Texts{"'image' must be a string, but is an int (5)"});
  EXPECT_EQ(problems("image LAZY x;"), Texts{});
  EXPECT_EQ(problems("image \"x\"; count 0;"), Texts{"'count' is 0; 1 is the least"});
  EXPECT_EQ(problems("image \"x\"; timeout 5;"),
            Texts{"'timeout' must be a duration, but is an int (5): it needs a unit: \"250ms\", "
                  "\"1.5s\", \"2h\""});
  EXPECT_EQ(problems("image \"x\"; timeout \"5s\";"), Texts{});
  EXPECT_EQ(problems("image \"x\"; password 12345;"),
            Texts{"'password' must be a string, but is an int"});
  EXPECT_EQ(problems("image \"x\"; cuont 5;", true), Texts{});
  EXPECT_EQ(problems("image \"x\"; timeuot \"5s\"; counter 3;", true), Texts{});
  EXPECT_EQ(problems("image \"x\"; timeot \"5s\";", true),
            Texts{"'timeot' means nothing to 'Thing'"});
}

TEST(Check, MarksSecretsAndFindsUnknownTypes) {
  auto description =
      resolve("app.sf",
              "sfConfig extends { sfClass \"t.Box\"; a extends { sfClass \"t.Thing\"; image \"x\"; "
              "password \"p\"; }\n"
              "  b extends { sfClass \"t.Thang\"; } c extends { x 1; } d extends DATA { x 1; } }",
              {});
  ASSERT_TRUE(description);
  auto findings = check(*description, some_schemas());
  ASSERT_EQ(findings.errors.size(), 2u);
  EXPECT_EQ(findings.errors[0].what, "croft has no component type 't.Thang'");
  EXPECT_EQ(findings.errors[0].hints[0], "did you mean 't.Thing'?");
  EXPECT_EQ(findings.errors[1].what,
            "'sfConfig:c' has no sfClass: nothing says what it does when it is deployed");
  EXPECT_TRUE(description->config->component("a")->find("password")->secret);
  EXPECT_FALSE(findings.result());
}

}  // namespace
}  // namespace croft::lang
