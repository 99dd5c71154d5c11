// Model -> JSON, the lossless form.
#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "protocol/json_model.h"

namespace croft::protocol {
namespace {

using wire::json::Array;
using wire::json::Object;
using JsonValue = wire::json::Value;

std::string_view word(model::Part::Kind kind) {
  switch (kind) {
    case model::Part::Kind::here:
      return "here";
    case model::Part::Kind::attrib:
      return "attrib";
    case model::Part::Kind::parent:
      return "parent";
    case model::Part::Kind::root:
      return "root";
    case model::Part::Kind::self:
      return "self";
    case model::Part::Kind::process:
      return "process";
    case model::Part::Kind::host:
      return "host";
    case model::Part::Kind::property:
      return "property";
    case model::Part::Kind::iproperty:
      return "iproperty";
    case model::Part::Kind::env_property:
      return "env";
    case model::Part::Kind::ienv_property:
      return "ienv";
    case model::Part::Kind::constant:
      return "constant";
  }
  return "here";
}

Object wrapped(std::string_view name, JsonValue value) {
  Object out;
  out[name] = std::move(value);
  return out;
}

class Packer {
 public:
  explicit Packer(const SecretSealer* sealer) : sealer_(sealer) {}

  Result<JsonValue> value(const model::Value& value, const model::Component* owner, int depth);
  Result<Object> component(const model::Component& component, const model::Component* owner,
                           int depth);
  Result<Array> texts() const;

 private:
  Result<JsonValue> attribute(const model::Attribute& attribute, const model::Component& owner,
                              int depth);
  Result<JsonValue> reference(const model::Reference& reference, const model::Component* owner,
                              int depth);
  JsonValue place(const model::Place& place);

  const SecretSealer* sealer_;
  std::map<const model::SourceText*, size_t> index_;
  std::vector<std::shared_ptr<const model::SourceText>> texts_;
};

JsonValue Packer::place(const model::Place& place) {
  if (!sealer_) {
    Where where = place;
    return Array{JsonValue(where.file), JsonValue(where.line), JsonValue(where.column),
                 JsonValue(where.length)};
  }
  auto [it, fresh] = index_.emplace(place.source.get(), texts_.size());
  if (fresh) texts_.push_back(place.source);
  return Array{JsonValue(static_cast<int64_t>(it->second)),
               JsonValue(static_cast<int64_t>(place.offset)),
               JsonValue(static_cast<int64_t>(place.length))};
}

Result<Array> Packer::texts() const {
  Array out;
  for (const auto& text : texts_) {
    Object entry;
    entry["name"] = text->name();
    // A description may hold secrets in clear: its text is kept no other way.
    entry["sealed"] = TRY(sealer_->seal(Secret(text->text())));
    out.push_back(std::move(entry));
  }
  return out;
}

Result<JsonValue> Packer::value(const model::Value& value, const model::Component* owner,
                                int depth) {
  if (depth > depth_max)
    return fail(Code::resource_exhausted,
                fmt::format("values nest deeper than {} levels", depth_max));
  using Kind = model::Value::Kind;
  switch (value.kind()) {
    case Kind::null:
      return JsonValue(nullptr);
    case Kind::boolean:
      return JsonValue(*value.get<bool>());
    case Kind::integer:
      return JsonValue(*value.get<int32_t>());
    case Kind::long_integer:
      return JsonValue(wrapped("$long", JsonValue(std::to_string(*value.get<int64_t>()))));
    case Kind::single:
      return JsonValue(wrapped("$float", JsonValue(fmt::format("{}", *value.get<float>()))));
    case Kind::real:
      return JsonValue(wrapped(value.bare_decimal() ? "$decimal" : "$double",
                               JsonValue(fmt::format("{}", *value.get<double>()))));
    case Kind::string: {
      const std::string& text = *value.get<std::string>();
      if (valid_utf8(text)) return JsonValue(text);
      return JsonValue(wrapped("$text", JsonValue(base64(text))));
    }
    case Kind::bytes:
      return JsonValue(wrapped("$bytes", JsonValue(base64(value.get<model::ByteArray>()->bytes))));
    case Kind::vector: {
      Array out;
      for (const model::Value& item : *value.get<model::Vector>())
        out.push_back(TRY(this->value(item, owner, depth + 1)));
      return JsonValue(std::move(out));
    }
    case Kind::reference:
      return reference(**value.get<std::shared_ptr<const model::Reference>>(), owner, depth);
    case Kind::call: {
      const auto& call = *value.get<model::Call>();
      Object out;
      out["assertion"] = call.assertion;
      if (call.body) out["body"] = TRY(component(*call.body, owner, depth + 1));
      return JsonValue(wrapped("$call", std::move(out)));
    }
    case Kind::tbd:
      return JsonValue(wrapped("$tbd", JsonValue(true)));
    case Kind::component: {
      const auto& child = *value.get<model::ComponentPtr>();
      if (!child) return JsonValue(wrapped("$component", JsonValue(nullptr)));
      return JsonValue(wrapped("$component", TRY(component(*child, owner, depth + 1))));
    }
  }
  return fail(Code::internal, "a value of unknown kind");
}

Result<JsonValue> Packer::reference(const model::Reference& reference,
                                    const model::Component* owner, int depth) {
  Array parts;
  for (const model::Part& part : reference.parts) {
    Object out;
    out["kind"] = word(part.kind);
    if (!part.name.empty()) out["name"] = part.name;
    parts.push_back(std::move(out));
  }
  Object out;
  out["parts"] = std::move(parts);
  if (reference.lazy) out["lazy"] = true;
  if (reference.data) out["data"] = true;
  if (reference.optional) out["optional"] = true;
  if (!reference.fallback.is(model::Value::Kind::null))
    out["fallback"] = TRY(value(reference.fallback, owner, depth + 1));
  return JsonValue(wrapped("$ref", std::move(out)));
}

Result<JsonValue> Packer::attribute(const model::Attribute& attribute,
                                    const model::Component& owner, int depth) {
  if (!valid_utf8(attribute.name))
    return fail(Code::invalid_argument,
                fmt::format("the attribute name '{}' is not UTF-8", printable(attribute.name)));
  Object out;
  out["name"] = attribute.name;
  if (!attribute.secret) {
    out["value"] = TRY(value(attribute.value, &owner, depth));
  } else if (sealer_) {
    JsonValue plain = TRY(value(attribute.value, &owner, depth));
    out["value"] =
        wrapped("$sealed", JsonValue(TRY(sealer_->seal(Secret(wire::json::compact(plain))))));
  } else {
    out["value"] = wrapped("$redacted", JsonValue(true));
  }
  if (attribute.secret) out["secret"] = true;
  if (!attribute.tags.empty()) {
    Array tags;
    for (const std::string& tag : attribute.tags) tags.emplace_back(tag);
    out["tags"] = std::move(tags);
  }
  if (attribute.where.known()) out["at"] = place(attribute.where);
  return JsonValue(std::move(out));
}

Result<Object> Packer::component(const model::Component& component, const model::Component* owner,
                                 int depth) {
  if (depth > depth_max)
    return fail(Code::resource_exhausted,
                fmt::format("components nest deeper than {} levels", depth_max));
  Object out;
  if (!component.eager) out["lazy"] = true;
  if (owner && component.parent() != owner) out["loose"] = true;
  if (!component.supertypes.empty()) {
    Array types;
    for (const std::string& type : component.supertypes) types.emplace_back(type);
    out["types"] = std::move(types);
  }
  if (component.where.known()) out["at"] = place(component.where);
  Array attributes;
  for (const model::Attribute& one : component.attributes())
    attributes.push_back(TRY(attribute(one, component, depth + 1)));
  out["attributes"] = std::move(attributes);
  return out;
}

Result<Object> finish(const Packer& packer, JsonValue value) {
  Object out;
  out["format"] = 1;
  Array texts = TRY(packer.texts());
  if (!texts.empty()) out["texts"] = std::move(texts);
  out["value"] = std::move(value);
  return out;
}

/// Names from `root` down to `node`; nullopt when it is not inside.
std::optional<Array> path_between(const model::Component* root, const model::Component* node) {
  Array out;
  for (int depth = 0; node != root; ++depth) {
    if (!node || !node->parent() || depth > depth_max) return std::nullopt;
    out.insert(out.begin(), JsonValue(node->name()));
    node = node->parent();
  }
  return out;
}

}  // namespace

Result<Object> pack(const model::Value& value, const SecretSealer* sealer) {
  Packer packer(sealer);
  JsonValue packed = TRY(packer.value(value, nullptr, 0));
  return finish(packer, std::move(packed));
}

Result<Object> pack(const model::ComponentPtr& component, const SecretSealer* sealer) {
  return pack(model::Value(component), sealer);
}

Result<Object> pack(const model::Description& description, const SecretSealer* sealer) {
  Packer packer(sealer);
  JsonValue root = TRY(packer.value(model::Value(description.root), nullptr, 0));
  JsonValue config;
  if (description.config) {
    std::optional<Array> path;
    if (description.root) path = path_between(description.root.get(), description.config.get());
    if (path)
      config = std::move(*path);
    else
      config = TRY(packer.value(model::Value(description.config), nullptr, 0));
  }
  Object out = TRY(finish(packer, std::move(root)));
  out["file"] = description.file;
  out["digest"] = description.digest;
  out["config"] = std::move(config);
  return out;
}

}  // namespace croft::protocol
