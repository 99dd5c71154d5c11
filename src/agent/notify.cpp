#include "agent/notify.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "aio/system_error.h"
#include "base/text.h"

namespace croft::agent {
namespace {
constexpr size_t message_most = 4096;
}

NotifySocket::~NotifySocket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<> NotifySocket::open() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    return fail(Code::unsupported,
                fmt::format("'{}' is too long for a socket: choose a shorter folder", path_));
  std::memcpy(address.sun_path, path_.data(), path_.size());
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(path_.c_str());
  if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path_.c_str(), 0666) != 0)
    return fail(aio::system_error(errno, fmt::format("cannot listen at '{}'", path_)));
  return {};
}

aio::Task<Result<std::string>> NotifySocket::receive() {
  for (;;) {
    char buffer[message_most];
    ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got >= 0) co_return std::string(buffer, static_cast<size_t>(got));
    if (errno != EAGAIN && errno != EINTR)
      co_return fail(aio::system_error(errno, "cannot hear what a process says of itself"));
    CO_TRY(co_await world_.net.readable(fd_));
  }
}

void NotifySocket::remove_file() const {
  unlink(path_.c_str());
}

std::string notified(std::string_view message, std::string_view name) {
  std::string out;
  for (const std::string& line : split(message, '\n'))
    if (auto parts = cut(line, '='); parts && parts->first == name) out = parts->second;
  return out;
}

}  // namespace croft::agent
