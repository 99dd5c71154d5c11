// What an editor asks about a description, answered in bytes of texts; the server turns them into
// the protocol's shapes. Each function reads a View of the text as it stands, errors and all.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "lang/browse/types.h"
#include "lang/browse/view.h"

namespace croft::lang::lsp {

/// A stretch of a file.
struct Spot {
  std::string file;
  FilePtr text;
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator<(const Spot& a, const Spot& b) {
    return std::tie(a.file, a.begin) < std::tie(b.file, b.begin);
  }
  friend bool operator==(const Spot& a, const Spot& b) {
    return a.file == b.file && a.begin == b.begin;
  }
};

struct Related {
  Where where;
  std::string message;
};

struct Diagnostic {
  bool warning = false;
  uint32_t begin = 0;
  uint32_t end = 0;
  std::string code;
  std::string message;
  std::vector<Related> related;
};

struct Diagnosis {
  std::vector<Diagnostic> found;
  /// The resolved description, when nothing was wrong.
  std::optional<model::Description> description;
};

/// Everything that `croft check` would say about the file, placed in its text. A file without
/// sfConfig is a library: it is checked as far as that goes.
Diagnosis diagnose(Project& project, const std::string& file, const model::SchemaSet* schemas);

struct Hover {
  std::string markdown;
  uint32_t begin = 0;
  uint32_t end = 0;
};
std::optional<Hover> hover(View& view, TypeIndex& types, const model::Description* resolved,
                           uint32_t offset);
/// A type's page as Markdown.
std::string markdown_of(const TypePage& page, bool with_attributes);

enum class ItemKind { type, attribute, component, keyword, value, file, function };

struct Item {
  std::string label;
  ItemKind kind = ItemKind::attribute;
  std::string detail;
  std::string doc;
  std::string insert;   ///< what is written; the label when empty
  std::string include;  ///< a file that must be included for it
  int rank = 5;         ///< smaller ones come first
};

struct Completion {
  std::vector<Item> items;
  uint32_t begin = 0;  ///< what is replaced
  uint32_t end = 0;
  uint32_t include_at = 0;  ///< where an #include line goes
  bool due = false;         ///< the language wants a type or a value here
};
/// `list` names the files of a folder.
using FolderLister = std::function<std::vector<std::string>(const std::string& folder)>;
Completion complete(Project& project, const FilePtr& file, TypeIndex& types, uint32_t offset,
                    const FolderLister& list);

/// Where the name at the offset is defined; the file for an #include. Several when one text stands
/// for several.
std::optional<Spot> definition(View& view, uint32_t offset);

enum class SymbolKind { component, type, attribute, number, text, boolean, list };

/// A node of the outline.
struct Symbol {
  std::string name;
  std::string detail;
  SymbolKind kind = SymbolKind::attribute;
  uint32_t begin = 0, end = 0;            ///< all of it
  uint32_t name_begin = 0, name_end = 0;  ///< its name
  std::vector<Symbol> children;
};
std::vector<Symbol> outline(const ParsedFile& file);

/// The name at an offset and the attribute it means first of all.
struct Named {
  std::string name;
  Definition origin;
  uint32_t begin = 0;
  uint32_t end = 0;
};
std::optional<Named> named_at(View& view, uint32_t offset);

struct Occurrence {
  Spot spot;
  bool declares = false;
};
/// Every place of the view's files that means `named`.
std::vector<Occurrence> occurrences(View& view, const Named& named);

/// Why `named` cannot get the new name in this view; nullopt when it can.
std::optional<Error> rename_problem(View& view, TypeIndex& types, const Named& named,
                                    const std::string& new_name);

}  // namespace croft::lang::lsp
