#include "lang/check/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "model/text.h"

namespace croft::lang {

using model::AttributeSchema;
using model::Type;
using model::Value;

namespace {

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::string shown(const Value& value) {
  constexpr size_t longest = 60;
  if (value.is(Value::Kind::component)) return "a component";
  if (value.is(Value::Kind::call)) return "a call";
  std::string out;
  model::write_primitive(value, out);
  if (out.size() > longest) out = out.substr(0, longest) + "...";
  return out;
}

std::string with_article(std::string_view noun) {
  if (noun == "any value") return std::string(noun);
  bool vowel = std::string_view("aeiou").find(noun[0]) != std::string_view::npos;
  return fmt::format("{} {}", vowel ? "an" : "a", noun);
}

std::string sample_of(const AttributeSchema& wanted) {
  if (!wanted.choices.empty()) return "\"" + wanted.choices.front() + "\"";
  switch (wanted.type) {
    case Type::boolean:
      return "true";
    case Type::integer:
    case Type::number:
      return "1";
    case Type::duration:
      return "\"30s\"";
    case Type::bytes:
      return "\"64MiB\"";
    case Type::money:
      return "\"$200/month\"";
    case Type::vector:
    case Type::strings:
      return "[\"...\"]";
    case Type::component:
    case Type::components:
      return "extends { ... }";
    case Type::link:
      return "LAZY name";
    case Type::any:
    case Type::string:
      break;
  }
  return "\"...\"";
}

bool likely_slip(std::string_view word, std::string_view known) {
  if (equals_ignore_case(word, known)) return true;
  size_t allowed = known.size() < 4 ? 0 : known.size() < 8 ? 1 : 2;
  size_t longer = std::max(word.size(), known.size()),
         shorter = std::min(word.size(), known.size());
  return longer - shorter <= allowed && distance(to_lower(word), to_lower(known)) <= allowed;
}

}  // namespace croft::lang
