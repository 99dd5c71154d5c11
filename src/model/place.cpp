#include "model/place.h"

#include <algorithm>

#include "base/text.h"

namespace croft::model {

SourceText::SourceText(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)) {
  starts_.push_back(0);
  for (size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1))
    starts_.push_back(static_cast<uint32_t>(at + 1));
}

uint32_t SourceText::line_of(uint32_t offset) const {
  auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  return static_cast<uint32_t>(after - starts_.begin());
}

uint32_t SourceText::column_of(uint32_t offset) const {
  uint32_t start = starts_[line_of(offset) - 1];
  uint32_t column = 1;
  for (uint32_t i = start; i < offset && i < text_.size(); ++i)
    if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) ++column;
  return column;
}

std::string_view SourceText::line(uint32_t number) const {
  if (number == 0 || number > starts_.size()) return {};
  size_t begin = starts_[number - 1];
  size_t end = number < starts_.size() ? starts_[number] - 1 : text_.size();
  std::string_view out = std::string_view(text_).substr(begin, end - begin);
  if (out.ends_with('\r')) out.remove_suffix(1);
  return out;
}

Place::Place(const Where& where) {
  if (where.file.empty()) return;
  // A stand-in text of empty lines puts the line and column back where they were.
  constexpr int lines_kept = 1 << 20;
  int line = std::clamp(where.line, 1, lines_kept);
  int column = std::clamp(where.column, 1, lines_kept);
  std::string text(static_cast<size_t>(line - 1), '\n');
  offset = static_cast<uint32_t>(line - 1 + column - 1);
  text += where.source;
  if (text.size() < offset) text.append(offset - text.size(), ' ');
  source = std::make_shared<const SourceText>(where.file, std::move(text));
  length = static_cast<uint32_t>(std::max(0, where.length));
}

Place::operator Where() const {
  Where out;
  if (!source) return out;
  out.file = source->name();
  uint32_t line = source->line_of(offset);
  out.line = static_cast<int>(line);
  out.column = static_cast<int>(source->column_of(offset));
  out.length = static_cast<int>(length);
  std::string_view text = source->line(line);
  // A line from a generated file can be megabytes long; a caret under it helps nobody.
  constexpr size_t longest_shown = 400;
  if (text.size() > longest_shown) return out;
  out.source = std::string(text);
  // Nothing that a text says may drive a terminal; each character keeps its column.
  for (char& c : out.source) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) c = '?';
  }
  if (!valid_utf8(out.source)) out.source.clear();
  return out;
}

}  // namespace croft::model
