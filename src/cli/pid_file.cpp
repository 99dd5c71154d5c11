#include "cli/pid_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace croft::cli {

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
