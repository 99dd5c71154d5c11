// Definition, references, rename.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/lsp/features.h"

namespace croft::lang::lsp {
namespace {

Spot spot_of(const View& view, const ParsedFile* file, uint32_t begin, uint32_t end) {
  for (const auto& known : view.files())
    if (known.get() == file) return {file->name, known, begin, end};
  return {file->name, nullptr, begin, end};
}

Spot spot_of_token(const View& view, const ParsedFile* file, uint32_t token) {
  const Token& at = file->tree.tokens[token];
  return spot_of(view, file, at.offset, at.offset + at.length);
}

/// The node whose name the offset touches: a key or a part.
NodeId name_node(const ParsedFile* file, uint32_t offset) {
  NodeId node = file->node_at(offset);
  auto names = [&](NodeId id) {
    Syntax kind = file->tree[id].kind;
    return kind == Syntax::key || kind == Syntax::part;
  };
  if (!names(node) && offset > 0) node = file->node_at(offset - 1);
  if (!names(node)) return no_node;
  return offset <= file->end(node) ? node : no_node;
}

uint32_t name_token(const Tree& tree, NodeId node) {
  NodeId named = tree[node].child;
  return named == no_node ? tree[node].first : tree[named].first;
}

bool is_new_name(const std::string& name) {
  auto source = std::make_shared<const model::SourceText>("name", name);
  Lexed lexed = lex(source);
  return lexed.errors.empty() && lexed.tokens.size() == 2 &&
         lexed.tokens[0].kind == TokenKind::word && lexed.tokens[0].length == name.size();
}

}  // namespace

std::optional<Spot> definition(View& view, uint32_t offset) {
  const ParsedFile* file = view.main().get();
  if (!file) return std::nullopt;
  NodeId node = file->node_at(offset);
  NodeId include = file->tree[node].kind == Syntax::literal ? file->parent(node) : node;
  if (file->tree[include].kind == Syntax::include) {
    FilePtr other = view.included(file, include);
    if (!other) return std::nullopt;
    return Spot{other->name, other, 0, 0};
  }
  node = name_node(file, offset);
  if (node == no_node) return std::nullopt;
  Target target = view.target_at(file, node);
  if (target.definition)
    return spot_of_token(view, target.definition.file, target.definition.key());
  if (!target.scope) return std::nullopt;
  NodeId holder = target.scope.node == 0 ? 0 : target.scope.file->parent(target.scope.node);
  uint32_t begin = target.scope.file->begin(holder);
  return spot_of(view, target.scope.file, begin, begin);
}

std::optional<Named> named_at(View& view, uint32_t offset) {
  const ParsedFile* file = view.main().get();
  NodeId node = file ? name_node(file, offset) : no_node;
  if (node == no_node) return std::nullopt;
  Target target = view.target_at(file, node);
  if (!target.definition) return std::nullopt;
  const Token& token = file->tree.tokens[name_token(file->tree, node)];
  Named out{target.definition.name(), view.origin(target.definition), token.offset,
            token.offset + token.length};
  // PARENT, ROOT and THIS name something, but not by its name.
  if (name_of_key(file->tree, name_token(file->tree, node)) != out.name) return std::nullopt;
  return out;
}

std::vector<Occurrence> occurrences(View& view, const Named& named) {
  std::vector<Occurrence> out;
  for (const auto& file : view.files()) {
    const Tree& tree = file->tree;
    if (file->text().find(named.name) == std::string_view::npos &&
        file->text().find('\\') == std::string_view::npos)
      continue;
    for (NodeId id = 1; id < tree.nodes.size(); ++id) {
      bool part = tree[id].kind == Syntax::part, key = tree[id].kind == Syntax::key;
      if (!part && !key) continue;
      if (key && tree[file->parent(id)].kind == Syntax::part) continue;
      uint32_t token = name_token(tree, id);
      TokenKind kind = tree.tokens[token].kind;
      if (kind != TokenKind::word && !is_string(kind)) continue;
      if (name_of_key(tree, token) != named.name) continue;
      Target target = view.target_at(file.get(), id);
      if (!target.definition) continue;
      Definition origin = view.origin(target.definition);
      bool same =
          origin.file->name == named.origin.file->name && origin.key() == named.origin.key();
      if (!same) continue;
      bool declares = target.definition.file == file.get() && target.definition.key() == token;
      out.push_back({spot_of_token(view, file.get(), token), declares});
    }
  }
  return out;
}

std::optional<Error> rename_problem(View& view, TypeIndex& types, const Named& named,
                                    const std::string& new_name) {
  if (!is_new_name(new_name))
    return Error(Code::invalid_argument,
                 fmt::format("'{}' is no name of the language", printable(new_name)))
        .hint("a name begins with a letter, _ or $, holds no blanks, and is no reserved word");
  if (named.origin.file->name.starts_with(library_prefix))
    return Error(Code::permission_denied,
                 fmt::format("'{}' belongs to croft's library ({})", named.name,
                             include_name(named.origin.file->name)));
  bool reserved = named.name.size() > 2 && named.name.starts_with("sf") && named.name[2] >= 'A' &&
                  named.name[2] <= 'Z';
  if (reserved)
    return Error(Code::permission_denied,
                 fmt::format("'{}' has a meaning of its own in the language", named.name));
  for (const auto& occurrence : occurrences(view, named)) {
    if (!occurrence.declares || !occurrence.spot.text) continue;
    const ParsedFile* file = occurrence.spot.text.get();
    NodeId node = file->node_at(occurrence.spot.begin);
    Scope home = view.scope_of(file, file->parent(node));
    if (const auto* schema = types.schemas() ? types.schemas()->find(view.sf_class(home)) : nullptr)
      if (types.schemas()->attribute(*schema, named.name))
        return Error(Code::permission_denied,
                     fmt::format("'{}' is an attribute of {}", named.name, schema->type));
    if (Definition other = view.find(home, new_name)) {
      auto line = other.file->tree.source->line_of(other.file->begin(other.attribute));
      return Error(Code::already_exists, fmt::format("there is a '{}' already, at {}:{}", new_name,
                                                     include_name(other.file->name), line));
    }
  }
  return std::nullopt;
}

}  // namespace croft::lang::lsp
