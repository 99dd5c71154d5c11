// The parse pass: text -> tree -> nodes, with included files put in place.
// Source: the language reference, 1.2 and 1.3.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "lang/functions/function.h"
#include "lang/passes/graph.h"
#include "lang/passes/sources.h"

namespace croft::lang {
namespace {

class Builder {
 public:
  explicit Builder(Run& run) : run_(run), sources_(run) {}

  void file(const std::string& name, std::string text) {
    uint32_t index = sources_.main_file(name, std::move(text));
    run_.root = run_.make_node(nullptr, word::none, {index, 0, 0});
    run_.root->merged = Progress::done;
    const Tree& tree = sources_.tree(index);
    sources_.open_files.push_back(index);
    items(tree[0], tree, run_.root);
    sources_.open_files.pop_back();
  }

  std::optional<Val> value(const Tree& tree, uint32_t file, Node* holder) {
    sources_.open_files.push_back(file);
    NodeId child = tree[0].child;
    if (child == no_node) return std::nullopt;
    return value_of(tree[child], tree, holder, word::none);
  }

 private:
  void include(const TreeNode& node, const Tree& tree, Node* holder) {
    NodeId file_node = node.child;
    if (file_node == no_node) return;
    while (tree[file_node].next != no_node) file_node = tree[file_node].next;
    Pos pos = pos_of(tree, tree[file_node].token);
    std::string name = string_text(tree.text(tree[file_node].token));
    bool optional = tree.tokens[node.token].kind == TokenKind::include_optional;
    if (++includes_ > run_.options.limits.includes)
      return run_.stop(fmt::format("more than {} files are included", run_.options.limits.includes),
                       pos, nullptr);
    if (sources_.open_files.size() > run_.options.limits.include_depth)
      return run_.stop(fmt::format("includes are nested deeper than {} files",
                                   run_.options.limits.include_depth),
                       pos, nullptr);
    auto opened = sources_.open(name);
    if (!opened) {
      if (optional && opened.error().code == Code::not_found) return;
      Error error = std::move(opened).error();
      if (error.code != Code::not_found)
        error.what = fmt::format("cannot include '{}': {}", printable(name), error.what);
      error.where = run_.place(pos);
      run_.add_include_chain(error, pos);
      error.fact("phase", "parse");
      run_.errors.push_back(std::move(error));
      return;
    }
    if (auto cycle = sources_.cycle_with(opened->path); !cycle.empty()) {
      run_.blame(Code::conflict, fmt::format("'{}' includes itself: {}", opened->path, cycle), pos,
                 nullptr, word::none);
      return;
    }
    uint32_t index = sources_.included(*opened, pos);
    if (run_.stopped) return;
    const Tree& included = sources_.tree(index);
    sources_.open_files.push_back(index);
    items(included[0], included, holder);
    sources_.open_files.pop_back();
  }

  // Items.
  Pos pos_of(const Tree& tree, uint32_t token) const {
    return {sources_.open_files.back(), tree.tokens[token].offset, tree.tokens[token].length};
  }
  Pos extent_of(const Tree& tree, const TreeNode& node) const {
    uint32_t from = tree.tokens[node.first].offset;
    const Token& last = tree.tokens[std::max(node.first, node.last)];
    return {sources_.open_files.back(), from, last.offset + last.length - from};
  }

  void items(const TreeNode& body, const Tree& tree, Node* holder) {
    uint32_t count = 0;
    for (NodeId id = body.child; id != no_node; id = tree[id].next) ++count;
    run_.reserve(holder, holder->count + count);
    for (NodeId id = body.child; id != no_node && !run_.stopped; id = tree[id].next) {
      if (tree[id].kind == Syntax::attribute)
        attribute(tree[id], tree, holder);
      else if (tree[id].kind == Syntax::include)
        include(tree[id], tree, holder);
    }
  }

  Symbol key_symbol(const TreeNode& key, const Tree& tree) {
    const Token& token = tree.tokens[key.first];
    std::string_view text = tree.text(key.first);
    if (token.kind == TokenKind::unique) return unique_bit | run_.unique++;
    if (token.kind == TokenKind::word)
      return needs_decoding(text) ? run_.symbols.intern(word_text(text))
                                  : run_.symbols.intern(text);
    return run_.symbols.intern(string_text(text));
  }

  void attribute(const TreeNode& node, const Tree& tree, Node* holder) {
    NodeId at = node.child;
    Tags tags = 0;
    if (at != no_node && tree[at].kind == Syntax::tags) {
      std::vector<Symbol> names;
      for (NodeId tag = tree[at].child; tag != no_node; tag = tree[tag].next)
        names.push_back(key_symbol(tree[tag], tree));
      tags = run_.tags_of(std::move(names));
      at = tree[at].next;
    }
    if (at == no_node) return;
    Symbol name;
    Pos pos = pos_of(tree, tree[at].first);
    if (tree[at].kind == Syntax::path) {
      std::vector<Symbol> names;
      for (NodeId part = tree[at].child; part != no_node; part = tree[part].next)
        names.push_back(key_symbol(tree[part], tree));
      name = run_.symbols.path(std::move(names));
      pos = extent_of(tree, tree[at]);
    } else {
      name = key_symbol(tree[at], tree);
    }
    NodeId value = tree[at].next;
    Val made = value == no_node ? Val{} : value_of(tree[value], tree, holder, name);
    run_.put(holder, name, made, tags, pos);
    if (made.is(Kind::component)) made.node->pos = extent_of(tree, node);
  }

  // Values.
  Val value_of(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    switch (node.kind) {
      case Syntax::component:
        return component(node, tree, holder, name);
      case Syntax::reference:
        return reference_value(reference(node, tree, holder));
      case Syntax::literal:
        return literal(node, tree);
      case Syntax::vector:
      case Syntax::list:
        return vector(node, tree, holder, name);
      case Syntax::paren:
        return node.child == no_node ? Val{} : value_of(tree[node.child], tree, holder, name);
      case Syntax::operation:
        return operation(node, tree, holder, name);
      case Syntax::negation:
        return fixed(node, tree, holder, name, "Not", {word::data});
      case Syntax::if_else:
        return fixed(node, tree, holder, name, "IfThenElse", {word::if_, word::then_, word::else_});
      case Syntax::choice:
        return choice(node, tree, holder, name);
      case Syntax::apply:
      case Syntax::assertion:
        return raw_call(node, tree, holder, name);
      case Syntax::file:
      case Syntax::attribute:
      case Syntax::tags:
      case Syntax::key:
      case Syntax::path:
      case Syntax::include:
      case Syntax::body:
      case Syntax::part:
      case Syntax::error:
        break;
    }
    return {};
  }

  Val component(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    Node* made = run_.make_node(holder, name, extent_of(tree, node));
    if (run_.stopped) return run_.component(made);
    made->eager = (node.flags & (flag_data | flag_lazy)) == 0;
    uint32_t count = 0;
    for (NodeId id = node.child; id != no_node; id = tree[id].next) ++count;
    if (count > 0) made->supers = run_.arena.make<Super>(count);
    for (NodeId id = node.child; id != no_node; id = tree[id].next) {
      const TreeNode& part = tree[id];
      if (part.kind == Syntax::body && part.next == no_node) {
        items(part, tree, made);
      } else if (part.kind == Syntax::body) {
        Node* body = run_.make_node(made, word::none, extent_of(tree, part));
        items(part, tree, body);
        made->supers[made->super_count++] = {nullptr, body};
      } else if (part.kind == Syntax::reference) {
        made->supers[made->super_count++] = {reference(part, tree, holder), nullptr};
      }
    }
    if (made->super_count == 0) {
      made->supers = nullptr;
      made->merged = Progress::done;
    }
    return run_.component(made);
  }

  Ref* reference(const TreeNode& node, const Tree& tree, Node* holder) {
    Ref* out = new (run_.arena.make<Ref>()) Ref();
    out->lazy = (node.flags & flag_lazy) != 0;
    out->data = (node.flags & flag_data) != 0;
    out->optional = (node.flags & flag_optional) != 0;
    out->pos = extent_of(tree, node);
    NodeId id = node.child;
    if (id != no_node && tree[id].kind != Syntax::part) {
      out->fallback = value_of(tree[id], tree, holder, word::none);
      id = tree[id].next;
    }
    uint32_t count = 0;
    for (NodeId part = id; part != no_node; part = tree[part].next) ++count;
    auto* parts = run_.arena.make<RefPart>(count);
    for (; id != no_node; id = tree[id].next) {
      parts[out->count] = part_of(tree[id], tree, out->count == 0);
      ++out->count;
    }
    out->parts = parts;
    return out;
  }

  RefPart part_of(const TreeNode& node, const Tree& tree, bool first) {
    using PartKind = model::Part::Kind;
    Symbol name = node.child == no_node ? word::none : key_symbol(tree[node.child], tree);
    TokenKind keyword = tree.tokens[node.first].kind;
    static constexpr std::pair<TokenKind, PartKind> kinds[] = {
        {TokenKind::kw_parent, PartKind::parent},
        {TokenKind::kw_root, PartKind::root},
        {TokenKind::kw_this, PartKind::self},
        {TokenKind::kw_process, PartKind::process},
        {TokenKind::kw_attrib, PartKind::attrib},
        {TokenKind::kw_here, PartKind::here},
        {TokenKind::kw_host, PartKind::host},
        {TokenKind::kw_property, PartKind::property},
        {TokenKind::kw_iproperty, PartKind::iproperty},
        {TokenKind::kw_envproperty, PartKind::env_property},
        {TokenKind::kw_ienvproperty, PartKind::ienv_property},
        {TokenKind::kw_constant, PartKind::constant}};
    if (keyword == TokenKind::word)
      return {first ? PartKind::attrib : PartKind::here, key_symbol(node, tree)};
    for (const auto& [token, kind] : kinds)
      if (token == keyword) return {kind, name};
    return {PartKind::here, name};
  }

  Val literal(const TreeNode& node, const Tree& tree) {
    std::string_view text = tree.text(node.token);
    TokenKind kind = tree.tokens[node.token].kind;
    Val out;
    if (kind == TokenKind::kw_true || kind == TokenKind::kw_false)
      return run_.boolean(kind == TokenKind::kw_true);
    if (kind == TokenKind::kw_var) return variable(node, tree);
    if (kind == TokenKind::kw_tbd) out.kind = Kind::tbd;
    if (kind == TokenKind::integer || kind == TokenKind::long_integer) {
      out.kind = kind == TokenKind::integer ? Kind::integer : Kind::long_integer;
      std::from_chars(text.data(), text.data() + text.size(), out.number);
    }
    if (kind == TokenKind::single || kind == TokenKind::real || kind == TokenKind::decimal)
      return decimal(text, kind);
    if (kind == TokenKind::bytes) {
      out = run_.text(*bytes_of_token(text));
      out.kind = Kind::bytes;
    }
    return is_string(kind) ? string(text) : out;
  }

  Val string(std::string_view token) {
    std::string_view inside = token.starts_with("##") ? token.substr(2, token.size() - 3)
                                                      : token.substr(1, token.size() - 2);
    bool plain = true;
    for (char c : inside) plain = plain && c != '\\' && static_cast<unsigned char>(c) < 0x80;
    return plain ? run_.text_ref(inside) : run_.text(string_text(token));
  }

  Val decimal(std::string_view text, TokenKind kind) {
    Val out;
    out.kind = kind == TokenKind::single ? Kind::single : Kind::real;
    out.bare = kind == TokenKind::decimal;
    out.real = 0;
    std::string padded(text);
    if (padded.starts_with("-.")) padded.insert(1, "0");
    if (kind == TokenKind::single) {
      float value = std::strtof(padded.c_str(), nullptr);
      out.real = value;
    } else {
      out.real = std::strtod(padded.c_str(), nullptr);
    }
    return out;
  }

  /// A variable of the constraint solver: kept as a name, resolved by nobody.
  Val variable(const TreeNode& node, const Tree& tree) {
    Ref* ref = new (run_.arena.make<Ref>()) Ref();
    auto* part = run_.arena.make<RefPart>();
    *part = {model::Part::Kind::attrib,
             run_.symbols.intern("VAR" + std::to_string(++run_.variables))};
    ref->parts = part;
    ref->count = 1;
    ref->variable = true;
    ref->pos = pos_of(tree, node.token);
    return reference_value(ref);
  }

  // Calls written as operators and the like.
  Node* call_node(std::string_view function, const TreeNode& node, const Tree& tree, Node* holder,
                  Symbol name) {
    Node* made = run_.make_node(holder, name, extent_of(tree, node));
    made->call = Call::apply;
    made->function = find_function(function);
    made->hidden = true;
    made->merged = Progress::done;
    return made;
  }

  void operand(Node* call, Symbol name, NodeId id, const Tree& tree) {
    Val value = value_of(tree[id], tree, call, name);
    run_.put(call, name, value, 0, extent_of(tree, tree[id]));
  }

  Val fixed(const TreeNode& node, const Tree& tree, Node* holder, Symbol name,
            std::string_view function, std::initializer_list<Symbol> names) {
    Node* made = call_node(function, node, tree, holder, name);
    auto next_name = names.begin();
    for (NodeId id = node.child; id != no_node && next_name != names.end(); id = tree[id].next)
      operand(made, *next_name++, id, tree);
    return run_.component(made);
  }

  Val operation(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    TokenKind op = tree.tokens[node.token].kind;
    std::string_view function = operator_function(op);
    if (!is_chaining(op))
      return fixed(node, tree, holder, name, function, {word::left, word::right});
    Node* made = call_node(function, node, tree, holder, name);
    for (NodeId id = node.child; id != no_node; id = tree[id].next) {
      // Operands are numbered after what stands inside them, so the name is made last.
      Val value = value_of(tree[id], tree, made, word::none);
      run_.put(made, unique_bit | run_.unique++, value, 0, extent_of(tree, tree[id]));
    }
    return run_.component(made);
  }

  static bool is_constant(const Val& value) {
    switch (value.kind) {
      case Kind::null:
      case Kind::boolean:
      case Kind::integer:
      case Kind::long_integer:
      case Kind::single:
      case Kind::real:
      case Kind::string:
      case Kind::bytes:
      case Kind::vector:
        return true;
      case Kind::reference:
        return value.ref->data;
      case Kind::call:
      case Kind::tbd:
      case Kind::component:
      case Kind::bad:
        return false;
    }
    return false;
  }

  /// Vectors of constants are values at once; others are calls. Both count their elements.
  Val vector(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    bool list = node.kind == Syntax::list;
    Node* made = list ? nullptr : call_node("Vector", node, tree, holder, name);
    std::vector<Val> items;
    std::vector<Symbol> names;
    std::vector<Pos> places;
    bool constant = true;
    for (NodeId id = node.child; id != no_node; id = tree[id].next) {
      items.push_back(value_of(tree[id], tree, list ? holder : made, word::none));
      places.push_back(extent_of(tree, tree[id]));
      if (!list) names.push_back(unique_bit | run_.unique++);
      constant = constant && is_constant(items.back());
    }
    if (list || constant)
      return run_.vector(items);  // a list may hold components: they stand in `holder`
    for (size_t i = 0; i < items.size(); ++i) run_.put(made, names[i], items[i], 0, places[i]);
    return run_.component(made);
  }

  Val choice(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    Node* made = call_node("Switch", node, tree, holder, name);
    made->hidden = false;  // the bindings are a scope
    NodeId id = node.child;
    if (id != no_node && tree[id].kind == Syntax::body) {
      items(tree[id], tree, made);
      id = tree[id].next;
    }
    for (uint32_t i = 0; id != no_node; ++i) {
      operand(made, run_.symbols.intern("IF" + std::to_string(i)), id, tree);
      id = tree[id].next;
      if (id == no_node) break;
      operand(made, run_.symbols.intern("THEN" + std::to_string(i)), id, tree);
      id = tree[id].next;
    }
    return run_.component(made);
  }

  Val raw_call(const TreeNode& node, const Tree& tree, Node* holder, Symbol name) {
    Node* made = run_.make_node(holder, name, extent_of(tree, node));
    made->call = node.kind == Syntax::apply ? Call::apply : Call::assertion;
    made->merged = Progress::done;
    if (node.child != no_node) items(tree[node.child], tree, made);
    Val out = run_.component(made);
    out.lazy = (node.flags & flag_lazy) != 0;
    return out;
  }

  Run& run_;
  Sources sources_;
  size_t includes_ = 0;
};

}  // namespace

void build(Run& run, const std::string& file, std::string text) {
  run.phase = Phase::parse;
  Builder(run).file(file, std::move(text));
  if (run.errors.empty() && !run.stopped) apply_settings(run);
}

std::optional<Val> value_from_text(Run& run, std::string_view text, Node* holder, Error& error) {
  auto source = std::make_shared<const model::SourceText>("value", std::string(text));
  ParseLimits limits{run.options.limits.nesting, 1};
  Tree tree = parse_single_value(source, limits);
  if (!tree.errors.empty()) {
    error = tree.errors.front();
    return std::nullopt;
  }
  auto index = static_cast<uint32_t>(run.files.size());
  run.files.push_back({source, UINT32_MAX, {}});
  return Builder(run).value(tree, index, holder);
}

}  // namespace croft::lang
