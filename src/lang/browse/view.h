// What names mean in a description, read off its syntax: templates are looked into, but nothing is
// evaluated, so it works on text that has errors. The resolver decides what is right; this tells an
// editor where to look. Built for one text and dropped when any text changes. Not thread-safe.
// Limits: `files_max` includes, `templates_max` templates of one component, `steps_max` templates
// or references that lead to each other; beyond them a name leads nowhere.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lang/browse/project.h"

namespace croft::lang {

/// Something that holds attributes: a file's top level, a component, the body of a call.
struct Scope {
  const ParsedFile* file = nullptr;
  NodeId node = no_node;
  explicit operator bool() const { return file != nullptr; }
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

/// An attribute as it is written somewhere. `key` is the token of its (last) name.
struct Definition {
  const ParsedFile* file = nullptr;
  NodeId attribute = no_node;
  explicit operator bool() const { return file != nullptr; }
  friend auto operator<=>(const Definition&, const Definition&) = default;
  uint32_t key() const;
  std::string name() const;
  /// The node of its value; no_node for `name;`.
  NodeId value() const;
};

/// What a part of a reference leads to.
struct Target {
  Definition definition;  ///< when it is an attribute
  Scope scope;            ///< when it is, or its value is, a component
};

class View {
 public:
  View(Project& project, const std::string& main);
  View(Project& project, FilePtr main);

  FilePtr main() const { return main_; }
  /// The main file and all that it includes, each once.
  const std::vector<FilePtr>& files() const { return files_; }

  Scope scope_of(const ParsedFile* file, NodeId node) const;  ///< the innermost around the node
  Scope parent(Scope scope) const;                            ///< null at the top

  /// The attributes that are written in the scope itself, included files' too, in order.
  const std::vector<Definition>& own(Scope scope);
  /// Own ones, placed ones, then those of its templates; each name once.
  std::vector<Definition> members(Scope scope);
  /// The names in reach of `scope`: its members, then those of the scopes around.
  std::vector<Definition> in_reach(Scope scope);

  Definition find(Scope scope, std::string_view name);     ///< in it or its templates
  Definition find_up(Scope scope, std::string_view name);  ///< nearest, upward
  std::vector<Scope> templates(Scope component);           ///< what it extends, strongest first
  /// The component that the value of a definition is or refers to.
  Scope component_of(Definition definition);
  /// A reference as far as its part number `parts` (all by default).
  Target follow(const ParsedFile* file, NodeId reference, size_t parts = SIZE_MAX);
  /// A placement key as far as its name number `names`.
  Target follow_path(const ParsedFile* file, NodeId path, size_t names);
  /// What the token at `token` of a file names: a reference's part, a key, a placement's name.
  Target target_at(const ParsedFile* file, NodeId node);
  /// The attribute that this one overrides first of all; itself when it overrides none.
  Definition origin(Definition definition);
  /// The component that gets the attribute: for a placement, the one it leads to.
  Scope home_of(Definition definition);
  /// The file that an include directive brings in; null when there is none.
  FilePtr included(const ParsedFile* file, NodeId include) const;
  /// The names in `environments extends Environments { ... }`, in order.
  std::vector<std::string> environments();
  /// The sfClass that the component has from itself or its templates; empty for none.
  std::string sf_class(Scope component);

 private:
  struct Table {
    std::vector<Definition> order;
    std::unordered_map<std::string, Definition> by_name;
    std::vector<std::pair<const ParsedFile*, NodeId>> placements;
  };
  const Table& table(Scope scope);
  void collect(const ParsedFile* file, NodeId body, Table& table);
  void walk_includes(const FilePtr& file, size_t depth);
  const std::vector<Definition>& placed(Scope scope);
  Scope start_of_path(const ParsedFile* file, NodeId path) const;
  Definition holder_of(Scope component) const;
  Definition find_own(Scope scope, std::string_view name);
  template <class Use>
  void each_layer(Scope scope, Use use);
  Scope value_scope(const ParsedFile* file, NodeId value);

  static constexpr size_t files_max = 10'000;
  static constexpr size_t depth_max = 100;
  static constexpr size_t steps_max = 200;
  static constexpr size_t templates_max = 1000;

  Project& project_;
  FilePtr main_;
  std::vector<FilePtr> files_;
  std::map<std::pair<const ParsedFile*, NodeId>, FilePtr> includes_;
  std::map<const ParsedFile*, std::pair<const ParsedFile*, NodeId>> included_at_;
  std::map<Scope, Table> tables_;
  std::map<Scope, std::vector<Scope>> templates_;
  std::map<Scope, std::vector<Definition>> placed_;
  std::map<Definition, Scope> components_;
  bool placed_ready_ = false;
  bool placing_ = false;
  size_t steps_ = 0;
};

/// The name that a key node, a part or a word token stands for.
std::string name_of_key(const Tree& tree, uint32_t token);
/// The comment that describes a definition: directly above it, or behind it on its line. Without
/// its marks; empty when there is none.
std::string doc_comment(Definition definition);

}  // namespace croft::lang
