#include "components/registry.h"

namespace croft::components {

engine::Registry make_registry() {
  engine::Registry registry;
  for (auto* type :
       {prim_type, compound_type, do_nothing_type, remote_resource_type, s3_bucket_type,
        s3_file_type, image_instance_type, data_source_type, embedded_farm_type, account_type})
    registry.add(type());
  return registry;
}

const model::SchemaSet& schemas() {
  static const engine::Registry registry = make_registry();
  return registry.schemas();
}

model::AttributeSchema attribute(std::string name, model::Type type, std::string doc) {
  model::AttributeSchema out;
  out.name = std::move(name);
  out.type = type;
  out.doc = std::move(doc);
  return out;
}

model::AttributeSchema required(std::string name, model::Type type, std::string doc) {
  auto out = attribute(std::move(name), type, std::move(doc));
  out.required = true;
  return out;
}

model::AttributeSchema with_default(std::string name, model::Type type, model::Value fallback,
                                    std::string doc) {
  auto out = attribute(std::move(name), type, std::move(doc));
  out.fallback = std::move(fallback);
  return out;
}

}  // namespace croft::components
