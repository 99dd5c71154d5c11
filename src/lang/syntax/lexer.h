// Text -> tokens. Longest match wins, as in the reference: `a-3` is one name, `5 -3` two numbers.
// A lexical error becomes a `bad` token and a message; lexing goes on behind it. Pure.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lang/syntax/token.h"
#include "model/place.h"

namespace croft::lang {

using SourcePtr = std::shared_ptr<const model::SourceText>;

struct Lexed {
  std::vector<Token> tokens;  ///< ends with TokenKind::end
  std::vector<Error> errors;
};
Lexed lex(const SourcePtr& source);

/// The name that a word token stands for: `\u0062` decoded.
std::string word_text(std::string_view token);
bool needs_decoding(std::string_view word_token);
/// The content of a string token of either form, escapes decoded, invalid UTF-8 replaced.
std::string string_text(std::string_view token);
/// The bytes of `#HEX#0aFF 10#` and its relatives; the error is what the lexer reports.
Result<std::string> bytes_of_token(std::string_view token);

}  // namespace croft::lang
