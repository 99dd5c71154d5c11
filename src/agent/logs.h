// The output of workloads: a file that they append to, kept within limits, with notes of when how
// much was there ("FILE.times"). All of it blocks, briefly.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace croft::agent {

struct LogLimits {
  Bytes most;
  int files = 0;
};
/// How long one file may become.
uint64_t log_share(const LogLimits& limits);
/// Moves the log aside when it is longer than its share. The writer keeps its descriptor: what it
/// writes between copy and cut is lost.
void rotate_log(const std::string& file, const LogLimits& limits);
/// "By then it was so long."
struct LogNote {
  WallTime time;
  uint64_t size = 0;
};
std::vector<LogNote> log_notes(const std::string& file);
void note_log_time(const std::string& file, WallTime now, uint64_t size);
void remove_log(const std::string& file);

uint64_t size_of(const std::string& file);  ///< 0 where there is none
/// The last whole lines of a file from `from` on, at most 4 KiB, for people.
std::string last_lines(const std::string& file, uint64_t from);

/// The files of a log that are there, the oldest first; the current one always.
std::vector<std::string> kept_files(const std::string& current, int most);
struct LogStart {
  size_t file = 0;  ///< in the list of kept files
  uint64_t offset = 0;
};
/// So many lines before the end.
LogStart log_start_by_lines(const std::vector<std::string>& files, int64_t lines);
/// What was written after that moment, as far as notes tell: a second or so more, in whole lines.
LogStart log_start_since(const std::vector<std::string>& files, WallTime moment);

}  // namespace croft::agent
