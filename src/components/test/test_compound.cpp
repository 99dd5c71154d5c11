// TestCompound and its kin: a test as a deployment. Publishes what came of it: skipped, succeeded,
// failed, finished, outcome.
#include <fmt/format.h>

#include "base/text.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr const char* action_name = "action";
constexpr const char* tests_name = "tests";

/// What libraries of the reference say, and croft's words for the same.
struct OldMessage {
  std::string_view theirs, ours;
};
constexpr OldMessage old_messages[] = {
    {"Failed to talk to EC2", "cannot be listed"},
    {"The request signature we calculated does not match the signature you provided. Check your "
     "AWS Secret Access Key and signing method.",
     "AuthFailure"},
};

bool says(const std::string& text, const std::string& wanted) {
  if (text.find(wanted) != std::string::npos) return true;
  return std::ranges::any_of(old_messages, [&](const OldMessage& old) {
    return old.theirs == wanted && text.find(old.ours) != std::string::npos;
  });
}

/// Its words without the lines of the description that it quotes: those hold what is expected.
std::string words_of(const Error& error) {
  std::string out = error.what;
  for (const Frame& frame : error.trace) out += "\n" + frame.what;
  for (const Error& other : error.others) out += "\n" + words_of(other);
  return out;
}

struct Expected {
  bool terminate = false;       ///< the action has to end by itself
  bool deploy_failure = false;  ///< it must not come up
  std::string type, text;
  std::vector<std::string> texts;  ///< of exceptions: each must be in the cause
  Duration startup, test, undeploy;
};

std::string told(const TerminationRecord& record) {
  std::string out = record.type;
  if (!record.description.empty()) out += ": " + record.description;
  if (!record.cause.empty()) out += ": " + record.cause;
  return out;
}

class TestCompound : public engine::Component {
 public:
  explicit TestCompound(bool deploy_failure) : deploy_failure_(deploy_failure) {}

  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.value_if("condition")) &&
        !CO_TRY(co_await condition_holds(context, "condition")))
      co_return finish(context, "skipped", "the condition of the test does not hold");
    expected_ = CO_TRY(expected(context));
    // The verdict stands before the action is ended: a restarted controller judges nothing anew.
    auto known = context.record().memory.find("verdict");
    std::string text;
    if (known != context.record().memory.end()) {
      text = known->second;
    } else {
      auto verdict = co_await run(context);
      if (!verdict && verdict.error().code == Code::cancelled)
        co_return fail(std::move(verdict).error());
      text = verdict ? *verdict : verdict.error().line();
      context.remember("verdict", text);
    }
    auto gone = co_await aio::deadline(
        context.world().clock, expected_.undeploy,
        context.end_action(action_name,
                           TerminationRecord::normal(context.path(), "the test is over")),
        "ending the action");
    if (!gone && gone.error().code == Code::cancelled) co_return gone;
    if (!gone && text.empty()) text = gone.error().line();
    co_return finish(context, text.empty() ? "succeeded" : "failed", text);
  }

 private:
  Result<Expected> expected(Context& context) {
    Expected out;
    out.deploy_failure = deploy_failure_;
    out.terminate = TRY(context.boolean_or("expectTerminate", false));
    out.type = TRY(context.string_or("exitType", "normal"));
    out.text = TRY(context.string_or("exitText", ""));
    Duration common = TRY(context.duration_or("commonTimeout", "ms", Duration::seconds(15)));
    out.startup = TRY(context.duration_or("startupTimeout", "ms", common));
    out.test = TRY(context.duration_or("testTimeout", "ms", common));
    const char* end =
        TRY(context.value_if("teardownTimeout")) ? "teardownTimeout" : "undeployAfter";
    out.undeploy = TRY(context.duration_or(end, "ms", common));
    // [[class, text], ...]: the classes are those of another language.
    for (const auto& pair : TRY(context.vector_or_empty("exceptions")))
      if (const auto* parts = pair.get<model::Vector>(); parts && parts->size() >= 2)
        if (auto* text = (*parts)[1].get<std::string>()) out.texts.push_back(*text);
    return out;
  }

  /// Empty: as expected; else what was not.
  aio::Task<Result<std::string>> run(Context& context) {
    aio::Clock& clock = context.world().clock;
    if (!context.has_action(action_name)) co_return co_await run_alone(context);
    Result<> up = co_await aio::deadline(clock, expected_.startup, bring_up(context),
                                         "the action's coming up");
    if (!up) {
      if (up.error().code == Code::cancelled) co_return fail(std::move(up).error());
      co_return judge_failure(up.error());
    }
    if (expected_.terminate || expected_.deploy_failure) {
      auto ended = co_await aio::deadline(clock, expected_.test, context.end_of(action_name),
                                          "the action's end");
      if (!ended) {
        if (ended.error().code == Code::cancelled) co_return fail(std::move(ended).error());
        co_return expected_.deploy_failure ? "the action came up, and was expected not to"
                                           : ended.error().line();
      }
      co_return judge_end(*ended);
    }
    if (!context.has_action(tests_name)) co_return std::string();
    co_return co_await run_tests(context);
  }

  /// A test of nothing but its tests.
  aio::Task<Result<std::string>> run_alone(Context& context) {
    if (expected_.terminate || expected_.deploy_failure || !context.has_action(tests_name))
      co_return fail(Error(Code::unresolved, "the test has no action", context.where(action_name))
                         .hint("action extends Compound { ... }"));
    auto late = TerminationRecord::abnormal(
        context.path(), fmt::format("the tests took more than {}", expected_.test.text()));
    auto record = CO_TRY(co_await perform_within(context, tests_name, tests_name, "tests_began",
                                                 expected_.test, late));
    if (!record) co_return late.description;
    co_return record->is_normal() ? std::string() : "the tests ended " + told(*record);
  }

  static aio::Task<Result<>> bring_up(Context& context) {
    CO_TRY(co_await context.deploy_action(action_name, action_name));
    co_return co_await context.start_action(action_name);
  }

  aio::Task<Result<std::string>> run_tests(Context& context) {
    auto late = TerminationRecord::abnormal(
        context.path(), fmt::format("the tests took more than {}", expected_.test.text()));
    auto winner = co_await aio::race(
        perform_within(context, tests_name, tests_name, "tests_began", expected_.test, late),
        context.end_of(action_name));
    if (winner.index() == 1) {
      auto ended = CO_TRY(std::get<1>(std::move(winner)));
      CO_TRY(co_await context.end_action(tests_name, ended));
      co_return "the action ended during the tests: " + told(ended);
    }
    auto record = CO_TRY(std::get<0>(std::move(winner)));
    if (!record) co_return late.description;
    co_return record->is_normal() ? std::string() : "the tests ended " + told(*record);
  }

  /// How it failed to come up.
  std::string judge_failure(const Error& error) const {
    bool wanted = expected_.deploy_failure || (expected_.terminate && expected_.type == "abnormal");
    if (!wanted) return error.line();
    return missing(words_of(error));
  }
  std::string judge_end(const TerminationRecord& record) const {
    std::string wanted = expected_.type;
    if (!wanted.empty() && record.type != wanted)
      return fmt::format("the action ended {}; \"{}\" is expected", told(record), wanted);
    return missing(told(record));
  }
  std::string missing(const std::string& text) const {
    auto texts = expected_.texts;
    if (!expected_.text.empty()) texts.push_back(expected_.text);
    for (const std::string& wanted : texts)
      if (!says(text, wanted)) return fmt::format("\"{}\" is expected in: {}", wanted, text);
    return {};
  }

  static Result<> finish(Context& context, const std::string& outcome, const std::string& text) {
    for (const char* name : {"skipped", "succeeded", "failed"})
      context.publish(name, model::Value(outcome == name));
    context.publish("finished", model::Value(true));
    context.publish("outcome", model::Value(text));
    if (outcome != "failed")
      return context.done(TerminationRecord::normal(
          context.path(), outcome == "skipped" ? "skipped: " + text : "as expected"));
    context.end(TerminationRecord::abnormal(context.path(), text));
    return {};
  }

  bool deploy_failure_;
  Expected expected_;
};

}  // namespace

engine::ComponentType test_compound_type() {
  auto flag = [](std::string name, std::string doc) {
    auto out = attribute(std::move(name), Type::boolean, std::move(doc));
    out.published = true;
    return out;
  };
  auto outcome = attribute("outcome", Type::string, "what was not as expected");
  outcome.published = true;
  auto type = action_type(
      "TestCompound",
      "Deploys `action`, then `tests`, and judges how they end. A `condition` that does not hold "
      "means that the test is skipped.",
      {attribute("condition", Type::any, "the test is run only when it holds"),
       attribute("action", Type::component, "what is tested"),
       attribute("tests", Type::component, "runs beside the action, and must end normally"),
       with_default("expectTerminate", Type::boolean, false, "the action must end by itself"),
       with_default("exitType", Type::string, "normal", "type of the record with which it ends"),
       with_default("exitText", Type::string, "", "a text that must be in its record"),
       with_default("exceptions", Type::vector, model::Vector{},
                    "[class, text] pairs; each text must be in its record"),
       time_attribute("commonTimeout", 15000, "the limit of each of the next three"),
       time_attribute("startupTimeout", "the action must be up by then"),
       time_attribute("testTimeout", "the tests, or its end, may take so long"),
       time_attribute("undeployAfter", "its removal may take so long"),
       time_attribute("teardownTimeout", "the same"),
       attribute("runTests", Type::boolean, "kept for old descriptions"),
       attribute("forcePing", Type::boolean, "kept for old descriptions"),
       attribute("failInTestSequence", Type::boolean, "kept for old descriptions"),
       with_default("description", Type::string, "", "for reports"),
       with_default("links", Type::vector, model::Vector{}, "for reports"),
       with_default("EXIT_TYPE_NORMAL", Type::string, "normal", "a constant for exitType"),
       with_default("EXIT_TYPE_ABNORMAL", Type::string, "abnormal", "a constant for exitType"),
       with_default("sfShouldTerminate", Type::boolean, true, "end when the test is over"),
       flag("skipped", "the condition did not hold"),
       flag("succeeded", "all was as expected"),
       flag("failed", "something was not as expected"),
       flag("finished", "the test is over"),
       outcome},
      [] { return std::make_unique<TestCompound>(false); });
  type.aliases = {"org.smartfrog.services.assertions.TestCompoundImpl"};
  return type;
}

engine::ComponentType expect_deploy_failure_type() {
  return action_type(
      "ExpectDeployFailure", "A test whose action must not come up.",
      {with_default("exitType", Type::string, "abnormal", "as of TestCompound")},
      [] { return std::make_unique<TestCompound>(true); }, "croft.TestCompound");
}

}  // namespace croft::components
