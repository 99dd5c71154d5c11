// Try: the type of the record with which `action` ends names the action that follows.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Try : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string follow;
    if (auto known = context.record().memory.find("follow"); known != context.record().memory.end())
      follow = known->second;
    if (follow.empty()) {
      auto record = CO_TRY(co_await context.perform("action", "action"));
      if (!context.has_action(record.type)) {
        context.end(std::move(record));  // nothing follows: its end is the end
        co_return Result<>{};
      }
      follow = record.type;
      context.remember("follow", follow);
    }
    auto record =
        CO_TRY(co_await context.perform(fmt::format("1_{}TryActionRunning", follow), follow));
    context.end(std::move(record));
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType try_type() {
  auto type = action_type("Try",
                          "Runs `action`; the type of its record (normal, abnormal, ...) names the "
                          "action that follows. "
                          "Where none has that name its end is the end.",
                          {required("action", Type::component, "what is tried"),
                           attribute("normal", Type::component, "what follows a normal end"),
                           attribute("abnormal", Type::component, "what follows an abnormal end")},
                          [] { return std::make_unique<Try>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Try"};
  return type;
}

}  // namespace croft::components
