// Where something stands in a text, small enough to sit on every attribute of a large description.
// Shares the text it points into. Converts to Where, line and caret included. Thread-compatible;
// a SourceText is immutable once made.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::model {

/// One text that was read, with the starts of its lines.
class SourceText {
 public:
  SourceText(std::string name, std::string text);
  const std::string& name() const { return name_; }
  const std::string& text() const { return text_; }
  /// 1-based line of a byte offset.
  uint32_t line_of(uint32_t offset) const;
  /// 1-based column, counted in characters.
  uint32_t column_of(uint32_t offset) const;
  /// The text of a line, without its end; empty when there is no such line.
  std::string_view line(uint32_t number) const;
  uint32_t lines() const { return static_cast<uint32_t>(starts_.size()); }
  /// Offset of the first byte of a line.
  uint32_t start_of(uint32_t line) const { return starts_[line - 1]; }

 private:
  std::string name_;
  std::string text_;
  std::vector<uint32_t> starts_;
};

struct Place {
  std::shared_ptr<const SourceText> source;
  uint32_t offset = 0;
  uint32_t length = 0;

  Place() = default;
  Place(std::shared_ptr<const SourceText> text, uint32_t at, uint32_t size)
      : source(std::move(text)), offset(at), length(size) {}
  /// Keeps file, line and column; not the path.
  Place(const Where& where);

  bool known() const { return source != nullptr; }
  operator Where() const;
  /// "file:line:column"; empty when nothing is known.
  std::string text() const { return Where(*this).text(); }
};

}  // namespace croft::model
