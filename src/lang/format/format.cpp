#include "lang/format/format.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "lang/syntax/tree.h"

namespace croft::lang {
namespace {

constexpr size_t widest = 100;

struct Comment {
  std::string_view text;
  size_t newlines_before = 0;
  bool line() const { return text.starts_with("//"); }
  bool breaks() const { return line() || text.find('\n') != std::string_view::npos; }
};

class Formatter {
 public:
  explicit Formatter(const Tree& tree)
      : tree_(tree), text_(tree.source->text()), starts_(tree.tokens.size(), no_node) {
    for (NodeId id = 1; id < tree.nodes.size(); ++id) {
      const TreeNode& node = tree[id];
      if (node.kind == Syntax::body || node.kind == Syntax::vector || node.kind == Syntax::list ||
          node.kind == Syntax::paren)
        starts_[node.first] = id;
    }
  }

  std::string run() {
    const TreeNode& root = tree_[0];
    auto end = static_cast<uint32_t>(tree_.tokens.size() - 1);
    bool wrapped = kind(0) == TokenKind::kw_extends && end > 1 && kind(1) == TokenKind::open_brace;
    if (wrapped) {
      new_line(0, true);
      put(0);
      put(1);
      indent_ += 2;
    }
    items(root, !wrapped);
    if (wrapped) {
      uint32_t brace = end - 1;
      while (kind(brace) != TokenKind::close_brace) --brace;
      indent_ -= 2;
      close(brace, root.child == no_node);
    }
    comment_lines(end, out_.empty());
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    return std::move(out_);
  }

 private:
  TokenKind kind(uint32_t token) const { return tree_.tokens[token].kind; }
  uint32_t line_of(uint32_t token) const {
    return tree_.source->line_of(tree_.tokens[token].offset);
  }

  /// The comments in the gap before a token, and how many line ends stand before the token itself.
  struct Gap {
    std::vector<Comment> comments;
    size_t newlines = 0;
  };
  Gap gap(uint32_t token) const {
    Gap out;
    size_t at = token == 0 ? 0 : tree_.tokens[token - 1].offset + tree_.tokens[token - 1].length;
    if (token == 0 && text_.starts_with("\xEF\xBB\xBF")) at = 3;
    size_t end = tree_.tokens[token].offset;
    size_t newlines = 0;
    while (at < end) {
      char c = text_[at];
      if (c == '/' && at + 1 < end) {
        size_t stop =
            text_[at + 1] == '/' ? text_.find_first_of("\r\n", at) : text_.find("*/", at + 2);
        if (stop == std::string_view::npos)
          stop = end;
        else if (text_[at + 1] == '*')
          stop += 2;
        stop = std::min(stop, end);
        std::string_view comment = text_.substr(at, stop - at);
        while (!comment.empty() &&
               (comment.back() == ' ' || comment.back() == '\t' || comment.back() == '\f'))
          comment.remove_suffix(1);
        out.comments.push_back({comment, newlines});
        newlines = 0;
        at = stop;
        continue;
      }
      if (c == '\n' || (c == '\r' && (at + 1 >= end || text_[at + 1] != '\n'))) ++newlines;
      ++at;
    }
    out.newlines = newlines;
    return out;
  }

  // Writing.
  size_t column() const {
    size_t start = out_.rfind('\n');
    return out_.size() - (start == std::string::npos ? 0 : start + 1);
  }
  void start_line(bool blank) {
    if (!out_.empty() && out_.back() != '\n') out_ += '\n';
    if (blank && !out_.empty()) out_ += '\n';
    out_.append(indent_, ' ');
  }

  /// Comments up to and including the gap before `token`, each on its line; one that stands behind
  /// something on its line stays there. Returns whether a blank line is due before the token.
  bool comment_lines(uint32_t token, bool first) {
    size_t newlines = 0;
    for (; next_ <= token; ++next_) {
      Gap here = gap(next_);
      for (const auto& comment : here.comments) {
        newlines += comment.newlines_before;
        bool behind = newlines == 0 && !out_.empty() && out_.back() != '\n';
        if (behind) {
          out_ += ' ';
          out_ += comment.text;
        } else {
          start_line(newlines > 1 && !first);
          out_ += comment.text;
        }
        first = false;
        newlines = 0;
      }
      newlines += here.newlines;
    }
    return newlines > 1 && !first;
  }

  /// Begins the line on which `token` stands.
  void new_line(uint32_t token, bool first) {
    bool blank = comment_lines(token, first);
    start_line(blank);
  }

  /// Writes a token behind what is there; `space`: with a blank before it.
  void put(uint32_t token, bool space = true) {
    for (; next_ <= token; ++next_) {
      for (const auto& comment : gap(next_).comments) {
        if (!at_line_start()) out_ += ' ';
        out_ += comment.text;
        if (comment.breaks()) start_line(false);
        space = true;
      }
    }
    if (space && !at_line_start()) out_ += ' ';
    out_ += tree_.text(token);
  }
  bool at_line_start() const {
    size_t last = out_.find_last_not_of(' ');
    return last == std::string::npos || out_[last] == '\n';
  }

  /// May a blank stand between two tokens of one line?
  bool spaced(uint32_t before, uint32_t token) const {
    TokenKind a = kind(before), b = kind(token);
    if (a == TokenKind::open_paren || a == TokenKind::open_bracket || a == TokenKind::open_list ||
        a == TokenKind::colon)
      return false;
    if (a == TokenKind::logic_not) return false;
    if (b == TokenKind::close_paren || b == TokenKind::close_bracket ||
        b == TokenKind::close_list || b == TokenKind::comma || b == TokenKind::colon ||
        b == TokenKind::semicolon)
      return false;
    return !(a == TokenKind::kw_optional && b == TokenKind::open_paren);
  }

  // Items.
  void items(const TreeNode& body, bool first) {
    for (NodeId id = body.child; id != no_node; id = tree_[id].next) {
      new_line(tree_[id].first, first);
      first = false;
      item(tree_[id]);
    }
  }

  static bool ends_with_body(const Tree& tree, const TreeNode& attribute) {
    NodeId last = attribute.child;
    if (last == no_node) return false;
    while (tree[last].next != no_node) last = tree[last].next;
    const TreeNode& value = tree[last];
    if (value.kind != Syntax::component) return false;
    NodeId part = value.child;
    while (part != no_node && tree[part].next != no_node) part = tree[part].next;
    return part != no_node && tree[part].kind == Syntax::body;
  }

  bool needs_semicolon(const TreeNode& item) const {
    return item.kind == Syntax::attribute && !ends_with_body(tree_, item);
  }

  /// The last token of an item without the ';' that may end it.
  uint32_t last_token(const TreeNode& item) const {
    uint32_t last = item.last;
    while (last > item.first && kind(last) == TokenKind::semicolon) --last;
    return last;
  }

  void item(const TreeNode& node) {
    range(node.first, last_token(node));
    if (needs_semicolon(node)) out_ += ';';
  }

  /// Tokens in their order, with what is laid out over lines handed on.
  void range(uint32_t first, uint32_t last) {
    for (uint32_t at = first; at <= last;) {
      NodeId starts = starts_[at];
      if (starts == no_node) {
        put(at, at > first && spaced(at - 1, at));
        ++at;
        continue;
      }
      const TreeNode& node = tree_[starts];
      bool space = at > first && spaced(at - 1, at);
      if (node.kind == Syntax::body)
        body(node, space);
      else
        group(node, space);
      at = node.last + 1;
    }
  }

  void body(const TreeNode& node, bool space) {
    if (auto text = one_line(node.first, node.last); text && fits(*text, space)) {
      write_whole(node, *text, space);
      return;
    }
    put(node.first, space);
    indent_ += 2;
    items(node, true);
    indent_ -= 2;
    close(node.last, node.child == no_node);
  }

  void close(uint32_t brace, bool empty) {
    size_t size = out_.size();
    indent_ += 2;
    comment_lines(brace, true);
    indent_ -= 2;
    if (!(empty && out_.size() == size)) start_line(false);
    out_ += tree_.text(brace);
  }

  bool fits(const std::string& text, bool space) const {
    return column() + text.size() + (space ? 1 : 0) + 1 <= widest;
  }

  void write_whole(const TreeNode& node, const std::string& text, bool space) {
    put(node.first, space);  // flushes the comments before it
    out_ += text.substr(tree_.text(node.first).size());
    next_ = node.last + 1;
  }

  /// ( ), [ ] and [| |]: on one line when they fit, else a part a line.
  void group(const TreeNode& node, bool space) {
    if (auto text = one_line(node.first, node.last); text && fits(*text, space))
      return write_whole(node, *text, space);
    std::vector<uint32_t> breaks = break_points(node);
    put(node.first, space);
    if (breaks.empty()) {
      if (node.last > node.first + 1) range(node.first + 1, node.last - 1);
      put(node.last, false);
      return;
    }
    indent_ += 2;
    for (size_t i = 0; i < breaks.size(); ++i) {
      uint32_t end = i + 1 < breaks.size() ? breaks[i + 1] - 1 : node.last - 1;
      new_line(breaks[i], true);
      range(breaks[i], end);
    }
    comment_lines(node.last, true);
    indent_ -= 2;
    start_line(false);
    out_ += tree_.text(node.last);
  }

  /// The tokens that begin a line of their own in a group that is too long.
  std::vector<uint32_t> break_points(const TreeNode& node) const {
    std::vector<uint32_t> out;
    NodeId first = node.child;
    if (node.kind == Syntax::paren) {
      if (first == no_node || tree_[first].kind != Syntax::operation) return out;
      for (NodeId id = tree_[first].child; id != no_node; id = tree_[id].next)
        out.push_back(id == tree_[first].child ? tree_[id].first : tree_[id].first - 1);
      return out;
    }
    for (NodeId id = first; id != no_node; id = tree_[id].next) out.push_back(tree_[id].first);
    return out;
  }

  // One line.
  /// The tokens as one line; nullopt when something in them asks for lines.
  std::optional<std::string> one_line(uint32_t first, uint32_t last) const {
    std::string out;
    if (!add_line(first, last, out)) return std::nullopt;
    return out;
  }

  bool add_line(uint32_t first, uint32_t last, std::string& out) const {
    for (uint32_t at = first; at <= last;) {
      if (out.size() > widest * 2) return false;
      if (at > first && !gap(at).comments.empty()) return false;
      std::string_view text = tree_.text(at);
      if (text.find('\n') != std::string_view::npos) return false;
      if (at > first && spaced(at - 1, at)) out += ' ';
      NodeId starts = starts_[at];
      if (starts != no_node && tree_[starts].kind == Syntax::body) {
        if (!add_body(tree_[starts], out)) return false;
        at = tree_[starts].last + 1;
        continue;
      }
      out += text;
      ++at;
    }
    return true;
  }

  bool add_body(const TreeNode& node, std::string& out) const {
    if (line_of(node.first) != line_of(node.last))
      return node.child == no_node && add_empty(node, out);
    for (uint32_t at = node.first + 1; at <= node.last; ++at)
      if (!gap(at).comments.empty()) return false;
    out += '{';
    for (NodeId id = node.child; id != no_node; id = tree_[id].next) {
      out += ' ';
      const TreeNode& item = tree_[id];
      if (item.kind == Syntax::include) return false;
      if (!add_line(item.first, last_token(item), out)) return false;
      if (needs_semicolon(item)) out += ';';
    }
    out += node.child == no_node ? "}" : " }";
    return true;
  }

  bool add_empty(const TreeNode& node, std::string& out) const {
    for (uint32_t at = node.first + 1; at <= node.last; ++at)
      if (!gap(at).comments.empty()) return false;
    out += "{}";
    return true;
  }

  const Tree& tree_;
  std::string_view text_;
  std::vector<NodeId> starts_;  // by token: the node with brackets that it opens
  std::string out_;
  size_t indent_ = 0;
  uint32_t next_ = 0;  // the first token whose comments are not written yet
};

}  // namespace

Result<std::string> format(const std::string& file, std::string text) {
  auto source = std::make_shared<const model::SourceText>(file, std::move(text));
  Tree tree = parse(source, {});
  if (!tree.errors.empty()) {
    Error first = tree.errors.front();
    first.others.assign(tree.errors.begin() + 1, tree.errors.end());
    return fail(std::move(first));
  }
  return Formatter(tree).run();
}

}  // namespace croft::lang
