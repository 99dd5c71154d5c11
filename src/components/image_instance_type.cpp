// What ImageInstance takes and publishes.
#include <fmt/format.h>

#include <algorithm>

#include "components/image_instance.h"
#include "components/registry.h"

namespace croft::components {

using model::Type;

namespace {

void check_counts(const model::Component& component, std::vector<Error>& errors) {
  auto least = component.integer("minCount"), most = component.integer("maxCount");
  if (least && most && *most < *least) {
    Where where = component.find("maxCount")->where;
    where.path = "maxCount";
    errors.push_back(Error(Code::invalid_argument,
                           fmt::format("maxCount is {}, below minCount {}", *most, *least), where)
                         .hint("the farm gives between minCount and maxCount instances"));
  }
}

}  // namespace

Result<std::vector<plan::Rent>> image_instance_rents(const model::Component& component) {
  int64_t least = component.integer("minCount").value_or(1);
  return std::vector<plan::Rent>{
      {"instance", least, component.integer("maxCount").value_or(least)}};
}

namespace {
model::AttributeSchema spread() {
  auto out = with_default("spread", Type::string, "NONE",
                          "BY_ZONE: as many in each zone; one that is lost is made up for in the "
                          "zone that has the fewest");
  out.choices = {"NONE", "BY_ZONE"};
  return out;
}
model::AttributeSchema on_loss() {
  auto out = with_default("onLoss", Type::string, "END",
                          "fewer than minCount are left: END it, or REPLACE what is gone");
  out.choices = {"END", "REPLACE"};
  out.change = model::Change::update;
  return out;
}
}  // namespace

model::ComponentSchema image_instance_schema() {
  model::ComponentSchema schema;
  schema.sf_class = "croft.ImageInstance";
  schema.type = "ImageInstance";
  schema.base = "croft.Prim";
  schema.doc =
      "minCount to maxCount machines of one image, rented together, watched, and given back at the "
      "end.";
  auto count = [](std::string name, std::string doc) {
    auto out = attribute(std::move(name), Type::integer, std::move(doc));
    out.least = 1;
    return out;
  };
  auto updated = [](model::AttributeSchema out) {
    out.change = model::Change::update;
    return out;
  };
  auto published = [](std::string name, Type kind, std::string doc) {
    auto out = attribute(std::move(name), kind, std::move(doc));
    out.published = true;
    return out;
  };
  auto key =
      updated(attribute("key", Type::any, "its secret access key, or a component that gives it"));
  key.secret = true;
  schema.attributes = {
      updated(
          attribute("id", Type::string, "access key id; without it the usual AWS variables count")),
      key,
      required("imageID", Type::string, "the image they are made of: ami-..."),
      updated(
          attribute("imageDigest", Type::string,
                    "\"sha256:...\": the image carries this digest, signed, or nothing is rented")),
      updated(attribute("imageSigner", Type::string,
                        "certificate (PEM) of who signed it; else this controller's own")),
      attribute("instanceType", Type::string, "size: m1.small"),
      attribute("userData", Type::string,
                "given to each machine; run at first boot when it is a script"),
      count("minCount", "fewer than this is a failure; default 1"),
      count("maxCount", "no more than this; default minCount"),
      updated(with_default("shutdown", Type::boolean, true, "give them back at the end")),
      attribute("keyName", Type::string, "key pair for logins"),
      attribute("securityGroups", Type::strings, "names or ids of security groups"),
      attribute("tags", Type::vector, "[name, value] pairs, beside croft's own"),
      on_loss(),
      attribute("zone", Type::string, "availability zone; empty: any"),
      updated(spread()),
      updated(attribute("zones", Type::strings, "the zones meant by spread; else all of the farm")),
      attribute("instanceProfile", Type::string, "role whose temporary keys they get"),
      attribute("publicAddress", Type::boolean,
                "each gets a public address; default: as the network gives them"),
      updated(attribute("awsServer", Type::string,
                        "kept for old descriptions: the farm is chosen by --farm")),
      updated(attribute("awsServerSecure", Type::boolean, "kept for old descriptions")),
      published("instance", Type::any, "id of the first instance"),
      published("instances", Type::any, "ids of the instances"),
      published("addresses", Type::any, "their private addresses, in the same order"),
      published("publicAddresses", Type::any, "their public addresses"),
  };
  schema.rule = check_counts;
  return schema;
}

model::ComponentSchema without(model::ComponentSchema schema,
                               std::initializer_list<std::string_view> attributes) {
  std::erase_if(schema.attributes, [&](const model::AttributeSchema& each) {
    return std::ranges::find(attributes, each.name) != attributes.end();
  });
  return schema;
}

engine::ComponentType image_instance_type() {
  engine::ComponentType type;
  type.calls_farm = true;
  type.works = true;
  type.schema = image_instance_schema();
  type.make = [] { return std::make_unique<ImageInstance>(); };
  type.rents = image_instance_rents;
  return type;
}

}  // namespace croft::components
