// Conditions on values: True, False, BooleanValue, Equals, StringEquals, StringLength,
// ReferenceResolves.
#include <fmt/format.h>

#include "base/text.h"
#include "components/bounds.h"
#include "components/conditions/condition.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class BooleanValue : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto value = CO_TRY(context.value("value"));
    if (auto* flag = value.get<bool>()) co_return *flag;
    co_return fail(Code::type_mismatch,
                   fmt::format("value is a {}, true or false is needed", value.kind_name()),
                   context.where("value"));
  }
};

class Equals : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto left = CO_TRY(context.value("left")), right = CO_TRY(context.value("right"));
    // Numbers are compared as numbers, whatever their widths.
    if (auto a = left.as_number(), b = right.as_number(); a && b) co_return *a == *b;
    co_return left == right;
  }
};

class StringEquals : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    std::string left = CO_TRY(context.string("left")), right = CO_TRY(context.string("right"));
    bool any_case = CO_TRY(context.boolean_or("ignoreCase", false)) ||
                    !CO_TRY(context.boolean_or("caseSensitive", true));
    if (any_case) co_return equals_ignore_case(left, right);
    co_return left == right;
  }
};

class StringLength : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    const char* name = CO_TRY(context.value_if("text")) ? "text" : "string";
    std::string text = CO_TRY(context.string(name));
    int64_t exact = CO_TRY(context.integer_or("length", -1));
    int64_t least = exact >= 0 ? exact : CO_TRY(context.integer_or("min", 0));
    int64_t most = exact >= 0 ? exact : CO_TRY(context.integer_or("max", -1));
    auto length = std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
    co_return length >= least && (most < 0 || length <= most);
  }
};

class ReferenceResolves : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto value = context.value("reference");
    if (value) co_return true;
    if (value.error().code == Code::unresolved) co_return false;
    co_return fail(std::move(value).error());
  }
};

}  // namespace

engine::ComponentType boolean_value_type() {
  return condition_type_of("BooleanValue", "Holds when `value` is true.",
                           {required("value", Type::any, "true, false, or a link to one of them")},
                           [] { return std::make_unique<BooleanValue>(); });
}
engine::ComponentType equals_type() {
  return condition_type_of("Equals", "Holds when two values are equal.",
                           {required("left", Type::any, "a value, or a LAZY link to one"),
                            required("right", Type::any, "the other one")},
                           [] { return std::make_unique<Equals>(); });
}
engine::ComponentType string_equals_type() {
  return condition_type_of(
      "StringEquals", "Holds when two strings are equal.",
      {required("left", Type::string, "a string, or a LAZY link to one"),
       required("right", Type::string, "the other one"),
       with_default("caseSensitive", Type::boolean, true, "a and A are different"),
       with_default("ignoreCase", Type::boolean, false, "the opposite")},
      [] { return std::make_unique<StringEquals>(); });
}
engine::ComponentType string_length_type() {
  return condition_type_of(
      "StringLength", "Holds when a string is as long as is wanted.",
      {attribute("string", Type::string, "the string"), attribute("text", Type::string, "the same"),
       at_least(0, attribute("length", Type::integer,
                             "exactly so many characters; else min and max count")),
       at_least(0, with_default("min", Type::integer, int32_t{0}, "characters at least")),
       with_default("max", Type::integer, int32_t{-1}, "characters at most; negative: any number")},
      [] { return std::make_unique<StringLength>(); });
}
engine::ComponentType reference_resolves_type() {
  return condition_type_of("ReferenceResolves", "Holds when a link leads to something.",
                           {required("reference", Type::any, "a LAZY link")},
                           [] { return std::make_unique<ReferenceResolves>(); });
}

}  // namespace croft::components
