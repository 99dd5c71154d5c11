// Attribute: sets, replaces or removes an attribute of another component while it runs.
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class SetAttribute : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto target = CO_TRY(context.component_or_null("ofComponent"));
    std::string path = CO_TRY(context.path_of(target));
    std::string name = CO_TRY(context.string("attributeName"));
    CO_TRY(context.set_of_other(path, name, CO_TRY(context.value_if("value"))));
    co_return context.done(
        model::TerminationRecord::normal(context.path(), name + " of " + path + " was changed"));
  }
};

}  // namespace

engine::ComponentType attribute_type() {
  auto type =
      work_type("Attribute", "Sets an attribute of another component while it runs, or removes it.",
                {required("ofComponent", Type::any, "LAZY link to the component"),
                 required("attributeName", Type::string, "which attribute"),
                 attribute("value", Type::any, "its new value; absent: it is removed")},
                [] { return std::make_unique<SetAttribute>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.components.Attribute"};
  return type;
}

}  // namespace croft::components
