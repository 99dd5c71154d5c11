// EmbeddedFarm and Account: what an application expects of croft's own farm. Read from the file's
// top level by the controller, before the application goes up; they are not run.
#include <fmt/format.h>

#include "components/registry.h"

namespace croft::components {

using model::Type;

engine::ComponentType embedded_farm_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  auto& schema = type.schema;
  schema.sf_class = "croft.EmbeddedFarm";
  schema.type = "EmbeddedFarm";
  schema.doc = "What the application expects of the embedded farm; ignored on other farms.";
  schema.attributes = {
      required("sfClass", Type::string, "the native class that reads it"),
      attribute("accounts", Type::any, "components of the type Account"),
      attribute("images", Type::any, "image ids that stand for the built-in image, by any name"),
      attribute("quotas", Type::any,
                "limits of accounts that have none of their own: instances, buckets"),
  };
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

engine::ComponentType account_type() {
  engine::ComponentType type;
  auto& schema = type.schema;
  schema.sf_class = "croft.Account";
  schema.type = "Account";
  schema.doc = "An account of the embedded farm with its access key.";
  auto key = required("key", Type::string, "its secret key");
  key.secret = true;
  auto instances = attribute("instances", Type::integer, "quota: instances at once");
  instances.least = 0;
  auto buckets = attribute("buckets", Type::integer, "quota: buckets");
  buckets.least = 0;
  schema.attributes = {
      required("sfClass", Type::string, "the native class that reads it"),
      required("id", Type::string, "its access key id"),
      key,
      attribute("accountId", Type::string, "twelve digits; else made by the farm"),
      attribute("name", Type::string, "display name; else the attribute's name"),
      instances,
      buckets,
  };
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}

}  // namespace croft::components
