#include "lang/lsp/position.h"

#include <algorithm>

namespace croft::lang::lsp {
namespace {

/// Bytes of the character that begins at `at`; 1 for what is not UTF-8.
size_t width_of(std::string_view text, size_t at) {
  auto lead = static_cast<unsigned char>(text[at]);
  size_t width = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  return std::min(width, text.size() - at);
}

}  // namespace

Text::Text(std::string text) : text_(std::move(text)) {
  find_lines(0);
}

void Text::find_lines(size_t from_line) {
  if (from_line == 0) {
    starts_.assign(1, 0);
  } else {
    starts_.resize(from_line);
  }
  for (size_t at = starts_.back(); (at = text_.find('\n', at)) != std::string::npos;)
    starts_.push_back(static_cast<uint32_t>(++at));
}

std::string_view Text::line(uint32_t number) const {
  if (number >= starts_.size()) return {};
  size_t end = number + 1 < starts_.size() ? starts_[number + 1] - 1 : text_.size();
  std::string_view out = std::string_view(text_).substr(starts_[number], end - starts_[number]);
  if (out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

uint32_t Text::offset(Position position, Encoding encoding) const {
  if (position.line >= starts_.size()) return static_cast<uint32_t>(text_.size());
  std::string_view here = line(position.line);
  size_t at = 0;
  if (encoding == Encoding::utf8) {
    at = std::min<size_t>(position.character, here.size());
    while (at > 0 && at < here.size() && (static_cast<unsigned char>(here[at]) & 0xC0) == 0x80)
      --at;
  } else {
    for (uint32_t units = 0; at < here.size();) {
      size_t width = width_of(here, at);
      units += width == 4 ? 2 : 1;
      if (units > position.character) break;
      at += width;
    }
  }
  return starts_[position.line] + static_cast<uint32_t>(at);
}

Position Text::position(uint32_t offset, Encoding encoding) const {
  offset = std::min(offset, static_cast<uint32_t>(text_.size()));
  auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  auto number = static_cast<uint32_t>(after - starts_.begin() - 1);
  uint32_t into = offset - starts_[number];
  if (encoding == Encoding::utf8) return {number, into};
  std::string_view before = std::string_view(text_).substr(starts_[number], into);
  uint32_t units = 0;
  for (size_t at = 0; at < before.size();) {
    size_t width = width_of(before, at);
    units += width == 4 ? 2 : 1;
    at += width;
  }
  return {number, units};
}

Position Text::end(Encoding encoding) const {
  return position(static_cast<uint32_t>(text_.size()), encoding);
}

void Text::replace(uint32_t begin, uint32_t end, std::string_view by) {
  if (begin > end) std::swap(begin, end);
  size_t line = static_cast<size_t>(std::upper_bound(starts_.begin(), starts_.end(), begin) -
                                    starts_.begin());
  text_.replace(begin, end - begin, by);
  find_lines(line);
}

}  // namespace croft::lang::lsp
