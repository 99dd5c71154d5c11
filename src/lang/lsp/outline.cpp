// The attributes of a file as a tree. Nesting is bounded by the parser.
#include "lang/lsp/features.h"

namespace croft::lang::lsp {
namespace {

SymbolKind kind_of(const ParsedFile& file, NodeId value) {
  const Tree& tree = file.tree;
  if (value == no_node) return SymbolKind::attribute;
  Syntax syntax = tree[value].kind;
  if (syntax == Syntax::component) return SymbolKind::component;
  if (syntax == Syntax::vector || syntax == Syntax::list) return SymbolKind::list;
  if (syntax != Syntax::literal) return SymbolKind::attribute;
  TokenKind kind = tree.tokens[tree[value].first].kind;
  if (is_number(kind)) return SymbolKind::number;
  if (is_string(kind)) return SymbolKind::text;
  bool truth = kind == TokenKind::kw_true || kind == TokenKind::kw_false;
  return truth ? SymbolKind::boolean : SymbolKind::attribute;
}

void add(const ParsedFile& file, NodeId body, std::vector<Symbol>& out, bool top) {
  const Tree& tree = file.tree;
  for (NodeId id = tree[body].child; id != no_node; id = tree[id].next) {
    if (tree[id].kind == Syntax::include) continue;
    NodeId key = tree[id].child;
    if (key != no_node && tree[key].kind == Syntax::tags) key = tree[key].next;
    if (key == no_node || (tree[key].kind != Syntax::key && tree[key].kind != Syntax::path))
      continue;
    Symbol symbol;
    NodeId value = tree[key].next;
    bool path = tree[key].kind == Syntax::path;
    symbol.name = path ? source_line(&file, key) : Definition{&file, id}.name();
    if (symbol.name.empty()) symbol.name = "--";
    symbol.kind = kind_of(file, value);
    symbol.begin = file.begin(id);
    symbol.end = file.end(id);
    symbol.name_begin = file.begin(key);
    symbol.name_end = file.end(key);
    if (symbol.kind == SymbolKind::component) {
      if (top && symbol.name != "sfConfig") symbol.kind = SymbolKind::type;
      for (NodeId part = tree[value].child; part != no_node; part = tree[part].next) {
        if (tree[part].kind == Syntax::body) add(file, part, symbol.children, false);
        if (tree[part].kind == Syntax::reference)
          symbol.detail += (symbol.detail.empty() ? "" : ", ") + source_line(&file, part);
      }
    } else {
      symbol.detail = source_line(&file, value);
    }
    out.push_back(std::move(symbol));
  }
}

}  // namespace

std::vector<Symbol> outline(const ParsedFile& file) {
  std::vector<Symbol> out;
  add(file, 0, out, true);
  return out;
}

}  // namespace croft::lang::lsp
