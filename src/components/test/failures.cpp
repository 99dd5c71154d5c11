// Fail and ExceptionThrower: components that fail on purpose.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Fail : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    CO_TRY(co_await sleep_durably(context, "began",
                                  CO_TRY(context.duration_or("delay", "ms", Duration{}))));
    std::string message = CO_TRY(context.string_or("message", ""));
    bool normal = CO_TRY(context.boolean_or("normal", false));
    context.end(normal ? TerminationRecord::normal(context.path(), message)
                       : TerminationRecord::abnormal(context.path(), message));
    co_return Result<>{};
  }
};

class ExceptionThrower : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    return throw_if(context, "failOnDeploy", "throwOnDeploy");
  }
  aio::Task<Result<>> start(Context& context) override {
    return throw_if(context, "failOnStart", "throwOnStartup");
  }
  aio::Task<Result<>> ping(Context& context) override {
    return throw_if(context, "failOnPing", "throwOnPing");
  }
  /// Once: an end that failed is tried again, and then succeeds.
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (context.record().memory.contains("failed at its end")) co_return Result<>{};
    auto done = co_await throw_if(context, "failOnTerminate", "throwOnTerminate");
    if (!done) context.remember("failed at its end", "yes");
    co_return done;
  }
  aio::Task<Result<>> prepare_update(Context& context, model::ComponentPtr wanted) override {
    if (!wanted->boolean("failOnUpdate").value_or(false)) co_return Result<>{};
    co_return fail(Code::conflict, CO_TRY(context.string_or("message", "")), wanted->where);
  }

 private:
  static aio::Task<Result<>> throw_if(Context& context, std::string when, std::string old_name) {
    if (!CO_TRY(context.boolean_or(when, false)) && !CO_TRY(context.boolean_or(old_name, false)))
      co_return Result<>{};
    co_return fail(Code::conflict, CO_TRY(context.string_or("message", "")), context.where(when));
  }
};

}  // namespace

engine::ComponentType fail_type() {
  return work_type("Fail", "Ends after `delay`, abnormally unless `normal`.",
                   {with_default("message", Type::string, "this fails on purpose", "what it says"),
                    with_default("normal", Type::boolean, false, "end normally"),
                    time_attribute("delay", 0, "how long it waits")},
                   [] { return std::make_unique<Fail>(); });
}

engine::ComponentType exception_thrower_type() {
  engine::ComponentType type;
  type.schema.sf_class = "croft.ExceptionThrower";
  type.schema.type = "ExceptionThrower";
  type.schema.base = "croft.Prim";
  type.schema.doc = "Fails in the step of its life that it is told.";
  type.schema.attributes = {
      with_default("message", Type::string, "this fails on purpose", "what it says"),
      with_default("failOnDeploy", Type::boolean, false, "fail when it is deployed"),
      with_default("failOnStart", Type::boolean, false, "fail when it starts"),
      with_default("failOnPing", Type::boolean, false, "fail at liveness checks"),
      with_default("failOnTerminate", Type::boolean, false, "fail at the first try to end it"),
      with_default("throwOnTerminate", Type::boolean, false, "the same as failOnTerminate"),
      with_default("throwOnDeploy", Type::boolean, false, "the same as failOnDeploy"),
      with_default("throwOnStartup", Type::boolean, false, "the same as failOnStart"),
      with_default("throwOnPing", Type::boolean, false, "the same as failOnPing"),
      with_default("failOnUpdate", Type::boolean, false, "refuse to become this one")};
  type.make = [] { return std::make_unique<ExceptionThrower>(); };
  return type;
}

}  // namespace croft::components
