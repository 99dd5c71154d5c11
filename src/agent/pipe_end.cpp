#include "agent/pipe_end.h"

#include <fcntl.h>
#include <unistd.h>

#include "aio/system_error.h"

namespace croft::agent {
namespace {
constexpr Duration look_least = Duration::milliseconds(1), look_most = Duration::milliseconds(50);
}

PipeEnd::PipeEnd(aio::World& world, int fd) : world_(world), fd_(fd) {
  fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

void PipeEnd::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

aio::Task<Result<size_t>> PipeEnd::read(std::span<char> into) {
  for (;;) {
    ssize_t got = ::read(fd_, into.data(), into.size());
    if (got >= 0) co_return static_cast<size_t>(got);
    if (errno == EIO) co_return 0;
    if (errno != EAGAIN && errno != EINTR)
      co_return fail(aio::system_error(errno, "cannot read from a program"));
    CO_TRY(co_await world_.net.readable(fd_));
  }
}

aio::Task<Result<>> PipeEnd::write(std::string bytes) {
  std::string_view rest = bytes;
  for (Duration pause = look_least; !rest.empty();) {
    ssize_t put = ::write(fd_, rest.data(), rest.size());
    if (put > 0) {
      rest.remove_prefix(static_cast<size_t>(put));
      pause = look_least;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR)
      co_return fail(aio::system_error(errno, "cannot write to a program"));
    CO_TRY(co_await world_.clock.sleep(pause));
    pause = std::min(pause * 2, look_most);
  }
  co_return Result<>{};
}

Result<std::pair<int, int>> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(aio::system_error(errno, "cannot make a pipe"));
  return std::pair(ends[0], ends[1]);
}

}  // namespace croft::agent
