// Models to JSON and back: random trees, secrets, places, damage.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <limits>

#include "base/text.h"
#include "protocol/json_model.h"

namespace croft::protocol {
namespace {

/// Not a cipher: hides text just enough for a test to see that it was hidden.
class HexSealer : public SecretSealer {
 public:
  Result<std::string> seal(const Secret& plain) const override { return hex(plain.reveal()); }
  Result<Secret> open(std::string_view sealed) const override {
    auto plain = unhex(sealed);
    if (!plain) return fail(Code::corrupt, "not sealed by me");
    return Secret(*plain);
  }
};

class Maker {
 public:
  explicit Maker(uint64_t seed) : state_(seed * 2 + 1) {
    source_ = std::make_shared<model::SourceText>("a.sf", "first\nsecond line ü\nthird");
  }
  uint64_t below(uint64_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (state_ >> 33) % bound;
  }
  std::string word() {
    static constexpr std::string_view words[] = {
        "", "a", "port", "with space", "ü✓", "\"quoted\"\n", "\xff\xfe"};
    return std::string(words[below(std::size(words))]);
  }
  model::Place place() {
    if (below(3) == 0) return {};
    return {source_, static_cast<uint32_t>(below(20)), static_cast<uint32_t>(below(5))};
  }
  model::Value value(int depth) {
    switch (below(depth > 0 ? 14 : 10)) {
      case 0:
        return {};
      case 1:
        return below(2) == 0;
      case 2:
        return below(2) ? INT32_MIN : static_cast<int32_t>(below(1000));
      case 3:
        return below(2) ? INT64_MAX : static_cast<int64_t>(below(1000));
      case 4:
        return static_cast<float>(below(1000)) / 7.0f;
      case 5:
        return below(4) == 0 ? std::numeric_limits<double>::infinity()
                             : static_cast<double>(below(1 << 30)) / 3.0;
      case 6:
        return model::Value::decimal(static_cast<double>(below(10)));
      case 7:
        return model::ByteArray{word()};
      case 8:
        return model::ToBeDefined{};
      case 9:
        return model::Value(word());
      case 10: {
        model::Vector out;
        for (uint64_t i = below(4); i > 0; --i) out.push_back(value(depth - 1));
        return out;
      }
      case 11:
        return reference(depth - 1);
      case 12:
        return model::Call{below(2) == 0, component(depth - 1)};
      default:
        return component(depth - 1);
    }
  }
  model::Value reference(int depth) {
    auto out = std::make_shared<model::Reference>();
    for (uint64_t i = below(3) + 1; i > 0; --i)
      out->parts.push_back({static_cast<model::Part::Kind>(below(12)), below(2) ? "name" : ""});
    out->lazy = below(2);
    out->data = below(2);
    out->optional = below(2);
    if (out->optional) out->fallback = value(depth);
    return std::shared_ptr<const model::Reference>(std::move(out));
  }
  model::ComponentPtr component(int depth) {
    auto out = model::Component::make();
    out->eager = below(3) != 0;
    out->where = place();
    for (uint64_t i = below(3); i > 0; --i) out->supertypes.push_back("Type" + std::to_string(i));
    for (uint64_t i = below(5); i > 0; --i) {
      model::Attribute& made = out->set("attribute" + std::to_string(i), value(depth - 1), place());
      made.secret = below(4) == 0;
      if (below(3) == 0) made.tags = {"sfFinal", "sfTemp"};
    }
    return out;
  }

 private:
  uint64_t state_;
  std::shared_ptr<const model::SourceText> source_;
};

void expect_same(const model::Component& a, const model::Component& b);

void expect_same(const model::Value& a, const model::Value& b) {
  ASSERT_EQ(a.kind(), b.kind());
  EXPECT_EQ(a.bare_decimal(), b.bare_decimal());
  if (a.is(model::Value::Kind::component)) return expect_same(*a.as_component(), *b.as_component());
  if (a.is(model::Value::Kind::vector)) {
    const auto &left = *a.get<model::Vector>(), &right = *b.get<model::Vector>();
    ASSERT_EQ(left.size(), right.size());
    for (size_t i = 0; i < left.size(); ++i) expect_same(left[i], right[i]);
    return;
  }
  if (a.is(model::Value::Kind::call)) {
    EXPECT_EQ(a.get<model::Call>()->assertion, b.get<model::Call>()->assertion);
    return expect_same(*a.get<model::Call>()->body, *b.get<model::Call>()->body);
  }
  if (a.is(model::Value::Kind::reference)) {
    const auto &left = **a.get<std::shared_ptr<const model::Reference>>(),
               &right = **b.get<std::shared_ptr<const model::Reference>>();
    EXPECT_EQ(left.parts, right.parts);
    EXPECT_EQ(std::tie(left.lazy, left.data, left.optional),
              std::tie(right.lazy, right.data, right.optional));
    return expect_same(left.fallback, right.fallback);
  }
  EXPECT_TRUE(a == b);
}

void expect_same(const model::Component& a, const model::Component& b) {
  EXPECT_EQ(a.eager, b.eager);
  EXPECT_EQ(a.supertypes, b.supertypes);
  EXPECT_EQ(a.where.text(), b.where.text());
  ASSERT_EQ(a.attributes().size(), b.attributes().size());
  for (size_t i = 0; i < a.attributes().size(); ++i) {
    const model::Attribute &left = a.attributes()[i], &right = b.attributes()[i];
    EXPECT_EQ(left.name, right.name);
    EXPECT_EQ(left.tags, right.tags);
    EXPECT_EQ(left.secret, right.secret);
    Where there = left.where, back = right.where;
    EXPECT_EQ(std::tie(there.file, there.line, there.column, there.length, there.source),
              std::tie(back.file, back.line, back.column, back.length, back.source));
    expect_same(left.value, right.value);
    if (auto child = left.value.as_component(); child && child->parent() == &a)
      EXPECT_EQ(right.value.as_component()->parent(), &b);
  }
}

TEST(ModelJson, ComesBackUnchangedThroughText) {
  HexSealer sealer;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    model::ComponentPtr made = Maker(seed).component(5);
    auto packed = pack(made, &sealer);
    ASSERT_TRUE(packed) << packed.error().render();
    auto parsed = wire::json::parse_object(wire::json::compact(*packed), "packed", packed_limits);
    ASSERT_TRUE(parsed) << parsed.error().render();
    auto back = unpack_component(*parsed, &sealer);
    ASSERT_TRUE(back) << back.error().render();
    expect_same(*made, **back);
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

TEST(ModelJson, KeepsWidthsOfNumbersApart) {
  for (const model::Value& value :
       {model::Value(int32_t{7}), model::Value(int64_t{7}), model::Value(7.0f), model::Value(7.0),
        model::Value::decimal(7.0), model::Value(0.1), model::Value(-0.0)}) {
    auto packed = pack(value, nullptr);
    ASSERT_TRUE(packed);
    auto back =
        unpack_value(wire::json::parse_object(wire::json::compact(*packed)).value(), nullptr);
    ASSERT_TRUE(back) << back.error().render();
    expect_same(value, *back);
  }
}

model::ComponentPtr with_secret() {
  auto text = std::make_shared<model::SourceText>("a.sf", "key \"hunter2\";");
  auto out = model::Component::make();
  out->set("id", "visible", {text, 0, 3});
  out->set("key", "hunter2", {text, 4, 9}).secret = true;
  return out;
}

TEST(ModelJson, NeverWritesASecretInClear) {
  HexSealer sealer;
  auto made = with_secret();
  EXPECT_EQ(wire::json::compact(*pack(made, &sealer)).find("hunter2"), std::string::npos);
  EXPECT_EQ(wire::json::compact(*pack(made, nullptr)).find("hunter2"), std::string::npos);
  EXPECT_EQ(wire::json::compact(display(*made)), R"({"id":"visible","key":"***"})");
  auto refused = unpack_component(*pack(made, nullptr), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  auto no_key = unpack_component(*pack(made, &sealer), nullptr);
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().code, Code::invalid_argument);
}

TEST(ModelJson, FindsTheDeployedTreeAgain) {
  model::Description made;
  made.root = model::Component::make();
  auto inner = model::Component::make();
  made.root->set("sfConfig", inner);
  auto deep = model::Component::make();
  inner->set("deep", deep);
  made.file = "a.sf";
  made.digest = "abc";
  for (const model::ComponentPtr& config : {inner, deep, made.root, model::Component::make()}) {
    made.config = config;
    auto packed = pack(made, nullptr);
    ASSERT_TRUE(packed);
    auto back = unpack_description(*packed, nullptr);
    ASSERT_TRUE(back) << back.error().render();
    EXPECT_EQ(back->file, "a.sf");
    EXPECT_EQ(back->config->path(), config->path());
  }
}

TEST(ModelJson, RefusesWhatItDidNotWrite) {
  for (
      const char* text :
      {R"({})", R"({"format":2,"value":1})", R"({"format":1})", R"({"format":1,"value":1.5})",
       R"({"format":1,"value":99999999999})", R"({"format":1,"value":{"$long":"1x"}})",
       R"({"format":1,"value":{"$long":7}})", R"({"format":1,"value":{"$what":1}})",
       R"({"format":1,"value":{}})", R"({"format":1,"value":{"$bytes":"?"}})",
       R"({"format":1,"value":{"$component":{"attributes":[{}]}}})",
       R"({"format":1,"value":{"$component":{"attributes":[{"name":"a"}]}}})",
       R"({"format":1,"value":{"$component":{"attributes":[{"name":"a","value":1},{"name":"a","value":1}]}}})",
       R"({"format":1,"value":{"$component":{"at":[0,1,2],"attributes":[]}}})",
       R"({"format":1,"value":{"$ref":{"parts":[{"kind":"sideways"}]}}})",
       R"({"format":1,"texts":[{"name":"a","sealed":"zz"}],"value":1})"}) {
    HexSealer sealer;
    auto parsed = wire::json::parse_object(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_FALSE(unpack_value(*parsed, &sealer)) << text;
  }
}

TEST(ModelJson, BoundsDepthInBothDirections) {
  model::Value deep = int32_t{1};
  for (int i = 0; i < depth_max + 5; ++i) deep = model::Value(model::Vector{deep});
  EXPECT_EQ(pack(deep, nullptr).error().code, Code::resource_exhausted);
  std::string text = R"({"format":1,"value":)" + std::string(depth_max + 5, '[') +
                     std::string(depth_max + 5, ']') + "}";
  auto parsed = wire::json::parse_object(text, "deep", packed_limits);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(unpack_value(*parsed, nullptr).error().code, Code::corrupt);
}

TEST(ErrorJson, ComesBackWhole) {
  Where where;
  where.file = "a.sf";
  where.line = 3;
  where.path = "sfConfig:web";
  Error made(Code::unresolved, "no 'prot' here", where);
  made.hint("did you mean 'port'?").fact("aws_code", "X").frame("deploying", where);
  made.others.emplace_back(Code::syntax, "second");
  Error back = error_from_json(to_json(made));
  EXPECT_EQ(back.render(), made.render());
  EXPECT_EQ(back.fact("aws_code"), "X");
  EXPECT_EQ(error_from_json({}).code, Code::internal);
}

}  // namespace
}  // namespace croft::protocol
