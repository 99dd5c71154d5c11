// LazyConcat and LazyReference: texts put together when the component is deployed, of values that
// may be known only then.
#include <fmt/format.h>

#include "components/registry.h"
#include "lang/lang.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

/// As `++` writes it: strings without quotes, whole numbers without a suffix.
std::string text_of(const model::Value& value) {
  if (auto* text = value.get<std::string>()) return *text;
  if (auto number = value.as_integer()) return fmt::format("{}", *number);
  return lang::print_value(value);
}

/// The values in the component `string`, one after another.
Result<std::string> joined(Context& context) {
  auto parts = TRY(context.component_or_null("string"));
  if (!parts)
    return fail(Error(Code::unresolved, fmt::format("{} has no 'string'", context.path()),
                      context.where("string"))
                    .hint("string extends LAZY { -- \"http://\"; -- LAZY ATTRIB host; }"));
  std::string out;
  for (const auto& attribute : parts->attributes()) {
    auto value = context.value_in(*parts, attribute.value);
    if (!value) {
      Error error = std::move(value).error();
      error.where = attribute.where;
      return fail(error.frame("putting together " + context.path() + ":string"));
    }
    out += text_of(*value);
  }
  return out;
}

class LazyConcat : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    context.publish("concat", model::Value(CO_TRY(joined(context))));
    co_return Result<>{};
  }
};

class LazyReference : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    if (!CO_TRY(context.boolean_or("createReference", true))) {
      context.publish("concat", model::Value(CO_TRY(joined(context))));
      co_return Result<>{};
    }
    std::string text = CO_TRY(joined(context));
    auto parsed = lang::parse_reference(text);
    if (!parsed)
      co_return fail(Error(Code::invalid_argument,
                           fmt::format("'{}' is no reference: {}", text, parsed.error().what),
                           context.where("string"))
                         .hint("a reference is a path of names, such as PARENT:server:port"));
    parsed->lazy = true;
    context.publish("reference",
                    model::Value(std::make_shared<const model::Reference>(*std::move(parsed))));
    co_return Result<>{};
  }
};

std::vector<model::AttributeSchema> concat_attributes(const char* result, Type type,
                                                      const char* doc) {
  auto out = attribute(result, type, doc);
  out.published = true;
  return {required("string", Type::component, "a LAZY component whose values are the parts"),
          attribute("debug", Type::boolean, "kept for old descriptions"), out};
}

}  // namespace

engine::ComponentType lazy_concat_type() {
  auto type = type_of("LazyConcat", "Puts the values in `string` together when it is deployed.",
                      concat_attributes("concat", Type::string, "the text"),
                      [] { return std::make_unique<LazyConcat>(); });
  type.aliases = {"org.smartfrog.services.utils.concat.SFConcatImpl"};
  return type;
}

engine::ComponentType lazy_reference_type() {
  auto attributes = concat_attributes("reference", Type::any, "the reference; others link to it");
  attributes.push_back(
      with_default("createReference", Type::boolean, true, "false: the text alone, as `concat`"));
  auto text = attribute("concat", Type::string, "the text, where no reference is made");
  text.published = true;
  attributes.push_back(text);
  return type_of("LazyReference",
                 "Puts the values in `string` together, and makes a reference of the text.",
                 std::move(attributes), [] { return std::make_unique<LazyReference>(); });
}

}  // namespace croft::components
