// The comment that belongs to a definition, without its marks.
#include "base/text.h"
#include "lang/browse/view.h"

namespace croft::lang {
namespace {

struct Piece {
  std::string_view text;
  size_t newlines_behind = 0;  // up to the next comment or the token
};

std::vector<Piece> comments_of(std::string_view gap) {
  std::vector<Piece> out;
  for (size_t at = 0; at < gap.size();) {
    if (gap[at] == '/' && at + 1 < gap.size() && (gap[at + 1] == '/' || gap[at + 1] == '*')) {
      size_t end = gap[at + 1] == '/' ? gap.find_first_of("\r\n", at) : gap.find("*/", at + 2);
      if (end == std::string_view::npos) end = gap.size();
      if (gap[at + 1] == '*') end = std::min(end + 2, gap.size());
      out.push_back({gap.substr(at, end - at)});
      at = end;
      continue;
    }
    if (gap[at] == '\n' && !out.empty()) ++out.back().newlines_behind;
    ++at;
  }
  return out;
}

/// "/** text */" and "// text" without their marks, lines kept.
std::string bare(std::string_view comment) {
  bool block = comment.starts_with("/*");
  comment.remove_prefix(2);
  if (block && comment.ends_with("*/")) comment.remove_suffix(2);
  std::string out;
  for (const auto& raw : split(comment, '\n')) {
    std::string_view line = trim(raw);
    while (line.starts_with(block ? '*' : '/')) line.remove_prefix(1);
    if (line.starts_with(' ')) line.remove_prefix(1);
    out += std::string(line) + "\n";
  }
  return std::string(trim(out));
}

/// Comments that stand directly above, several `//` lines together.
std::string above(std::string_view gap, bool at_start) {
  auto pieces = comments_of(gap);
  size_t first = pieces.size();
  while (first > 0 && pieces[first - 1].newlines_behind <= 1) {
    bool block = pieces[first - 1].text.starts_with("/*");
    --first;
    if (block) break;
  }
  // What stands behind the attribute before, on its line, describes that one.
  size_t line_end = gap.find('\n');
  if (!at_start && first == 0 && !pieces.empty() &&
      pieces[0].text.data() < gap.data() + std::min(line_end, gap.size()))
    ++first;
  std::string out;
  for (size_t i = first; i < pieces.size(); ++i)
    out += (out.empty() ? "" : "\n") + bare(pieces[i].text);
  return out;
}

}  // namespace

std::string doc_comment(Definition definition) {
  const Tree& tree = definition.file->tree;
  std::string_view text = definition.file->text();
  const TreeNode& node = tree[definition.attribute];
  size_t begin = 0;
  if (node.first > 0)
    begin = tree.tokens[node.first - 1].offset + tree.tokens[node.first - 1].length;
  std::string_view gap = text.substr(begin, tree.tokens[node.first].offset - begin);
  if (std::string found = above(gap, node.first == 0); !found.empty()) return found;
  size_t end = definition.file->end(definition.attribute);
  size_t line_end = std::min(text.find('\n', end), text.size());
  std::string_view rest = trim(text.substr(end, line_end - end));
  if (rest.starts_with(';')) rest = trim(rest.substr(1));
  return rest.starts_with("//") ? bare(rest) : "";
}

}  // namespace croft::lang
