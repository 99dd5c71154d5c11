#include "lang/format/shape.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::lang {
namespace {

/// The comment without indentation: a formatter may move it as a whole.
std::string levelled(std::string_view comment) {
  std::string out;
  for (const auto& line : split(comment, '\n')) out += std::string(trim(line)) + "\n";
  return out;
}

}  // namespace

std::string shape_of(const Tree& tree) {
  std::string out;
  std::vector<NodeId> open{0};
  while (!open.empty()) {
    NodeId id = open.back();
    open.pop_back();
    if (id == no_node) {
      out += ')';
      continue;
    }
    const TreeNode& node = tree[id];
    out += fmt::format("({} {}", static_cast<int>(node.kind), node.flags);
    if (node.child == no_node && node.kind != Syntax::file)
      for (uint32_t token = node.first; token <= node.last; ++token)
        if (tree.tokens[token].kind != TokenKind::semicolon)
          out += fmt::format(" {}", tree.text(token));
    if (node.kind == Syntax::operation || node.kind == Syntax::include)
      out += fmt::format(" {}", static_cast<int>(tree.tokens[node.token].kind));
    open.push_back(no_node);
    std::vector<NodeId> children;
    for (NodeId child = node.child; child != no_node; child = tree[child].next)
      children.push_back(child);
    open.insert(open.end(), children.rbegin(), children.rend());
  }
  return out;
}

std::vector<std::string> comments_of(const Tree& tree) {
  std::vector<std::string> out;
  std::string_view text = tree.source->text();
  size_t at = 0;
  for (const auto& token : tree.tokens) {
    while (at < token.offset) {
      if (text[at] != '/') {
        ++at;
        continue;
      }
      bool line = text[at + 1] == '/';
      size_t end = line ? text.find_first_of("\r\n", at) : text.find("*/", at + 2);
      end = end == std::string_view::npos ? text.size() : end + (line ? 0 : 2);
      out.push_back(levelled(text.substr(at, end - at)));
      at = end;
    }
    at = token.offset + token.length;
  }
  return out;
}

}  // namespace croft::lang
