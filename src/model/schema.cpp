#include "model/schema.h"

#include <fmt/format.h>

#include <algorithm>

namespace croft::model {

AttributeSchema::AttributeSchema(const AttributeSchema&) = default;
AttributeSchema::AttributeSchema(AttributeSchema&&) noexcept = default;
AttributeSchema& AttributeSchema::operator=(const AttributeSchema&) = default;
AttributeSchema& AttributeSchema::operator=(AttributeSchema&&) noexcept = default;
AttributeSchema::~AttributeSchema() = default;

ComponentSchema::ComponentSchema(const ComponentSchema&) = default;
ComponentSchema::ComponentSchema(ComponentSchema&&) noexcept = default;
ComponentSchema& ComponentSchema::operator=(const ComponentSchema&) = default;
ComponentSchema& ComponentSchema::operator=(ComponentSchema&&) noexcept = default;
ComponentSchema::~ComponentSchema() = default;

std::string_view name_of(Type type) {
  switch (type) {
    case Type::any:
      return "any value";
    case Type::boolean:
      return "boolean";
    case Type::integer:
      return "whole number";
    case Type::number:
      return "number";
    case Type::string:
      return "string";
    case Type::duration:
      return "duration";
    case Type::bytes:
      return "size";
    case Type::money:
      return "amount of money";
    case Type::vector:
      return "vector";
    case Type::strings:
      return "vector of strings";
    case Type::component:
      return "component";
    case Type::components:
      return "component that holds components";
    case Type::link:
      return "link";
  }
  return "value";
}

std::string_view name_of(Change change) {
  switch (change) {
    case Change::update:
      return "update";
    case Change::replace:
      return "replace";
    case Change::none:
      return "none";
  }
  return "none";
}

void SchemaSet::add(ComponentSchema schema) {
  std::string key = schema.sf_class;
  auto& slot = by_class_[key];
  if (slot)
    *slot = std::move(schema);
  else
    slot = std::make_unique<ComponentSchema>(std::move(schema));
}

const ComponentSchema* SchemaSet::find(std::string_view sf_class) const {
  auto found = by_class_.find(sf_class);
  return found == by_class_.end() ? nullptr : found->second.get();
}

std::vector<std::string> SchemaSet::classes() const {
  std::vector<std::string> out;
  for (const auto& [name, schema] : by_class_) out.push_back(name);
  return out;
}

const AttributeSchema* SchemaSet::attribute(const ComponentSchema& schema,
                                            std::string_view name) const {
  for (const AttributeSchema* each : attributes(schema))
    if (each->name == name) return each;
  return nullptr;
}

std::vector<const AttributeSchema*> SchemaSet::attributes(const ComponentSchema& schema) const {
  constexpr int longest_chain = 20;  // a base that names itself must not hang us
  std::vector<const AttributeSchema*> out;
  const ComponentSchema* at = &schema;
  for (int hops = 0; at && hops < longest_chain; ++hops) {
    for (const auto& attribute : at->attributes) {
      bool known = std::any_of(out.begin(), out.end(), [&](const AttributeSchema* each) {
        return each->name == attribute.name;
      });
      if (!known) out.push_back(&attribute);
    }
    at = at->base.empty() ? nullptr : find(at->base);
  }
  return out;
}

Result<Duration> duration_of(const Value& value, std::string_view bare_unit, bool forever) {
  std::string text;
  if (auto* written = value.get<std::string>())
    text = *written;
  else if (auto number = value.as_number())
    text = fmt::format("{}", *number);
  else
    return fail(Code::type_mismatch,
                fmt::format("a duration such as \"30s\" is needed, not {}", value.kind_name()));
  auto out = Duration::parse(text, bare_unit);
  if (!out || *out >= Duration{}) return out;
  if (forever) return Duration::forever();
  return fail(Code::invalid_argument,
              fmt::format("a duration is at least 0, and this is {}", text));
}

Result<> Findings::result() const {
  if (errors.empty()) return {};
  Error first = errors.front();
  first.others.insert(first.others.end(), errors.begin() + 1, errors.end());
  return fail(std::move(first));
}

}  // namespace croft::model
