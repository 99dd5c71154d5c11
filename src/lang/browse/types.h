// What there is to extend: the templates of the library in the binary and of a description, each
// with its page, made of the comment above it, its attributes, and the schema of its native type.
// `croft doc`, hover and completion read it. Not thread-safe.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lang/browse/view.h"
#include "model/schema.h"

namespace croft::lang {

struct TypeAttribute {
  std::string name;
  std::string type;      ///< "string", "duration", ...; empty: not in the schema
  std::string fallback;  ///< its default as text; empty: none
  std::string doc;
  std::string from;    ///< the template that gives it, or the native type
  std::string change;  ///< what changing it means while it runs: "update", "replace"
  std::string unit;    ///< of a bare number
  std::string range;   ///< "1..100", "PUT | GET"
  std::string deprecated;
  bool required = false;
  bool published = false;  ///< set while it runs, not written
  bool secret = false;
};

struct TypePage {
  std::string name;
  std::string file;  ///< "/org/smartfrog/components.sf", or a path
  uint32_t line = 0;
  std::vector<std::string> extends;  ///< as written
  std::vector<std::string> chain;    ///< templates, nearest first
  std::string doc;
  std::string sf_class;
  std::string native_doc;  ///< of the native type
  bool container = false;
  std::vector<TypeAttribute> attributes;
};

/// One line of the list.
struct TypeEntry {
  std::string name;
  std::string file;
  std::string summary;  ///< the first sentence of its comment
};

class TypeIndex {
 public:
  TypeIndex(Project& project, const model::SchemaSet* schemas)
      : project_(project), schemas_(schemas) {}

  /// Templates of the library, by name; the most general file wins where several have one name.
  const std::vector<TypeEntry>& library();
  /// Templates at the top level of a description and of what it includes from disk.
  std::vector<TypeEntry> of_file(const std::string& file);
  /// A template seen from `file`, else from the library. Code::not_found with the nearest name.
  Result<TypePage> page(const std::string& name, const std::string& file = "");
  TypePage page(View& view, Definition definition);
  /// The attributes that a component has or may have.
  std::vector<TypeAttribute> attributes(View& view, Scope component);
  const model::SchemaSet* schemas() const { return schemas_; }

 private:
  Project& project_;
  const model::SchemaSet* schemas_;
  std::vector<TypeEntry> library_;
};

/// "lib:/org/x.sf" -> "/org/x.sf": as one includes it.
std::string include_name(const std::string& file);
/// The text up to the first full stop or blank line, on one line.
std::string first_sentence(const std::string& doc);
/// The source text of a node on one line, cut after `most` characters.
std::string source_line(const ParsedFile* file, NodeId node, size_t most = 60);

}  // namespace croft::lang
