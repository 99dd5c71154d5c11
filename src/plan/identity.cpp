// What a component is, as a digest: a change of it means another component.
#include <fmt/format.h>

#include "base/digest.h"
#include "model/limits.h"
#include "plan/plan.h"

namespace croft::plan {
namespace {

constexpr int depth_limit = model::deployed_levels_max;

void put(std::string& into, const model::Value& value, int depth) {
  into += fmt::format("{}:", static_cast<int>(value.kind()));
  if (auto* text = value.get<std::string>()) into += *text;
  if (auto number = value.as_number()) into += fmt::format("{}", *number);
  if (auto* flag = value.get<bool>()) into += *flag ? "t" : "f";
  if (auto* bytes = value.get<model::ByteArray>()) into += hex(bytes->bytes);
  if (auto* reference = value.get<std::shared_ptr<const model::Reference>>())
    into += (*reference)->text();
  if (auto* vector = value.get<model::Vector>())
    for (const auto& item : *vector) put(into, item, depth + 1);
  if (auto component = value.as_component(); component && depth < depth_limit)
    for (const auto& attribute : component->attributes()) {
      into += attribute.name + "=";
      put(into, attribute.value, depth + 1);
    }
  into += ";";
}
}  // namespace

std::string identity_of(const model::Component& component, const TypeFacts& facts) {
  std::string text = facts.name + "|";
  for (const std::string& name : facts.identity) {
    text += name + "=";
    if (const auto* attribute = component.find(name)) put(text, attribute->value, 0);
  }
  // A workflow is what its actions are. What runs on machines that it rents can change on them.
  bool is_workflow = facts.actions && facts.rents.empty();
  for (const auto& attribute : component.attributes())
    if (auto child = attribute.value.as_component(); is_workflow && child && child->eager) {
      text += attribute.name + "=";
      put(text, attribute.value, 0);
    }
  return sha256_hex(text).substr(0, 32);
}

std::string digest_of(const model::Value& value) {
  std::string text;
  put(text, value, 0);
  return sha256_hex(text).substr(0, 32);
}

}  // namespace croft::plan
