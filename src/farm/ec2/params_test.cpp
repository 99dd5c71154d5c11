#include "farm/ec2/params.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "farm/ec2/filter.h"
#include "farm/ec2/page.h"

namespace croft::farm::ec2 {
namespace {

constexpr Param schema[] = {
    {"InstanceId.N", Kind::id, false, "i"},
    {"MinCount", Kind::integer, true, "", 1, 10},
    {"Mode", Kind::choice, false, "a|b"},
    {"On", Kind::boolean},
    {"Tag.N.Key", Kind::text, false, "", 1, 5},
    {"Tag.N.Value", Kind::text},
    {"Gpu", Kind::unsupported},
    {"Hint", Kind::ignored},
};

Result<Params> check(Fields fields) {
  return Params::check(schema, filter_params, fields);
}
std::string code(Fields fields) {
  auto result = check(std::move(fields));
  return result ? "" : std::string(result.error().fact("aws_code"));
}

TEST(Params, indices_may_have_gaps_and_come_in_any_order) {
  auto p = check({{"MinCount", "1"},
                  {"InstanceId.10", "i-00000010"},
                  {"InstanceId.9", "i-00000009"},
                  {"InstanceId.2", "i-00000002"}});
  ASSERT_TRUE(p);
  EXPECT_EQ(p->list("InstanceId"),
            (std::vector<std::string>{"i-00000002", "i-00000009", "i-00000010"}));
}

TEST(Params, groups_keep_their_fields_together) {
  auto p = check({{"MinCount", "1"},
                  {"Tag.2.Value", "two"},
                  {"Tag.1.Key", "k1"},
                  {"Tag.2.Key", "k2"},
                  {"Hint", "x"}});
  ASSERT_TRUE(p);
  auto tags = p->items("Tag");
  ASSERT_EQ(tags.size(), 2u);
  EXPECT_EQ(tags[0].text("Key"), "k1");
  EXPECT_FALSE(tags[0].has("Value"));
  EXPECT_EQ(tags[1].text("Value"), "two");
  EXPECT_FALSE(p->has("Hint"));
}

TEST(Params, refusals_have_the_codes_of_ec2) {
  EXPECT_EQ(code({{"MinCount", "1"}}), "");
  EXPECT_EQ(code({}), "MissingParameter");
  EXPECT_EQ(code({{"MinCount", "x"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "11"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", ""}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Mode", "c"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "1"}, {"On", "yes"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Tag.1.Key", "sixsix"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "1"}, {"InstanceId.1", "i-xyz"}}), "InvalidInstanceID.Malformed");
  EXPECT_EQ(code({{"MinCount", "1"}, {"InstanceId", "i-00000001"}}), "UnknownParameter");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Tag.1", "x"}}), "UnknownParameter");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Tag.x.Key", "x"}}), "UnknownParameter");
  EXPECT_EQ(code({{"MinCount", "1"}, {"MinCount", "2"}}), "InvalidParameterCombination");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Gpu", "2"}}), "UnsupportedOperation");
  EXPECT_EQ(code({{"MinCount", "1"}, {std::string(300, 'A'), "2"}}), "UnknownParameter");
}

TEST(Params, what_no_answer_could_tell_and_no_list_could_hold_is_refused) {
  EXPECT_EQ(code({{"MinCount", "1"}, {"Tag.1.Key", "a\x01"}}), "InvalidParameterValue");
  EXPECT_EQ(code({{"MinCount", "1"}, {"Tag.1.Key", "a\tb"}}), "");
  EXPECT_EQ(code({{"MinCount", "1"}, {"InstanceId.99999999999999999999", "i-00000001"}}),
            "UnknownParameter");
  EXPECT_EQ(code({{"MinCount", "1"}, {"InstanceId.9223372036854775807", "i-00000001"}}), "");
}

TEST(Params, a_mistyped_name_gets_a_suggestion) {
  auto p = check({{"MinCuont", "1"}});
  ASSERT_FALSE(p);
  EXPECT_NE(p.error().what.find("MinCount"), std::string::npos) << p.error().what;
}

TEST(Params, the_fingerprint_ignores_order_and_the_token) {
  auto a = check({{"MinCount", "1"}, {"Mode", "a"}}), b = check({{"Mode", "a"}, {"MinCount", "1"}});
  auto c = check({{"Mode", "b"}, {"MinCount", "1"}});
  EXPECT_EQ(a->fingerprint(""), b->fingerprint(""));
  EXPECT_NE(a->fingerprint(""), c->fingerprint(""));
  EXPECT_EQ(a->fingerprint("Mode"), c->fingerprint("Mode"));
}

RC_GTEST_PROP(Params, any_names_are_taken_or_refused, ()) {
  Fields fields;
  for (int i = *rc::gen::inRange(0, 8); i > 0; --i)
    fields.emplace_back(*rc::gen::element<std::string>("Filter.1.Name", "Filter.1", "Filter..", ".",
                                                       "", "InstanceId.99999999999999999999",
                                                       "Tag.1.Key", "MinCount", "Tag.-1.Key"),
                        *rc::gen::arbitrary<std::string>());
  auto p = check(fields);
  if (p) static_cast<void>(read_filters(*p));
}

// ---- filters
// --------------------------------------------------------------------------------------

struct Thing {
  std::string name;
  Tags tags;
};
constexpr FilterField<Thing> fields[] = {
    {"name", [](const Thing& t, std::vector<std::string>& out) { out.push_back(t.name); }},
    {"none", [](const Thing&, std::vector<std::string>&) {}},
};
const Tags& tags_of(const Thing& t) {
  return t.tags;
}
bool match(std::vector<Filter> filters, const Thing& thing) {
  auto matcher = Matcher<Thing>::make(std::move(filters), fields, tags_of);
  EXPECT_TRUE(matcher);
  return (*matcher)(thing);
}

TEST(Filters, values_are_ored_and_filters_anded) {
  Thing web{"web-1", {{"tier", "front"}, {"x", "y"}}};
  EXPECT_TRUE(match({}, web));
  EXPECT_TRUE(match({{"name", {"db", "web-1"}}}, web));
  EXPECT_FALSE(match({{"name", {"db"}}}, web));
  EXPECT_TRUE(match({{"name", {"web-*"}}, {"tag:tier", {"f?ont"}}}, web));
  EXPECT_FALSE(match({{"name", {"web-*"}}, {"tag:tier", {"back"}}}, web));
  EXPECT_TRUE(match({{"tag-key", {"tier"}}, {"tag-value", {"y"}}}, web));
  EXPECT_FALSE(match({{"tag-key", {"Tier"}}}, web));
  EXPECT_FALSE(match({{"none", {"*"}}}, web));
  EXPECT_FALSE(match({{"name", {"WEB-1"}}}, web));
  EXPECT_FALSE(match({{"name", {"web-\\*"}}}, web));
}

TEST(Filters, an_unknown_name_is_refused_with_the_nearest) {
  auto matcher = Matcher<Thing>::make({{"nmae", {"x"}}}, fields, tags_of);
  ASSERT_FALSE(matcher);
  EXPECT_EQ(matcher.error().fact("aws_code"), "InvalidParameterValue");
  EXPECT_NE(matcher.error().what.find("'name'"), std::string::npos) << matcher.error().what;
}

TEST(Pages, tokens_lead_to_the_next_item_and_to_no_other_action) {
  std::vector<std::pair<std::string, int>> items{{"a", 1}, {"b", 2}, {"c", 3}};
  auto copy = items;
  std::string token = cut_page("DescribeX", Page{2, ""}, copy);
  ASSERT_EQ(copy.size(), 2u);
  constexpr Param page_schema[] = {{"MaxResults", Kind::integer, false, "", 1, 10},
                                   {"NextToken", Kind::text}};
  auto p = Params::check(page_schema, {}, {{"MaxResults", "2"}, {"NextToken", token}});
  auto page = read_page("DescribeX", *p, "");
  ASSERT_TRUE(page);
  copy = items;
  EXPECT_EQ(cut_page("DescribeX", *page, copy), "");
  ASSERT_EQ(copy.size(), 1u);
  EXPECT_EQ(copy[0].second, 3);
  EXPECT_FALSE(read_page("DescribeY", *p, ""));
}

}  // namespace
}  // namespace croft::farm::ec2
