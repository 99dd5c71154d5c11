#include "components/java/jar.h"

#include <fmt/format.h>

#include <algorithm>

namespace croft::components {

namespace {

constexpr std::string_view end_mark("PK\x05\x06", 4), entry_mark("PK\x01\x02", 4);
constexpr size_t end_size = 22, entry_size = 46, longest_comment = 65535;

/// Little-endian, at a place that is known to be inside.
size_t number(std::string_view bytes, size_t at, size_t size) {
  size_t out = 0;
  for (size_t i = size; i > 0; --i) out = out << 8 | static_cast<uint8_t>(bytes[at + i - 1]);
  return out;
}

Error broken(std::string_view why) {
  return {Code::syntax, fmt::format("it is no archive of classes: {}", why)};
}

}  // namespace

Result<std::vector<std::string>> names_in_jar(std::string_view bytes) {
  if (bytes.size() < end_size) return fail(broken("it is too short"));
  size_t earliest = bytes.size() - std::min(bytes.size(), end_size + longest_comment);
  size_t end = bytes.rfind(end_mark);
  if (end == std::string_view::npos || end < earliest || bytes.size() - end < end_size)
    return fail(broken("its end is missing"));
  size_t count = number(bytes, end + 10, 2);
  size_t size = number(bytes, end + 12, 4), at = number(bytes, end + 16, 4);
  if (at > end || size > end - at) return fail(broken("its directory lies outside"));
  size_t over = at + size;
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i) {
    if (over - at < entry_size || bytes.substr(at, entry_mark.size()) != entry_mark)
      return fail(broken("its directory is broken"));
    size_t name = number(bytes, at + 28, 2);
    size_t whole = entry_size + name + number(bytes, at + 30, 2) + number(bytes, at + 32, 2);
    if (over - at < whole) return fail(broken("its directory is cut off"));
    out.emplace_back(bytes.substr(at + entry_size, name));
    at += whole;
  }
  return out;
}

}  // namespace croft::components
