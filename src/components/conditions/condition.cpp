#include "components/conditions/condition.h"

#include <fmt/format.h>

namespace croft::components {

using engine::Context;
using model::Type;

aio::Task<Result<>> Condition::must_hold(Context& context, std::string name, std::string when) {
  if (!CO_TRY(context.boolean_or(name, false))) co_return Result<>{};
  if (CO_TRY(co_await evaluate(context))) co_return Result<>{};
  co_return fail(Code::conflict, fmt::format("the condition does not hold {}", when),
                 context.where(name));
}

aio::Task<Result<>> Condition::start(Context& context) {
  CO_TRY(co_await must_hold(context, "checkOnStartup", "at start"));
  co_return co_await must_hold(context, "evaluateOnStartup", "at start");
}

aio::Task<Result<>> Condition::work(Context& context) {
  bool checked = CO_TRY(context.boolean_or("checkOnStartup", false)) ||
                 CO_TRY(context.boolean_or("evaluateOnStartup", false));
  if (!checked) co_return Result<>{};  // it is there to be asked
  co_return context.done(model::TerminationRecord::normal(context.path(), "the condition holds"),
                         false);
}

aio::Task<Result<>> Condition::ping(Context& context) {
  co_return co_await must_hold(context, "evaluateOnLiveness", "any more");
}

engine::ComponentType condition_type_of(std::string name, std::string doc,
                                        std::vector<model::AttributeSchema> attributes,
                                        std::function<std::unique_ptr<engine::Component>()> make) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make),
                      "croft.Condition");
  type.works = true;
  return type;
}

engine::ComponentType condition_type() {
  auto type = condition_type_of(
      "Condition", "The base of conditions.",
      {with_default("checkOnStartup", Type::boolean, false,
                    "it must hold at start; then it ends as sfShouldTerminate says"),
       with_default("evaluateOnStartup", Type::boolean, false, "the same"),
       with_default("evaluateOnLiveness", Type::boolean, false, "it must hold while it runs")},
      [] { return std::make_unique<Condition>(); });
  type.schema.base = "croft.Prim";
  return type;
}

}  // namespace croft::components
