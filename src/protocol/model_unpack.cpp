// JSON -> model, the lossless form. What it reads comes from the store or a socket: every shape is
// checked, depth is bounded, errors name the JSON path.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "protocol/json_model.h"

namespace croft::protocol {
namespace {

using wire::json::Array;
using wire::json::Object;
using JsonValue = wire::json::Value;

constexpr int64_t format_known = 1;

std::optional<model::Part::Kind> part_kind(std::string_view word) {
  using Kind = model::Part::Kind;
  static constexpr std::pair<std::string_view, Kind> words[] = {
      {"here", Kind::here},        {"attrib", Kind::attrib},      {"parent", Kind::parent},
      {"root", Kind::root},        {"self", Kind::self},          {"process", Kind::process},
      {"host", Kind::host},        {"property", Kind::property},  {"iproperty", Kind::iproperty},
      {"env", Kind::env_property}, {"ienv", Kind::ienv_property}, {"constant", Kind::constant},
  };
  for (const auto& [name, kind] : words)
    if (name == word) return kind;
  return std::nullopt;
}

template <class Number>
std::optional<Number> number_of(const JsonValue& value) {
  const auto* text = value.if_string();
  if (!text) return std::nullopt;
  Number out{};
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return out;
}

class Unpacker {
 public:
  explicit Unpacker(const SecretSealer* sealer) : sealer_(sealer) {}

  Result<> texts(const Object& packed);
  Result<model::Value> value(const JsonValue& json, model::Component* owner, int depth);

 private:
  Result<model::Value> special(const Object& object, model::Component* owner, int depth);
  Result<model::ComponentPtr> component(const JsonValue& json, model::Component* owner, int depth);
  Result<> attribute(const JsonValue& json, model::Component& owner, int depth);
  Result<model::Value> reference(const JsonValue& json, model::Component* owner, int depth);
  Result<model::Place> place(const JsonValue& json) const;
  Result<std::string> bytes(const JsonValue& json) const;
  std::unexpected<Error> bad(std::string_view what) const;

  const SecretSealer* sealer_;
  std::vector<std::shared_ptr<const model::SourceText>> texts_;
  std::vector<std::string> path_;  ///< names of the attributes on the way
};

std::unexpected<Error> Unpacker::bad(std::string_view what) const {
  Where where;
  where.path = join(path_, ":");
  return fail(Code::corrupt, fmt::format("a kept description cannot be read: {}", what),
              std::move(where));
}

Result<> Unpacker::texts(const Object& packed) {
  const auto* list = TRY(wire::json::array_if(packed, "texts"));
  if (!list) return {};
  if (!sealer_)
    return fail(Code::invalid_argument,
                "a kept description has sealed parts, and no key was given");
  for (const JsonValue& item : *list) {
    if (!item.is_object()) return bad("a text is not an object");
    std::string name = TRY(wire::json::string_at(item.get_object(), "name"));
    std::string sealed = TRY(wire::json::string_at(item.get_object(), "sealed"));
    Secret plain = TRY(sealer_->open(sealed));
    texts_.push_back(std::make_shared<const model::SourceText>(std::move(name), plain.reveal()));
  }
  return {};
}

Result<model::Place> Unpacker::place(const JsonValue& json) const {
  const Array* parts = json.if_array();
  if (!parts || parts->size() < 3) return bad("a place is not a list of three or four");
  auto whole = [&](size_t i) -> int64_t {
    const int64_t* number = i < parts->size() ? (*parts)[i].if_int64() : nullptr;
    return number && *number >= 0 && *number <= UINT32_MAX ? *number : -1;
  };
  if (const auto* file = (*parts)[0].if_string()) {
    if (whole(1) < 0 || whole(2) < 0 || whole(3) < 0)
      return bad("a place has a bad line, column or length");
    Where where;
    where.file = std::string(*file);
    where.line = static_cast<int>(whole(1));
    where.column = static_cast<int>(whole(2));
    where.length = static_cast<int>(whole(3));
    return model::Place(where);
  }
  int64_t text = whole(0);
  if (text < 0 || static_cast<size_t>(text) >= texts_.size() || whole(1) < 0 || whole(2) < 0)
    return bad("a place points at no text");
  const auto& source = texts_[static_cast<size_t>(text)];
  if (static_cast<uint64_t>(whole(1)) > source->text().size())
    return bad("a place points behind its text");
  return model::Place(source, static_cast<uint32_t>(whole(1)), static_cast<uint32_t>(whole(2)));
}

Result<std::string> Unpacker::bytes(const JsonValue& json) const {
  const auto* text = json.if_string();
  std::optional<std::string> plain = text ? unbase64(*text) : std::nullopt;
  if (!plain) return bad("bytes are not base64");
  return std::move(*plain);
}

Result<model::Value> Unpacker::value(const JsonValue& json, model::Component* owner, int depth) {
  if (depth > depth_max) return bad(fmt::format("it nests deeper than {} levels", depth_max));
  if (json.is_null()) return model::Value();
  if (const bool* truth = json.if_bool()) return model::Value(*truth);
  if (const int64_t* number = json.if_int64()) {
    if (*number < INT32_MIN || *number > INT32_MAX) return bad("an int is out of range");
    return model::Value(static_cast<int32_t>(*number));
  }
  if (const auto* text = json.if_string()) return model::Value(std::string(*text));
  if (const Array* list = json.if_array()) {
    model::Vector out;
    for (const JsonValue& item : *list) out.push_back(TRY(value(item, owner, depth + 1)));
    return model::Value(std::move(out));
  }
  if (const Object* object = json.if_object()) return special(*object, owner, depth);
  return bad("a number is neither an int nor marked");
}

Result<model::Value> Unpacker::special(const Object& object, model::Component* owner, int depth) {
  if (object.size() != 1) return bad("a marked value has not exactly one member");
  std::string_view mark = object.begin()->key();
  const JsonValue& inner = object.begin()->value();
  if (mark == "$component") {
    if (inner.is_null()) return model::Value(model::ComponentPtr());
    return model::Value(TRY(component(inner, owner, depth + 1)));
  }
  if (mark == "$ref") return reference(inner, owner, depth);
  if (mark == "$tbd") return model::Value(model::ToBeDefined{});
  if (mark == "$bytes") return model::Value(model::ByteArray{TRY(bytes(inner))});
  if (mark == "$text") return model::Value(TRY(bytes(inner)));
  if (mark == "$long")
    if (auto number = number_of<int64_t>(inner)) return model::Value(*number);
  if (mark == "$float")
    if (auto number = number_of<float>(inner)) return model::Value(*number);
  if (mark == "$double")
    if (auto number = number_of<double>(inner)) return model::Value(*number);
  if (mark == "$decimal")
    if (auto number = number_of<double>(inner)) return model::Value::decimal(*number);
  if (mark == "$call") {
    if (!inner.is_object()) return bad("a call is not an object");
    model::Call call;
    call.assertion = TRY(wire::json::bool_or(inner.get_object(), "assertion", false));
    if (const JsonValue* body = inner.get_object().if_contains("body"))
      call.body = TRY(component(*body, owner, depth + 1));
    return model::Value(std::move(call));
  }
  if (mark == "$redacted")
    return fail(Code::invalid_argument,
                "a secret was left out when this was written; it cannot be read back");
  return bad(fmt::format("'{}' is not known, or its value is wrong", printable(mark)));
}

Result<model::Value> Unpacker::reference(const JsonValue& json, model::Component* owner,
                                         int depth) {
  if (!json.is_object()) return bad("a reference is not an object");
  const Object& object = json.get_object();
  auto out = std::make_shared<model::Reference>();
  for (const JsonValue& item : *TRY(wire::json::array_at(object, "parts"))) {
    if (!item.is_object()) return bad("a part of a reference is not an object");
    auto kind = part_kind(TRY(wire::json::string_at(item.get_object(), "kind")));
    if (!kind) return bad("a part of a reference has an unknown kind");
    out->parts.push_back({*kind, TRY(wire::json::string_or(item.get_object(), "name", ""))});
  }
  out->lazy = TRY(wire::json::bool_or(object, "lazy", false));
  out->data = TRY(wire::json::bool_or(object, "data", false));
  out->optional = TRY(wire::json::bool_or(object, "optional", false));
  if (const JsonValue* fallback = object.if_contains("fallback"))
    out->fallback = TRY(value(*fallback, owner, depth + 1));
  return model::Value(std::shared_ptr<const model::Reference>(std::move(out)));
}

Result<> Unpacker::attribute(const JsonValue& json, model::Component& owner, int depth) {
  if (!json.is_object()) return bad("an attribute is not an object");
  const Object& object = json.get_object();
  path_.push_back(TRY(wire::json::string_at(object, "name")));
  const JsonValue* stored = object.if_contains("value");
  if (!stored) return bad("an attribute has no value");
  bool secret = TRY(wire::json::bool_or(object, "secret", false));
  model::Value read;
  const Object* wrapped = stored->if_object();
  if (const JsonValue* sealed = wrapped ? wrapped->if_contains("$sealed") : nullptr;
      secret && sealed) {
    if (!sealer_)
      return fail(Code::invalid_argument,
                  "a kept description has sealed parts, and no key was given");
    if (!sealed->is_string()) return bad("a sealed value is not text");
    Secret plain = TRY(sealer_->open(sealed->get_string()));
    JsonValue inner = TRY(wire::json::parse(plain.reveal(), "a sealed value", packed_limits));
    read = TRY(value(inner, &owner, depth));
  } else {
    read = TRY(value(*stored, &owner, depth));
  }
  model::Place where;
  if (const JsonValue* at = object.if_contains("at")) where = TRY(place(*at));
  std::vector<std::string> tags;
  if (object.contains("tags")) tags = TRY(wire::json::strings_at(object, "tags"));
  model::Attribute& made = owner.append(path_.back(), std::move(read), where);
  made.secret = secret;
  made.tags = std::move(tags);
  path_.pop_back();
  return {};
}

Result<model::ComponentPtr> Unpacker::component(const JsonValue& json, model::Component* owner,
                                                int depth) {
  if (!json.is_object()) return bad("a component is not an object");
  if (depth > depth_max) return bad(fmt::format("it nests deeper than {} levels", depth_max));
  const Object& object = json.get_object();
  model::ComponentPtr out = model::Component::make();
  out->eager = !TRY(wire::json::bool_or(object, "lazy", false));
  if (owner && !TRY(wire::json::bool_or(object, "loose", false))) out->set_parent(owner);
  if (object.contains("types")) out->supertypes = TRY(wire::json::strings_at(object, "types"));
  if (const JsonValue* at = object.if_contains("at")) out->where = TRY(place(*at));
  std::set<std::string> seen;
  for (const JsonValue& item : *TRY(wire::json::array_at(object, "attributes"))) {
    TRY(attribute(item, *out, depth + 1));
    if (!seen.insert(out->attributes().back().name).second)
      return bad("an attribute stands there twice");
  }
  return out;
}

Result<> check_format(const Object& packed) {
  int64_t format = TRY(wire::json::int_at(packed, "format"));
  if (format == format_known) return {};
  return fail(Error(Code::unsupported,
                    fmt::format("a description kept in format {}, this croft reads format {}",
                                format, format_known))
                  .hint("use the croft that wrote it, or a later one"));
}

Result<model::Value> unpack_with(Unpacker& unpacker, const Object& packed) {
  TRY(check_format(packed));
  TRY(unpacker.texts(packed));
  const JsonValue* value = packed.if_contains("value");
  if (!value) return fail(Code::corrupt, "a kept description cannot be read: 'value' is missing");
  return unpacker.value(*value, nullptr, 0);
}

}  // namespace

Result<model::Value> unpack_value(const Object& packed, const SecretSealer* sealer) {
  Unpacker unpacker(sealer);
  return unpack_with(unpacker, packed);
}

Result<model::ComponentPtr> unpack_component(const Object& packed, const SecretSealer* sealer) {
  model::Value value = TRY(unpack_value(packed, sealer));
  model::ComponentPtr out = value.as_component();
  if (!out) return fail(Code::corrupt, "a kept description cannot be read: it is not a component");
  return out;
}

Result<model::Description> unpack_description(const Object& packed, const SecretSealer* sealer) {
  Unpacker unpacker(sealer);
  model::Description out;
  out.root = TRY(unpack_with(unpacker, packed)).as_component();
  out.file = TRY(wire::json::string_at(packed, "file"));
  out.digest = TRY(wire::json::string_at(packed, "digest"));
  const JsonValue* config = packed.if_contains("config");
  if (!config || config->is_null()) return out;
  const Array* path = config->if_array();
  if (!path) {
    out.config = TRY(unpacker.value(*config, nullptr, 0)).as_component();
    return out;
  }
  out.config = out.root;
  for (const JsonValue& name : *path) {
    if (!out.config || !name.is_string()) break;
    out.config = out.config->component(std::string_view(name.get_string()));
  }
  if (!out.config)
    return fail(Code::corrupt, "a kept description cannot be read: its sfConfig is not in it");
  return out;
}

}  // namespace croft::protocol
