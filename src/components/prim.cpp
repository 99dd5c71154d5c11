// Prim: a component without children; the base of all types. Its attributes are those of the
// engine.
#include "components/registry.h"

namespace croft::components {

using model::Type;

engine::ComponentType prim_type() {
  engine::ComponentType type;
  type.aliases = {"org.smartfrog.sfcore.prim.PrimImpl"};
  auto& schema = type.schema;
  schema.sf_class = "croft.Prim";
  schema.type = "Prim";
  schema.doc = "A component that does nothing by itself: others extend it, or hang values on it.";
  auto unchanged = [](model::AttributeSchema attribute) {
    attribute.change = model::Change::update;
    return attribute;
  };
  auto delay = unchanged(
      attribute("sfLivenessDelay", Type::number,
                "seconds between liveness checks; 0: none; inherited from above, else 15"));
  delay.least = 0;
  auto factor =
      unchanged(attribute("sfLivenessFactor", Type::integer,
                          "checks in a row without an answer that are borne; inherited, else 2"));
  factor.least = 1;
  schema.attributes = {
      unchanged(required("sfClass", Type::string, "the native class that runs it")),
      delay,
      factor,
      unchanged(with_default("sfShouldTerminate", Type::boolean, false,
                             "end normally when its work is done")),
      unchanged(attribute("sfShouldTerminateQuietly", Type::boolean,
                          "end when its work is done, without telling the parent")),
      unchanged(
          attribute("sfShouldDetach", Type::boolean, "leave the parent when its work is done")),
      unchanged(attribute("sfUpdatable", Type::boolean,
                          "its attributes may change while it runs; else it is replaced")),
      unchanged(attribute("sfDeployerClass", Type::string,
                          "a deployer class of the reference; all mean the usual place")),
      unchanged(
          attribute("sfProcessHost", Type::any, "where it runs: this machine's name or address")),
      unchanged(attribute("sfProcessName", Type::any,
                          "kept for old descriptions; croft has one process")),
      unchanged(attribute("sfProcessComponentName", Type::string, "a name for it at the root")),
      unchanged(attribute("dependsOn", Type::vector,
                          "links to components that run before it starts, and end after it")),
      unchanged(attribute("protect", Type::boolean, "refuses to be destroyed")),
      unchanged(attribute("keep", Type::boolean, "what it rents stays on `down`, listed as kept")),
      unchanged(attribute("renamedFrom", Type::string, "the path under which it ran before")),
      unchanged(attribute("acceptSpof", Type::any,
                          "a single point of failure taken on knowingly: reason and date")),
      unchanged(attribute("expect", Type::any, "expected use, for prices")),
      unchanged(attribute("drift", Type::string, "what to do when reality differs")),
  };
  schema.attributes.back().choices = {"REPAIR", "REPORT", "ACCEPT"};
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

}  // namespace croft::components
