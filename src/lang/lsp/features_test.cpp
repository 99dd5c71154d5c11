// What names mean, with and without errors around them. `|` marks the cursor in the texts.
#include "lang/lsp/features.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace croft::lang::lsp {
namespace {

struct Place {
  Project project{Options{}};
  TypeIndex types{project, nullptr};
  std::unique_ptr<View> view;
  uint32_t offset = 0;

  explicit Place(std::string text) {
    size_t at = text.find('|');
    if (at != std::string::npos) text.erase(at, 1);
    offset = static_cast<uint32_t>(at == std::string::npos ? 0 : at);
    project.overlay("a.sf", text);
    view = std::make_unique<View>(project, "a.sf");
  }
};

/// "line:column" of the definition; "file" when it is elsewhere.
std::string defined(const std::string& text) {
  Place place(text);
  auto spot = definition(*place.view, place.offset);
  if (!spot) return "none";
  if (spot->file != "a.sf") return spot->file;
  const auto& source = *spot->text->tree.source;
  return fmt::format("{}:{}", source.line_of(spot->begin), source.column_of(spot->begin));
}

TEST(Definition, FollowsReferencesAsTheLanguageDoes) {
  EXPECT_EQ(defined("x 1;\na extends { y |x; }"), "1:1");
  EXPECT_EQ(defined("x 1;\na extends { x 2; y |x; }"), "2:13");
  EXPECT_EQ(defined("a extends { b extends { c 1; } }\nd a:b:|c;"), "1:25");
  EXPECT_EQ(defined("x 1;\na extends { x 2; b PARENT:|x; }"), "1:1");
  EXPECT_EQ(defined("x 1;\na extends { x 2; b ROOT:|x; }"), "1:1");
  EXPECT_EQ(defined("x 1;\na extends { b ATTRIB |x; }"), "1:1");
  EXPECT_EQ(defined("a extends { b |nothing; }"), "none");
}

TEST(Definition, ParentInExpressionsIsTheComponentAround) {
  EXPECT_EQ(defined("x 1;\na extends { x 2; b (PARENT:|x * 2); }"), "2:13");
  EXPECT_EQ(defined("x 1;\na extends { x 2; b (PARENT:PARENT:|x * 2); }"), "1:1");
  EXPECT_EQ(defined("x 1;\na extends { x 2; b (PARENT:|x); }"), "1:1");
}

TEST(Definition, LooksIntoTemplates) {
  EXPECT_EQ(defined("T extends { x 1; }\na extends T { y |x; }"), "1:13");
  EXPECT_EQ(defined("T extends { x 1; }\nU extends { x 2; }\na extends T, U { y |x; }"), "2:13");
  EXPECT_EQ(defined("T extends { x 1; }\na extends |T;"), "1:1");
  EXPECT_EQ(defined("T extends { T extends { x 1; } }\na extends T { T extends { x 2; } b |T:x; }"),
            "2:15");
  EXPECT_EQ(defined("a extends |b;\nb extends a;"), "2:1");
  EXPECT_EQ(defined("a extends { in extends { } }\na:in:new 5;\nb a:in:|new;"), "2:6");
}

TEST(Definition, WorksBesideErrors) {
  EXPECT_EQ(defined("T extends { x 1; }\nbroken = ;\na extends T { y |x; z ( ; }"), "1:13");
  EXPECT_EQ(defined("T extends { x 1; }\na extends T { y T:|x"), "1:13");
}

TEST(Definition, LeadsIntoTheLibrary) {
  EXPECT_EQ(defined("#include \"/org/smartfrog/components.sf\"\na extends |Prim;"),
            "lib:/org/smartfrog/sfcore/prim/prim.sf");
  EXPECT_EQ(defined("#include \"/org/smartfrog|/components.sf\""),
            "lib:/org/smartfrog/components.sf");
}

TEST(Definition, EndsWhereTemplatesAndReferencesMultiply) {
  std::string text = "T0 extends { x 1; }\nr0 extends { p r0; }\n";
  for (int i = 1; i < 60; ++i) {
    text += fmt::format("T{0} extends T{1}, T{1}, {{ y{0} 1; }}\n", i, i - 1);
    text += fmt::format("r{0} r{1}:p:p:p:p;\n", i, i - 1);
  }
  EXPECT_EQ(defined(text + "a extends T59 { b |nothing; }"), "none");
  EXPECT_EQ(defined(text + "a r59:|p;"), "2:14");
}

std::vector<std::string> completed(const std::string& text) {
  Place place(text);
  std::vector<std::string> out;
  for (const auto& item :
       complete(place.project, place.view->main(), place.types, place.offset, {}).items)
    out.push_back(item.label);
  return out;
}

bool offers(const std::string& text, const std::string& label) {
  auto list = completed(text);
  return std::find(list.begin(), list.end(), label) != list.end();
}

TEST(Completion, KnowsWhatAPlaceExpects) {
  const std::string head = "T extends { port 1; }\nvalue 5;\n";
  EXPECT_TRUE(offers(head + "a extends |", "T"));
  EXPECT_FALSE(offers(head + "a extends |", "value"));
  EXPECT_TRUE(offers(head + "a extends T, |", "T"));
  EXPECT_TRUE(offers(head + "a |", "value"));
  EXPECT_TRUE(offers(head + "a |", "extends"));
  EXPECT_TRUE(offers(head + "a (|", "value"));
  EXPECT_FALSE(offers(head + "a (|", "extends"));
  EXPECT_TRUE(offers(head + "a [1, |]", "value"));
  EXPECT_TRUE(offers(head + "a T:|", "port"));
  EXPECT_TRUE(offers("a T:|\nT extends { port 1; }", "port"));
  EXPECT_FALSE(offers(head + "a T:|", "value"));
  EXPECT_TRUE(offers(head + "a extends T { |", "port"));
  EXPECT_TRUE(offers(head + "a extends T { x 1; po|", "port"));
  EXPECT_FALSE(offers(head + "a extends T { port 2; |}", "value"));
  EXPECT_FALSE(offers(head + "a extends T { x 1; } b extends { |", "PARENT"));
  EXPECT_TRUE(offers("[|", "sfFinal"));
  EXPECT_TRUE(offers("a 1;\n[|] b 2;", "sfFinal"));
  EXPECT_TRUE(offers("", "sfConfig"));
  EXPECT_TRUE(completed("// words |").empty());
  EXPECT_TRUE(completed("a \"text |\";").empty());
}

TEST(Completion, IncludesWhatALibraryTypeNeeds) {
  Place place("// head\na extends S3B|\n");
  auto found = complete(place.project, place.view->main(), place.types, place.offset, {});
  auto item = std::find_if(found.items.begin(), found.items.end(),
                           [](const Item& one) { return one.label == "S3Bucket"; });
  ASSERT_NE(item, found.items.end());
  EXPECT_FALSE(item->include.empty());
  EXPECT_EQ(found.include_at, 8u);
  EXPECT_EQ(found.end - found.begin, 3u);
}

std::vector<std::string> places(const std::string& text) {
  Place place(text);
  std::vector<std::string> out;
  auto named = named_at(*place.view, place.offset);
  if (!named) return out;
  for (const auto& one : occurrences(*place.view, *named)) {
    const auto& source = *one.spot.text->tree.source;
    out.push_back(fmt::format("{}{}:{}", one.declares ? "+" : "", source.line_of(one.spot.begin),
                              source.column_of(one.spot.begin)));
  }
  return out;
}

TEST(References, FollowOverridesAndPlacements) {
  using List = std::vector<std::string>;
  EXPECT_EQ(places("T extends { |x 1; }\na extends T { x 2; y x; }\na:x 3;\nx 4;\nz x;"),
            (List{"+1:13", "+2:15", "2:22", "+3:3"}));
  EXPECT_EQ(places("T extends { x 1; }\n|x 4;\nz x;"), (List{"+2:1", "3:3"}));
  EXPECT_EQ(places("a |\"odd name\";\n"), (List{}));
}

TEST(Types, PagesAreMadeOfCommentsAndAttributes) {
  Place place(
      "/* head of the file */\n\n/**\n * What it is.\n * More.\n */\nT extends {\n  a TBD; // to "
      "be "
      "given\n  // above b\n  b 2;\n}\nU extends T { b 3; }\n");
  auto page = place.types.page("U", "a.sf");
  ASSERT_TRUE(page) << page.error().render();
  EXPECT_EQ(page->chain, std::vector<std::string>{"T"});
  ASSERT_EQ(page->attributes.size(), 2u);
  EXPECT_EQ(page->attributes[0].name, "b");
  EXPECT_EQ(page->attributes[0].fallback, "3");
  EXPECT_EQ(page->attributes[1].name, "a");
  EXPECT_TRUE(page->attributes[1].required);
  EXPECT_EQ(page->attributes[1].doc, "to be given");
  auto base = place.types.page("T", "a.sf");
  ASSERT_TRUE(base);
  EXPECT_EQ(base->doc, "What it is.\nMore.");
  EXPECT_EQ(base->attributes[1].doc, "above b");
  auto wrong = place.types.page("ImageInstanc");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().hints[0], "did you mean 'ImageInstance'?");
}

TEST(Types, EveryTypeOfTheLibraryHasAPage) {
  Project project{Options{}};
  TypeIndex types(project, nullptr);
  EXPECT_GT(types.library().size(), 100u);
  for (const auto& entry : types.library()) {
    auto page = types.page(entry.name);
    ASSERT_TRUE(page) << entry.name;
    EXPECT_EQ(page->file, entry.file);
  }
}

}  // namespace
}  // namespace croft::lang::lsp
