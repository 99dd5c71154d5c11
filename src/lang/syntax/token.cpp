#include "lang/syntax/token.h"

#include <utility>

namespace croft::lang {

std::string_view describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::end:
      return "the end of the file";
    case TokenKind::bad:
      return "something that is no token";
    case TokenKind::word:
      return "a name";
    case TokenKind::string:
      return "a string";
    case TokenKind::long_string:
      return "a string";
    case TokenKind::integer:
      return "a number";
    case TokenKind::long_integer:
      return "a number";
    case TokenKind::single:
      return "a number";
    case TokenKind::real:
      return "a number";
    case TokenKind::decimal:
      return "a number";
    case TokenKind::bytes:
      return "a byte array";
    case TokenKind::unique:
      return "'--'";
    case TokenKind::open_brace:
      return "'{'";
    case TokenKind::close_brace:
      return "'}'";
    case TokenKind::open_bracket:
      return "'['";
    case TokenKind::close_bracket:
      return "']'";
    case TokenKind::open_list:
      return "'[|'";
    case TokenKind::close_list:
      return "'|]'";
    case TokenKind::open_paren:
      return "'('";
    case TokenKind::close_paren:
      return "')'";
    case TokenKind::semicolon:
      return "';'";
    case TokenKind::colon:
      return "':'";
    case TokenKind::comma:
      return "','";
    case TokenKind::append:
      return "'<>'";
    case TokenKind::concat:
      return "'++'";
    case TokenKind::plus:
      return "'+'";
    case TokenKind::times:
      return "'*'";
    case TokenKind::logic_and:
      return "'&&'";
    case TokenKind::logic_or:
      return "'||'";
    case TokenKind::logic_xor:
      return "'x|'";
    case TokenKind::implies:
      return "'->'";
    case TokenKind::equal:
      return "'=='";
    case TokenKind::not_equal:
      return "'!='";
    case TokenKind::at_least:
      return "'>='";
    case TokenKind::at_most:
      return "'<='";
    case TokenKind::more:
      return "'>'";
    case TokenKind::less:
      return "'<'";
    case TokenKind::minus:
      return "'-'";
    case TokenKind::divide:
      return "'/'";
    case TokenKind::modulo:
      return "'%'";
    case TokenKind::logic_not:
      return "'!'";
    case TokenKind::kw_apply:
      return "'APPLY'";
    case TokenKind::kw_assert:
      return "'ASSERT'";
    case TokenKind::kw_attrib:
      return "'ATTRIB'";
    case TokenKind::kw_constant:
      return "'CONSTANT'";
    case TokenKind::kw_data:
      return "'DATA'";
    case TokenKind::kw_else:
      return "'ELSE'";
    case TokenKind::kw_endswitch:
      return "'ENDSWITCH'";
    case TokenKind::kw_envproperty:
      return "'ENVPROPERTY'";
    case TokenKind::kw_extends:
      return "'extends'";
    case TokenKind::kw_false:
      return "'false'";
    case TokenKind::kw_fi:
      return "'FI'";
    case TokenKind::kw_here:
      return "'HERE'";
    case TokenKind::kw_host:
      return "'HOST'";
    case TokenKind::kw_ienvproperty:
      return "'IENVPROPERTY'";
    case TokenKind::kw_if:
      return "'IF'";
    case TokenKind::kw_iproperty:
      return "'IPROPERTY'";
    case TokenKind::kw_lazy:
      return "'LAZY'";
    case TokenKind::kw_null:
      return "'NULL'";
    case TokenKind::kw_optional:
      return "'OPTIONAL'";
    case TokenKind::kw_parent:
      return "'PARENT'";
    case TokenKind::kw_process:
      return "'PROCESS'";
    case TokenKind::kw_property:
      return "'PROPERTY'";
    case TokenKind::kw_root:
      return "'ROOT'";
    case TokenKind::kw_switch:
      return "'SWITCH'";
    case TokenKind::kw_tbd:
      return "'TBD'";
    case TokenKind::kw_then:
      return "'THEN'";
    case TokenKind::kw_this:
      return "'THIS'";
    case TokenKind::kw_true:
      return "'true'";
    case TokenKind::kw_var:
      return "'VAR'";
    case TokenKind::include:
      return "'#include'";
    case TokenKind::include_optional:
      return "'#include?'";
    case TokenKind::codebase:
      return "'#codebase'";
  }
  return "a token";
}

TokenKind keyword(std::string_view text) {
  static constexpr std::pair<std::string_view, TokenKind> words[] = {
      {"APPLY", TokenKind::kw_apply},
      {"ASSERT", TokenKind::kw_assert},
      {"ATTRIB", TokenKind::kw_attrib},
      {"CONSTANT", TokenKind::kw_constant},
      {"DATA", TokenKind::kw_data},
      {"ELSE", TokenKind::kw_else},
      {"ENDSWITCH", TokenKind::kw_endswitch},
      {"ENVPROPERTY", TokenKind::kw_envproperty},
      {"FI", TokenKind::kw_fi},
      {"HERE", TokenKind::kw_here},
      {"HOST", TokenKind::kw_host},
      {"IENVPROPERTY", TokenKind::kw_ienvproperty},
      {"IF", TokenKind::kw_if},
      {"IPROPERTY", TokenKind::kw_iproperty},
      {"LAZY", TokenKind::kw_lazy},
      {"NULL", TokenKind::kw_null},
      {"OPTIONAL", TokenKind::kw_optional},
      {"PARENT", TokenKind::kw_parent},
      {"PROCESS", TokenKind::kw_process},
      {"PROPERTY", TokenKind::kw_property},
      {"ROOT", TokenKind::kw_root},
      {"SWITCH", TokenKind::kw_switch},
      {"TBD", TokenKind::kw_tbd},
      {"THEN", TokenKind::kw_then},
      {"THIS", TokenKind::kw_this},
      {"VAR", TokenKind::kw_var},
  };
  if (text.size() < 2 || text.size() > 12) return TokenKind::word;
  char first = text[0];
  if (first == 'e') return text == "extends" ? TokenKind::kw_extends : TokenKind::word;
  if (first == 't') return text == "true" ? TokenKind::kw_true : TokenKind::word;
  if (first == 'f') return text == "false" ? TokenKind::kw_false : TokenKind::word;
  if (first < 'A' || first > 'V') return TokenKind::word;
  for (const auto& [word, kind] : words)
    if (word == text) return kind;
  return TokenKind::word;
}

}  // namespace croft::lang
