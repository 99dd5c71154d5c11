// Lines of several logs as one stream, in the order of their times. A log that is still behind
// holds the others up until it has a line, or is done with what was there. Pure.
#pragma once
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace croft::cli {

struct LogLine {
  WallTime time;
  std::string text;
};

class LogMerge {
 public:
  using Print = std::function<void(size_t source, const LogLine& line)>;
  explicit LogMerge(Print print) : print_(std::move(print)) {}

  /// Another log; its number. One that joins `late` holds nobody up.
  size_t add(bool late = false);
  /// Bytes that were written by `time`: whole lines are taken, the rest waits for its end.
  void take(size_t source, WallTime time, std::string_view bytes);
  /// What was there when it began has been told: from now on its lines come as they are written.
  void caught_up(size_t source);
  /// No more comes from it.
  void end(size_t source);
  /// Lines that wait for those of others.
  size_t waiting(size_t source) const { return sources_[source].lines.size(); }

 private:
  struct Source {
    std::deque<LogLine> lines;
    std::string held;               ///< a line without its end
    std::optional<WallTime> since;  ///< when `held` began
    bool behind = true;
  };
  void push(size_t source, LogLine line);
  void flush();

  Print print_;
  std::vector<Source> sources_;
  std::set<std::pair<int64_t, size_t>> heads_;  ///< of those that have lines: time and number
  size_t empty_behind_ = 0;                     ///< those that hold the others up
};

}  // namespace croft::cli
