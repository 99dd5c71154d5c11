// Checks of a resolved description against the schemas of the native component types.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "lang/check/schema.h"
#include "lang/check/words.h"
#include "lang/lang.h"
#include "model/limits.h"
#include "model/text.h"

namespace croft::lang {
namespace {

using model::AttributeSchema;
using model::Type;
using model::Value;

/// Attributes that every component may have: the engine's own words.
constexpr std::string_view engine_words[] = {"sfClass",
                                             "sfCodeBase",
                                             "sfProcessHost",
                                             "sfProcessName",
                                             "sfProcessComponentName",
                                             "sfDeployerClass",
                                             "sfExport",
                                             "sfExportPort",
                                             "sfLivenessDelay",
                                             "sfLivenessFactor",
                                             "sfSyncTerminate",
                                             "sfLog",
                                             "sfShouldTerminate",
                                             "sfShouldTerminateQuietly",
                                             "sfShouldDetach",
                                             "sfUpdatable",
                                             "sfSchemaDescription",
                                             "sfConfig"};

bool is_link(const Value& value) {
  if (auto* link = value.get<std::shared_ptr<const model::Reference>>()) return !(*link)->data;
  return value.is(Value::Kind::call);
}

/// The value as the author wrote it, where it is a name or a path; a link is made LAZY.
std::string text_of(const model::Attribute& attribute) {
  if (!attribute.where.source) return "";
  std::string_view text = attribute.where.source->text();
  text =
      text.substr(std::min<size_t>(attribute.where.offset + attribute.where.length, text.size()));
  text = trim(text.substr(0, text.find_first_of(";\n}")));
  bool name = !text.empty() && text.find_first_of("\"()[]{}#/") == std::string_view::npos &&
              printable(text) == text && !text.starts_with("extends");
  if (!name) return "";
  return (text.starts_with("LAZY ") ? "" : "LAZY ") + std::string(text);
}

class Checker {
 public:
  Checker(const model::SchemaSet& schemas, const CheckOptions& options, model::Findings& findings)
      : schemas_(schemas), options_(options), findings_(findings) {}

  void component(model::Component& component, const model::ComponentSchema& schema) {
    path_ = component.path();
    auto known = schemas_.attributes(schema);
    size_t before = findings_.errors.size();
    for (const AttributeSchema* wanted : known) one(component, schema, *wanted);
    for (const auto& attribute : component.attributes()) unknown(attribute, schema, known);
    if (schema.rule && findings_.errors.size() == before) rule(component, schema);
  }

 private:
  std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}:{}", path_, name);
  }

  Error make(Code code, std::string what, const model::Attribute& attribute) const {
    Error error(code, std::move(what), Where(attribute.where));
    error.where.path = path_of(attribute.name);
    return error;
  }

  void one(model::Component& component, const model::ComponentSchema& schema,
           const AttributeSchema& wanted) {
    model::Attribute* attribute = component.find(wanted.name);
    bool absent = !attribute || (wanted.nullable && attribute->value.is(Value::Kind::null));
    if (absent) {
      if (wanted.required && !wanted.fallback) missing(component, schema, wanted);
      return;
    }
    attribute->secret = attribute->secret || wanted.secret;
    if (wanted.published)
      findings_.warnings.push_back(
          make(Code::invalid_argument,
               fmt::format("'{}' is set by croft while it runs; what stands here is replaced",
                           wanted.name),
               *attribute));
    if (!wanted.deprecated.empty())
      findings_.warnings.push_back(make(
          Code::unsupported,
          fmt::format("'{}' is deprecated: use {}", wanted.name, wanted.deprecated), *attribute));
    if (attribute->value.is(Value::Kind::tbd)) {
      findings_.errors.push_back(make(Code::unresolved,
                                      fmt::format("'{}' is still TBD: it needs {}", wanted.name,
                                                  with_article(name_of(wanted.type))),
                                      *attribute));
      return;
    }
    if (is_link(attribute->value)) return;
    if (wanted.type == Type::any && wanted.secret) return secret(*attribute, wanted);
    value(*attribute, wanted);
  }

  /// A secret is a string, or a component that gives one.
  void secret(const model::Attribute& attribute, const AttributeSchema& wanted) {
    const Value& value = attribute.value;
    if (value.is(Value::Kind::string) || value.is(Value::Kind::component) ||
        value.is(Value::Kind::call) || value.is(Value::Kind::null))
      return;
    findings_.errors.push_back(
        make(Code::type_mismatch,
             fmt::format("'{}' must be a string or a component that gives one, but is {}",
                         wanted.name, with_article(value.kind_name())),
             attribute));
  }

  void missing(const model::Component& component, const model::ComponentSchema& schema,
               const AttributeSchema& wanted) {
    Error error(Code::not_found,
                fmt::format("'{}' needs the attribute '{}': {}",
                            schema.type.empty() ? schema.sf_class : schema.type, wanted.name,
                            wanted.doc.empty() ? with_article(name_of(wanted.type)) : wanted.doc),
                Where(component.where));
    error.where.path = path_;
    error.where.length = 0;
    std::vector<std::string> names;
    for (const auto& attribute : component.attributes()) names.push_back(attribute.name);
    std::string near = nearest(wanted.name, names);
    if (!near.empty() && likely_slip(near, wanted.name))
      error.hint(fmt::format("is '{}' meant to be '{}'?", near, wanted.name));
    else
      error.hint(fmt::format("write '{} {};' in it", wanted.name, sample_of(wanted)));
    findings_.errors.push_back(std::move(error));
  }

  void wrong(const model::Attribute& attribute, const AttributeSchema& wanted,
             std::string_view detail = "") {
    const Value& value = attribute.value;
    bool nothing_to_show =
        wanted.secret || value.is(Value::Kind::component) || value.is(Value::Kind::call);
    // A secret is not shown, not even where it is wrong.
    std::string what = nothing_to_show ? fmt::format("'{}' must be {}, but is {}", wanted.name,
                                                     with_article(name_of(wanted.type)),
                                                     with_article(value.kind_name()))
                                       : fmt::format("'{}' must be {}, but is {} ({})", wanted.name,
                                                     with_article(name_of(wanted.type)),
                                                     with_article(value.kind_name()), shown(value));
    if (!detail.empty()) what += fmt::format(": {}", detail);
    Error error = make(Code::type_mismatch, std::move(what), attribute);
    if (wanted.type == Type::string && value.as_number() && !wanted.secret)
      error.hint(fmt::format("write \"{}\"", shown(value)));
    if (wanted.type == Type::strings && value.is(Value::Kind::string))
      error.hint(fmt::format("write [{}]", shown(value)));
    if (wanted.type == Type::vector)
      if (std::string written = text_of(attribute); !written.empty())
        error.hint(fmt::format("write '{} [{}];'", wanted.name, written));
    findings_.errors.push_back(std::move(error));
  }

  void value(const model::Attribute& attribute, const AttributeSchema& wanted) {
    const Value& value = attribute.value;
    switch (wanted.type) {
      case Type::any:
        return;
      case Type::boolean:
        if (!value.is(Value::Kind::boolean)) wrong(attribute, wanted);
        return;
      case Type::integer:
        if (!value.as_integer()) return wrong(attribute, wanted);
        return range(attribute, wanted);
      case Type::number:
        if (!value.as_number()) return wrong(attribute, wanted);
        return range(attribute, wanted);
      case Type::string:
        if (!value.is(Value::Kind::string)) return wrong(attribute, wanted);
        return choice(attribute, wanted);
      case Type::duration:
        return duration(attribute, wanted);
      case Type::bytes:
        return bytes(attribute, wanted);
      case Type::money:
        return money(attribute, wanted);
      case Type::vector:
        if (!value.is(Value::Kind::vector)) wrong(attribute, wanted);
        return;
      case Type::strings:
        return strings(attribute, wanted);
      case Type::component:
        if (!value.is(Value::Kind::component)) wrong(attribute, wanted);
        return;
      case Type::components:
        if (!value.is(Value::Kind::component) && !value.is(Value::Kind::vector))
          wrong(attribute, wanted);
        return;
      case Type::link:
        if (!value.is(Value::Kind::component))
          wrong(attribute, wanted, "a link is written 'LAZY name'");
        return;
    }
  }

  void range(const model::Attribute& attribute, const AttributeSchema& wanted) {
    double number = *attribute.value.as_number();
    if (wanted.least && number < *wanted.least)
      findings_.errors.push_back(make(Code::invalid_argument,
                                      fmt::format("'{}' is {}; {} is the least", wanted.name,
                                                  shown(attribute.value), *wanted.least),
                                      attribute));
    else if (wanted.most && number > *wanted.most)
      findings_.errors.push_back(make(Code::invalid_argument,
                                      fmt::format("'{}' is {}; {} is the most", wanted.name,
                                                  shown(attribute.value), *wanted.most),
                                      attribute));
  }

  void choice(const model::Attribute& attribute, const AttributeSchema& wanted) {
    const std::string& word = *attribute.value.get<std::string>();
    if (wanted.choices.empty() ||
        std::find(wanted.choices.begin(), wanted.choices.end(), word) != wanted.choices.end())
      return;
    std::vector<std::string> quoted;
    for (const auto& each : wanted.choices) quoted.push_back("\"" + each + "\"");
    Error error = make(Code::invalid_argument,
                       fmt::format("'{}' cannot be \"{}\"; it is one of {}", wanted.name,
                                   printable(word), join(quoted, ", ")),
                       attribute);
    if (std::string hint = did_you_mean(word, wanted.choices); !hint.empty())
      error.hint(std::move(hint));
    findings_.errors.push_back(std::move(error));
  }

  template <class Parsed>
  void text_form(const model::Attribute& attribute, const AttributeSchema& wanted,
                 const Result<Parsed>& parsed) {
    if (!parsed) wrong(attribute, wanted, parsed.error().what);
  }

  void duration(const model::Attribute& attribute, const AttributeSchema& wanted) {
    const Value& value = attribute.value;
    bool text = value.is(Value::Kind::string);
    if (!text && !value.as_number())
      return wrong(attribute, wanted, "write \"250ms\", \"1.5s\", \"2h\"");
    if (!text && wanted.bare_unit.empty())
      return wrong(attribute, wanted, "it needs a unit: \"250ms\", \"1.5s\", \"2h\"");
    if (!text && wanted.least && *value.as_number() < *wanted.least)
      return range(attribute, wanted);
    auto parsed = model::duration_of(value, wanted.bare_unit, wanted.forever);
    if (!parsed) return wrong(attribute, wanted, parsed.error().what);
    if (!text) range(attribute, wanted);
  }

  void bytes(const model::Attribute& attribute, const AttributeSchema& wanted) {
    if (auto* text = attribute.value.get<std::string>())
      return text_form(attribute, wanted, Bytes::parse(*text));
    if (!attribute.value.as_integer())
      return wrong(attribute, wanted, "write \"64MiB\" or a number of bytes");
    range(attribute, wanted);
  }

  void money(const model::Attribute& attribute, const AttributeSchema& wanted) {
    if (auto* text = attribute.value.get<std::string>()) {
      // "$200/month": the period is the reader's affair.
      return text_form(attribute, wanted,
                       Money::parse(std::string_view(*text).substr(0, text->find('/'))));
    }
    if (!attribute.value.as_number()) return wrong(attribute, wanted, "write \"$200/month\"");
    range(attribute, wanted);
  }

  void strings(const model::Attribute& attribute, const AttributeSchema& wanted) {
    auto* items = attribute.value.get<model::Vector>();
    if (!items) return wrong(attribute, wanted);
    for (size_t i = 0; i < items->size(); ++i) {
      const Value& item = (*items)[i];
      if (item.is(Value::Kind::string) || is_link(item)) continue;
      return wrong(attribute, wanted,
                   fmt::format("element {} is {}", i, with_article(item.kind_name())));
    }
  }

  void unknown(const model::Attribute& attribute, const model::ComponentSchema& schema,
               const std::vector<const AttributeSchema*>& known) {
    for (const AttributeSchema* each : known)
      if (each->name == attribute.name) return;
    for (std::string_view word : engine_words)
      if (word == attribute.name) return;
    if (schema.container && attribute.value.is(Value::Kind::component)) return;
    for (const AttributeSchema* each : known) {
      if (!likely_slip(attribute.name, each->name)) continue;
      std::string type = schema.type.empty() ? schema.sf_class : schema.type;
      Error error =
          make(Code::not_found, fmt::format("'{}' means nothing to '{}'", attribute.name, type),
               attribute);
      error.hint(fmt::format("did you mean '{}'?", each->name));
      (options_.strict ? findings_.errors : findings_.warnings).push_back(std::move(error));
      return;
    }
    if (options_.strict && !may_hold_values(schema) && !from_library(attribute))
      unknown_at_all(attribute, schema, known);
  }

  /// Values are hung on containers, and on a bare Prim, for others to refer to.
  static bool may_hold_values(const model::ComponentSchema& schema) {
    return schema.container || schema.type == "Prim";
  }
  static bool from_library(const model::Attribute& attribute) {
    return attribute.where.source && attribute.where.source->name().starts_with("lib:/");
  }

  void unknown_at_all(const model::Attribute& attribute, const model::ComponentSchema& schema,
                      const std::vector<const AttributeSchema*>& known) {
    Error error = make(Code::not_found,
                       fmt::format("'{}' means nothing to '{}'", attribute.name,
                                   schema.type.empty() ? schema.sf_class : schema.type),
                       attribute);
    std::vector<std::string> names;
    for (const AttributeSchema* each : known)
      if (!each->published && each->deprecated.empty()) names.push_back(each->name);
    error.hint("it knows " + join(names, ", "));
    findings_.errors.push_back(std::move(error));
  }

  void rule(const model::Component& component, const model::ComponentSchema& schema) {
    std::vector<Error> found;
    schema.rule(component, found);
    for (auto& error : found) {
      if (error.where.file.empty()) {
        std::string path = error.where.path;
        error.where = Where(component.where);
        error.where.length = 0;
        error.where.path = path;
      }
      error.where.path = error.where.path.empty() ? path_ : path_of(error.where.path);
      findings_.errors.push_back(std::move(error));
    }
  }

  const model::SchemaSet& schemas_;
  const CheckOptions& options_;
  model::Findings& findings_;
  std::string path_;
};

/// Walks a tree and checks what is a component of a native type.
class TreeChecker {
 public:
  TreeChecker(const model::SchemaSet& schemas, const CheckOptions& options,
              model::Findings& findings)
      : schemas_(schemas), options_(options), findings_(findings) {}

  /// What will be deployed: the component and, in a container, its eager children.
  void deployed(model::Component& component, size_t path_bytes = 0) {
    const model::ComponentSchema* schema = schema_of(component, true);
    if (!schema) return;
    check_component(component, *schema, schemas_, options_, findings_);
    if (!schema->container) return;
    bool fails_on_purpose = schema->type == "ExpectDeployFailure";
    for (auto& attribute : component.attributes()) {
      auto child = attribute.value.as_component();
      if (!child || !child->eager) continue;
      size_t bytes = path_bytes + 1 + attribute.name.size();
      if (!named_well(attribute, *child, bytes)) continue;
      if (!belongs_to_schema(*schema, attribute.name) || !is_workflow(schema))
        deployed(*child, bytes);
      else if (!fails_on_purpose)
        perhaps_deployed(*child, bytes);
    }
  }

  /// What is only read: every component in it that names a type.
  void read(model::Component& component) {
    if (const auto* schema = component.find("sfClass") ? schema_of(component, true) : nullptr)
      check_component(component, *schema, schemas_, options_, findings_);
    for (auto& attribute : component.attributes())
      if (auto child = attribute.value.as_component()) read(*child);
  }

 private:
  /// Its children are actions, which it deploys when it likes.
  bool is_workflow(const model::ComponentSchema* schema) const {
    while (schema && schema->type != "EventCompound")
      schema = schema->base.empty() ? nullptr : schemas_.find(schema->base);
    return schema != nullptr;
  }

  /// An action of a workflow may never be deployed, or be filled in before it is: what is wrong
  /// with it is said, and stops nothing.
  void perhaps_deployed(model::Component& component, size_t path_bytes) {
    if (!component.find("sfClass")) return;
    model::Findings own;
    CheckOptions options;
    TreeChecker(schemas_, options, own).deployed(component, path_bytes);
    for (auto* list : {&own.errors, &own.warnings})
      for (Error& each : *list) findings_.warnings.push_back(std::move(each));
  }

  /// Paths join names with ':' and are part of keys.
  bool named_well(const model::Attribute& attribute, const model::Component& child, size_t bytes) {
    auto problem = model::name_problem(attribute.name);
    if (!problem && bytes <= model::path_bytes_max) return true;
    Error error(problem ? Code::invalid_argument : Code::resource_exhausted,
                problem ? fmt::format("'{}' cannot be a component's name: {}",
                                      printable(attribute.name), *problem)
                        : fmt::format("the path of a component has {} bytes, at most {} are taken",
                                      bytes, model::path_bytes_max),
                attribute.where.known() ? Where(attribute.where) : Where(child.where));
    error.where.path = printable(child.path().substr(0, shown_path_bytes));
    findings_.errors.push_back(std::move(error));
    return false;
  }

  bool belongs_to_schema(const model::ComponentSchema& schema, std::string_view name) const {
    return schemas_.attribute(schema, name) != nullptr;
  }

  const model::ComponentSchema* schema_of(const model::Component& component, bool needed) {
    const model::Attribute* attribute = component.find("sfClass");
    std::string path = component.path();
    const std::string* name = attribute ? attribute->value.get<std::string>() : nullptr;
    if (!name) {
      if (!needed) return nullptr;
      Error error(
          attribute ? Code::type_mismatch : Code::not_found,
          attribute
              ? fmt::format("sfClass of '{}' is {}, not a string", path,
                            with_article(attribute->value.kind_name()))
              : fmt::format("'{}' has no sfClass: nothing says what it does when it is deployed",
                            path),
          attribute ? Where(attribute->where) : Where(component.where));
      error.where.path = path;
      error.where.length = 0;
      error.hint(
          "extend a component type, for example 'extends Compound'; what is only data is written "
          "'extends DATA'");
      findings_.errors.push_back(std::move(error));
      return nullptr;
    }
    if (const auto* schema = schemas_.find(*name)) return schema;
    Error error(Code::not_found, fmt::format("croft has no component type '{}'", printable(*name)),
                Where(attribute->where));
    error.where.path = path.empty() ? "sfClass" : path + ":sfClass";
    if (std::string hint = did_you_mean(*name, schemas_.classes()); !hint.empty())
      error.hint(std::move(hint));
    findings_.errors.push_back(std::move(error));
    return nullptr;
  }

  static constexpr size_t shown_path_bytes = 200;

  const model::SchemaSet& schemas_;
  const CheckOptions& options_;
  model::Findings& findings_;
};

}  // namespace

void check_component(model::Component& component, const model::ComponentSchema& schema,
                     const model::SchemaSet& schemas, const CheckOptions& options,
                     model::Findings& findings) {
  Checker(schemas, options, findings).component(component, schema);
}

Result<> may_deploy(const model::SchemaSet& schemas, model::Component& component) {
  model::Findings findings;
  CheckOptions options;
  TreeChecker(schemas, options, findings).deployed(component);
  return findings.result();
}

model::Findings check(model::Description& description, const model::SchemaSet& schemas,
                      bool strict) {
  model::Findings findings;
  CheckOptions options{strict};
  TreeChecker checker(schemas, options, findings);
  if (description.config) checker.deployed(*description.config, model::application_bytes_max);
  if (!description.root) return findings;
  if (auto farm = description.root->component("farm")) checker.read(*farm);
  check_levels(*description.root, findings);
  return findings;
}

}  // namespace croft::lang
