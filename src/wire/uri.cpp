#include "wire/uri.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace croft::wire {
namespace {

constexpr std::array<bool, 256> unreserved_bytes = [] {
  std::array<bool, 256> out{};
  for (char c = '0'; c <= '9'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) out[static_cast<unsigned char>(c)] = true;
  for (char c : std::string_view("-._~")) out[static_cast<unsigned char>(c)] = true;
  return out;
}();
bool unreserved(char c) {
  return unreserved_bytes[static_cast<unsigned char>(c)];
}

void encode_into(std::string& out, std::string_view text, bool keep_slash) {
  constexpr char digits[] = "0123456789ABCDEF";
  for (char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      out += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    size_t plain = i;
    while (plain < text.size() && text[plain] != '%' && text[plain] != '+') ++plain;
    out.append(text.substr(i, plain - i));
    i = plain;
    if (i == text.size()) break;
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] == '%') {
      int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(Code::syntax,
                    fmt::format("'%' at position {} of '{}' is not followed by two hex digits", i,
                                printable(text.substr(0, 200))));
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  encode_into(out, text, false);
  return out;
}

void percent_encode_to(std::string& out, std::string_view text) {
  encode_into(out, text, false);
}

std::string percent_encode_path(std::string_view path) {
  std::string out;
  out.reserve(path.size() + path.size() / 4);
  encode_into(out, path, true);
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  return decode(text, false);
}

std::string normalize_path(std::string_view path) {
  std::vector<std::string_view> kept;
  size_t start = 0;
  while (start <= path.size()) {
    size_t end = std::min(path.find('/', start), path.size());
    std::string_view piece = path.substr(start, end - start);
    start = end + 1;
    if (piece.empty() || piece == ".") continue;
    if (piece != "..")
      kept.push_back(piece);
    else if (!kept.empty())
      kept.pop_back();
  }
  std::string out;
  for (std::string_view piece : kept) out.append("/").append(piece);
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

Query::Query(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  for (const auto& [name, value] : pairs) add(std::string(name), std::string(value));
}

Result<Query> Query::parse(std::string_view raw) {
  Query out;
  while (!raw.empty()) {
    size_t end = std::min(raw.find('&'), raw.size());
    std::string_view piece = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (piece.empty()) continue;
    if (out.pairs_.size() == max_query_pairs)
      return fail(Code::resource_exhausted,
                  fmt::format("more than {} parameters", max_query_pairs));
    size_t equals = piece.find('=');
    Pair pair;
    pair.name = TRY(decode(piece.substr(0, equals), true));
    pair.has_value = equals != std::string_view::npos;
    if (pair.has_value) pair.value = TRY(decode(piece.substr(equals + 1), true));
    out.pairs_.push_back(std::move(pair));
  }
  return out;
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const Pair& pair : pairs_)
    if (pair.name == name) return pair.value;
  return std::nullopt;
}

size_t Query::count(std::string_view name) const {
  return static_cast<size_t>(
      std::ranges::count_if(pairs_, [&](const Pair& pair) { return pair.name == name; }));
}

void Query::remove(std::string_view name) {
  std::erase_if(pairs_, [&](const Pair& pair) { return pair.name == name; });
}

std::string Query::text() const {
  std::string out;
  for (const Pair& pair : pairs_) {
    if (!out.empty()) out += '&';
    encode_into(out, pair.name, false);
    if (!pair.has_value && !pair.name.empty()) continue;
    out += '=';
    encode_into(out, pair.value, false);
  }
  return out;
}

Result<Target> Target::parse(std::string_view target) {
  Target out;
  size_t at = target.find('?');
  out.path = TRY(percent_decode(target.substr(0, at)));
  if (at != std::string_view::npos) out.query = TRY(Query::parse(target.substr(at + 1)));
  return out;
}

std::string Target::text() const {
  std::string out = percent_encode_path(path);
  if (!query.empty()) out.append("?").append(query.text());
  return out;
}

}  // namespace croft::wire
