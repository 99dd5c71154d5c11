#include "cli/variables.h"

#include <cstdlib>

namespace croft::cli {
namespace {

class Named {
 public:
  void component(const model::Component& component, int depth) {
    auto from = component.string("from"), name = component.string("name");
    if (from && name && *from == "ENV") add(*name);
    for (const auto& attribute : component.attributes()) value(attribute.value, component, depth);
  }
  std::map<std::string, std::string> found;

 private:
  static constexpr int deepest = 1000;

  void add(const std::string& name) {
    if (const char* text = std::getenv(name.c_str())) found.emplace(name, text);
  }
  void value(const model::Value& value, const model::Component& holder, int depth) {
    if (depth > deepest) return;
    if (auto* link = value.get<std::shared_ptr<const model::Reference>>()) {
      for (const model::Part& part : (*link)->parts)
        if (part.kind == model::Part::Kind::env_property ||
            part.kind == model::Part::Kind::ienv_property)
          add(part.name);
    } else if (auto* list = value.get<model::Vector>()) {
      for (const auto& item : *list) this->value(item, holder, depth + 1);
    } else if (auto* call = value.get<model::Call>(); call && call->body) {
      component(*call->body, depth + 1);
    } else if (auto child = value.as_component(); child && child->parent() == &holder) {
      component(*child, depth + 1);
    }
  }
};

}  // namespace

std::map<std::string, std::string> named_variables(const model::Component& root) {
  Named named;
  named.component(root, 0);
  return std::move(named.found);
}

}  // namespace croft::cli
