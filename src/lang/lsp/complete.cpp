// What could be written at a place. The tokens before the cursor say what is expected there; the
// tree, which has nodes even for what is half written, says in which component.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "lang/lsp/features.h"

namespace croft::lang::lsp {
namespace {

enum class Expected { nothing, name, value, operand, type, member, file, tag };

constexpr std::array<std::string_view, 5> tag_names = {"sfFinal", "sfOverride", "sfTemp", "sfLocal",
                                                       "sfIgnoreLink"};
constexpr std::array<std::string_view, 14> value_words = {
    "extends", "true", "false",  "NULL",     "TBD", "LAZY",        "PARENT",
    "ROOT",    "THIS", "ATTRIB", "OPTIONAL", "IF",  "ENVPROPERTY", "PROPERTY"};

/// What an operand or a reference stands behind.
constexpr std::array before_operand = {
    TokenKind::kw_data,   TokenKind::kw_lazy,    TokenKind::comma,   TokenKind::open_bracket,
    TokenKind::kw_attrib, TokenKind::kw_here,    TokenKind::kw_if,   TokenKind::kw_optional,
    TokenKind::kw_then,   TokenKind::open_paren, TokenKind::kw_else, TokenKind::logic_not};
/// Behind these stand names that no description knows.
constexpr std::array before_own_name = {TokenKind::kw_property,    TokenKind::kw_iproperty,
                                        TokenKind::kw_envproperty, TokenKind::kw_ienvproperty,
                                        TokenKind::kw_host,        TokenKind::kw_constant,
                                        TokenKind::include,        TokenKind::include_optional};

template <size_t N>
bool among(const std::array<TokenKind, N>& list, TokenKind kind) {
  return std::find(list.begin(), list.end(), kind) != list.end();
}

bool is_name_token(TokenKind kind) {
  return kind == TokenKind::word || is_reserved(kind);
}

class Completer {
 public:
  Completer(View& view, TypeIndex& types, uint32_t offset, const FolderLister& list)
      : view_(view), types_(types), file_(view.main().get()), tree_(file_->tree), list_(list) {
    out_.begin = out_.end = offset;
    out_.include_at = include_line();
  }

  Completion run() {
    auto token = file_->token_before(out_.end);
    if (token && touches(*token) && is_name_token(kind(*token))) {
      out_.begin = tree_.tokens[*token].offset;
      token = *token > 0 ? std::optional(*token - 1) : std::nullopt;
    }
    before_ = token;
    if (in_comment()) return std::move(out_);
    Expected what = expected();
    out_.due = what == Expected::type || what == Expected::value;
    switch (what) {
      case Expected::name:
        names();
        break;
      case Expected::value:
        schema_values();
        references(0);
        value_keywords(true);
        break;
      case Expected::operand:
        references(0);
        value_keywords(false);
        break;
      case Expected::type:
        templates();
        break;
      case Expected::member:
        members();
        break;
      case Expected::file:
        files();
        break;
      case Expected::tag:
        for (auto tag : tag_names) add({std::string(tag), ItemKind::keyword, "tag"});
        break;
      case Expected::nothing:
        break;
    }
    return std::move(out_);
  }

 private:
  TokenKind kind(uint32_t token) const { return tree_.tokens[token].kind; }
  bool touches(uint32_t token) const {
    return tree_.tokens[token].offset + tree_.tokens[token].length >= out_.end;
  }
  Syntax syntax_of(uint32_t token) const {
    return tree_[file_->node_at(tree_.tokens[token].offset)].kind;
  }

  bool in_comment() const {
    size_t from = before_ ? tree_.tokens[*before_].offset + tree_.tokens[*before_].length : 0;
    if (from >= out_.begin) return false;
    std::string_view gap = file_->text().substr(from, out_.begin - from);
    size_t line = gap.rfind('\n');
    if (gap.find("//", line == std::string_view::npos ? 0 : line) != std::string_view::npos)
      return true;
    size_t open = gap.rfind("/*");
    return open != std::string_view::npos && gap.find("*/", open) == std::string_view::npos;
  }

  Expected expected() {
    if (!before_) return Expected::name;
    uint32_t at = *before_;
    bool in_text = is_string(kind(at)) || kind(at) == TokenKind::bad;
    if (in_text && touches(at)) {
      bool include = at > 0 && is_include(kind(at - 1));
      return include ? Expected::file : Expected::nothing;
    }
    TokenKind here = kind(at);
    bool extends = here == TokenKind::kw_extends ||
                   ((here == TokenKind::kw_data || here == TokenKind::kw_lazy) && at > 0 &&
                    kind(at - 1) == TokenKind::kw_extends);
    if (extends || (here == TokenKind::comma && syntax_of(at) == Syntax::component))
      return Expected::type;
    if (here == TokenKind::colon) return Expected::member;
    if (here == TokenKind::open_bracket && syntax_of(at) == Syntax::tags) return Expected::tag;
    if (among(before_operand, here)) return Expected::operand;
    if (among(before_own_name, here)) return Expected::nothing;
    if (is_operator(kind(at))) return Expected::operand;
    bool may_be_key = kind(at) == TokenKind::word || kind(at) == TokenKind::string ||
                      kind(at) == TokenKind::unique;
    return may_be_key && is_key(at) ? Expected::value : Expected::name;
  }

  /// Does the token end the name of an attribute?
  bool is_key(uint32_t token) const {
    NodeId node = file_->node_at(tree_.tokens[token].offset);
    if (tree_[node].kind == Syntax::key) {
      Syntax around = tree_[file_->parent(node)].kind;
      return around == Syntax::attribute || around == Syntax::error || around == Syntax::path;
    }
    return false;
  }

  /// The component in whose braces the cursor stands; a body that is not closed goes on.
  Scope here() const {
    NodeId innermost = 0;
    for (NodeId id = 1; id < tree_.nodes.size(); ++id) {
      const TreeNode& node = tree_[id];
      if (node.kind != Syntax::body || tree_.tokens[node.first].offset >= out_.begin) continue;
      bool closed = node.last > node.first && kind(node.last) == TokenKind::close_brace;
      if (closed && tree_.tokens[node.last].offset < out_.begin) continue;
      if (innermost == 0 || node.first > tree_[innermost].first) innermost = id;
    }
    return view_.scope_of(file_, innermost);
  }

  void add(Item item) {
    if (names_.insert(item.label).second) out_.items.push_back(std::move(item));
  }

  // What may stand where a name is expected.
  void names() {
    Scope scope = here();
    std::set<std::string> own;
    for (const auto& definition : view_.own(scope)) own.insert(definition.name());
    if (scope.node != 0)
      for (const auto& attribute : types_.attributes(view_, scope)) {
        if (own.contains(attribute.name) || attribute.published) continue;
        std::string detail = attribute.type;
        if (!attribute.fallback.empty())
          detail += (detail.empty() ? "= " : ", = ") + attribute.fallback;
        add({attribute.name, ItemKind::attribute, detail, attribute.doc, "", "",
             attribute.required ? 1 : 3});
      }
    if (scope.node == 0) {
      if (!own.contains("sfConfig"))
        add({"sfConfig", ItemKind::keyword, "what is deployed", "", "sfConfig extends "});
      add({"#include", ItemKind::keyword, "another file's attributes", "", "#include \""});
    }
    // A placement begins with the name of a component.
    for (const auto& definition : view_.own(scope))
      if (view_.component_of(definition))
        add({definition.name(), ItemKind::component, "place into it", "", definition.name() + ":",
             "", 7});
  }

  // The attribute whose value is being written.
  std::string key_name() const { return before_ ? name_of_key(tree_, *before_) : ""; }

  void schema_values() {
    Scope scope = here();
    const auto* schema = types_.schemas() ? types_.schemas()->find(view_.sf_class(scope)) : nullptr;
    const auto* known = schema ? types_.schemas()->attribute(*schema, key_name()) : nullptr;
    if (!known) return;
    for (const auto& choice : known->choices)
      add({"\"" + choice + "\"", ItemKind::value, key_name(), known->doc, "", "", 0});
    if (known->type == model::Type::boolean)
      for (const char* word : {"true", "false"})
        add({word, ItemKind::value, key_name(), known->doc, "", "", 0});
    if (known->fallback)
      add({print_value(*known->fallback), ItemKind::value, "the default", known->doc, "", "", 1});
  }

  void references(int rank) {
    for (const auto& definition : view_.in_reach(here())) {
      NodeId value = definition.value();
      bool component = value != no_node && definition.file->tree[value].kind == Syntax::component;
      add({definition.name(), component ? ItemKind::component : ItemKind::attribute,
           source_line(definition.file, value, 40), "", "", "", rank + (component ? 4 : 3)});
    }
  }

  void value_keywords(bool with_extends) {
    for (auto word : value_words)
      if (with_extends || word != "extends")
        add({std::string(word), ItemKind::keyword, "", "", "", "", 6});
  }

  void templates() {
    std::set<std::string> seen;
    for (const auto& definition : view_.in_reach(here())) {
      if (!seen.insert(definition.name()).second) continue;
      NodeId value = definition.value();
      if (value == no_node || definition.file->tree[value].kind != Syntax::component) continue;
      bool from_library = definition.file->name.starts_with(library_prefix);
      add({definition.name(), ItemKind::type, source_line(definition.file, value, 40),
           doc_comment(definition), "", "", from_library ? 4 : 3});
    }
    for (const auto& entry : types_.library())
      if (!seen.contains(entry.name))
        add({entry.name, ItemKind::type, "from " + entry.file, entry.summary, "", entry.file, 8});
  }

  void members() {
    // Back over `name:name:` to the start of the path.
    uint32_t first = *before_;
    size_t names = 0;
    while (first > 0 && kind(first) == TokenKind::colon && is_name_token(kind(first - 1))) {
      ++names;
      first -= 1;
      if (first == 0 || kind(first - 1) != TokenKind::colon) break;
      first -= 1;
    }
    if (names == 0) return;
    Scope scope = here();
    Scope at = scope;
    bool start = true;
    for (uint32_t token = first; token < *before_ && at; token += 2, start = false) {
      if (kind(token) == TokenKind::kw_parent)
        at = view_.parent(at);
      else if (kind(token) == TokenKind::kw_root)
        at = {file_, 0};
      else if (kind(token) != TokenKind::kw_this) {
        std::string name = name_of_key(tree_, token);
        at = view_.component_of(start ? view_.find_up(at, name) : view_.find(at, name));
      }
    }
    if (!at) return;
    for (const auto& definition : view_.members(at)) {
      NodeId value = definition.value();
      bool component = value != no_node && definition.file->tree[value].kind == Syntax::component;
      add({definition.name(), component ? ItemKind::component : ItemKind::attribute,
           source_line(definition.file, value, 40), doc_comment(definition)});
    }
    add({"PARENT", ItemKind::keyword, "", "", "", "", 8});
  }

  void files() {
    const Token& token = tree_.tokens[*before_];
    out_.begin = std::min(token.offset + 1, out_.end);
    std::string typed(file_->text().substr(out_.begin, out_.end - out_.begin));
    for (std::string_view path : library_files())
      add({"/" + std::string(path), ItemKind::file, "croft's library", "", "", "", 6});
    if (!list_) return;
    std::string folder = folder_of_file(typed);
    std::string base = folder_of_file(file_->name);
    std::string look = typed.starts_with('/') ? folder
                       : folder.empty()       ? base
                                              : base + "/" + folder;
    for (const auto& name : list_(look)) {
      std::string whole = folder.empty()          ? name
                          : folder.ends_with('/') ? folder + name
                                                  : folder + "/" + name;
      add({whole, ItemKind::file, "", "", "", "", 3});
    }
  }

  /// Behind the last include of the top, else behind the comment that opens the file.
  uint32_t include_line() const {
    uint32_t at = 0;
    for (NodeId id = tree_[0].child; id != no_node; id = tree_[id].next)
      if (tree_[id].kind == Syntax::include) at = file_->end(id);
    if (at == 0) return tree_.tokens[0].offset;
    size_t line_end = file_->text().find('\n', at);
    return static_cast<uint32_t>(line_end == std::string_view::npos ? file_->text().size()
                                                                    : line_end + 1);
  }

  View& view_;
  TypeIndex& types_;
  const ParsedFile* file_;
  const Tree& tree_;
  const FolderLister& list_;
  std::optional<uint32_t> before_;  // the token before what is being written
  std::set<std::string> names_;
  Completion out_;
};

}  // namespace

Completion complete(Project& project, const FilePtr& file, TypeIndex& types, uint32_t offset,
                    const FolderLister& list) {
  if (!file) return {};
  std::string text(file->text());
  size_t line_end = std::min(text.find('\n', offset), text.size());
  // What is being written at the end of a line would swallow the statement behind it.
  if (trim(std::string_view(text).substr(offset, line_end - offset)).empty())
    text.insert(offset, "_;");
  View view(project, parse_file(file->name, std::move(text)));
  return Completer(view, types, offset, list).run();
}

}  // namespace croft::lang::lsp
