// Retract: actions that are brought up one after another and taken back in reverse.
#include <fmt/format.h>

#include "aio/sync.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// The order of the end is sfSyncTerminate's, which the template sets.
class Retract : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    aio::Scope scope(co_await aio::here());
    Result<> up = Result<>{};
    for (const std::string& name : context.actions()) {
      if (up && !failed_) up = co_await context.deploy_action(name, name);
      if (up && !failed_) up = co_await context.start_action(name);
      if (!up || failed_) break;
      scope.spawn(follow(context, name));
    }
    Result<> waited = Result<>{};
    while (up && !failed_ && waited) waited = co_await changed_.wait();
    scope.cancel();
    auto joined = co_await scope.join();
    static_cast<void>(joined);
    if (!up && up.error().code == Code::cancelled) co_return up;
    CO_TRY(waited);
    if (!up) {
      std::string culprit(up.error().fact("component"));
      failed_ = TerminationRecord::abnormal(culprit.empty() ? context.path() : culprit,
                                            "it could not be brought up", up.error().line());
    }
    context.end(*std::exchange(failed_, std::nullopt));
    co_return Result<>{};
  }

 private:
  /// One that ends well has done its part.
  aio::Task<Result<>> follow(Context& context, std::string name) {
    auto record = CO_TRY(co_await context.end_of(name));
    if (record.is_normal()) co_return Result<>{};
    if (!failed_) failed_ = std::move(record);
    changed_.notify();
    co_return Result<>{};
  }
  std::optional<TerminationRecord> failed_;
  aio::Signal changed_;
};

}  // namespace

engine::ComponentType retract_type() {
  auto type = action_type(
      "Retract",
      "Brings its actions up one after another and stays; ends them in reverse, each before the "
      "next, when one fails or it is ended. CounterActions in it undo what they did.",
      {with_default("sfSyncTerminate", Type::boolean, true, "one after another, the last first")},
      [] { return std::make_unique<Retract>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Retract"};
  return type;
}

}  // namespace croft::components
