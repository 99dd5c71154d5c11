#include "model/component.h"

#include <algorithm>

namespace croft::model {
namespace {

constexpr size_t linear_search_up_to = 16;
constexpr size_t absent = SIZE_MAX;

}  // namespace

size_t Component::position(std::string_view name) const {
  if (attributes_.size() <= linear_search_up_to) {
    for (size_t i = 0; i < attributes_.size(); ++i)
      if (attributes_[i].name == name) return i;
    return absent;
  }
  if (!index_) {
    index_ = std::make_unique<std::unordered_map<std::string, uint32_t>>();
    index_->reserve(attributes_.size());
    for (size_t i = 0; i < attributes_.size(); ++i)
      index_->emplace(attributes_[i].name, static_cast<uint32_t>(i));
  }
  auto found = index_->find(std::string(name));
  return found == index_->end() ? absent : found->second;
}

const Attribute* Component::find(std::string_view name) const {
  size_t at = position(name);
  return at == absent ? nullptr : &attributes_[at];
}

Attribute* Component::find(std::string_view name) {
  size_t at = position(name);
  return at == absent ? nullptr : &attributes_[at];
}

void Component::adopt(size_t position) {
  auto* child = attributes_[position].value.get<ComponentPtr>();
  if (!child || !*child || (*child)->parent_) return;
  (*child)->parent_ = this;
  (*child)->position_ = static_cast<uint32_t>(position);
}

Attribute& Component::set(std::string name, Value value, Place where) {
  size_t at = position(name);
  if (at == absent) return append(std::move(name), std::move(value), std::move(where));
  Attribute& slot = attributes_[at];
  if (auto old = slot.value.as_component(); old && old->parent_ == this) old->parent_ = nullptr;
  slot.value = std::move(value);
  slot.where = std::move(where);
  adopt(at);
  return slot;
}

Attribute& Component::append(std::string name, Value value, Place where) {
  if (index_) index_->emplace(name, static_cast<uint32_t>(attributes_.size()));
  attributes_.emplace_back(std::move(name), std::move(value), std::vector<std::string>(),
                           std::move(where), false);
  adopt(attributes_.size() - 1);
  return attributes_.back();
}

bool Component::remove(std::string_view name) {
  size_t at = position(name);
  if (at == absent) return false;
  if (auto old = attributes_[at].value.as_component(); old && old->parent_ == this)
    old->parent_ = nullptr;
  attributes_.erase(attributes_.begin() + static_cast<ptrdiff_t>(at));
  index_.reset();
  return true;
}

std::optional<std::string> Component::string(std::string_view name) const {
  const Attribute* found = find(name);
  const std::string* text = found ? found->value.get<std::string>() : nullptr;
  return text ? std::optional(*text) : std::nullopt;
}

std::optional<int64_t> Component::integer(std::string_view name) const {
  const Attribute* found = find(name);
  return found ? found->value.as_integer() : std::nullopt;
}

std::optional<bool> Component::boolean(std::string_view name) const {
  const Attribute* found = find(name);
  const bool* flag = found ? found->value.get<bool>() : nullptr;
  return flag ? std::optional(*flag) : std::nullopt;
}

const Vector* Component::vector(std::string_view name) const {
  const Attribute* found = find(name);
  return found ? found->value.get<Vector>() : nullptr;
}

ComponentPtr Component::component(std::string_view name) const {
  const Attribute* found = find(name);
  return found ? found->value.as_component() : nullptr;
}

std::string Component::name() const {
  if (!parent_) return "";
  const auto& siblings = parent_->attributes();
  if (position_ < siblings.size() && siblings[position_].value.as_component().get() == this)
    return siblings[position_].name;
  for (const auto& attribute : siblings)
    if (attribute.value.as_component().get() == this) return attribute.name;
  return "";
}

std::string Component::path() const {
  std::vector<std::string> names;
  for (const Component* at = this; at->parent_; at = at->parent_) names.push_back(at->name());
  std::string out;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!out.empty()) out += ':';
    out += *name;
  }
  return out;
}

ComponentPtr copy_of(const Component& component) {
  auto out = Component::make();
  out->eager = component.eager;
  out->supertypes = component.supertypes;
  out->where = component.where;
  for (const Attribute& attribute : component.attributes()) {
    Value value = attribute.value;
    if (auto inner = value.as_component(); inner && inner->parent() == &component)
      value = copy_of(*inner);
    Attribute& made = out->append(attribute.name, std::move(value), attribute.where);
    made.tags = attribute.tags;
    made.secret = attribute.secret;
  }
  return out;
}

}  // namespace croft::model
