// What a component type expects: the schema that its C++ class declares. From it come the checks,
// the documentation, completion, redaction, and what a change of an attribute means.
// Pure data; built once at start, read by everybody afterwards (thread-compatible).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "model/component.h"

namespace croft::model {

/// The types an attribute can have. A LAZY reference is accepted for every type: it is checked
/// where it is resolved, unless `AttributeSchema::link` forbids it.
enum class Type {
  any,
  boolean,
  integer,  ///< both widths
  number,   ///< any number
  string,
  duration,  ///< "250ms", or a bare number in `bare_unit`
  bytes,     ///< "64MiB", or a bare number of bytes
  money,     ///< "$200/month" or a number of dollars
  vector,
  strings,  ///< a vector of strings
  component,
  components,  ///< a component whose eager children are components, or a vector of components
  link,        ///< a LAZY reference
};
std::string_view name_of(Type type);  ///< "string", "duration", ...

/// What changing the attribute of something that runs means.
enum class Change { update, replace, none };
std::string_view name_of(Change change);

struct AttributeSchema {
  AttributeSchema() = default;
  AttributeSchema(const AttributeSchema&);
  AttributeSchema(AttributeSchema&&) noexcept;
  AttributeSchema& operator=(const AttributeSchema&);
  AttributeSchema& operator=(AttributeSchema&&) noexcept;
  ~AttributeSchema();

  std::string name;
  Type type = Type::any;
  std::string doc;
  bool required = false;          ///< must be there and be neither TBD nor NULL
  std::optional<Value> fallback;  ///< the default
  std::string bare_unit;          ///< unit of a bare number: "ms", "s"; empty: a unit is needed
  bool secret = false;            ///< redacted everywhere but in `resolve`
  Change change = Change::replace;
  std::optional<double> least, most;  ///< bounds of a number; a duration's least is 0
  bool forever = false;               ///< of a duration: a negative number means for ever
  bool orders = true;                 ///< who has a link in it starts after what the link leads to
  std::vector<std::string> choices;   ///< the words allowed for a string
  bool nullable = true;               ///< NULL counts as absent
  std::string deprecated;             ///< what to use instead; empty: not deprecated
  bool published = false;             ///< set by croft at run time; not written by users
};

/// What a value means as a duration: a text with a unit, or a bare number of `bare_unit`. A
/// negative one is Duration::forever() where `forever`, else Code::invalid_argument.
/// Code::type_mismatch for what is neither text nor number.
Result<Duration> duration_of(const Value& value, std::string_view bare_unit, bool forever = false);

struct ComponentSchema {
  ComponentSchema() = default;
  ComponentSchema(const ComponentSchema&);
  ComponentSchema(ComponentSchema&&) noexcept;
  ComponentSchema& operator=(const ComponentSchema&);
  ComponentSchema& operator=(ComponentSchema&&) noexcept;
  ~ComponentSchema();

  std::string sf_class;  ///< the value of sfClass that selects it: the key
  std::string type;      ///< the template's name in lib/: "ImageInstance"
  std::string doc;
  std::vector<AttributeSchema> attributes;
  /// sfClass of the schema whose attributes are also accepted; empty for none.
  std::string base;
  /// Children (eager component attributes of any name) are expected.
  bool container = false;
  /// Further rules: called when all attributes have passed; adds what is wrong.
  std::function<void(const Component&, std::vector<Error>&)> rule;
};

/// All schemas by sfClass. Filled once; pointers stay valid.
class SchemaSet {
 public:
  /// Adds or replaces.
  void add(ComponentSchema schema);
  const ComponentSchema* find(std::string_view sf_class) const;
  std::vector<std::string> classes() const;
  /// An attribute's schema, looked for in the bases too.
  const AttributeSchema* attribute(const ComponentSchema& schema, std::string_view name) const;
  /// All attributes, own ones first, each name once.
  std::vector<const AttributeSchema*> attributes(const ComponentSchema& schema) const;

 private:
  std::map<std::string, std::unique_ptr<ComponentSchema>, std::less<>> by_class_;
};

/// Errors and warnings of a check; each has its place, path and hints.
struct Findings {
  std::vector<Error> errors;
  std::vector<Error> warnings;
  /// All errors as one (the others inside the first); success when there is none.
  Result<> result() const;
};

}  // namespace croft::model
