#include "wire/source_text.h"

#include <algorithm>

#include "base/text.h"

namespace croft::wire {

Where place_in(std::string_view text, size_t offset, std::string_view what) {
  constexpr size_t longest_line_shown = 160;
  offset = std::min(offset, text.size());
  std::string_view before = text.substr(0, offset);
  size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  Where where;
  where.file = std::string(what);
  where.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  where.column = 1 + static_cast<int>(offset - line_start);
  std::string_view line = text.substr(line_start);
  line = line.substr(0, line.find('\n'));
  if (line.size() <= longest_line_shown) where.source = printable(repair_utf8(line));
  return where;
}

std::string repair_utf8(std::string_view text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  if (valid_utf8(text)) return std::string(text);
  std::string out;
  for (size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    std::string_view piece = text.substr(i, length);
    if (piece.size() == length && valid_utf8(piece)) {
      out += piece;
      i += length;
    } else {
      out += replacement;
      ++i;
    }
  }
  return out;
}

}  // namespace croft::wire
