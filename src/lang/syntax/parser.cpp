// Recursive descent over the grammar of the language reference, 1.2. After an error the rest of the
// statement is skipped and parsing goes on, so that one run reports several errors.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "lang/syntax/tree_builder.h"

namespace croft::lang {
namespace {

class Parser : private TreeBuilder {
 public:
  using TreeBuilder::TreeBuilder;

  Tree file() {
    NodeId root = open(Syntax::file);
    if (is(TokenKind::kw_extends) && peek() == TokenKind::open_brace) {
      take();
      braces(root, "the file");
    } else {
      items(root);
    }
    NodeId last = last_child(root);
    while (!is(TokenKind::end)) {
      complain(fmt::format("{} stands where the file should end", found()))
          .hint(is(TokenKind::close_brace) ? "there is one '}' too many"
                                           : "a statement is written 'name value;'");
      take();
      last = items(root, last);
    }
    return finish(root);
  }

  Tree single_value() {
    NodeId root = open(Syntax::file);
    append(root, value());
    if (!panicking_ && !is(TokenKind::end)) complain(fmt::format("{} follows the value", found()));
    return finish(root);
  }

 private:
  // Items.
  /// Behind `last`, the last child that `parent` has; gives the last one then.
  NodeId items(NodeId parent, NodeId last = no_node) {
    tails_.emplace_back(parent, last);
    while (!is(TokenKind::end) && !is(TokenKind::close_brace)) {
      if (accept(TokenKind::semicolon)) continue;
      uint32_t start = at_;
      NodeId id = item();
      append(parent, id);
      if (!panicking_) continue;
      node(id).kind = Syntax::error;
      recover(start);
    }
    last = tails_.back().second;
    tails_.pop_back();
    return last;
  }

  NodeId item() { return is_include(kind()) ? include() : attribute(); }

  NodeId include() {
    NodeId id = open(Syntax::include);
    if (accept(TokenKind::codebase)) {
      append(id, string_literal("the address of the code base in quotes"));
      node(id).token = at_;
      if (!is(TokenKind::include) && !is(TokenKind::include_optional)) {
        expected("'#include' behind '#codebase'");
        return close(id);
      }
    }
    take();
    append(id, string_literal("the file to include in quotes"));
    return close(id);
  }

  NodeId string_literal(std::string_view what) {
    if (!is_string(kind())) {
      expected(what);
      return no_node;
    }
    NodeId id = open(Syntax::literal);
    take();
    return close(id);
  }

  NodeId attribute() {
    NodeId id = open(Syntax::attribute);
    if (is(TokenKind::open_bracket)) append(id, tags());
    if (!panicking_) append(id, key());
    if (panicking_) return close(id);
    node(id).token = node(last_child(id)).first;
    if (accept(TokenKind::semicolon)) return close(id);
    append(id, value());
    return close(id);
  }

  NodeId last_child(NodeId id) {
    NodeId last = node(id).child;
    while (last != no_node && node(last).next != no_node) last = node(last).next;
    return last;
  }

  NodeId tags() {
    NodeId id = open(Syntax::tags);
    take();
    while (!is(TokenKind::close_bracket) && !panicking_) {
      append(id, one_key("a tag or ']'"));
      accept(TokenKind::comma);
    }
    if (!panicking_) expect(TokenKind::close_bracket);
    return close(id);
  }

  NodeId one_key(std::string_view wanted, bool may_be_empty = false) {
    NodeId id = open(Syntax::key);
    if (is_string(kind())) {
      if (!may_be_empty && string_text(tree_.text(at_)).empty())
        complain("the name of an attribute cannot be empty");
      take();
    } else if (!accept(TokenKind::word)) {
      bool reserved = is_reserved(kind());
      bool computes = is_operator(kind());
      Error& error = expected(wanted);
      if (reserved && !error.what.empty())
        error.hint(
            fmt::format("{} is a reserved word; in quotes it can be a name", describe(kind())));
      if (computes && !error.what.empty())
        error.hint("an expression stands in parentheses: (a + b)");
    }
    return close(id);
  }

  NodeId key() {
    if (is(TokenKind::unique)) {
      NodeId id = open(Syntax::key);
      take();
      return close(id);
    }
    NodeId first = one_key("the name of an attribute");
    if (!is(TokenKind::colon) || panicking_) return first;
    NodeId id = open(Syntax::path);
    node(id).first = node(first).first;
    node(id).token = node(first).first;
    append(id, first);
    size_t names = 1;
    while (accept(TokenKind::colon) && !panicking_ && !too_long(++names))
      append(id, one_key("a name behind ':'"));
    return close(id);
  }

  // Values.
  NodeId value() {
    if (too_deep()) return no_node;
    Level level(depth_);
    return is(TokenKind::kw_extends) ? component() : simple();
  }

  NodeId component() {
    NodeId id = open(Syntax::component);
    take();
    if (accept(TokenKind::colon)) {
      std::string_view factory = is(TokenKind::word) ? tree_.text(at_) : "";
      if (factory != "default" && factory != "root" && !is(TokenKind::kw_root))
        expected("'default' or 'root' behind 'extends:'");
      take();
    }
    if (accept(TokenKind::kw_data))
      node(id).flags |= flag_data;
    else if (accept(TokenKind::kw_lazy))
      node(id).flags |= flag_lazy;
    do {
      if (panicking_) break;
      if (accept_body(id)) continue;
      if (is(TokenKind::kw_null))
        append(id, literal());
      else
        append(id, supertype());
      if (!panicking_ && accept_body(id)) break;
    } while (accept(TokenKind::comma));
    return close(id);
  }

  bool accept_body(NodeId parent) {
    if (!is(TokenKind::open_brace)) return false;
    append(parent, body("a component"));
    return true;
  }

  NodeId supertype() {
    if (starts_reference(kind())) return reference();
    expected("a component to extend or '{'");
    return no_node;
  }

  NodeId body(std::string_view of_what) {
    if (too_deep()) return no_node;
    Level level(depth_);
    NodeId id = open(Syntax::body);
    braces(id, of_what);
    return close(id);
  }

  void braces(NodeId id, std::string_view of_what) {
    uint32_t opened = at_;
    if (!expect(TokenKind::open_brace)) return;
    items(id);
    if (accept(TokenKind::close_brace)) return;
    Error& error = expected(fmt::format("'}}' at the end of {}", of_what));
    if (error.what.empty()) return;
    if (auto pair = slanting_pair(opened)) {
      error.frame(fmt::format("'{{' opened on line {}", line_of(pair->first)),
                  Where(tree_.place(pair->first)));
      error.hint(
          fmt::format("the '}}' on line {} stands further left than the line of that '{{': "
                      "is one missing before it?",
                      line_of(pair->second)));
      return;
    }
    error.frame(fmt::format("'{{' opened on line {}", line_of(opened)), Where(tree_.place(opened)));
  }

  NodeId simple() {
    if (is(TokenKind::semicolon)) {  // the null value
      NodeId id = open(Syntax::literal);
      take();
      return close(id);
    }
    if (is(TokenKind::open_paren)) return paren();
    if (is(TokenKind::open_bracket)) return vector();
    if (is(TokenKind::open_list)) return list();
    if (is(TokenKind::kw_if)) return if_else();
    if (is(TokenKind::kw_switch)) return choice();
    if (is(TokenKind::kw_lazy)) return lazy();
    if (is(TokenKind::kw_apply) || is(TokenKind::kw_assert)) return call(0);
    if (is(TokenKind::kw_data)) return data_reference();
    if (is(TokenKind::kw_optional) || starts_reference(kind())) return reference();
    if (starts_literal(kind())) return literal();
    Error& error = expected("a value");
    if (is(TokenKind::open_brace) && !error.what.empty())
      error.hint("a component is written 'name extends { ... }'");
    if (is_operator(kind()) && !error.what.empty())
      error.hint("an expression stands in parentheses: (a + b)");
    return no_node;
  }

  NodeId data_reference() {
    uint32_t first = at_;
    take();
    NodeId id = reference();
    node(id).flags |= flag_data;
    node(id).first = first;
    return id;
  }

  NodeId lazy() {
    uint32_t first = at_;
    take();
    bool is_call = is(TokenKind::kw_apply) || is(TokenKind::kw_assert);
    NodeId id = is_call ? call(flag_lazy) : reference();
    if (id == no_node) return id;
    node(id).flags |= flag_lazy;
    node(id).first = first;
    return id;
  }

  NodeId call(uint8_t flags) {
    NodeId id = open(is(TokenKind::kw_apply) ? Syntax::apply : Syntax::assertion);
    node(id).flags = flags;
    take();
    append(id, body("the call"));
    return close(id);
  }

  NodeId literal() {
    NodeId id = open(Syntax::literal);
    check_number();
    take();
    return close(id);
  }

  void check_number() {
    if (is(TokenKind::decimal) || is(TokenKind::real) || is(TokenKind::single)) {
      bool narrow = is(TokenKind::single);
      double value = std::strtod(std::string(tree_.text(at_)).c_str(), nullptr);
      if (std::isfinite(narrow ? static_cast<float>(value) : value)) return;
      complain(fmt::format("{} is beyond the largest number of {} bits", printable(tree_.text(at_)),
                           narrow ? 32 : 64));
      return;
    }
    if (!is(TokenKind::integer) && !is(TokenKind::long_integer)) return;
    std::string_view text = tree_.text(at_);
    bool wide = is(TokenKind::long_integer);
    if (wide) text.remove_suffix(1);
    auto value = parse_i64(text);
    if (value && (wide || (*value >= INT32_MIN && *value <= INT32_MAX))) return;
    bool fits_wide = value.has_value() && !wide;
    Error& error = complain(fmt::format("{} does not fit into {} bits", text, wide ? 64 : 32));
    if (fits_wide && !error.what.empty()) error.hint(fmt::format("{}L is a 64-bit number", text));
  }

  NodeId reference() {
    NodeId id = open(Syntax::reference);
    if (accept(TokenKind::kw_optional)) {
      node(id).flags |= flag_optional;
      if (accept(TokenKind::open_paren)) {
        append(id, primitive());
        if (!panicking_) expect(TokenKind::close_paren);
      }
    }
    if (panicking_) return close(id);
    size_t parts = 0;
    do append(id, part());
    while (!panicking_ && accept(TokenKind::colon) && !too_long(++parts + 1));
    return close(id);
  }

  bool too_long(size_t parts) {
    if (parts <= limits_.parts) return false;
    complain(fmt::format("a path of more than {} names", limits_.parts));
    return true;
  }

  NodeId part() {
    NodeId id = open(Syntax::part);
    if (is(TokenKind::word) || is_lone_part(kind())) {
      take();
    } else if (is_named_part(kind())) {
      std::string_view what = describe(kind());
      take();
      append(id, one_key(fmt::format("a name behind {}", what), true));
    } else {
      bool optional = is(TokenKind::kw_lazy) || is(TokenKind::kw_optional);
      Error& error = expected("a reference: a name, PARENT, ROOT, THIS, ...");
      if (optional && !error.what.empty())
        error.hint("LAZY stands before OPTIONAL, and both once at the start");
    }
    return close(id);
  }

  NodeId primitive() {
    if (too_deep()) return no_node;
    Level level(depth_);
    if (starts_literal(kind())) return literal();
    if (is(TokenKind::open_list)) return list();
    if (is(TokenKind::kw_data)) return simple();
    if (is(TokenKind::kw_extends)) return printed_component();
    Error& error = expected("a plain value");
    if (starts_reference(kind()) && !error.what.empty())
      error.hint("[| |] and OPTIONAL( ) hold no references; [ ] does");
    return no_node;
  }

  /// A component in a list, as resolved vectors are printed: a body and nothing else, since a comma
  /// goes on with the list.
  NodeId printed_component() {
    NodeId id = open(Syntax::component);
    take();
    if (accept(TokenKind::kw_data)) node(id).flags |= flag_data;
    if (!accept_body(id)) expected("'{': a component in [| |] has a body and extends nothing");
    return close(id);
  }

  NodeId list() {
    NodeId id = open(Syntax::list);
    take();
    if (!is(TokenKind::close_list)) sequence(id, true);
    if (!panicking_ && !accept(TokenKind::close_list)) expected("',' or '|]'");
    return close(id);
  }

  NodeId vector() {
    NodeId id = open(Syntax::vector);
    take();
    if (!is(TokenKind::close_bracket)) sequence(id, false);
    if (!panicking_ && !accept(TokenKind::close_bracket)) expected("',' or ']'");
    return close(id);
  }

  void sequence(NodeId parent, bool plain) {
    tails_.emplace_back(parent, no_node);
    do append(parent, plain ? primitive() : element());
    while (!panicking_ && accept(TokenKind::comma));
    tails_.pop_back();
  }

  NodeId element() {
    if (!is(TokenKind::kw_extends)) return nested_simple();
    complain("a component in a vector stands in parentheses").hint("write [(extends { ... })]");
    return no_node;
  }

  NodeId nested_simple() {
    if (too_deep()) return no_node;
    Level level(depth_);
    return simple();
  }

  NodeId paren() {
    NodeId id = open(Syntax::paren);
    take();
    if (is(TokenKind::kw_extends)) {
      append(id, value());
    } else if (is(TokenKind::logic_not)) {
      NodeId negation = open(Syntax::negation);
      take();
      append(negation, nested_simple());
      append(id, close(negation));
    } else {
      append(id, operation());
    }
    if (!panicking_ && !accept(TokenKind::close_paren)) {
      bool other_operator = is_operator(kind());
      Error& error = expected("')'");
      if (other_operator && !error.what.empty())
        error.hint("different operators are not mixed without parentheses: (a + (b * c))");
    }
    return close(id);
  }

  NodeId operation() {
    NodeId first = nested_simple();
    if (panicking_ || !is_operator(kind())) return first;
    NodeId id = open(Syntax::operation);
    TokenKind op = kind();
    node(id).first = node(first).first;
    append(id, first);
    tails_.emplace_back(id, first);
    do {
      take();
      append(id, nested_simple());
    } while (!panicking_ && is(op) && is_chaining(op));
    tails_.pop_back();
    return close(id);
  }

  NodeId if_else() {
    NodeId id = open(Syntax::if_else);
    take();
    append(id, nested_simple());
    if (panicking_ || !expect(TokenKind::kw_then)) return close(id);
    append(id, nested_simple());
    if (panicking_ || !expect(TokenKind::kw_else)) return close(id);
    append(id, nested_simple());
    if (!panicking_) expect(TokenKind::kw_fi);
    return close(id);
  }

  NodeId choice() {
    NodeId id = open(Syntax::choice);
    take();
    if (is(TokenKind::open_brace)) append(id, body("the bindings"));
    if (!is(TokenKind::kw_if)) expected("'IF' in a SWITCH");
    tails_.emplace_back(id, last_child(id));
    while (!panicking_ && accept(TokenKind::kw_if)) {
      append(id, nested_simple());
      if (panicking_ || !expect(TokenKind::kw_then)) break;
      append(id, nested_simple());
    }
    tails_.pop_back();
    if (!panicking_) expect(TokenKind::kw_endswitch);
    return close(id);
  }
};

}  // namespace

model::Place Tree::place(const TreeNode& node) const {
  const Token& first = tokens[node.first];
  const Token& last = tokens[std::max(node.first, node.last)];
  uint32_t end = last.offset + last.length;
  size_t line_end = source->text().find('\n', first.offset);
  if (line_end != std::string::npos) end = std::min(end, static_cast<uint32_t>(line_end));
  return {source, first.offset, end > first.offset ? end - first.offset : 0};
}

Tree parse(SourcePtr source, const ParseLimits& limits) {
  return Parser(std::move(source), limits).file();
}

Tree parse_single_value(SourcePtr source, const ParseLimits& limits) {
  return Parser(std::move(source), limits).single_value();
}

}  // namespace croft::lang
