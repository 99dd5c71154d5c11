#include "wire/json.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.h"

namespace croft::wire::json {
namespace {

TEST(Json, reads_and_writes) {
  Value value = parse(R"({"a":[1,-2,3.5,1e300],"b":null,"c":"é\n\u0001","d":{"e":true}})").value();
  EXPECT_EQ(compact(value), R"({"a":[1,-2,3.5,1e+300],"b":null,"c":"é\n\u0001","d":{"e":true}})");
  EXPECT_EQ(pretty(parse(R"({"a":[1],"b":{},"c":[]})").value()),
            "{\n  \"a\": [\n    1\n  ],\n  \"b\": {},\n  \"c\": []\n}\n");
  EXPECT_EQ(compact(parse(" 7 ").value()), "7");
  EXPECT_EQ(compact(parse("-0e5").value()), "-0.0");
  EXPECT_EQ(compact(parse("18446744073709551615").value()), "18446744073709551615");
}

TEST(Json, says_where_it_broke) {
  struct Case {
    const char* text;
    int line, column;
    const char* what;
  };
  for (const Case& c :
       {Case{"{\n  \"a\": x}", 2, 8, "not JSON"}, Case{"[1,2", 1, 5, "ends too early"},
        Case{"{\"a\":1,\"a\":2}", 1, 11, "stands twice"}, Case{"1 2", 1, 3, "extra"},
        Case{"", 1, 1, "ends too early"}}) {
    auto result = parse(c.text, "answer");
    ASSERT_FALSE(result) << c.text;
    EXPECT_EQ(result.error().code, Code::syntax) << c.text;
    EXPECT_EQ(result.error().where.line, c.line) << c.text;
    EXPECT_NE(result.error().what.find(c.what), std::string::npos)
        << c.text << ": " << result.error().what;
  }
}

TEST(Json, refuses_what_is_not_rfc_8259) {
  for (const char* text :
       {"{a:1}", "[1,]", "'a'", "NaN", "01", "\"\xff\"", "// c\n1", "\"\\ud800\"", "+1", "1."}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(Json, is_bounded) {
  std::string deep(100, '[');
  EXPECT_EQ(parse(deep).error().code, Code::resource_exhausted);
  EXPECT_EQ(parse("\"1234567890\"", "x", {.size = Bytes(5)}).error().code,
            Code::resource_exhausted);
}

TEST(Json, getters_name_the_field) {
  Object object =
      parse_object(R"({"name":"x","count":3,"on":true,"list":["a","b"],"none":null,"bad":["a",1]})")
          .value();
  EXPECT_EQ(string_at(object, "name").value(), "x");
  EXPECT_EQ(int_at(object, "count").value(), 3);
  EXPECT_EQ(number_at(object, "count").value(), 3.0);
  EXPECT_TRUE(bool_at(object, "on").value());
  EXPECT_EQ(strings_at(object, "list").value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(string_or(object, "none", "f").value(), "f");
  EXPECT_EQ(int_or(object, "absent", 9).value(), 9);
  EXPECT_EQ(object_if(object, "none").value(), nullptr);
  EXPECT_EQ(string_at(object, "nam").error().hints.at(0), "did you mean 'name'?");
  EXPECT_EQ(int_at(object, "name").error().what,
            "'name' must be a whole number of 64 bits, not a string");
  EXPECT_EQ(strings_at(object, "bad").error().what, "'bad[1]' must be a string, not a number");
  EXPECT_EQ(object_at(object, "list").error().code, Code::type_mismatch);
  EXPECT_EQ(parse_object("[]").error().what, "JSON must be an object, not an array");
}

TEST(Json, doubles_and_strings_come_back) {
  rc::check([](double number) {
    if (!std::isfinite(number)) return;
    Value back = parse(compact(Value(number))).value();
    RC_ASSERT((back.is_double() ? back.get_double() : static_cast<double>(back.get_int64())) ==
              number);
  });
  rc::check([](const std::string& text) {
    std::string quoted = quote(text);
    auto back = parse(quoted);
    RC_ASSERT(back.has_value());
    if (valid_utf8(text))
      RC_ASSERT(std::string_view(back->get_string().data(), back->get_string().size()) == text);
  });
}

}  // namespace
}  // namespace croft::wire::json
