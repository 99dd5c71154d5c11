// DoNothing: waits, then ends as it is told; what tests and examples are made of.
#include "components/workflow/workflow.h"

namespace croft::components {

using model::Type;

namespace {

class DoNothing : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override {
    time_ = CO_TRY(context.duration_or("time", "ms", Duration::forever()));
    type_ = CO_TRY(context.string_or("terminationType", "normal"));
    message_ = CO_TRY(context.string_or("message", ""));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(engine::Context& context) override {
    if (time_ >= Duration::forever()) co_return Result<>{};
    CO_TRY(co_await sleep_durably(context, "began", time_));
    context.end({type_, message_, context.path(), ""});
    co_return Result<>{};
  }

 private:
  Duration time_ = Duration::forever();
  std::string type_, message_;
};

}  // namespace

engine::ComponentType do_nothing_type() {
  engine::ComponentType type;
  type.aliases = {"org.smartfrog.sfcore.workflow.components.DoNothing"};
  type.works = true;
  auto& schema = type.schema;
  schema.sf_class = "croft.DoNothing";
  schema.type = "DoNothing";
  schema.base = "croft.Prim";
  schema.doc = "Waits for `time`, then ends with `terminationType`.";
  auto time = attribute("time", Type::duration, "until its end; absent or negative: never");
  time.bare_unit = "ms";
  time.forever = true;
  schema.attributes = {
      time,
      with_default("terminationType", Type::string, "normal", "type of its termination record"),
      with_default("message", Type::string, "", "description of its termination record"),
  };
  type.make = [] { return std::make_unique<DoNothing>(); };
  return type;
}

}  // namespace croft::components
