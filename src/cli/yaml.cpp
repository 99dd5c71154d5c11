#include "cli/yaml.h"

#include <cctype>

#include "base/text.h"

namespace croft::cli {
namespace {

constexpr std::string_view plain_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+ ";

/// Texts that some reader of YAML takes for something else.
bool special(std::string_view text) {
  constexpr std::string_view words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n",   "nan"};
  std::string lower = to_lower(text);
  for (std::string_view word : words)
    if (lower == word) return true;
  return false;
}

std::string scalar(std::string_view text) {
  bool letter = !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 ||
                                  text[0] == '_' || text[0] == '/');
  bool plain = letter && text.back() != ' ' && !special(text) &&
               text.find_first_not_of(plain_characters) == std::string_view::npos;
  return plain ? std::string(text) : wire::json::quote(text);
}

void write(const wire::json::Value& value, int indent, std::string& out) {
  std::string pad(static_cast<size_t>(indent), ' ');
  if (value.is_object() && !value.get_object().empty()) {
    for (const auto& [name, member] : value.get_object()) {
      bool nested = (member.is_object() && !member.get_object().empty()) ||
                    (member.is_array() && !member.get_array().empty());
      out += pad + scalar(name) + ":";
      out += nested ? "\n" : " ";
      write(member, indent + 2, out);
    }
  } else if (value.is_array() && !value.get_array().empty()) {
    for (const auto& item : value.get_array()) {
      std::string inner;
      write(item, indent + 2, inner);
      // The first line of the item stands behind the dash.
      std::string_view body = inner;
      while (body.starts_with(' ')) body.remove_prefix(1);
      out += pad + "- " + std::string(body);
    }
  } else if (value.is_string()) {
    out += scalar(std::string_view(value.get_string())) + "\n";
  } else {
    out += wire::json::compact(value) + "\n";
  }
}

}  // namespace

std::string yaml(const wire::json::Value& value) {
  std::string out;
  write(value, 0, out);
  return out;
}

}  // namespace croft::cli
