#include "model/value.h"

#include "model/component.h"
#include "model/text.h"

namespace croft::model {

Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

std::optional<int64_t> Value::as_integer() const {
  if (auto* narrow = get<int32_t>()) return *narrow;
  if (auto* wide = get<int64_t>()) return *wide;
  return std::nullopt;
}

std::optional<double> Value::as_number() const {
  if (auto whole = as_integer()) return static_cast<double>(*whole);
  if (auto* single = get<float>()) return *single;
  if (auto* real = get<double>()) return *real;
  return std::nullopt;
}

ComponentPtr Value::as_component() const {
  auto* component = get<ComponentPtr>();
  return component ? *component : nullptr;
}

std::string_view Value::kind_name() const {
  return model::kind_name(kind());
}

std::string_view kind_name(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "boolean";
    case Value::Kind::integer:
      return "int";
    case Value::Kind::long_integer:
      return "long";
    case Value::Kind::single:
      return "float";
    case Value::Kind::real:
      return "double";
    case Value::Kind::string:
      return "string";
    case Value::Kind::bytes:
      return "byte array";
    case Value::Kind::vector:
      return "vector";
    case Value::Kind::reference:
      return "link";
    case Value::Kind::call:
      return "call";
    case Value::Kind::tbd:
      return "TBD";
    case Value::Kind::component:
      return "component";
  }
  return "value";
}

namespace {

bool same_tree(const Component& a, const Component& b) {
  if (a.eager != b.eager || a.attributes().size() != b.attributes().size()) return false;
  for (size_t i = 0; i < a.attributes().size(); ++i) {
    const Attribute& x = a.attributes()[i];
    const Attribute& y = b.attributes()[i];
    if (x.name != y.name || x.tags != y.tags || !(x.value == y.value)) return false;
  }
  return true;
}

bool same_tree(const ComponentPtr& a, const ComponentPtr& b) {
  if (a == b) return true;
  return a && b && same_tree(*a, *b);
}

}  // namespace

bool operator==(const Call& a, const Call& b) {
  return a.assertion == b.assertion && same_tree(a.body, b.body);
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (auto* left = a.get<std::shared_ptr<const Reference>>()) {
    const auto& right = *b.get<std::shared_ptr<const Reference>>();
    return *left == right || (*left && right && **left == *right);
  }
  if (auto* left = a.get<ComponentPtr>()) return same_tree(*left, *b.get<ComponentPtr>());
  return a.data_ == b.data_;
}

}  // namespace croft::model
