// SlowStart: failed liveness checks of its actions are let pass until the first success or the end
// of `delay`.
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class SlowStart : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    delay_ = CO_TRY(context.duration_or("delay", "ms", Duration::seconds(1)));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    time_left(context, "began", delay_);
    auto record = CO_TRY(co_await context.perform("1_slowStartActionRunning", "action"));
    context.end(std::move(record));
    co_return Result<>{};
  }
  bool forgives(const Context& context, std::string_view, const Error&) override {
    WallTime began{remembered(context, "began")};
    return context.world().clock.wall() - began < delay_;
  }

 private:
  Duration delay_;
};

}  // namespace

engine::ComponentType slow_start_type() {
  auto type = action_type("SlowStart",
                          "Runs `action`; its failed liveness checks are let pass until one "
                          "succeeds, or `delay` is over.",
                          {required("action", Type::component, "what starts slowly"),
                           time_attribute("delay", 1000, "how long its checks may fail")},
                          [] { return std::make_unique<SlowStart>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.SlowStart"};
  return type;
}

}  // namespace croft::components
