// Model values for people: plain JSON that loses types and keeps secrets hidden.
#include "base/text.h"
#include "protocol/json_model.h"

namespace croft::protocol {

wire::json::Value display(const model::Value& value, int levels) {
  using Kind = model::Value::Kind;
  switch (value.kind()) {
    case Kind::null:
      return nullptr;
    case Kind::boolean:
      return *value.get<bool>();
    case Kind::integer:
      return *value.get<int32_t>();
    case Kind::long_integer:
      return *value.get<int64_t>();
    case Kind::single:
      return static_cast<double>(*value.get<float>());
    case Kind::real:
      return *value.get<double>();
    case Kind::string:
      return wire::json::Value(*value.get<std::string>());
    case Kind::bytes:
      return wire::json::Value(base64(value.get<model::ByteArray>()->bytes));
    case Kind::vector: {
      wire::json::Array out;
      if (levels > 0)
        for (const model::Value& item : *value.get<model::Vector>())
          out.push_back(display(item, levels - 1));
      return out;
    }
    case Kind::reference:
      return wire::json::Value((*value.get<std::shared_ptr<const model::Reference>>())->text());
    case Kind::call:
      return wire::json::Value(value.get<model::Call>()->assertion ? "LAZY ASSERT" : "LAZY APPLY");
    case Kind::tbd:
      return wire::json::Value("TBD");
    case Kind::component: {
      const auto& child = *value.get<model::ComponentPtr>();
      return child && levels > 0 ? display(*child, levels - 1) : wire::json::Object();
    }
  }
  return nullptr;
}

wire::json::Object display(const model::Component& component, int levels) {
  wire::json::Object out;
  for (const model::Attribute& attribute : component.attributes())
    out[attribute.name] =
        attribute.secret ? wire::json::Value("***") : display(attribute.value, levels);
  return out;
}

}  // namespace croft::protocol
