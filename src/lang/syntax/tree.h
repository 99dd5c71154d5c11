// The syntax tree of one text: used alike by the resolver, the formatter and the language server.
// Nodes are small and live in one vector; they name tokens, and the tokens name the text, so blanks
// and comments can always be found again. A tree with errors is still a tree: what could not be
// parsed is a node of kind `error` over the tokens that were skipped.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "lang/syntax/lexer.h"

namespace croft::lang {

using NodeId = uint32_t;  ///< index into Tree::nodes; 0 is the file
constexpr NodeId no_node = UINT32_MAX;

enum class Syntax : uint8_t {
  file,       ///< items
  attribute,  ///< [tags] (key | path) [value]; no value: `name;`
  tags,       ///< keys
  key,        ///< one token: word, string or --
  path,       ///< keys: a placement
  include,    ///< token: the directive; children: one or two `literal` (codebase first)
  component,  ///< token: extends; children: supertypes, each reference | body | literal NULL
  body,       ///< items
  reference,  ///< children: [literal: the default of OPTIONAL] parts
  part,       ///< token: the keyword or the name; a keyword with a name: the name is a child key
  literal,    ///< token: number, string, true, NULL, TBD, bytes, VAR
  vector,     ///< [a, b]
  list,       ///< [|a, b|]
  paren,      ///< ( value )
  operation,  ///< token: the operator; operands
  negation,   ///< ! value
  if_else,    ///< condition, then, else
  choice,     ///< SWITCH: [body] then condition, value, ...
  apply,      ///< APPLY body
  assertion,  ///< ASSERT body
  error,      ///< an attribute or include that could not be parsed whole; children: what could
};

/// Bits of Tree node flags.
constexpr uint8_t flag_lazy = 1;      ///< LAZY reference, extends LAZY
constexpr uint8_t flag_data = 2;      ///< DATA reference, extends DATA
constexpr uint8_t flag_optional = 4;  ///< OPTIONAL reference
constexpr uint8_t flag_in_call = 8;   ///< the value is written in parentheses

struct TreeNode {
  Syntax kind;
  uint8_t flags = 0;
  uint32_t token = 0;  ///< the token that names it
  uint32_t first = 0;  ///< its first token
  uint32_t last = 0;   ///< its last token, included
  NodeId child = no_node;
  NodeId next = no_node;
};

struct Tree {
  SourcePtr source;
  std::vector<Token> tokens;
  std::vector<TreeNode> nodes;
  std::vector<Error> errors;  ///< of the lexer and the parser, in order of place

  const TreeNode& operator[](NodeId id) const { return nodes[id]; }
  std::string_view text(uint32_t token) const {
    const Token& t = tokens[token];
    return std::string_view(source->text()).substr(t.offset, t.length);
  }
  model::Place place(uint32_t token) const {
    return {source, tokens[token].offset, tokens[token].length};
  }
  /// From the node's first token to its last, cut at the end of the first line.
  model::Place place(const TreeNode& node) const;
};

struct ParseLimits {
  size_t nesting = 1000;
  size_t errors = 100;
  size_t parts = 2000;  ///< of one reference or placement
};

/// Parses a whole text. Never fails: what is wrong is in Tree::errors.
Tree parse(SourcePtr source, const ParseLimits& limits);
/// Parses a single value (IPROPERTY, --set). Node 0 is a file whose only child is the value.
Tree parse_single_value(SourcePtr source, const ParseLimits& limits);

}  // namespace croft::lang
