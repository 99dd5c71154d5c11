// The pid of a serving process in a file, for the scripts that look after it.
#pragma once
#include <string>

#include "base/error.h"

namespace croft::cli {

/// What a pid file says: of a process that ended in order nothing is left, of a killed one the
/// file.
enum class PidFileState { absent, living, stale };
PidFileState pid_file_state(const std::string& path);

/// Writes "PID\n"; removes the file when dropped, if it is still ours.
class PidFile {
 public:
  static Result<PidFile> write(std::string path);
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();
  /// What happened was not an end in order: the file stays and says so.
  void leave() { path_.clear(); }

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace croft::cli
