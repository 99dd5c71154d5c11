// Finally and CounterAction: what runs when they end themselves.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Finally : public engine::Component {
 public:
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!context.ran_before()) co_return Result<>{};
    co_return co_await perform_at_end(context, "finallyActionRunning", "action");
  }
};

/// What `action` did is undone by `counterAction`. Where `action` never came to run there is
/// nothing to undo.
class CounterAction : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string name = "action";
    Result<> up = co_await context.deploy_action(name, name);
    if (up) up = co_await context.start_action(name);
    if (up) context.remember("acted", "yes");
    if (!up) {
      if (up.error().code == Code::cancelled) co_return up;
      context.end(TerminationRecord::abnormal(context.path(), "it could not be brought up",
                                              up.error().line()));
      co_return Result<>{};
    }
    if (!context.has_action("liveness")) co_return co_await after(context, name);
    auto first = co_await aio::race(after(context, name), after(context, "liveness"));
    co_return first.index() == 0 ? std::get<0>(std::move(first)) : std::get<1>(std::move(first));
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    bool acted = context.record().memory.contains("acted");
    if (!acted || !context.has_action("counterAction")) co_return Result<>{};
    co_return co_await perform_at_end(context, "counterActionRunning", "counterAction");
  }

 private:
  /// Until it has to end because of that action. One that ends normally is done, and stays so.
  static aio::Task<Result<>> after(Context& context, std::string name) {
    auto ended = name == "action" ? context.end_of(name) : context.perform(name, name);
    auto record = CO_TRY(co_await std::move(ended));
    if (!record.is_normal() || name != "action") {
      context.end_with_part(std::move(record));
      co_return Result<>{};
    }
    CO_TRY(context.done(std::move(record), false));
    co_return co_await context.world().clock.sleep(Duration::forever());
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
