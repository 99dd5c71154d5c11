#include "lang/syntax/lexer.h"

#include <fmt/format.h>

#include "base/text.h"
#include "lang/syntax/characters.h"

namespace croft::lang {
namespace {

class Lexer {
 public:
  explicit Lexer(const SourcePtr& source) : source_(source), text_(source->text()) {}

  Lexed run() {
    out_.tokens.reserve(text_.size() / 5 + 16);
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    // Programs, images and archives have such bytes: one error says it all.
    if (size_t zero = text_.find('\0'); zero != std::string_view::npos) {
      complain(fmt::format("this is no text: byte {} is 0", zero), zero, 0);
      at_ = text_.size();
    }
    for (;;) {
      skip_blanks();
      if (at_ >= text_.size()) break;
      next();
    }
    push(TokenKind::end, text_.size(), 0);
    return std::move(out_);
  }

 private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void push(TokenKind kind, size_t offset, size_t length) {
    out_.tokens.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(length), kind});
  }
  void take(TokenKind kind, size_t length) {
    push(kind, at_, length);
    at_ += length;
  }

  Error& complain(std::string what, size_t offset, size_t length) {
    // Reports stop long before a file of garbage could fill the memory with them.
    constexpr size_t most_errors = 200;
    if (out_.errors.size() >= most_errors) return surplus_ = Error();
    return out_.errors.emplace_back(
        Code::syntax, std::move(what),
        model::Place(source_, static_cast<uint32_t>(offset), static_cast<uint32_t>(length)));
  }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if ((class_of(text_[at_]) & blank) != 0) {
        do ++at_;
        while (at_ < text_.size() && (class_of(text_[at_]) & blank) != 0);
      } else if (text_[at_] == '/' && peek(1) == '/') {
        size_t end = text_.find_first_of("\n\r", at_);
        at_ = end == std::string_view::npos ? text_.size() : end;
      } else if (text_[at_] == '/' && peek(1) == '*') {
        size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) {
          complain("this comment is never closed", at_, 2).hint("a comment ends with '*/'");
          at_ = text_.size();
        } else {
          at_ = end + 2;
        }
      } else {
        return;
      }
    }
  }

  void next() {
    char c = text_[at_];
    if ((class_of(c) & word_start) != 0 || static_cast<unsigned char>(c) >= 0x80 || c == '\\')
      return word();
    if (is_digit(c)) return number();
    switch (c) {
      case '{':
        return take(TokenKind::open_brace, 1);
      case '}':
        return take(TokenKind::close_brace, 1);
      case '(':
        return take(TokenKind::open_paren, 1);
      case ')':
        return take(TokenKind::close_paren, 1);
      case ';':
        return take(TokenKind::semicolon, 1);
      case ':':
        return take(TokenKind::colon, 1);
      case ',':
        return take(TokenKind::comma, 1);
      case ']':
        return take(TokenKind::close_bracket, 1);
      case '*':
        return take(TokenKind::times, 1);
      case '/':
        return take(TokenKind::divide, 1);
      case '%':
        return take(TokenKind::modulo, 1);
      case '[':
        return peek(1) == '|' ? take(TokenKind::open_list, 2) : take(TokenKind::open_bracket, 1);
      case '+':
        return peek(1) == '+' ? take(TokenKind::concat, 2) : take(TokenKind::plus, 1);
      case '!':
        return peek(1) == '=' ? take(TokenKind::not_equal, 2) : take(TokenKind::logic_not, 1);
      case '>':
        return peek(1) == '=' ? take(TokenKind::at_least, 2) : take(TokenKind::more, 1);
      case '<':
        if (peek(1) == '>') return take(TokenKind::append, 2);
        return peek(1) == '=' ? take(TokenKind::at_most, 2) : take(TokenKind::less, 1);
      case '-':
        if (is_digit(peek(1)) || (peek(1) == '.' && is_digit(peek(2)))) return number();
        if (peek(1) == '-') return take(TokenKind::unique, 2);
        return peek(1) == '>' ? take(TokenKind::implies, 2) : take(TokenKind::minus, 1);
      case '.':
        if (is_digit(peek(1))) return number();
        break;
      case '=':
        if (peek(1) == '=') return take(TokenKind::equal, 2);
        complain("'=' is not part of the language", at_, 1)
            .hint("an attribute is written 'name value;'");
        return take(TokenKind::bad, 1);
      case '&':
        if (peek(1) == '&') return take(TokenKind::logic_and, 2);
        break;
      case '|':
        if (peek(1) == '|') return take(TokenKind::logic_or, 2);
        if (peek(1) == ']') return take(TokenKind::close_list, 2);
        break;
      case '"':
        return string();
      case '#':
        return hash();
      default:
        break;
    }
    complain(fmt::format("'{}' is not part of the language", printable(text_.substr(at_, 1))), at_,
             1);
    take(TokenKind::bad, 1);
  }

  /// The bytes of the next character of a name, 0 when there is none.
  size_t word_character(bool first) const {
    char c = peek();
    if (static_cast<unsigned char>(c) < 0x80 && c != '\\')
      return at_ < text_.size() && (class_of(c) & (first ? word_start : word_rest)) != 0 ? 1 : 0;
    if (c == '\\') {
      Escape escape = unicode_escape(text_, at_);
      return escape.length > 0 && is_word_point(escape.point, first) ? escape.length : 0;
    }
    auto lead = static_cast<unsigned char>(c);
    if ((lead != 0xC2 && lead != 0xC3) || at_ + 1 >= text_.size()) return 0;
    uint32_t point = ((lead & 0x1Fu) << 6) | (static_cast<unsigned char>(text_[at_ + 1]) & 0x3Fu);
    return is_latin_letter(point) ? 2 : 0;
  }

  void word() {
    size_t start = at_;
    size_t length = word_character(true);
    if (length == 0) return strange_character();
    while (length > 0) {
      at_ += length;
      while (at_ < text_.size() && (class_of(text_[at_]) & word_rest) != 0) ++at_;
      length = word_character(false);
    }
    std::string_view text = text_.substr(start, at_ - start);
    if (text == "x" && peek() == '|') {
      push(TokenKind::logic_xor, start, 2);
      ++at_;
      return;
    }
    push(keyword(text), start, text.size());
  }

  void strange_character() {
    size_t start = at_;
    if (text_[at_] == '\\') {
      complain("a '\\' stands outside of a string", at_, 1);
      ++at_;
    } else {
      ++at_;
      while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xC0) == 0x80) ++at_;
      complain(
          fmt::format("'{}' cannot be part of a name", printable(text_.substr(start, at_ - start))),
          start, 1)
          .hint("a string in quotes may hold any character, also as the name of an attribute");
    }
    push(TokenKind::bad, start, at_ - start);
  }

  void number() {
    size_t start = at_;
    if (peek() == '-') ++at_;
    while (is_digit(peek())) ++at_;
    bool whole = true;
    if (peek() == '.') {
      whole = false;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      whole = false;
      at_ += 1 + sign;
      while (is_digit(peek())) ++at_;
    }
    TokenKind kind = whole ? TokenKind::integer : TokenKind::decimal;
    char suffix = peek();
    if (whole && (suffix == 'l' || suffix == 'L')) kind = TokenKind::long_integer;
    if (suffix == 'd' || suffix == 'D') kind = TokenKind::real;
    if (suffix == 'f' || suffix == 'F') kind = TokenKind::single;
    if (kind == TokenKind::long_integer || kind == TokenKind::real || kind == TokenKind::single)
      ++at_;
    push(kind, start, at_ - start);
  }

  /// Is the escape at `at_` (a backslash) one of the language? Reports it when not.
  void check_escape(char quote) {
    char c = peek(1);
    constexpr std::string_view simple = "ntbrf\\'";
    if (c != '\0' && (simple.find(c) != std::string_view::npos || c == quote)) {
      at_ += 2;
      return;
    }
    if (c >= '0' && c <= '3' && peek(2) >= '0' && peek(2) <= '7' && peek(3) >= '0' &&
        peek(3) <= '7') {
      at_ += 4;
      return;
    }
    if (size_t length = unicode_escape(text_, at_).length; length > 0) {
      at_ += length;
      return;
    }
    std::string shown = printable(text_.substr(at_, 2));
    complain(fmt::format("'{}' is not an escape of the language", shown), at_, 2)
        .hint(fmt::format("escapes are \\n \\t \\b \\r \\f \\\\ \\' \\{}, three octal digits as in "
                          "\\101, and \\u00e9",
                          quote));
    bad_string_ = true;
    at_ += c == '\0' || c == '\n' ? 1 : 2;
  }

  void string() {
    size_t start = at_++;
    bad_string_ = false;
    for (;;) {
      char c = peek();
      if (at_ >= text_.size() || c == '\n' || c == '\r') {
        complain("this string is not closed on its line", start, at_ - start)
            .hint("a text of several lines is written ##like this#");
        push(TokenKind::bad, start, at_ - start);
        return;
      }
      if (c == '"') break;
      if (c == '\\')
        check_escape('"');
      else
        ++at_;
    }
    ++at_;
    push(bad_string_ ? TokenKind::bad : TokenKind::string, start, at_ - start);
  }

  void hash() {
    std::string_view rest = text_.substr(at_);
    if (rest.starts_with("##")) return long_string();
    for (std::string_view form : {"#HEX#", "#DEC#", "#OCT#", "#BIN#", "#B64#"})
      if (rest.starts_with(form)) return byte_array();
    size_t end = at_ + 1;
    while (end < text_.size() && ((class_of(text_[end]) & word_rest) != 0)) ++end;
    std::string_view name = text_.substr(at_, end - at_);
    if (name == "#include")
      return peek(8) == '?' ? take(TokenKind::include_optional, 9) : take(TokenKind::include, 8);
    if (name == "#codebase") return take(TokenKind::codebase, 9);
    complain(fmt::format("'{}' is no directive", printable(name)), at_, name.size())
        .hint(
            "there are #include, #include? and #codebase; a text of several lines is written "
            "##like this#");
    take(TokenKind::bad, name.size());
  }

  void long_string() {
    size_t start = at_;
    at_ += 2;
    bad_string_ = false;
    while (at_ < text_.size() && text_[at_] != '#') {
      if (text_[at_] == '\\')
        check_escape('#');
      else
        ++at_;
    }
    if (at_ >= text_.size()) {
      complain("this text is never closed", start, 2)
          .hint("a text that '##' opens ends at the next '#'");
      push(TokenKind::bad, start, at_ - start);
      return;
    }
    ++at_;
    push(bad_string_ ? TokenKind::bad : TokenKind::long_string, start, at_ - start);
  }

  void byte_array() {
    size_t start = at_;
    size_t end = text_.find('#', at_ + 5);
    if (end == std::string_view::npos) {
      complain("this byte array is never closed", start, 5).hint("a byte array ends with '#'");
      at_ = text_.size();
      push(TokenKind::bad, start, at_ - start);
      return;
    }
    at_ = end + 1;
    auto bytes = bytes_of_token(text_.substr(start, at_ - start));
    if (!bytes) {
      Error& added = complain(bytes.error().what, start, std::min<size_t>(at_ - start, 80));
      for (const auto& hint : bytes.error().hints) added.hint(hint);
    }
    push(bytes ? TokenKind::bytes : TokenKind::bad, start, at_ - start);
  }

  SourcePtr source_;
  std::string_view text_;
  size_t at_ = 0;
  bool bad_string_ = false;
  Error surplus_;
  Lexed out_;
};

}  // namespace

Lexed lex(const SourcePtr& source) {
  return Lexer(source).run();
}

}  // namespace croft::lang
