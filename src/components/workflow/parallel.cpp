// Parallel, Container and FireBreak: actions side by side.
#include "components/workflow/parallel.h"

#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

/// One action from start to end.
aio::Task<Result<>> Parallel::follow(Context& context, std::string name) {
  Result<> up = asynchronous_ ? co_await context.deploy_action(name, name) : Result<>{};
  if (up) up = co_await context.start_action(name);
  if (up) {
    auto record = co_await context.end_of(name);
    if (!record) co_return fail(std::move(record).error());
    ended(*std::move(record));
    co_return Result<>{};
  }
  co_return co_await failed(context, name, std::move(up).error());
}

/// It could not be brought up.
aio::Task<Result<>> Parallel::failed(Context& context, std::string name, Error error) {
  if (error.code == Code::cancelled) co_return fail(std::move(error));
  std::string culprit(error.fact("component"));
  auto record = TerminationRecord::abnormal(culprit.empty() ? context.path() + ":" + name : culprit,
                                            "it could not be brought up", error.line());
  CO_TRY(co_await context.end_action(name, record));
  --left_;
  if (ends_on_bad_deploy_ && !end_) end_ = std::move(record);
  changed_.notify();
  co_return Result<>{};
}

void Parallel::ended(TerminationRecord record) {
  --left_;
  if (!end_) end_ = verdict(std::move(record), left_);
  changed_.notify();
}

std::optional<TerminationRecord> Parallel::verdict(TerminationRecord record, size_t left) {
  if (!record.is_normal() && ends_on_bad_end_) return record;
  if (left == 0) return TerminationRecord::normal(record.culprit, record.description);
  return std::nullopt;
}

aio::Task<Result<>> Parallel::work(Context& context) {
  asynchronous_ = CO_TRY(context.boolean_or("asynchCreateChild", false));
  ends_on_bad_end_ = CO_TRY(context.boolean_or("terminateOnAbnormalChildTermination", true));
  ends_on_bad_deploy_ = CO_TRY(context.boolean_or("terminateOnAbnormalChildDeploy", true));
  auto names = context.actions();
  if (names.empty()) {
    if (CO_TRY(context.boolean_or("terminateOnEmptyDeploy", false)))
      context.end(TerminationRecord::normal(context.path(), "there was nothing to do"));
    co_return Result<>{};
  }
  left_ = names.size();
  end_.reset();
  std::vector<std::string> deployed;
  for (const std::string& name : names) {
    Result<> done = asynchronous_ ? Result<>{} : co_await context.deploy_action(name, name);
    if (done)
      deployed.push_back(name);
    else
      CO_TRY(co_await failed(context, name, std::move(done).error()));
    if (end_) break;
  }
  aio::Scope scope(co_await aio::here());
  if (!end_)
    for (const std::string& name : deployed) scope.spawn(follow(context, name));
  Result<> waited = Result<>{};
  while (!end_ && left_ > 0 && waited) waited = co_await changed_.wait();
  scope.cancel();
  auto joined = co_await scope.join();
  CO_TRY(waited);
  if (!end_ && ends_when_empty()) end_ = TerminationRecord::normal(context.path());
  if (!end_) co_return joined;
  leave(context, *std::move(end_));
  co_return Result<>{};
}

void Parallel::leave(Context& context, TerminationRecord record) {
  context.end(std::move(record));
}

namespace {

class Container : public Parallel {
 protected:
  bool ends_when_empty() const override { return false; }
  std::optional<TerminationRecord> verdict(TerminationRecord, size_t) override {
    return std::nullopt;
  }
};

class FireBreak : public Container {
 protected:
  std::optional<TerminationRecord> verdict(TerminationRecord record, size_t) override {
    return record;
  }
  void leave(Context& context, TerminationRecord record) override {
    // To a workflow around it that is a good end: what failed in it is held back.
    context.end_quietly(TerminationRecord::normal(record.culprit, record.description));
  }
};

}  // namespace

engine::ComponentType parallel_type() {
  auto type = action_type(
      "Parallel",
      "All actions at once; ends when all have ended, or with the first that ends abnormally.",
      {with_default("asynchCreateChild", Type::boolean, false, "deploy the actions side by side"),
       with_default("terminateOnEmptyDeploy", Type::boolean, false, "end when there is no action"),
       with_default("terminateOnAbnormalChildTermination", Type::boolean, true,
                    "end when an action ends abnormally"),
       with_default("terminateOnAbnormalChildDeploy", Type::boolean, true,
                    "end when an action cannot be brought up")},
      [] { return std::make_unique<Parallel>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Parallel"};
  return type;
}

engine::ComponentType container_type() {
  return action_type(
      "Container", "Holds actions that may end without ending it.", {},
      [] { return std::make_unique<Container>(); }, "croft.Parallel");
}

engine::ComponentType fire_break_type() {
  return action_type(
      "FireBreak",
      "A Container that ends with the first of its actions to end: normally, however that ended.",
      {}, [] { return std::make_unique<FireBreak>(); }, "croft.Container");
}

}  // namespace croft::components
