// What a person sees: plain lines, a live status area on a terminal, colours where wanted, tables.
// One object a process, made by main and passed down. Loop thread only.
#pragma once
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace croft::terminal {

enum class Colour { none, red, green, yellow, blue, grey, bold };

class Terminal {
 public:
  /// `out` carries results, `err` progress and complaints. Colours and live redrawing only where
  /// `err` is a terminal, NO_COLOR is unset and TERM is not "dumb".
  Terminal(std::FILE* out, std::FILE* err);

  /// A line of result on stdout.
  void print(std::string_view text);
  /// A line of progress on stderr, above the live area.
  void note(std::string_view text);
  /// Replaces the live area (on a terminal); elsewhere nothing: notes tell the story there.
  void live(const std::vector<std::string>& lines);
  /// Removes the live area.
  void settle();

  bool is_live() const { return live_allowed_; }
  bool quiet = false;  ///< swallows notes
  std::string paint(Colour colour, std::string_view text) const;
  /// Columns of the terminal; 100 elsewhere.
  int width() const;

 private:
  void erase();
  void say(const std::string& text);
  std::FILE* out_;
  std::FILE* err_;
  bool live_allowed_ = false;
  bool colours_ = false;
  size_t drawn_ = 0;
};

/// Columns aligned to the widest cell, two blanks between; a header row is underlined by its case.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns a text takes: code points, control characters not counted.
size_t display_width(std::string_view text);
/// At most `width` columns, the middle replaced by "…" where it is longer.
std::string elide(std::string_view text, size_t width);

}  // namespace croft::terminal
