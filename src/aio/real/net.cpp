#include "aio/real/net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio/real/socket_address.h"
#include "aio/system_error.h"

namespace croft::aio {

namespace {
constexpr int backlog = 4096;  // the kernel cuts it to net.core.somaxconn
constexpr size_t addresses_max = 64;

/// Closes a descriptor that has not found its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

DescriptorStream::Kind kind_of(int family) {
  return family == AF_UNIX ? DescriptorStream::Kind::unix_socket : DescriptorStream::Kind::tcp;
}

Result<Address> local_address(int fd) {
  SocketAddress address;
  if (getsockname(fd, address.get(), &address.size) != 0)
    return fail(system_error(errno, "cannot adopt the descriptor as a socket"));
  return address.address();
}

Result<> expect_socket(int fd, int type) {
  int actual = 0;
  socklen_t size = sizeof actual;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &actual, &size) != 0)
    return fail(system_error(errno, "cannot adopt the descriptor as a socket"));
  if (actual != type)
    return fail(Code::invalid_argument,
                "cannot adopt the descriptor: it is a socket of another type");
  int flags = fcntl(fd, F_GETFL);
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return fail(system_error(errno, "cannot adopt the descriptor as a socket"));
  return {};
}

/// Is anybody listening on this unix socket? A file that a killed server left answers "refused".
bool answers(const SocketAddress& address) {
  Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), address.get(), address.size) == 0 || errno == EAGAIN;
}

Result<> bind_unix(int fd, const SocketAddress& address, const std::string& path) {
  if (::bind(fd, address.get(), address.size) == 0) return {};
  int number = errno;
  struct stat info{};
  bool stale = number == EADDRINUSE && lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) &&
               !answers(address);
  if (stale && ::unlink(path.c_str()) == 0) {
    if (::bind(fd, address.get(), address.size) == 0) return {};
    number = errno;
  }
  return fail(system_error(number, "cannot listen on unix:" + path));
}

class RealListener final : public Listener {
 public:
  RealListener(Loop& loop, int fd, Address local)
      : loop_(loop), fd_(fd), local_(std::move(local)), poll_(loop, fd) {}
  ~RealListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    for (;;) {
      if (fd_ < 0) co_return fail(Code::unavailable, "the listener was closed");
      SocketAddress from;
      int fd = ::accept4(fd_, from.get(), &from.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        auto kind = kind_of(from.family());
        if (kind == DescriptorStream::Kind::tcp) no_delay(fd);
        co_return std::make_unique<DescriptorStream>(loop_, fd, kind, from.address());
      }
      if (errno == EAGAIN) {
        CO_TRY(co_await poll_.ready(Poll::reading));
        continue;
      }
      // accept(2): errors of the new connection are handed over here; the listener is well.
      bool of_connection = errno == EINTR || errno == ECONNABORTED || errno == EPROTO ||
                           errno == ENETDOWN || errno == EHOSTDOWN || errno == EHOSTUNREACH ||
                           errno == ENETUNREACH;
      if (!of_connection)
        co_return fail(system_error(errno, "cannot accept a connection on " + local_.text()));
    }
  }
  Address local() const override { return local_; }
  void close() override {
    if (fd_ < 0) return;
    poll_.close();
    ::close(std::exchange(fd_, -1));
    struct stat now{};
    // Only the file that was made here: a newer server may have put its own in place.
    if (file_ && lstat(local_.path.c_str(), &now) == 0 && now.st_ino == file_->second &&
        now.st_dev == file_->first)
      ::unlink(local_.path.c_str());
  }
  void owns_file() {
    struct stat info{};
    if (lstat(local_.path.c_str(), &info) == 0) file_ = {info.st_dev, info.st_ino};
  }

 private:
  Loop& loop_;
  int fd_;
  Address local_;
  std::optional<std::pair<dev_t, ino_t>> file_;
  Poll poll_;
};

class RealDatagrams final : public Datagrams {
 public:
  RealDatagrams(Loop& loop, int fd, Address local)
      : fd_(fd), local_(std::move(local)), poll_(loop, fd) {
    // What thousands send while we are busy for a moment is not to be lost. Root may go beyond the
    // system's bound, others get as much as that allows.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  ~RealDatagrams() override { close(); }

  Task<Result<Received>> receive(std::span<char> into) override {
    if ((co_await here()).cancelled()) co_return fail(cancelled_error());
    for (;;) {
      if (fd_ < 0) co_return fail(Code::unavailable, "the socket was closed");
      if (auto got = try_receive(into)) co_return *std::move(got);
      if (errno == EAGAIN)
        CO_TRY(co_await poll_.ready(Poll::reading));
      else if (errno != EINTR && errno != ECONNREFUSED)  // refused: an answer to an earlier send
        co_return fail(system_error(errno, "cannot receive on " + local_.text()));
    }
  }
  std::optional<Received> try_receive(std::span<char> into) override {
    SocketAddress from;
    ssize_t got = ::recvfrom(fd_, into.data(), into.size(), MSG_TRUNC, from.get(), &from.size);
    if (got < 0) return std::nullopt;
    auto size = static_cast<size_t>(got);
    return Received{std::min(size, into.size()), size > into.size(), from.address()};
  }
  Task<Result<>> send(Address to, std::string_view data) override {
    SocketAddress target = CO_TRY(SocketAddress::from(to));
    for (;;) {
      if (fd_ < 0) co_return fail(Code::unavailable, "the socket was closed");
      if (::sendto(fd_, data.data(), data.size(), MSG_NOSIGNAL, target.get(), target.size) >= 0)
        co_return Result<>{};
      // A full send buffer is a lost datagram: the network may do that too, and no one waits.
      if (errno == EAGAIN || errno == ENOBUFS) co_return Result<>{};
      if (errno != EINTR && errno != ECONNREFUSED)
        co_return fail(system_error(errno, "cannot send to " + to.text()));
    }
  }
  Address local() const override { return local_; }
  void close() override {
    if (fd_ < 0) return;
    poll_.close();
    ::close(std::exchange(fd_, -1));
  }

 private:
  static constexpr int room = 4 << 20;
  int fd_;
  Address local_;
  Poll poll_;
};

struct Lookup {
  std::string host;
  std::vector<std::string> addresses;
  int status = 0;
  int number = 0;
  Waiter<>* waiter = nullptr;  // null once the asker has left

  void run() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    number = errno;
    for (auto* each = list; each && addresses.size() < addresses_max; each = each->ai_next) {
      SocketAddress address;
      memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
      address.size = each->ai_addrlen;
      auto text = address.address().host;
      if (std::ranges::find(addresses, text) == addresses.end())
        addresses.push_back(std::move(text));
    }
    if (list) freeaddrinfo(list);
  }
};

Error lookup_error(const Lookup& lookup) {
  if (lookup.status == EAI_SYSTEM)
    return system_error(lookup.number, fmt::format("cannot look up '{}'", lookup.host));
  auto code = lookup.status == EAI_AGAIN ? Code::unavailable : Code::not_found;
  return Error(code,
               fmt::format("cannot look up '{}': {}", lookup.host, gai_strerror(lookup.status)));
}

std::unexpected<Error> nobody_listens(const Address& at) {
  return fail(Code::unavailable,
              fmt::format("cannot connect to {}: nobody listens there", at.text()));
}

bool literal(const std::string& host) {
  in6_addr buffer;
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}
}  // namespace

Task<Result<std::unique_ptr<Stream>>> RealNet::connect(Address to) {
  auto converted = SocketAddress::from(to);
  if (!converted && converted.error().code == Code::not_found) co_return nobody_listens(to);
  SocketAddress target = CO_TRY(std::move(converted));
  Duration pause = Duration::milliseconds(1);
  for (;;) {
    Descriptor fd(::socket(target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) co_return fail(system_error(errno, "cannot make a socket"));
    auto kind = kind_of(target.family());
    if (kind == DescriptorStream::Kind::tcp) no_delay(fd.get());
    int number = ::connect(fd.get(), target.get(), target.size) == 0 ? 0 : errno;
    if (number == EAGAIN) {  // a unix listener with a full queue; nothing tells when there is room
      CO_TRY(co_await clock_.sleep(pause));
      pause = std::min(pause * 2, Duration::milliseconds(100));
      continue;
    }
    auto stream = std::make_unique<DescriptorStream>(loop_, fd.release(), kind, to);
    if (number == EINPROGRESS || number == EINTR) {
      CO_TRY(co_await stream->poll_.ready(Poll::writing));
      socklen_t size = sizeof number;
      if (getsockopt(stream->fd_, SOL_SOCKET, SO_ERROR, &number, &size) != 0) number = errno;
    }
    if (number == ENOENT) co_return nobody_listens(to);
    if (number != 0) co_return fail(system_error(number, "cannot connect to " + to.text()));
    co_return std::unique_ptr<Stream>(std::move(stream));
  }
}

Result<std::unique_ptr<Listener>> RealNet::listen(const Address& at) {
  SocketAddress address = TRY(SocketAddress::from(at));
  Descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail(system_error(errno, "cannot make a socket"));
  if (at.is_unix()) {
    TRY(bind_unix(fd.get(), address, at.path));
    // Nobody can connect before listen(), so there is no moment with wider rights.
    if (::chmod(at.path.c_str(), 0600) != 0)
      return fail(system_error(errno, "cannot protect " + at.text()));
  } else {
    int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), address.get(), address.size) != 0)
      return fail(system_error(errno, "cannot listen on " + at.text()));
  }
  if (::listen(fd.get(), backlog) != 0)
    return fail(system_error(errno, "cannot listen on " + at.text()));
  Address local = at.is_unix() ? at : TRY(local_address(fd.get()));
  auto listener = std::make_unique<RealListener>(loop_, fd.release(), local);
  if (at.is_unix()) listener->owns_file();
  return listener;
}

Result<std::unique_ptr<Listener>> RealNet::adopt_listener(int fd) {
  Descriptor owned(fd);
  TRY(expect_socket(fd, SOCK_STREAM));
  Address local = TRY(local_address(fd));
  return std::make_unique<RealListener>(loop_, owned.release(), local);
}

Result<std::unique_ptr<Stream>> RealNet::adopt_stream(int fd) {
  Descriptor owned(fd);
  TRY(expect_socket(fd, SOCK_STREAM));
  SocketAddress local;
  if (getsockname(fd, local.get(), &local.size) != 0)
    return fail(system_error(errno, "cannot adopt the descriptor as a socket"));
  auto kind = kind_of(local.family());
  if (kind == DescriptorStream::Kind::tcp) no_delay(fd);
  SocketAddress peer;
  if (getpeername(fd, peer.get(), &peer.size) != 0)
    return fail(system_error(errno, "cannot adopt the descriptor as a connection"));
  return std::make_unique<DescriptorStream>(loop_, owned.release(), kind, peer.address());
}

Result<std::unique_ptr<Datagrams>> RealNet::datagrams(const Address& at) {
  if (at.is_unix()) return fail(Code::unsupported, "datagram sockets need an IP address");
  SocketAddress address = TRY(SocketAddress::from(at));
  Descriptor fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail(system_error(errno, "cannot make a socket"));
  if (::bind(fd.get(), address.get(), address.size) != 0)
    return fail(system_error(errno, "cannot receive on " + at.text()));
  Address local = TRY(local_address(fd.get()));
  return std::make_unique<RealDatagrams>(loop_, fd.release(), local);
}

Result<std::unique_ptr<Datagrams>> RealNet::adopt_datagrams(int fd) {
  Descriptor owned(fd);
  TRY(expect_socket(fd, SOCK_DGRAM));
  Address local = TRY(local_address(fd));
  return std::make_unique<RealDatagrams>(loop_, owned.release(), local);
}

Task<Result<std::vector<std::string>>> RealNet::resolve(std::string host) {
  if (literal(host)) co_return std::vector<std::string>{host};
  // getaddrinfo cannot be stopped: a cancelled asker leaves, and the answer is dropped later.
  auto lookup = std::make_shared<Lookup>();
  lookup->host = std::move(host);
  Waiter<> waiter;
  lookup->waiter = &waiter;
  pools_.submit(
      Pool::dns, [lookup] { lookup->run(); },
      [lookup] {
        if (lookup->waiter) lookup->waiter->complete({});
      });
  auto result = co_await waiter;
  lookup->waiter = nullptr;
  if (!result) co_return fail(std::move(result).error());
  if (lookup->addresses.empty()) co_return fail(lookup_error(*lookup));
  co_return std::move(lookup->addresses);
}

Task<Result<>> RealNet::readable(int fd) {
  Poll poll(loop_, fd);
  co_return co_await poll.ready(Poll::reading);
}

}  // namespace croft::aio
