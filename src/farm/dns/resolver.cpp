#include "farm/dns/resolver.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/log.h"

namespace croft::farm::dns {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

 private:
  int fd_;
};

constexpr int packets_a_turn = 64;  // then other coroutines get theirs

}  // namespace

std::string Resolver::answer(std::string_view message, const std::string& asker,
                             size_t limit) const {
  auto question = parse_query(message);
  if (!question) {
    auto id = message_id(message);
    return id ? write_error(*id, Rcode::format_error) : std::string();
  }
  const Question& q = *question;
  if (q.opcode != 0) return write_answer(q, Rcode::not_implemented, {}, limit);
  if (q.class_code != 1) return write_answer(q, Rcode::refused, {}, limit);
  if (auto address = reverse_address(q.name)) {
    auto name = names_.name(asker, *address);
    if (!name) return write_answer(q, Rcode::no_name, {}, limit);
    bool wanted =
        q.type == static_cast<uint16_t>(Type::ptr) || q.type == static_cast<uint16_t>(Type::any);
    return write_answer(q, Rcode::ok,
                        wanted ? std::vector<Record>{{Type::ptr, *name}} : std::vector<Record>{},
                        limit);
  }
  auto address = names_.address(asker, q.name);
  if (!address) return write_answer(q, Rcode::no_name, {}, limit);
  bool wanted =
      q.type == static_cast<uint16_t>(Type::a) || q.type == static_cast<uint16_t>(Type::any);
  return write_answer(q, Rcode::ok,
                      wanted ? std::vector<Record>{{Type::a, *address}} : std::vector<Record>{},
                      limit);
}

aio::Task<Result<>> Resolver::serve_udp(int descriptor, std::string asker) {
  Descriptor owned(descriptor);
  if (int flags = ::fcntl(descriptor, F_GETFL);
      flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
    co_return fail(Code::io, "the resolver's socket cannot be made non-blocking");
  std::string buffer(max_message, '\0');
  for (;;) {
    CO_TRY(co_await world_.net.readable(descriptor));
    for (int i = 0; i < packets_a_turn; ++i) {
      sockaddr_storage from{};
      socklen_t from_size = sizeof from;
      ssize_t size = ::recvfrom(descriptor, buffer.data(), buffer.size(), MSG_TRUNC,
                                reinterpret_cast<sockaddr*>(&from), &from_size);
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (size < 0 && (errno == EINTR || errno == ECONNREFUSED)) continue;
      if (size < 0)
        co_return fail(Code::unavailable,
                       fmt::format("the resolver's socket failed: errno {}", errno));
      if (static_cast<size_t>(size) > buffer.size()) continue;  // cut: not a query of ours
      if (names_.silent && names_.silent(asker)) continue;
      std::string reply = answer({buffer.data(), static_cast<size_t>(size)}, asker, max_udp_answer);
      // A full buffer drops the answer, as networks do: the client asks again.
      if (!reply.empty())
        static_cast<void>(::sendto(descriptor, reply.data(), reply.size(),
                                   MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&from),
                                   from_size));
    }
  }
}

aio::Task<Result<>> Resolver::serve_one(aio::Stream& stream, std::string asker) {
  auto read_all = [](aio::Stream& from, std::span<char> into) -> aio::Task<Result<bool>> {
    for (size_t have = 0; have < into.size();) {
      size_t got = CO_TRY(co_await from.read(into.subspan(have)));
      if (got == 0) co_return false;
      have += got;
    }
    co_return true;
  };
  char head[2];
  if (!CO_TRY(co_await read_all(stream, head))) co_return fail(Code::unavailable, "closed");
  size_t size = static_cast<size_t>(static_cast<unsigned char>(head[0])) << 8 |
                static_cast<unsigned char>(head[1]);
  if (size > max_message) co_return fail(Code::syntax, "a DNS query of this size is refused");
  std::string message(size, '\0');
  if (!CO_TRY(co_await read_all(stream, message))) co_return fail(Code::unavailable, "closed");
  // Held until the client's patience, or this connection's time, is over.
  if (names_.silent && names_.silent(asker))
    co_return co_await world_.clock.sleep(tcp_time + Duration::seconds(1));
  std::string reply = answer(message, asker, 65535);
  if (reply.empty()) co_return fail(Code::syntax, "not a DNS query");
  std::string length{static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size() & 0xff)};
  co_return co_await stream.write({length, reply});
}

aio::Task<Result<>> Resolver::serve_stream(std::unique_ptr<aio::Stream> stream, std::string asker) {
  for (;;) {
    auto done =
        co_await aio::deadline(world_.clock, tcp_time, serve_one(*stream, asker), "a DNS query");
    if (!done) break;
  }
  co_return Result<>{};  // one bad client ends its own connection only
}

namespace {

aio::Task<Result<>> with_place(aio::Task<Result<>> task, aio::Semaphore& places) {
  auto done = co_await task;
  places.release();
  co_return done;
}

}  // namespace

aio::Task<Result<>> Resolver::serve_tcp(std::unique_ptr<aio::Listener> listener,
                                        std::string asker) {
  aio::Scope scope(co_await aio::here());
  aio::Semaphore places(tcp_connections);
  Result<> ended;
  for (;;) {
    ended = co_await places.acquire();
    if (!ended) break;
    auto stream = co_await listener->accept();
    if (!stream) {
      ended = fail(std::move(stream).error());
      break;
    }
    scope.spawn(with_place(serve_stream(std::move(*stream), asker), places));
  }
  scope.cancel();
  auto ignored = co_await scope.join();
  static_cast<void>(ignored);
  co_return ended;
}

}  // namespace croft::farm::dns
