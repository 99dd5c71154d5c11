// Finally: runs its action when it ends itself.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
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
      context.event("MESSAGE",
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

}  // namespace croft::components
