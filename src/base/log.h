// The process's diagnostic log (stderr or a file): one line an event, "time level module: text".
// Users read events and results elsewhere; this is for the operator. Safe from any thread.
// A Secret has no formatter, so logging one does not compile.
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace croft::log {

enum class Level { debug, info, warn, error, off };

/// To stderr until called. `file` empty: stderr. The level also comes from CROFT_LOG=debug|info|...
Result<void> open(const std::string& file, Level level);
void set_level(Level level);
bool enabled(Level level);
void write(Level level, std::string_view module, std::string_view text);

template <class... Args>
void debug(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug))
    write(Level::debug, module, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info))
    write(Level::info, module, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warn(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::warn))
    write(Level::warn, module, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view module, fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::error))
    write(Level::error, module, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace croft::log
