// Timeout, During and Delay: an action and the clock. What is left of the time outlives a restart.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Timeout : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    Duration time = CO_TRY(context.duration_or("time", "ms", Duration{}));
    auto late =
        TerminationRecord::abnormal(context.path(), "timeout occurred",
                                    fmt::format("the action took more than {}", time.text()));
    auto record = CO_TRY(
        co_await perform_within(context, "1_timeoutActionRunning", "action", "began", time, late));
    context.end(record ? *std::move(record) : late);
    co_return Result<>{};
  }
};

class During : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    Duration time = CO_TRY(context.duration_or("time", "ms", Duration{}));
    auto over = TerminationRecord::normal(context.path(), "its time is over");
    if (time <= Duration{}) {
      context.end(std::move(over));
      co_return Result<>{};
    }
    auto record = CO_TRY(
        co_await perform_within(context, "1_duringActionRunning", "action", "began", time, over));
    context.end(record ? *std::move(record) : over);
    co_return Result<>{};
  }
};

class Delay : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    Duration time = CO_TRY(context.duration_or("time", "ms", Duration{}));
    CO_TRY(co_await sleep_durably(context, "began", time));
    auto record = TerminationRecord::normal(context.path(), "the delay is over");
    if (!context.has_action("action")) co_return context.done(std::move(record));
    record = CO_TRY(co_await context.perform("1_delayActionRunning", "action"));
    context.end(std::move(record));
    co_return Result<>{};
  }
};

}  // namespace

namespace {
/// A time from now on, in milliseconds or with a unit.
model::AttributeSchema bounded(model::AttributeSchema time) {
  time.least = 0;
  time.most = 1e14;  // some thousand years: beyond, clocks end
  return time;
}
}  // namespace

engine::ComponentType timeout_type() {
  auto type = action_type("Timeout", "Ends abnormally when `action` takes longer than `time`.",
                          {required("action", Type::component, "what has to be in time"),
                           bounded(time_attribute("time", 0, "how long it may take; 0: no limit"))},
                          [] { return std::make_unique<Timeout>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Timeout"};
  return type;
}

engine::ComponentType during_type() {
  auto time = bounded(time_attribute("time", "how long it runs"));
  time.required = true;
  auto type = action_type("During", "Runs `action` for `time`, then ends both normally.",
                          {required("action", Type::component, "what runs meanwhile"), time},
                          [] { return std::make_unique<During>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.During"};
  return type;
}

engine::ComponentType delay_type() {
  auto time = bounded(time_attribute("time", "how long it waits"));
  time.required = true;
  auto type =
      action_type("Delay", "Waits for `time`, then runs `action`, if there is one.",
                  {attribute("action", Type::component, "what runs then"), time,
                   with_default("sfShouldTerminate", Type::boolean, true, "end without an action")},
                  [] { return std::make_unique<Delay>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Delay"};
  return type;
}

}  // namespace croft::components
