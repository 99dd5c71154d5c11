// Assert and AssertWorkflow: what must hold, at start and at liveness checks.
#include <fmt/format.h>

#include "base/text.h"
#include "components/bounds.h"
#include "components/filesystem/work_folder.h"
#include "components/workflow/workflow.h"
#include "lang/lang.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

Error wrong(const Context& context, std::string_view name, std::string text) {
  std::string message;
  if (auto given = context.string_or("message", ""); given && !given->empty())
    message = *given + ": ";
  return Error(Code::conflict, message + std::move(text), context.where(name));
}

class Assert : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    if (CO_TRY(context.boolean_or("checkOnStartup", true))) CO_TRY(co_await check(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (CO_TRY(context.boolean_or("checkOnLiveness", true))) CO_TRY(co_await check(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done(model::TerminationRecord::normal(context.path(), "it holds"), false);
  }

 private:
  static aio::Task<Result<>> check(Context& context) {
    CO_TRY(flags(context));
    CO_TRY(strings(context));
    CO_TRY(attributes(context));
    CO_TRY(vector(context));
    for (const char* name : {"fileExists", "dirExists"}) {
      if (!CO_TRY(context.value_if(name))) continue;
      std::string path = CO_TRY(co_await file_path(context, name));
      auto info = co_await context.world().disk.info(path);
      if (!info) co_return fail(wrong(context, name, fmt::format("there is no {}", path)));
      if (std::string_view(name) == "dirExists" && !info->is_directory)
        co_return fail(wrong(context, name, fmt::format("{} is no folder", path)));
    }
    if (CO_TRY(context.value_if("evaluatesTrue"))) {
      auto condition = CO_TRY(context.component_or_null("evaluatesTrue"));
      if (!CO_TRY(co_await context.ask(condition)))
        co_return fail(wrong(context, "evaluatesTrue", "the condition does not hold"));
    }
    co_return Result<>{};
  }
  static Result<> flags(Context& context) {
    if (!TRY(context.boolean_or("isTrue", true)))
      return fail(wrong(context, "isTrue", "isTrue is false"));
    if (TRY(context.boolean_or("isFalse", false)))
      return fail(wrong(context, "isFalse", "isFalse is true"));
    return {};
  }
  static Result<> strings(Context& context) {
    auto first = TRY(context.value_if("equalsString1")),
         second = TRY(context.value_if("equalsString2"));
    if (!first && !second) return {};
    std::string a = TRY(context.string("equalsString1")), b = TRY(context.string("equalsString2"));
    bool any_case = TRY(context.boolean_or("equalityIgnoresCase", false));
    if (a == b || (any_case && equals_ignore_case(a, b))) return {};
    return fail(wrong(context, "equalsString1", fmt::format("\"{}\" is not \"{}\"", a, b)));
  }
  static Result<model::ComponentPtr> subject(Context& context, std::string_view needed_by) {
    auto component = TRY(context.component_or_null("reference"));
    if (component) return component;
    return fail(Error(Code::unresolved, fmt::format("{} needs `reference`", needed_by),
                      context.where(needed_by))
                    .hint("reference LAZY x; names the component whose attribute is looked at"));
  }
  static Result<> attributes(Context& context) {
    std::string name = TRY(context.string_or("attribute", ""));
    auto wanted = TRY(context.value_if("attributeEquals"));
    if (name.empty()) {
      if (wanted)
        return fail(Error(Code::unresolved, "attributeEquals needs `attribute`",
                          context.where("attributeEquals")));
      return {};
    }
    auto component = TRY(subject(context, "attribute"));
    auto found = model::follow(*component, model::Reference{{{model::Part::Kind::here, name}}});
    if (!found)
      return fail(
          wrong(context, "attribute", fmt::format("{} has no '{}'", component->path(), name)));
    if (!wanted) return {};
    auto a = found->as_number(), b = wanted->as_number();
    bool same = a && b ? *a == *b : *found == *wanted;
    if (same ||
        (wanted->get<std::string>() && lang::print_value(*found) == *wanted->get<std::string>()))
      return {};
    return fail(wrong(context, "attributeEquals",
                      fmt::format("{} is {}, {} is wanted", name, lang::print_value(*found),
                                  lang::print_value(*wanted))));
  }
  static Result<> vector(Context& context) {
    std::string name = TRY(context.string_or("attributeVector", ""));
    int64_t least = TRY(context.integer_or("attributeVectorMinLength", -1));
    int64_t most = TRY(context.integer_or("attributeVectorMaxLength", -1));
    if (name.empty()) name = TRY(context.string_or("attribute", ""));
    auto index = TRY(context.value_if("attributeVectorIndex"));
    if (least < 0 && most < 0 && (!index || name.empty())) return {};
    auto component = TRY(subject(context, "attributeVectorMinLength"));
    auto found = model::follow(*component, model::Reference{{{model::Part::Kind::here, name}}});
    const auto* list = found ? found->get<model::Vector>() : nullptr;
    if (!list)
      return fail(wrong(context, "attributeVectorMinLength",
                        fmt::format("{} of {} is no vector", name, component->path())));
    auto length = static_cast<int64_t>(list->size());
    if (length >= least && (most < 0 || length <= most))
      return index ? element(context, name, *list) : Result<>{};
    return fail(wrong(context, "attributeVectorMinLength",
                      fmt::format("{} has {} elements, {} to {} are wanted", name, length,
                                  std::max<int64_t>(0, least),
                                  most < 0 ? "any number" : fmt::format("{}", most))));
  }
  /// The one at attributeVectorIndex, held against attributeVectorValue as both read as text.
  static Result<> element(Context& context, const std::string& name, const model::Vector& list) {
    constexpr const char* place = "attributeVectorIndex";
    int64_t index = TRY(context.integer(place));
    if (index < 0 || index >= static_cast<int64_t>(list.size()))
      return fail(wrong(context, place,
                        fmt::format("{} has {} elements, none at {}", name, list.size(), index)));
    auto wanted = TRY(context.value_if("attributeVectorValue"));
    if (!wanted) return {};
    auto text = [](const model::Value& value) {
      const auto* plain = value.get<std::string>();
      return plain ? *plain : lang::print_value(value);
    };
    std::string is = text(list[static_cast<size_t>(index)]), should = text(*wanted);
    bool any_case = TRY(context.boolean_or("equalityIgnoresCase", false));
    if (is == should || (any_case && equals_ignore_case(is, should))) return {};
    return fail(
        wrong(context, "attributeVectorValue",
              fmt::format("{} has \"{}\" at {}, \"{}\" is wanted", name, is, index, should)));
  }
};

}  // namespace

engine::ComponentType assert_type() {
  engine::ComponentType type;
  type.works = true;
  type.aliases = {"org.smartfrog.services.assertions.AssertImpl"};
  type.schema.sf_class = "croft.Assert";
  type.schema.type = "Assert";
  type.schema.base = "croft.Prim";
  type.schema.doc =
      "Fails when one of what it names does not hold, at start or at a liveness check.";
  type.schema.attributes = {
      attribute("isTrue", Type::boolean, "must be true"),
      attribute("isFalse", Type::boolean, "must be false"),
      attribute("reference", Type::any, "LAZY link to the component that is looked at"),
      attribute("attribute", Type::string, "an attribute that it must have"),
      attribute("attributeEquals", Type::any, "the value that this attribute must have"),
      attribute("attributeVector", Type::string, "an attribute that must be a vector"),
      at_least(0, attribute("attributeVectorMinLength", Type::integer, "elements at least")),
      at_least(0, attribute("attributeVectorMaxLength", Type::integer, "elements at most")),
      at_least(0, attribute("attributeVectorIndex", Type::integer,
                            "an element of this vector, the first is 0, which must be there")),
      attribute("attributeVectorValue", Type::any, "what this element must be"),
      attribute("evaluatesTrue", Type::any, "LAZY link to a condition that must hold"),
      attribute("fileExists", Type::any, "a file on the controller's machine"),
      attribute("dirExists", Type::any, "a folder there"),
      attribute("equalsString1", Type::string, "must be equal to equalsString2"),
      attribute("equalsString2", Type::string, "must be equal to equalsString1"),
      with_default("equalityIgnoresCase", Type::boolean, false, "a and A are equal in these"),
      attribute("referenceRequired", Type::boolean, "kept for old descriptions: see reference"),
      attribute("message", Type::string, "said when something does not hold"),
      with_default("checkOnStartup", Type::boolean, true, "look at start"),
      with_default("checkOnLiveness", Type::boolean, true, "look at every liveness check")};
  type.make = [] { return std::make_unique<Assert>(); };
  return type;
}

}  // namespace croft::components
