#include "terminal/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace croft::terminal {
namespace {

constexpr size_t fallback_width = 100;

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::red:
      return "31";
    case Colour::green:
      return "32";
    case Colour::yellow:
      return "33";
    case Colour::blue:
      return "34";
    case Colour::grey:
      return "90";
    case Colour::bold:
      return "1";
  }
  return "";
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The byte offset after `columns` code points.
size_t offset_of(std::string_view text, size_t columns) {
  size_t at = 0;
  while (at < text.size() && columns > 0) {
    ++at;
    while (at < text.size() && is_continuation(text[at])) ++at;
    --columns;
  }
  return at;
}

}  // namespace

Terminal::Terminal(std::FILE* out, std::FILE* err) : out_(out), err_(err) {
  const char* term = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  bool dumb = !term || std::string_view(term) == "dumb";
  live_allowed_ = isatty(fileno(err)) && !dumb;
  colours_ = live_allowed_ && isatty(fileno(out)) && !(no_color && *no_color);
}

void Terminal::print(std::string_view text) {
  erase();
  std::fwrite(text.data(), 1, text.size(), out_);
  if (!text.ends_with('\n')) std::fputc('\n', out_);
  std::fflush(out_);
}

void Terminal::note(std::string_view text) {
  if (quiet) return;
  erase();
  say(fmt::format("{}\n", text));
  std::fflush(err_);
}

/// Not by fmt::print, which throws where nothing can be written.
void Terminal::say(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), err_);
}

void Terminal::live(const std::vector<std::string>& lines) {
  if (!live_allowed_ || quiet) return;
  erase();
  auto columns = static_cast<size_t>(width()) - 1;
  for (const auto& line : lines) say(elide(line, columns) + "\n");
  drawn_ = lines.size();
  std::fflush(err_);
}

void Terminal::settle() {
  erase();
}

void Terminal::erase() {
  if (drawn_ == 0) return;
  say(fmt::format("\x1b[{}A\x1b[J", drawn_));
  drawn_ = 0;
}

std::string Terminal::paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::none) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code_of(colour), text);
}

int Terminal::width() const {
  winsize size{};
  bool known = ioctl(fileno(err_), TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
  return known ? size.ws_col : static_cast<int>(fallback_width);
}

std::string Table::text() const {
  std::vector<size_t> widths;
  auto widen = [&](const std::vector<std::string>& cells) {
    if (widths.size() < cells.size()) widths.resize(cells.size());
    for (size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], display_width(cells[i]));
  };
  widen(header_);
  for (const auto& row : rows_) widen(row);
  std::string out;
  auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      line += cells[i];
      if (i + 1 < cells.size()) line.append(widths[i] - display_width(cells[i]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + "\n";
  };
  if (!header_.empty()) add(header_);
  for (const auto& row : rows_) add(row);
  return out;
}

size_t display_width(std::string_view text) {
  size_t columns = 0;
  bool escape = false;
  for (char c : text) {
    if (escape) {
      escape = c != 'm';
      continue;
    }
    if (c == '\x1b') {
      escape = true;
      continue;
    }
    if (!is_continuation(c) && static_cast<unsigned char>(c) >= 0x20) ++columns;
  }
  return columns;
}

std::string elide(std::string_view text, size_t width) {
  if (display_width(text) <= width || width < 5) return std::string(text);
  if (text.find('\x1b') != std::string_view::npos) return std::string(text);
  size_t head = (width - 1) * 2 / 3, tail = width - 1 - head;
  size_t total = display_width(text);
  std::string out(text.substr(0, offset_of(text, head)));
  out += "…";
  out += text.substr(offset_of(text, total - tail));
  return out;
}

}  // namespace croft::terminal
