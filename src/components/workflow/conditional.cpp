// If, WaitFor, FailingWaitFor, PostCondition, EvaluateCondition: actions that depend on a
// condition.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// Runs `then` or `else`, as was found, and ends as that ends.
aio::Task<Result<>> run_branch(Context& context, std::string name, TerminationRecord otherwise) {
  context.remember("branch", name);
  if (!context.has_action(name)) {
    context.end(std::move(otherwise));
    co_return Result<>{};
  }
  auto record = CO_TRY(co_await context.perform(name, name));
  context.end(std::move(record));
  co_return Result<>{};
}

std::string chosen(const Context& context) {
  auto found = context.record().memory.find("branch");
  return found == context.record().memory.end() ? "" : found->second;
}

class If : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string branch = chosen(context);
    if (branch.empty())
      branch = CO_TRY(co_await condition_holds(context, "condition")) ? "then" : "else";
    co_return co_await run_branch(
        context, branch, TerminationRecord::normal(context.path(), "there is no " + branch));
  }
};

/// What it says when it fails: `message`, else failureText as old descriptions have it.
Result<std::string> failure_text(Context& context) {
  bool own = context.description() && context.description()->find("message");
  if (!own && TRY(context.value_if("failureText"))) return context.string("failureText");
  return context.string_or("message", "");
}

model::AttributeSchema failure_text_attribute() {
  return attribute("failureText", Type::string, "the same as message");
}

/// What will be no condition, or a wrong one, at the next question either.
bool no_time_mends(Code code) {
  return code == Code::cancelled || code == Code::unsupported || code == Code::type_mismatch ||
         code == Code::invalid_argument || code == Code::syntax;
}

class WaitFor : public engine::Component {
 public:
  explicit WaitFor(bool fails) : fails_(fails) {}
  aio::Task<Result<>> work(Context& context) override {
    std::string branch = chosen(context);
    if (branch.empty()) branch = CO_TRY(co_await wait(context)) ? "then" : "else";
    if (branch == "else" && fails_) {
      context.end(
          TerminationRecord::abnormal(context.path(), CO_TRY(failure_text(context)), last_));
      co_return Result<>{};
    }
    co_return co_await run_branch(
        context, branch,
        TerminationRecord::normal(context.path(), branch == "then"
                                                      ? "the condition holds"
                                                      : "the condition did not hold in time"));
  }

 private:
  aio::Task<Result<bool>> wait(Context& context) {
    Duration interval = CO_TRY(context.duration_or("interval", "ms", Duration::seconds(1)));
    Duration timeout = CO_TRY(context.duration_or("timeout", "ms", Duration::seconds(60)));
    bool ever = timeout >= Duration::forever();
    for (;;) {
      auto holds = co_await condition_holds(context, "condition");
      if (!holds && no_time_mends(holds.error().code)) co_return holds;
      if (holds && *holds) co_return true;
      last_ = holds ? "" : holds.error().line();
      Duration left = ever ? interval : time_left(context, "began", timeout);
      if (left <= Duration{}) co_return false;
      context.waits(fmt::format("the condition does not hold yet{}{}{}", last_.empty() ? "" : ": ",
                                last_, ever ? "" : fmt::format("; gives up in {}", left.text())));
      CO_TRY(co_await context.world().clock.sleep(
          std::min(left, std::max(interval, Duration::milliseconds(1)))));
    }
  }
  bool fails_;
  std::string last_;
};

class PostCondition : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string branch = chosen(context);
    if (branch.empty()) {
      auto record = CO_TRY(co_await context.perform("action", "action"));
      if (!record.is_normal()) {
        context.end(std::move(record));
        co_return Result<>{};
      }
      branch = CO_TRY(co_await condition_holds(context, "condition")) ? "then" : "else";
    }
    co_return co_await run_branch(
        context, branch, TerminationRecord::normal(context.path(), "there is no " + branch));
  }
};

class EvaluateCondition : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    bool holds = CO_TRY(co_await condition_holds(context, "condition"));
    context.publish("result", model::Value(holds));
    bool bad = !holds && CO_TRY(context.boolean_or("failOnFalse", true));
    if (!bad) co_return context.done(TerminationRecord::normal(context.path()));
    context.end(TerminationRecord::abnormal(context.path(), CO_TRY(failure_text(context))));
    co_return Result<>{};
  }
};

model::AttributeSchema condition_attribute() {
  return required("condition", Type::any, "a condition, a link to one, or true or false");
}

}  // namespace

engine::ComponentType if_type() {
  return action_type(
      "If", "Runs `then` when `condition` holds, else `else`, if there is one.",
      {condition_attribute(), attribute("then", Type::component, "what runs when it holds"),
       attribute("else", Type::component, "what runs when it does not")},
      [] { return std::make_unique<If>(); });
}

engine::ComponentType wait_for_type() {
  return action_type(
      "WaitFor",
      "Asks `condition` every `interval` until it holds or `timeout` is over; then runs `then` or "
      "`else`.",
      {condition_attribute(), attribute("then", Type::component, "what runs when it holds"),
       attribute("else", Type::component, "what runs when the time is over"),
       time_attribute("interval", 1000, "between two questions"),
       or_for_ever(time_attribute("timeout", 60000, "how long it waits; negative: for ever"))},
      [] { return std::make_unique<WaitFor>(false); });
}

engine::ComponentType failing_wait_for_type() {
  return action_type(
      "FailingWaitFor", "A WaitFor that ends abnormally with `message` when the time is over.",
      {failure_text_attribute(),
       with_default("message", Type::string, "the condition did not come to hold in time",
                    "what it says then")},
      [] { return std::make_unique<WaitFor>(true); }, "croft.WaitFor");
}

engine::ComponentType post_condition_type() {
  return action_type(
      "PostCondition",
      "Runs `action`; when that has ended normally, asks `condition` and runs `then` or `else`, if "
      "there is one.",
      {required("action", Type::component, "what runs first"), condition_attribute(),
       attribute("then", Type::component, "what runs when it holds"),
       attribute("else", Type::component, "what runs when it does not"), failure_text_attribute(),
       attribute("message", Type::string, "for `then` and `else` to link to")},
      [] { return std::make_unique<PostCondition>(); });
}

engine::ComponentType evaluate_condition_type() {
  auto result = attribute("result", Type::boolean, "the answer");
  result.published = true;
  return action_type(
      "EvaluateCondition", "Asks `condition` once and publishes `result`.",
      {condition_attribute(), result,
       with_default("failOnFalse", Type::boolean, true, "end abnormally when it does not hold"),
       failure_text_attribute(),
       with_default("message", Type::string, "the condition does not hold", "what it says then"),
       with_default("sfShouldTerminate", Type::boolean, true, "end once it has asked")},
      [] { return std::make_unique<EvaluateCondition>(); });
}

}  // namespace croft::components
