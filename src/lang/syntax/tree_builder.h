// What the parser stands on: the tokens it reads, the nodes it makes, the errors it reports. The
// grammar is in parser.cpp alone. Not thread-safe: one builder, one text.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "lang/syntax/tree.h"

namespace croft::lang {

class TreeBuilder {
 public:
  TreeBuilder(SourcePtr source, const ParseLimits& limits) : limits_(limits) {
    Lexed lexed = lex(source);
    tree_.source = std::move(source);
    tree_.tokens = std::move(lexed.tokens);
    tree_.errors = std::move(lexed.errors);
    // Most statements make as many nodes as they have tokens, components some more.
    tree_.nodes.reserve(tree_.tokens.size() + tree_.tokens.size() / 4);
  }

 protected:
  // Tokens.
  TokenKind kind() const { return tree_.tokens[at_].kind; }
  bool is(TokenKind wanted) const { return kind() == wanted; }
  TokenKind peek() const {
    return at_ + 1 < tree_.tokens.size() ? tree_.tokens[at_ + 1].kind : TokenKind::end;
  }
  void take() {
    if (!is(TokenKind::end)) ++at_;
  }
  bool accept(TokenKind wanted) {
    if (!is(wanted)) return false;
    ++at_;
    return true;
  }

  // Nodes. Children are linked in order through `last_child_`, kept only while a node is open.
  NodeId open(Syntax syntax) {
    TreeNode node{syntax};
    node.token = node.first = node.last = at_;
    tree_.nodes.push_back(node);
    return static_cast<NodeId>(tree_.nodes.size() - 1);
  }
  TreeNode& node(NodeId id) { return tree_.nodes[id]; }
  void append(NodeId parent, NodeId child) {
    if (child == no_node) return;
    NodeId last = node(parent).child == no_node ? no_node : tail(parent);
    if (last == no_node)
      node(parent).child = child;
    else
      node(last).next = child;
    remember_tail(parent, child);
  }
  // The last child of the bodies being parsed: a stack, because parsing is one.
  NodeId tail(NodeId parent) {
    for (auto entry = tails_.rbegin(); entry != tails_.rend(); ++entry)
      if (entry->first == parent) return entry->second;
    NodeId last = node(parent).child;
    while (node(last).next != no_node) last = node(last).next;
    return last;
  }
  void remember_tail(NodeId parent, NodeId child) {
    if (!tails_.empty() && tails_.back().first == parent) tails_.back().second = child;
  }
  NodeId close(NodeId id) {
    node(id).last = at_ > node(id).first ? at_ - 1 : node(id).first;
    return id;
  }
  Tree finish(NodeId root) {
    node(root).first = 0;
    node(root).last = static_cast<uint32_t>(tree_.tokens.size() - 1);
    std::sort(tree_.errors.begin(), tree_.errors.end(), [](const Error& a, const Error& b) {
      return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
    });
    return std::move(tree_);
  }

  // Errors.
  std::string found() const {
    if (is(TokenKind::word) || is_number(kind()))
      return fmt::format("'{}'", printable(tree_.text(at_)));
    return std::string(describe(kind()));
  }
  /// Reports at the current token and starts skipping. Inside an error nothing more is reported.
  Error& complain(std::string what) {
    bool silent = panicking_ || tree_.errors.size() >= limits_.errors;
    panicking_ = true;
    if (is(TokenKind::bad) || silent) return surplus_ = Error();
    return tree_.errors.emplace_back(Code::syntax, std::move(what), model::Place(tree_.place(at_)));
  }
  Error& expected(std::string_view what) {
    return complain(fmt::format("expected {}, found {}", what, found()));
  }
  bool expect(TokenKind wanted) {
    if (accept(wanted)) return true;
    expected(describe(wanted));
    return false;
  }
  bool too_deep() {
    if (depth_ < limits_.nesting) return false;
    complain(fmt::format("nested deeper than {} levels", limits_.nesting));
    return true;
  }
  struct Level {
    explicit Level(size_t& depth) : depth_(depth) { ++depth_; }
    ~Level() { --depth_; }
    size_t& depth_;
  };

  uint32_t line_of(uint32_t token) const {
    return tree_.source->line_of(tree_.tokens[token].offset);
  }

  /// The first '{' behind `from` whose '}' begins a line further left than its own line does: there
  /// the author's indentation and the braces disagree.
  std::optional<std::pair<uint32_t, uint32_t>> slanting_pair(uint32_t from) const {
    struct Open {
      uint32_t token, line, margin;
    };
    std::vector<Open> open;
    uint32_t line = 0, margin = 0;
    for (uint32_t at = 0; at < tree_.tokens.size(); ++at) {
      TokenKind token = tree_.tokens[at].kind;
      bool first = line_of(at) != line;
      if (first) {
        line = line_of(at);
        margin = tree_.source->column_of(tree_.tokens[at].offset);
      }
      if (token == TokenKind::open_brace) open.push_back({at, line, margin});
      if (token != TokenKind::close_brace || open.empty()) continue;
      Open last = open.back();
      open.pop_back();
      if (last.token >= from && first && last.line != line && margin < last.margin)
        return std::pair{last.token, at};
    }
    return std::nullopt;
  }

  /// Skips to where the next statement of this body may begin: behind a ';', before the '}' that
  /// ends the body, or at a name that starts a line no further right than the broken statement did.
  void recover(uint32_t statement) {
    panicking_ = false;
    uint32_t column = tree_.source->column_of(tree_.tokens[statement].offset);
    int depth = 0;
    if (at_ == statement) take();
    for (; !is(TokenKind::end); take()) {
      if (is(TokenKind::open_brace)) ++depth;
      if (is(TokenKind::close_brace) && depth-- == 0) return;
      if (depth > 0) continue;
      if (is(TokenKind::semicolon)) {
        take();
        return;
      }
      bool starts = is(TokenKind::word) || is(TokenKind::include) || is(TokenKind::open_bracket);
      if (starts && line_of(at_) != line_of(at_ - 1) &&
          tree_.source->column_of(tree_.tokens[at_].offset) <= column)
        return;
    }
    panicking_ = true;  // nothing is left: the open braces around need not be reported again
  }

  ParseLimits limits_;
  Tree tree_;
  uint32_t at_ = 0;
  size_t depth_ = 0;
  bool panicking_ = false;
  std::vector<std::pair<NodeId, NodeId>> tails_;
  Error surplus_;
};

}  // namespace croft::lang
