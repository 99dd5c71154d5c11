// Filters as a client sends them, held against a slow matcher that is obviously right: the query is
// decoded, its filters read, and each value matched with a text and with tags.
#include <vector>

#include "farm/ec2/core.h"
#include "wire/uri.h"

namespace {

using namespace croft;

struct Token {
  enum class Kind { one, any, many } kind;
  char letter = 0;
};

/// All ways at once: at[j] is whether the tokens so far can take the first j bytes.
bool slow_match(std::string_view pattern, std::string_view text) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size())
      tokens.push_back({Token::Kind::one, pattern[++i]});
    else if (pattern[i] == '*')
      tokens.push_back({Token::Kind::many});
    else if (pattern[i] == '?')
      tokens.push_back({Token::Kind::any});
    else
      tokens.push_back({Token::Kind::one, pattern[i]});
  }
  std::vector<bool> at(text.size() + 1, false);
  at[0] = true;
  for (const Token& token : tokens) {
    std::vector<bool> next(text.size() + 1, false);
    for (size_t j = 0; j <= text.size(); ++j) {
      if (token.kind == Token::Kind::many)
        next[j] = at[j] || (j > 0 && next[j - 1]);
      else if (j > 0 && at[j - 1])
        next[j] = token.kind == Token::Kind::any || text[j - 1] == token.letter;
    }
    at = std::move(next);
  }
  return at[text.size()];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace croft::farm::ec2;
  constexpr size_t longest = 512;
  std::string_view all(reinterpret_cast<const char*>(data), size);
  // The text to match, a line break, and the query.
  size_t line = std::min(all.find('\n'), all.size());
  std::string_view text = all.substr(0, std::min(line, longest));
  auto query = wire::Query::parse(all.substr(std::min(line + 1, all.size())));
  if (!query) return 0;
  Fields fields;
  for (const wire::Query::Pair& pair : query->pairs()) fields.emplace_back(pair.name, pair.value);
  auto params = Params::check({}, filter_params, fields);
  if (!params) {
    CHECK(!params.error().fact("aws_code").empty(), "every refusal has a code");
    return 0;
  }
  auto filters = read_filters(*params);
  if (!filters) return 0;
  for (const Filter& filter : *filters) {
    bool expected = false;
    for (const std::string& value : filter.values) expected = expected || slow_match(value, text);
    CHECK(filter_value_matches(filter, text) == expected, "wildcards mean the same to both");
    Tags tags{{"key", std::string(text)}};
    if (filter.name == "tag:key" || filter.name == "tag-value")
      CHECK(filter_tags_match(filter, tags) == expected, "tags are matched like values");
  }
  return 0;
}
