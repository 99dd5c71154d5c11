// Tokens of the language. A token is a piece of its text; what stands between two tokens (blanks
// and comments) is found again from their offsets, so nothing that the author wrote is lost.
// Source: the language reference, 1.1.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

namespace croft::lang {

enum class TokenKind : uint8_t {
  end,
  bad,  ///< no token; the lexer has reported it
  word,
  string,       ///< "..."
  long_string,  ///< ##...#
  integer,
  long_integer,
  single,
  real,
  decimal,
  bytes,   ///< #HEX#..#, #DEC#..#, #OCT#..#, #BIN#..#
  unique,  ///< --
  open_brace,
  close_brace,
  open_bracket,
  close_bracket,
  open_list,
  close_list,  // { } [ ] [| |]
  open_paren,
  close_paren,
  semicolon,
  colon,
  comma,
  // Operators. The order is that of `operators` in token.cpp.
  append,
  concat,
  plus,
  times,
  logic_and,
  logic_or,
  logic_xor,
  implies,  // <> ++ + * && || x| ->
  equal,
  not_equal,
  at_least,
  at_most,
  more,
  less,
  minus,
  divide,
  modulo,     // == != >= <= > < - / %
  logic_not,  // !
  // Reserved words.
  kw_apply,
  kw_assert,
  kw_attrib,
  kw_constant,
  kw_data,
  kw_else,
  kw_endswitch,
  kw_envproperty,
  kw_extends,
  kw_false,
  kw_fi,
  kw_here,
  kw_host,
  kw_ienvproperty,
  kw_if,
  kw_iproperty,
  kw_lazy,
  kw_null,
  kw_optional,
  kw_parent,
  kw_process,
  kw_property,
  kw_root,
  kw_switch,
  kw_tbd,
  kw_then,
  kw_this,
  kw_true,
  kw_var,
  // Directives.
  include,
  include_optional,
  codebase,
};

struct Token {
  uint32_t offset = 0;
  uint32_t length = 0;
  TokenKind kind = TokenKind::end;
};

/// "'{'", "a name", "'extends'": for messages.
std::string_view describe(TokenKind kind);
/// The reserved word that `text` is, or TokenKind::word.
TokenKind keyword(std::string_view text);

constexpr bool is_number(TokenKind kind) {
  return kind >= TokenKind::integer && kind <= TokenKind::decimal;
}
constexpr bool is_string(TokenKind kind) {
  return kind == TokenKind::string || kind == TokenKind::long_string;
}
constexpr bool is_include(TokenKind kind) {
  return kind >= TokenKind::include;
}
constexpr bool is_reserved(TokenKind kind) {
  return kind >= TokenKind::kw_apply && kind <= TokenKind::kw_var;
}
/// A reserved word that is a part of a reference by itself: ROOT, PARENT, ...
constexpr bool is_lone_part(TokenKind kind) {
  return kind == TokenKind::kw_root || kind == TokenKind::kw_parent || kind == TokenKind::kw_this ||
         kind == TokenKind::kw_process;
}
/// A reserved word that makes a part together with the name behind it: ATTRIB x, PROPERTY x, ...
constexpr bool is_named_part(TokenKind kind) {
  return kind == TokenKind::kw_attrib || kind == TokenKind::kw_here || kind == TokenKind::kw_host ||
         kind == TokenKind::kw_property || kind == TokenKind::kw_iproperty ||
         kind == TokenKind::kw_envproperty || kind == TokenKind::kw_ienvproperty ||
         kind == TokenKind::kw_constant;
}
constexpr bool starts_reference(TokenKind kind) {
  return kind == TokenKind::word || is_lone_part(kind) || is_named_part(kind);
}
constexpr bool starts_literal(TokenKind kind) {
  return is_string(kind) || is_number(kind) || kind == TokenKind::bytes ||
         kind == TokenKind::kw_null || kind == TokenKind::kw_true || kind == TokenKind::kw_false ||
         kind == TokenKind::kw_tbd || kind == TokenKind::kw_var;
}
constexpr bool is_operator(TokenKind kind) {
  return kind >= TokenKind::append && kind <= TokenKind::modulo;
}
/// May the operator stand more than once between operands?
constexpr bool is_chaining(TokenKind kind) {
  return kind >= TokenKind::append && kind <= TokenKind::implies;
}

}  // namespace croft::lang
