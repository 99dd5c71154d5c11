#include "lang/browse/view.h"

#include <algorithm>
#include <set>

namespace croft::lang {
namespace {

bool holds_attributes(Syntax kind) {
  return kind == Syntax::file || kind == Syntax::component || kind == Syntax::apply ||
         kind == Syntax::assertion || kind == Syntax::choice;
}

bool is_attribute(const TreeNode& node) {
  return node.kind == Syntax::attribute || node.kind == Syntax::error;
}

/// The key or path of an attribute; no_node when the parser found none.
NodeId key_node(const Tree& tree, NodeId attribute) {
  for (NodeId id = tree[attribute].child; id != no_node; id = tree[id].next) {
    if (tree[id].kind == Syntax::key || tree[id].kind == Syntax::path) return id;
    if (tree[id].kind != Syntax::tags) return no_node;
  }
  return no_node;
}

NodeId last_child(const Tree& tree, NodeId node) {
  NodeId last = tree[node].child;
  while (last != no_node && tree[last].next != no_node) last = tree[last].next;
  return last;
}

/// Operators, vectors and the like keep their operands in a component of their own, so PARENT
/// leads from there to the component that holds the attribute.
bool hides(Syntax kind) {
  return kind == Syntax::operation || kind == Syntax::negation || kind == Syntax::vector ||
         kind == Syntax::if_else || kind == Syntax::choice;
}

class Steps {
 public:
  explicit Steps(size_t& count) : count_(count) { ++count_; }
  ~Steps() { --count_; }

 private:
  size_t& count_;
};

}  // namespace

std::string name_of_key(const Tree& tree, uint32_t token) {
  std::string_view text = tree.text(token);
  if (is_string(tree.tokens[token].kind)) return string_text(text);
  return needs_decoding(text) ? word_text(text) : std::string(text);
}

uint32_t Definition::key() const {
  const Tree& tree = file->tree;
  NodeId key = key_node(tree, attribute);
  if (key == no_node) return tree[attribute].first;
  return tree[key].kind == Syntax::path ? tree[last_child(tree, key)].first : tree[key].first;
}

std::string Definition::name() const {
  return name_of_key(file->tree, key());
}

NodeId Definition::value() const {
  const Tree& tree = file->tree;
  NodeId key = key_node(tree, attribute);
  return key == no_node ? no_node : tree[key].next;
}

View::View(Project& project, const std::string& main) : View(project, project.open(main)) {}

View::View(Project& project, FilePtr main) : project_(project), main_(std::move(main)) {
  if (main_) walk_includes(main_, 0);
}

void View::walk_includes(const FilePtr& file, size_t depth) {
  files_.push_back(file);
  const Tree& tree = file->tree;
  for (NodeId id = 1; id < tree.nodes.size(); ++id) {
    if (tree[id].kind != Syntax::include || files_.size() >= files_max) continue;
    NodeId name = last_child(tree, id);
    if (name == no_node || !is_string(tree.tokens[tree[name].first].kind)) continue;
    std::string found =
        project_.find_include(file->name, main_->name, string_text(tree.text(tree[name].first)));
    FilePtr other = found.empty() ? nullptr : project_.open(found);
    if (!other) continue;
    includes_[{file.get(), id}] = other;
    bool known = other == main_ || included_at_.contains(other.get());
    if (known) continue;
    included_at_[other.get()] = {file.get(), id};
    if (depth < depth_max) walk_includes(other, depth + 1);
  }
}

FilePtr View::included(const ParsedFile* file, NodeId include) const {
  auto found = includes_.find({file, include});
  return found == includes_.end() ? nullptr : found->second;
}

Scope View::scope_of(const ParsedFile* file, NodeId node) const {
  while (node != 0 && !holds_attributes(file->tree[node].kind)) node = file->parent(node);
  if (node != 0) return {file, node};
  // An included file's attributes belong to where it is included.
  auto from = included_at_.find(file);
  if (from == included_at_.end()) return {file, 0};
  return scope_of(from->second.first, from->second.second);
}

Scope View::parent(Scope scope) const {
  if (scope.node == 0) return {};
  return scope_of(scope.file, scope.file->parent(scope.node));
}

void View::collect(const ParsedFile* file, NodeId body, Table& table) {
  const Tree& tree = file->tree;
  for (NodeId id = tree[body].child; id != no_node; id = tree[id].next) {
    if (tree[id].kind == Syntax::include) {
      FilePtr other = included(file, id);
      // Each text counts once: what is included again changes nothing.
      auto first = other ? included_at_.find(other.get()) : included_at_.end();
      if (first != included_at_.end() && first->second == std::pair(file, id))
        collect(other.get(), 0, table);
      continue;
    }
    if (!is_attribute(tree[id])) continue;
    NodeId key = key_node(tree, id);
    if (key == no_node) continue;
    if (tree[key].kind == Syntax::path) {
      table.placements.emplace_back(file, id);
      continue;
    }
    if (tree.tokens[tree[key].first].kind == TokenKind::unique) continue;
    Definition definition{file, id};
    table.order.push_back(definition);
    table.by_name[name_of_key(tree, tree[key].first)] = definition;
  }
}

const View::Table& View::table(Scope scope) {
  auto found = tables_.find(scope);
  if (found != tables_.end()) return found->second;
  Table& out = tables_[scope];
  const Tree& tree = scope.file->tree;
  if (tree[scope.node].kind == Syntax::file) {
    collect(scope.file, scope.node, out);
    return out;
  }
  for (NodeId id = tree[scope.node].child; id != no_node; id = tree[id].next)
    if (tree[id].kind == Syntax::body) collect(scope.file, id, out);
  return out;
}

const std::vector<Definition>& View::own(Scope scope) {
  return table(scope).order;
}

Definition View::find_own(Scope scope, std::string_view name) {
  const Table& here = table(scope);
  auto found = here.by_name.find(std::string(name));
  if (found != here.by_name.end()) return found->second;
  for (const auto& definition : placed(scope))
    if (definition.name() == name) return definition;
  return {};
}

/// Placements are looked through once, when the first name is not found where it is looked for.
const std::vector<Definition>& View::placed(Scope scope) {
  static const std::vector<Definition> none;
  if (placing_) return none;
  if (!placed_ready_) {
    placing_ = true;
    for (const auto& file : files_) {
      const Tree& tree = file->tree;
      for (NodeId id = 1; id < tree.nodes.size(); ++id) {
        if (tree[id].kind != Syntax::path || !is_attribute(tree[file->parent(id)])) continue;
        size_t names = 0;
        for (NodeId key = tree[id].child; key != no_node; key = tree[key].next) ++names;
        Target home = follow_path(file.get(), id, names - 1);
        if (home.scope) placed_[home.scope].push_back({file.get(), file->parent(id)});
      }
    }
    placing_ = false;
    placed_ready_ = true;
    templates_.clear();
    components_.clear();
  }
  auto found = placed_.find(scope);
  return found == placed_.end() ? none : found->second;
}

std::vector<Scope> View::templates(Scope component) {
  if (!component || component.file->tree[component.node].kind != Syntax::component) return {};
  if (auto known = templates_.find(component); known != templates_.end()) return known->second;
  templates_[component] = {};  // a template that leads back here adds nothing
  if (steps_ > steps_max) return {};
  Steps step(steps_);
  std::vector<Scope> out;
  const Tree& tree = component.file->tree;
  for (NodeId id = tree[component.node].child; id != no_node; id = tree[id].next) {
    if (tree[id].kind != Syntax::reference) continue;
    Scope scope = follow(component.file, id).scope;
    if (scope && scope != component) out.insert(out.begin(), scope);
  }
  return templates_[component] = out;
}

/// The scope and its templates, each once, in the order in which they win.
template <class Use>
void View::each_layer(Scope scope, Use use) {
  std::vector<Scope> todo{scope};
  std::set<Scope> seen;
  while (!todo.empty() && seen.size() < templates_max) {
    Scope at = todo.back();
    todo.pop_back();
    if (!at || !seen.insert(at).second) continue;
    if (use(at)) return;
    auto more = templates(at);
    todo.insert(todo.end(), more.rbegin(), more.rend());
  }
}

Definition View::find(Scope scope, std::string_view name) {
  Definition found;
  each_layer(scope, [&](Scope at) { return static_cast<bool>(found = find_own(at, name)); });
  return found;
}

Definition View::find_up(Scope scope, std::string_view name) {
  for (size_t depth = 0; scope && depth < 10'000; ++depth, scope = parent(scope))
    if (Definition found = find(scope, name)) return found;
  return {};
}

std::vector<Definition> View::members(Scope scope) {
  std::vector<Definition> out;
  std::set<std::string> names;
  each_layer(scope, [&](Scope at) {
    for (const auto* list : {&own(at), &placed(at)})
      for (const auto& definition : *list)
        if (names.insert(definition.name()).second) out.push_back(definition);
    return false;
  });
  return out;
}

std::vector<Definition> View::in_reach(Scope scope) {
  std::vector<Definition> out;
  std::set<std::string> names;
  for (; scope; scope = parent(scope))
    for (const auto& definition : members(scope))
      if (names.insert(definition.name()).second) out.push_back(definition);
  return out;
}

Scope View::value_scope(const ParsedFile* file, NodeId value) {
  const Tree& tree = file->tree;
  while (value != no_node && tree[value].kind == Syntax::paren) value = tree[value].child;
  if (value == no_node) return {};
  if (tree[value].kind == Syntax::component) return {file, value};
  if (tree[value].kind == Syntax::reference) return follow(file, value).scope;
  return {};
}

Scope View::component_of(Definition definition) {
  if (!definition || steps_ > steps_max) return {};
  // Null while it is being found: a reference that leads back to itself leads nowhere.
  auto [known, fresh] = components_.try_emplace(definition);
  if (!fresh) return known->second;
  Steps step(steps_);
  Scope found = value_scope(definition.file, definition.value());
  return components_[definition] = found;
}

Target View::follow(const ParsedFile* file, NodeId reference, size_t parts) {
  if (steps_ > steps_max) return {};
  Steps step(steps_);
  const Tree& tree = file->tree;
  size_t hidden = 0;
  for (NodeId up = file->parent(reference); up != 0; up = file->parent(up)) {
    if (tree[up].kind == Syntax::body || tree[up].kind == Syntax::component) break;
    if (hides(tree[up].kind)) ++hidden;
  }
  Scope home = scope_of(file, reference);
  Target at{{}, home};
  size_t number = 0;
  for (NodeId id = tree[reference].child; id != no_node && number < parts; id = tree[id].next) {
    if (tree[id].kind != Syntax::part) continue;
    bool first = number++ == 0;
    TokenKind kind = tree.tokens[tree[id].first].kind;
    NodeId named = tree[id].child;
    std::string name = name_of_key(tree, named == no_node ? tree[id].first : tree[named].first);
    Definition found;
    if (kind == TokenKind::word || kind == TokenKind::kw_attrib || kind == TokenKind::kw_here) {
      bool up = kind == TokenKind::kw_attrib || (first && kind == TokenKind::word);
      // A supertype is looked for in the component's own body, then around it.
      bool supertype = first && tree[file->parent(reference)].kind == Syntax::component;
      if (supertype && up) found = find_own(at.scope, name);
      if (!found)
        found = up ? find_up(supertype ? parent(at.scope) : at.scope, name) : find(at.scope, name);
      if (!found) return {};
      bool last = number >= parts || tree[id].next == no_node;
      // A reference to the attribute that holds it leads nowhere.
      bool itself = found.file == file && found.value() == reference;
      at = {found, last && itself ? Scope{} : component_of(found)};
    } else if (kind == TokenKind::kw_parent) {
      if (hidden > 0)
        --hidden;
      else
        at = {{}, parent(at.scope)};
    } else if (kind == TokenKind::kw_root) {
      at = {{}, Scope{main_.get(), 0}};
    } else if (kind == TokenKind::kw_this) {
      at = {{}, home};
    } else {
      return {};
    }
  }
  return at;
}

/// The attribute whose value the component is.
Definition View::holder_of(Scope component) const {
  NodeId at = component.node;
  while (at != 0 && !is_attribute(component.file->tree[at])) at = component.file->parent(at);
  return at == 0 ? Definition{} : Definition{component.file, at};
}

std::vector<std::string> View::environments() {
  std::vector<std::string> out;
  if (!main_) return out;
  Definition definition = find({main_.get(), 0}, "environments");
  Scope all = definition ? component_of(definition) : Scope{};
  if (!all) return out;
  bool ours = std::ranges::any_of(templates(all), [&](Scope each) {
    Definition holder = holder_of(each);
    return holder && holder.name() == "Environments";
  });
  if (!ours) return out;
  for (const Definition& each : own(all))
    if (component_of(each)) out.push_back(each.name());
  return out;
}

/// Where a placement begins: around it, but at the top level for those of an environment.
Scope View::start_of_path(const ParsedFile* file, NodeId path) const {
  Scope around = scope_of(file, path);
  Scope all = parent(around), top = all ? parent(all) : Scope{};
  if (!top || top.node != 0) return around;
  Definition holder = holder_of(all);
  return holder && holder.name() == "environments" ? top : around;
}

Target View::follow_path(const ParsedFile* file, NodeId path, size_t names) {
  const Tree& tree = file->tree;
  Target at{{}, start_of_path(file, path)};
  size_t number = 0;
  for (NodeId id = tree[path].child; id != no_node && number < names;
       id = tree[id].next, ++number) {
    Definition found = find(at.scope, name_of_key(tree, tree[id].first));
    if (!found) return {};
    at = {found, component_of(found)};
  }
  return at;
}

Target View::target_at(const ParsedFile* file, NodeId node) {
  const Tree& tree = file->tree;
  if (tree[node].kind == Syntax::key && tree[file->parent(node)].kind == Syntax::part)
    node = file->parent(node);
  NodeId around = file->parent(node);
  size_t number = 1;
  for (NodeId id = tree[around].child; id != no_node && id != node; id = tree[id].next)
    if (tree[id].kind == tree[node].kind) ++number;
  if (tree[node].kind == Syntax::part) return follow(file, around, number);
  if (tree[node].kind != Syntax::key) return {};
  if (tree[around].kind == Syntax::path) {
    bool last = tree[node].next == no_node;
    Target home = follow_path(file, around, number - 1);
    if (!last || !home.scope) return follow_path(file, around, number);
    Definition itself{file, file->parent(around)};
    return {itself, component_of(itself)};
  }
  if (!is_attribute(tree[around])) return {};
  Definition itself{file, around};
  return {itself, component_of(itself)};
}

/// The component that gets the attribute: for a placement, the one it leads to.
Scope View::home_of(Definition definition) {
  const ParsedFile* file = definition.file;
  NodeId key = key_node(file->tree, definition.attribute);
  if (key == no_node || file->tree[key].kind != Syntax::path)
    return scope_of(file, file->parent(definition.attribute));
  size_t names = 0;
  for (NodeId id = file->tree[key].child; id != no_node; id = file->tree[id].next) ++names;
  return follow_path(file, key, names - 1).scope;
}

Definition View::origin(Definition definition) {
  std::string name = definition.name();
  for (size_t step = 0; step < steps_max; ++step) {
    Scope home = home_of(definition);
    if (!home) return definition;
    Definition base;
    for (const auto& other : templates(home))
      if ((base = find(other, name))) break;
    // The last of several in one body counts; the first one names it.
    if (!base)
      for (const auto& other : own(home))
        if (other.name() == name) {
          base = other;
          break;
        }
    if (!base || base == definition) return definition;
    definition = base;
  }
  return definition;
}

std::string View::sf_class(Scope component) {
  Definition found = find(component, "sfClass");
  if (!found) return "";
  NodeId value = found.value();
  const Tree& tree = found.file->tree;
  if (value == no_node || !is_string(tree.tokens[tree[value].first].kind)) return "";
  return string_text(tree.text(tree[value].first));
}

}  // namespace croft::lang
