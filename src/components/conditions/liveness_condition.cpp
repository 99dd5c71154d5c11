// LivenessTest: asks its condition at every liveness check.
#include "components/conditions/condition.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class LivenessTest : public engine::Component {
 public:
  aio::Task<Result<>> ping(Context& context) override {
    bool holds = CO_TRY(co_await context.ask("condition"));
    if (holds || !CO_TRY(context.boolean_or("failOnFalse", true))) co_return Result<>{};
    co_return fail(Code::conflict, CO_TRY(context.string_or("message", "")),
                   context.where("condition"));
  }
  aio::Task<Result<>> work(Context&) override { co_return Result<>{}; }
};

}  // namespace

engine::ComponentType liveness_test_type() {
  engine::ComponentType type;
  type.compound = type.works = true;  // pinged although it holds a component
  type.schema.sf_class = "croft.LivenessTest";
  type.schema.type = "LivenessTest";
  type.schema.base = "croft.Compound";
  type.schema.container = true;
  type.schema.doc = "Asks `condition` at every liveness check; it must hold.";
  type.schema.attributes = {
      required("condition", Type::component, "what must hold"),
      with_default("failOnFalse", Type::boolean, true, "fail when it does not hold"),
      with_default("message", Type::string, "the condition does not hold any more",
                   "what it says then")};
  type.make = [] { return std::make_unique<LivenessTest>(); };
  return type;
}

}  // namespace croft::components
