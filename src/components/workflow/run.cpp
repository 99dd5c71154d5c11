// Run and DetachingCompound: what is deployed lives on without its maker.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Run : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string name = CO_TRY(context.string_or("asName", ""));
    if (name.empty()) name = CO_TRY(context.string_or("newComponentName", ""));
    if (name.empty()) name = "1_runActionRunning";
    Result<> up = co_await context.deploy_action(name, "action");
    if (up) up = co_await context.start_action(name);
    if (!up) {
      if (up.error().code == Code::cancelled) co_return up;
      auto record = TerminationRecord::abnormal(context.path(), "it could not be brought up",
                                                up.error().line());
      CO_TRY(co_await context.end_action(name, record));
      context.end(std::move(record));
      co_return Result<>{};
    }
    context.detach(context.path() + ":" + name);
    co_return context.done(TerminationRecord::normal(context.path(), name + " runs"));
  }
};

class DetachingCompound : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.boolean_or("detachUpwards", true))) context.detach(context.path());
    if (!CO_TRY(context.boolean_or("detachDownwards", true))) co_return Result<>{};
    for (const std::string& name : context.children()) context.detach(context.path() + ":" + name);
    if (CO_TRY(context.boolean_or("autoDestruct", true)))
      context.end_quietly(
          TerminationRecord::normal(context.path(), "its children are on their own"));
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType run_type() {
  auto type = action_type(
      "Run",
      "Deploys `action` so that it lives on by itself, as long as the application does, and ends.",
      {required("action", Type::component, "what is run"),
       attribute("asName", Type::string, "its name"),
       attribute("newComponentName", Type::string, "its name"),
       attribute("parent", Type::any, "kept for old descriptions"),
       attribute("newComponentParent", Type::any, "kept for old descriptions"),
       attribute("newComponentDeployer", Type::any, "kept for old descriptions"),
       with_default("sfShouldTerminate", Type::boolean, true, "end once it runs")},
      [] { return std::make_unique<Run>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.components.Run"};
  return type;
}

engine::ComponentType detaching_compound_type() {
  engine::ComponentType type;
  type.compound = type.works = true;
  type.schema.sf_class = "croft.DetachingCompound";
  type.schema.type = "DetachingCompound";
  type.schema.base = "croft.Compound";
  type.schema.container = true;
  type.schema.doc =
      "Detaches itself from its parent, and its children from itself, when it starts.";
  type.schema.attributes = {
      with_default("detachDownwards", Type::boolean, true, "detach the children"),
      with_default("detachUpwards", Type::boolean, true, "detach itself from its parent"),
      with_default("autoDestruct", Type::boolean, true, "end once the children are detached")};
  type.make = [] { return std::make_unique<DetachingCompound>(); };
  return type;
}

}  // namespace croft::components
