// Offsets of bytes <-> positions as the Language Server Protocol has them: line and character from
// 0, characters counted in UTF-16 units or in bytes, as was agreed. Positions outside of the text
// are drawn to its nearest place, as the protocol asks. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace croft::lang::lsp {

enum class Encoding { utf16, utf8 };

struct Position {
  uint32_t line = 0;
  uint32_t character = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

/// A text that an editor changes, with the starts of its lines.
class Text {
 public:
  explicit Text(std::string text = "");
  const std::string& text() const { return text_; }
  uint32_t lines() const { return static_cast<uint32_t>(starts_.size()); }
  std::string_view line(uint32_t number) const;  ///< from 0, without its end
  uint32_t offset(Position position, Encoding encoding) const;
  Position position(uint32_t offset, Encoding encoding) const;
  Position end(Encoding encoding) const;
  /// Replaces the bytes from `begin` to `end`.
  void replace(uint32_t begin, uint32_t end, std::string_view by);

 private:
  void find_lines(size_t from_line);
  std::string text_;
  std::vector<uint32_t> starts_;
};

}  // namespace croft::lang::lsp
