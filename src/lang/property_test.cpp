// Random descriptions: what is printed resolves to the same; formatting changes nothing; resolving
// twice is the same; text that is broken at random never does worse than an error.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "lang/format/format.h"
#include "lang/format/shape.h"
#include "lang/lang.h"

namespace croft::lang {
namespace {

using Names = std::vector<std::string>;

rc::Gen<std::string> name() {
  return rc::gen::element<std::string>("a", "b", "c", "d", "e", "f.x-y", "\"q q\"", "\"if\"",
                                       "THEN1");
}

rc::Gen<std::string> literal() {
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::arbitrary<int32_t>(), [](int32_t n) { return std::to_string(n); }),
      rc::gen::map(rc::gen::arbitrary<int64_t>(),
                   [](int64_t n) { return std::to_string(n) + "L"; }),
      rc::gen::map(rc::gen::inRange(-100000, 100000),
                   [](int n) { return std::to_string(n) + ".25"; }),
      rc::gen::element<std::string>("true", "false", "NULL", "\"text\"", "\"tab\\t\\\"q\\\"\"",
                                    "\"\\u1234 \\u00e9\"", "##two\nlines#", "#HEX#00 ff#", "1e-9",
                                    "2.5D", "DATA x:y", "LAZY PARENT:a", "LAZY ROOT:b:c",
                                    "LAZY OPTIONAL(3) zz"));
}

std::string value(int depth);

/// Statements; sub-components down to `depth`.
std::string body(int depth) {
  std::string out;
  int count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i) {
    if (*rc::gen::inRange(0, 8) == 0)
      out += *rc::gen::element<std::string>("// note\n", "/* note */ ", "\n\n", ";");
    if (*rc::gen::inRange(0, 6) == 0)
      out += *rc::gen::element<std::string>("[t1] ", "[t1, t2] ", "[] ", "[sfTemp] ");
    out += *name() + " " + value(depth) + *rc::gen::element<std::string>(";", "; ", ";\n", "\n");
  }
  return out;
}

std::string value(int depth) {
  int kind = *rc::gen::inRange(0, depth > 0 ? 8 : 3);
  if (kind < 3) return *literal();
  switch (kind) {
    case 3:
      return "[" + *literal() + ", (" + value(depth - 1) + ")]";
    case 4:
      return "(" + *literal() + " == " + *literal() + ")";
    case 5:
      return "IF true THEN " + *literal() + " ELSE " + *literal() + " FI";
    case 6:
      return *rc::gen::element<std::string>("extends Base {", "extends Base, Other {",
                                            "extends Other, {x 1;}, Base {") +
             body(depth - 1) + "}";
    default:
      return *rc::gen::element<std::string>("extends {", "extends DATA {", "extends LAZY {") +
             body(depth - 1) + "}";
  }
}

std::string description() {
  return "Base extends { p 1; q \"two\"; n extends { m 3; } }\nOther extends { q 4; r (p == 1); p "
         "5; }\nsfConfig extends {\n" +
         body(4) + "}\n";
}

TEST(Properties, PrintedResolvesToTheSame) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description();
    auto once = resolve("a.sf", text, {});
    if (!once) RC_FAIL(once.error().render() + text);
    std::string printed = print(*once->config);
    auto again = resolve("b.sf", "sfConfig extends {\n" + printed + "}\n", {});
    if (!again) RC_FAIL(again.error().render() + printed);
    RC_ASSERT(print(*again->config) == printed);
  }));
}

TEST(Properties, ResolvingTwiceIsTheSame) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description();
    auto once = resolve("a.sf", text, {});
    auto twice = resolve("a.sf", text, {});
    RC_ASSERT(once.has_value() && twice.has_value());
    RC_ASSERT(once->digest == twice->digest);
  }));
}

TEST(Properties, FormattingChangesNothing) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description();
    auto once = format("a.sf", text);
    if (!once) RC_FAIL(once.error().render() + text);
    auto twice = format("a.sf", *once);
    if (!twice) RC_FAIL(twice.error().render() + *once);
    RC_ASSERT(*once == *twice);
    Tree written = parse(std::make_shared<const model::SourceText>("a", text), {});
    Tree neat = parse(std::make_shared<const model::SourceText>("a", *once), {});
    RC_ASSERT(shape_of(written) == shape_of(neat));
    RC_ASSERT(comments_of(written) == comments_of(neat));
    auto before = resolve("a.sf", text, {});
    auto after = resolve("a.sf", *once, {});
    RC_ASSERT(before.has_value() && after.has_value());
    RC_ASSERT(before->digest == after->digest);
  }));
}

TEST(Properties, ASettingIsAsIfItStoodAtTheEnd) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description() + "first 1;\n";
    std::string given = value(2);
    Options options;
    options.settings.push_back({{"first"}, given, {}});
    options.settings.push_back({{"sfConfig", "placed"}, given, {}});
    auto set = resolve("a.sf", text, options);
    auto written =
        resolve("a.sf", text + "first " + given + ";\nsfConfig:placed " + given + ";\n", {});
    RC_ASSERT(set.has_value() && written.has_value());
    RC_ASSERT(set->digest == written->digest);
  }));
}

TEST(Properties, EveryValueCanBeExplained) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description();
    Options options;
    options.reader = [&](const std::string&) -> Result<std::string> { return text; };
    auto resolved = resolve("a.sf", text, {});
    RC_ASSERT(resolved.has_value());
    for (const auto& attribute : resolved->config->attributes()) {
      if (attribute.name.find(':') != std::string::npos) continue;
      auto explanation = explain("a.sf", options, "sfConfig:" + attribute.name);
      if (!explanation) RC_FAIL(explanation.error().render() + text);
      RC_ASSERT(explanation->where.file == "a.sf");
      RC_ASSERT(explanation->path == "sfConfig:" + attribute.name);
    }
  }));
}

TEST(Properties, BrokenTextIsAnErrorAtWorst) {
  EXPECT_TRUE(rc::check([] {
    std::string text = description();
    size_t at = *rc::gen::inRange<size_t>(0, text.size());
    size_t length = *rc::gen::inRange<size_t>(0, 8);
    std::string instead = *rc::gen::element<std::string>("", "{", "}", "(", "]", ";", "\"", "##",
                                                         "#", "/*", "extends", "THIS", "a:b",
                                                         "\\u00", "\xFF", "PARENT:PARENT:x");
    text.replace(at, length, instead);
    auto got = resolve("a.sf", text, {});
    if (got) return;
    RC_ASSERT(!got.error().what.empty());
    RC_ASSERT(!got.error().fact("phase").empty());
    RC_ASSERT(!got.error().render().empty());
  }));
}

/// Names made by -- count through the file: their numbers are left out, in calls kept for run time
/// too.
std::string without_counts(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool counted = text[i] >= '0' && text[i] <= '9' && out.ends_with("unique");
    while (counted && i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    if (i < text.size()) out += text[i];
  }
  return out;
}

TEST(Properties, OrderOfIndependentAttributesDoesNotMatter) {
  EXPECT_TRUE(rc::check([] {
    std::string x = "x " + value(2) + ";\n", y = "y " + value(2) + ";\n";
    std::string head = "Base extends { p 1; }\nOther extends { q 4; }\nsfConfig extends {\n";
    auto one = resolve("a.sf", head + x + y + "}\n", {});
    auto two = resolve("a.sf", head + y + x + "}\n", {});
    RC_ASSERT(one.has_value() == two.has_value());
    if (!one) return;
    for (const char* each : {"x", "y"}) {
      const auto* a = one->config->find(each);
      const auto* b = two->config->find(each);
      if (!a || !b) continue;
      RC_ASSERT(without_counts(print_value(a->value)) == without_counts(print_value(b->value)));
    }
  }));
}

}  // namespace
}  // namespace croft::lang
