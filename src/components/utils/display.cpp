// Display: a window of the reference. croft has a page instead, so it shows nothing.
#include "components/registry.h"

namespace croft::components {

using model::Type;

engine::ComponentType display_type() {
  auto kept = [](const char* name, Type type) {
    return attribute(name, type, "kept for old descriptions");
  };
  return type_of("Display", "A window of old descriptions: shows nothing, croft has a page.",
                 {with_default("nameDisplay", Type::string, "", "the title it had"),
                  kept("positionDisplay", Type::string), kept("widthDisplay", Type::integer),
                  kept("heightDisplay", Type::integer), kept("fontSize", Type::integer),
                  kept("screenEditable", Type::boolean), kept("redirectStd", Type::boolean),
                  kept("textInitial", Type::string), kept("extraParams", Type::any)},
                 [] { return std::make_unique<engine::Component>(); });
}

}  // namespace croft::components
