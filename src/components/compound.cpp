// Compound: deploys what is in it, parents first; ends with the first child that ends.
#include "components/registry.h"

namespace croft::components {

using model::Type;

engine::ComponentType compound_type() {
  engine::ComponentType type;
  type.aliases = {"org.smartfrog.sfcore.compound.CompoundImpl"};
  type.compound = true;
  auto& schema = type.schema;
  schema.sf_class = "croft.Compound";
  schema.type = "Compound";
  schema.base = "croft.Prim";
  schema.container = true;
  schema.doc =
      "Holds components: they start side by side, in the order that their links ask for. The end "
      "of any "
      "child ends it, with the child's termination record.";
  auto unchanged = [](model::AttributeSchema attribute) {
    attribute.change = model::Change::update;
    return attribute;
  };
  auto most = unchanged(attribute("maxInstances", Type::integer,
                                  "of sfConfig: never rent more instances for this application"));
  most.least = 0;
  auto lifetime = unchanged(attribute(
      "lifetime", Type::duration, "of sfConfig: the application removes itself after this time"));
  lifetime.bare_unit = "s";
  schema.attributes = {
      unchanged(with_default("sfSyncTerminate", Type::boolean, false,
                             "children end one after another, the last first")),
      most,
      lifetime,
      unchanged(attribute("owner", Type::string,
                          "of sfConfig: value of the tag croft:owner on all that is rented")),
      unchanged(attribute("budget", Type::money,
                          "of sfConfig: what it may cost, such as \"$200/month\"")),
  };
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

}  // namespace croft::components
