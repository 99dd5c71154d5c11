// Finally and CounterAction: what runs when they end themselves.
#include <fmt/format.h>

#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Finally : public engine::Component {
 public:
  aio::Task<Result<>> terminate(Context& context, const model::TerminationRecord&) override {
    if (!context.ran_before() || context.record().memory.contains("done")) co_return Result<>{};
    // Another attempt has another name: one that was cut short is run again.
    int64_t attempt = remembered(context, "attempt") + 1;
    context.remember("attempt", fmt::format("{}", attempt));
    auto record =
        co_await context.perform(fmt::format("{}_finallyActionRunning", attempt), "action");
    if (!record) co_return fail(std::move(record).error());
    if (!record->is_normal())
      context.event(protocol::event::message,
                    fmt::format("the action at the end failed: {}",
                                record->cause.empty() ? record->description : record->cause));
    context.remember("done", "yes");
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType finally_type() {
  auto type = action_type("Finally",
                          "Runs `action` only when it ends itself, and waits until that has ended.",
                          {required("action", Type::component, "what runs at the end")},
                          [] { return std::make_unique<Finally>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Finally"};
  return type;
}

engine::ComponentType counter_action_type() {
  auto type = action_type(
      "CounterAction",
      "Runs `action`, and when it ends itself `counterAction`, which undoes it. It stays when "
      "`action` has ended well, unless sfShouldTerminate.",
      {required("action", Type::component, "what is done"),
       attribute("counterAction", Type::component, "what undoes it"),
       attribute("liveness", Type::component, "runs beside it; its end is the end of all"),
       with_default("sfShouldTerminate", Type::boolean, false, "end once `action` has ended well")},
      [] { return std::make_unique<CounterAction>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.CounterAction"};
  return type;
}

}  // namespace croft::components
