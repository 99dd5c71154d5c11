// How deep a description nests: beyond a bound it could not travel to a controller, or be kept.
#include <fmt/format.h>

#include "lang/check/schema.h"
#include "model/limits.h"

namespace croft::lang {
namespace {

class Levels {
 public:
  explicit Levels(model::Findings& findings) : findings_(findings) {}

  void component(const model::Component& component, int level) {
    for (const auto& attribute : component.attributes())
      value(attribute.value, component,
            attribute.where.known() ? Where(attribute.where) : Where(component.where), level + 1);
  }

 private:
  void value(const model::Value& value, const model::Component& holder, const Where& where,
             int level) {
    if (told_) return;
    auto child = value.as_component();
    if (child && child->parent() != &holder) return;  // seen where it stands
    const auto* list = value.get<model::Vector>();
    if (!child && !list) return;
    if (level > model::deployed_levels_max) return tell(holder, where);
    if (list)
      for (const auto& item : *list) this->value(item, holder, where, level + 1);
    if (child) component(*child, level);
  }

  void tell(const model::Component& holder, const Where& where) {
    told_ = true;
    Error error(Code::resource_exhausted,
                fmt::format("more than {} components and lists stand in each other",
                            model::deployed_levels_max),
                where);
    error.where.path = holder.path();
    findings_.errors.push_back(std::move(error));
  }

  model::Findings& findings_;
  bool told_ = false;
};

}  // namespace

void check_levels(const model::Component& root, model::Findings& findings) {
  Levels(findings).component(root, -1);
}

}  // namespace croft::lang
