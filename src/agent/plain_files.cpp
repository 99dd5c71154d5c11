#include "agent/plain_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "aio/system_error.h"

namespace croft::agent {

Result<std::string> read_plain(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(aio::system_error(errno, fmt::format("cannot open '{}'", path)));
  std::string out;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(fd, buffer, sizeof buffer)) > 0)
    out.append(buffer, static_cast<size_t>(got));
  int number = errno;
  ::close(fd);
  if (got < 0) return fail(aio::system_error(number, fmt::format("cannot read '{}'", path)));
  return out;
}

Result<> write_plain(const std::string& path, const std::string& text, int mode) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return fail(aio::system_error(errno, fmt::format("cannot open '{}'", path)));
  ssize_t put = ::write(fd, text.data(), text.size());
  int number = put < 0 ? errno : ENOSPC;
  ::close(fd);
  if (put != static_cast<ssize_t>(text.size()))
    return fail(aio::system_error(number, fmt::format("cannot write '{}'", path)));
  return {};
}

}  // namespace croft::agent
