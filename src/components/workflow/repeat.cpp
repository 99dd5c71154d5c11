// Repeat: again while it ends normally, a number of times or for ever. Remembers the round.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Repeat : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    int64_t rounds = CO_TRY(context.integer_or("repeat", 1));
    if (rounds == 0) {
      context.end(model::TerminationRecord::normal(context.path(), "no round was asked for"));
      co_return Result<>{};
    }
    for (int64_t round = remembered(context, "round", 1);; ++round) {
      context.remember("round", fmt::format("{}", round));
      context.publish("count", model::Value(round));
      std::string name = name_of(round);
      auto record = CO_TRY(co_await context.perform(name, "action"));
      if (!record.is_normal() || (rounds > 0 && round >= rounds)) {
        context.end(std::move(record));
        co_return Result<>{};
      }
      context.forget_action(name);
    }
  }

 private:
  static std::string name_of(int64_t round) {
    return round == 1 ? "1_RepeatActionRunning" : fmt::format("{0}_actionRunning{0}", round);
  }
};

}  // namespace

engine::ComponentType repeat_type() {
  auto count = attribute("count", Type::integer, "the round that runs");
  count.published = true;
  auto rounds = with_default("repeat", Type::integer, int32_t{1}, "how many rounds; -1: for ever");
  rounds.least = -1;
  auto type = action_type("Repeat", "Runs `action` `repeat` times, or until it ends abnormally.",
                          {required("action", Type::component, "what is repeated"), rounds, count},
                          [] { return std::make_unique<Repeat>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Repeat"};
  return type;
}

}  // namespace croft::components
