// AmazonMachineImage: the id of an image, to link to from where machines are described.
#include "components/registry.h"

namespace croft::components {

using model::Type;

engine::ComponentType amazon_machine_image_type() {
  return type_of("AmazonMachineImage", "An image: others link to its imageID.",
                 {required("imageID", Type::string, "its id: \"ami-...\""),
                  attribute("description", Type::string, "for people")},
                 [] { return std::make_unique<engine::Component>(); });
}

}  // namespace croft::components
