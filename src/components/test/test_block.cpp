// TestBlock: runs its action and keeps how it ended, for conditions and links to read.
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class TestBlock : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto record = CO_TRY(co_await context.perform("action", "action"));
    bool good = record.is_normal();
    std::string text = record.description;
    if (!record.cause.empty()) text += ": " + record.cause;
    context.publish("message", model::Value(text));
    context.publish("succeeded", model::Value(good));
    context.publish("failed", model::Value(!good));
    context.publish("finished", model::Value(true));
    co_return context.done(std::move(record), false);
  }
  /// Holds once the action has ended normally.
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto found = context.record().published.find("succeeded");
    if (found == context.record().published.end()) co_return false;
    const auto* good = found->second.get<bool>();
    co_return good && *good;
  }
};

}  // namespace

engine::ComponentType test_block_type() {
  auto fact = [](const char* name, Type type, const char* doc) {
    auto out = attribute(name, type, doc);
    out.published = true;
    return out;
  };
  return action_type(
      "TestBlock",
      "Runs `action` and keeps how it ended; as a condition it holds when that was normally.",
      {required("action", Type::component, "what is run"),
       with_default("sfShouldTerminate", Type::boolean, false, "end as `action` ends"),
       fact("finished", Type::boolean, "it has ended"),
       fact("succeeded", Type::boolean, "normally"), fact("failed", Type::boolean, "abnormally"),
       fact("message", Type::string, "what its record says")},
      [] { return std::make_unique<TestBlock>(); });
}

}  // namespace croft::components
