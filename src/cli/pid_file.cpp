#include "cli/pid_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

namespace croft::cli {

PidFileState pid_file_state(const std::string& path) {
  std::ifstream in(path);
  if (!in) return PidFileState::absent;
  long pid = 0;
  bool lives = in >> pid && pid > 0 && kill(static_cast<pid_t>(pid), 0) == 0;
  return lives ? PidFileState::living : PidFileState::stale;
}

Result<PidFile> PidFile::write(std::string path) {
  std::ofstream out(path, std::ios::trunc);
  out << getpid() << '\n';
  out.flush();
  if (!out) return fail(Code::io, fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  return PidFile(std::move(path));
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::move(other.path_)) {
  other.path_.clear();
}

PidFile::~PidFile() {
  if (path_.empty()) return;
  std::ifstream in(path_);
  long pid = 0;
  if (in >> pid && pid == getpid()) unlink(path_.c_str());
}

}  // namespace croft::cli
