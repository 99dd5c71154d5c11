#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "aio/real/net.h"
#include "aio/system_error.h"

namespace croft::aio {

namespace {
constexpr size_t pieces_per_call = 64;
constexpr uint64_t sendfile_chunk = 1 << 20;

bool would_block(int number) {
  return number == EAGAIN || number == EWOULDBLOCK;
}

/// Where a gathered write stands: the first pieces may be gone already.
class Gather {
 public:
  explicit Gather(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }
  bool done() const { return pieces_.empty(); }
  int fill(std::array<iovec, pieces_per_call>& out) const {
    size_t count = std::min(pieces_.size(), out.size());
    for (size_t i = 0; i < count; ++i)
      out[i] = {const_cast<char*>(pieces_[i].data()), pieces_[i].size()};
    out[0].iov_base = static_cast<char*>(out[0].iov_base) + offset_;
    out[0].iov_len -= offset_;
    return static_cast<int>(count);
  }
  void advance(size_t written) {
    while (written > 0) {
      size_t left = pieces_.front().size() - offset_;
      if (written < left) {
        offset_ += written;
        return;
      }
      written -= left;
      next();
    }
    skip_empty();
  }

 private:
  void next() {
    pieces_ = pieces_.subspan(1);
    offset_ = 0;
  }
  void skip_empty() {
    while (!pieces_.empty() && pieces_.front().size() == offset_) next();
  }
  std::span<const std::string_view> pieces_;
  size_t offset_ = 0;
};
}  // namespace

Result<> DescriptorStream::usable() const {
  if (fd_ < 0) return fail(Code::unavailable, "the connection was closed on this side");
  return {};
}

Task<Result<size_t>> DescriptorStream::read(std::span<char> into) {
  if ((co_await here()).cancelled()) co_return fail(cancelled_error());
  if (++direct_reads_ > direct_calls_max) {
    direct_reads_ = 0;
    co_await yield();
  }
  for (;;) {
    CO_TRY(usable());
    if (!drained_) {
      ssize_t got = ::read(fd_, into.data(), into.size());
      if (got >= 0) {
        drained_ = got > 0 && static_cast<size_t>(got) < into.size();
        co_return static_cast<size_t>(got);
      }
      if (errno == EINTR) continue;
      if (!would_block(errno))
        co_return fail(system_error(errno, "the connection broke while reading"));
    }
    direct_reads_ = 0;
    CO_TRY(co_await poll_.ready(Poll::reading));
    drained_ = false;
  }
}

Task<Result<>> DescriptorStream::write(std::vector<std::string_view> pieces) {
  if ((co_await here()).cancelled()) co_return fail(cancelled_error());
  Gather gather(pieces);
  while (!gather.done()) {
    CO_TRY(usable());
    std::array<iovec, pieces_per_call> vectors;
    ssize_t put = ::writev(fd_, vectors.data(), gather.fill(vectors));
    if (put >= 0) {
      gather.advance(static_cast<size_t>(put));
      continue;
    }
    if (errno == EINTR) continue;
    if (!would_block(errno))
      co_return fail(system_error(errno, "the connection broke while writing"));
    CO_TRY(co_await poll_.ready(Poll::writing));
  }
  co_return Result<>{};
}

Task<Result<>> DescriptorStream::send_file(File& file, uint64_t offset, uint64_t length) {
  if (file.descriptor() < 0) co_return co_await Stream::send_file(file, offset, length);
  if ((co_await here()).cancelled()) co_return fail(cancelled_error());
  auto position = static_cast<off_t>(offset);
  int calls = 0;
  while (length > 0) {
    CO_TRY(usable());
    ssize_t sent = ::sendfile(fd_, file.descriptor(), &position, std::min(length, sendfile_chunk));
    if (sent > 0) {
      length -= static_cast<uint64_t>(sent);
      if (++calls % direct_calls_max == 0) co_await yield();
      continue;
    }
    if (sent == 0)
      co_return fail(Code::io, fmt::format("the file ends {} bytes too early", length));
    if (errno == EINTR) continue;
    if (errno == EINVAL || errno == ENOSYS)
      co_return co_await Stream::send_file(file, static_cast<uint64_t>(position), length);
    if (!would_block(errno))
      co_return fail(system_error(errno, "the connection broke while sending a file"));
    CO_TRY(co_await poll_.ready(Poll::writing));
  }
  co_return Result<>{};
}

Task<Result<>> DescriptorStream::shutdown() {
  CO_TRY(usable());
  if (kind_ == Kind::pipe) {
    close();
    co_return Result<>{};
  }
  if (::shutdown(fd_, SHUT_WR) != 0)
    co_return fail(system_error(errno, "cannot end the connection"));
  co_return Result<>{};
}

void DescriptorStream::close() {
  if (fd_ < 0) return;
  poll_.close();
  ::close(std::exchange(fd_, -1));
}

PeerCredentials DescriptorStream::credentials() const {
  ucred who{};
  socklen_t size = sizeof who;
  if (kind_ != Kind::unix_socket || fd_ < 0) return {};
  if (getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  return {who.pid, who.uid, who.gid};
}

}  // namespace croft::aio
