#include "aio/real/descriptors.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "aio/system_error.h"

namespace croft::aio {
namespace {

struct Owned {
  int fd = -1;
  ~Owned() {
    if (fd >= 0) ::close(fd);
  }
};

Result<sockaddr_un> address_of(const std::string& file) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (file.size() >= sizeof out.sun_path)
    return fail(Code::invalid_argument, "the path of the socket is too long: " + file);
  memcpy(out.sun_path, file.data(), file.size());
  return out;
}

struct Envelope {
  char byte = 'd';
  iovec piece{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  Envelope() {
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
};

}  // namespace

void allow_many_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

Result<> send_descriptor(const std::string& socket_file, int descriptor) {
  sockaddr_un address = TRY(address_of(socket_file));
  Owned socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (socket.fd < 0 ||
      connect(socket.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail(system_error(errno, "cannot reach " + socket_file));
  Envelope envelope;
  cmsghdr* head = CMSG_FIRSTHDR(&envelope.message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  if (sendmsg(socket.fd, &envelope.message, MSG_NOSIGNAL) < 0)
    return fail(system_error(errno, "cannot hand over a descriptor"));
  return {};
}

Result<DescriptorInbox> DescriptorInbox::open(std::string socket_file) {
  sockaddr_un address = TRY(address_of(socket_file));
  unlink(socket_file.c_str());
  Owned socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (socket.fd < 0) return fail(system_error(errno, "cannot make a socket"));
  fchmod(socket.fd, 0600);  // before the file is there: nobody else may connect meanwhile
  if (bind(socket.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      chmod(socket_file.c_str(), 0600) != 0 || listen(socket.fd, 4) != 0)
    return fail(system_error(errno, "cannot listen at " + socket_file));
  return DescriptorInbox(std::move(socket_file), std::exchange(socket.fd, -1));
}

DescriptorInbox::DescriptorInbox(DescriptorInbox&& other) noexcept
    : file_(std::move(other.file_)), socket_(std::exchange(other.socket_, -1)) {}

DescriptorInbox::~DescriptorInbox() {
  if (socket_ < 0) return;
  ::close(socket_);
  unlink(file_.c_str());
}

Task<Result<int>> DescriptorInbox::take(Net& net) {
  for (;;) {
    CO_TRY(co_await net.readable(socket_));
    Owned peer{accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (peer.fd < 0) {
      if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) continue;
      co_return fail(system_error(errno, "cannot accept at " + file_));
    }
    ucred who{};
    socklen_t size = sizeof who;
    if (getsockopt(peer.fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 ||
        (who.uid != 0 && who.uid != getuid()))
      continue;
    CO_TRY(co_await net.readable(peer.fd));
    Envelope envelope;
    if (recvmsg(peer.fd, &envelope.message, MSG_CMSG_CLOEXEC) <= 0) continue;
    cmsghdr* head = CMSG_FIRSTHDR(&envelope.message);
    if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    int descriptor = -1;
    memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
    co_return descriptor;
  }
}

}  // namespace croft::aio
