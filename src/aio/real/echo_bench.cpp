// Echo round trips of a RealWorld against raw blocking sockets on two threads, in the same run.
// Prints nanoseconds and their ratio; asserts nothing. Both sides of the raw exchange block in the
// kernel, and both sides of ours run on one loop each, on two threads.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "aio/real/real_world.h"

namespace croft::aio {
namespace {

constexpr int rounds = 40'000;
constexpr int runs = 5;
constexpr size_t message = 64;
constexpr size_t room = 4096;  // of both readers' buffers

int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

int64_t cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto of = [](const timeval& t) { return t.tv_sec * 1'000'000'000 + t.tv_usec * 1000; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

struct Cost {
  double wall = 1e18, cpu = 1e18;
  void take(int64_t wall_ns, int64_t cpu_ns_used) {
    wall = std::min(wall, static_cast<double>(wall_ns) / rounds);
    cpu = std::min(cpu, static_cast<double>(cpu_ns_used) / rounds);
  }
};

void echo_raw(int fd) {
  char buffer[room];
  for (;;) {
    ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0 || ::write(fd, buffer, static_cast<size_t>(got)) != got) return;
  }
}

int connected(int port) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0), on = 1;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(port));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0, "loopback connects");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void raw_run(Cost& cost) {
  int listener = ::socket(AF_INET, SOCK_STREAM, 0), on = 1;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  CHECK(::bind(listener, reinterpret_cast<sockaddr*>(&at), size) == 0, "loopback has a free port");
  ::listen(listener, 1);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  std::thread server([&] {
    int fd = ::accept(listener, nullptr, nullptr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    echo_raw(fd);
    ::close(fd);
  });
  int fd = connected(ntohs(at.sin_port));
  char buffer[room] = {};
  int64_t start = now_ns(), cpu = cpu_ns();
  for (int i = 0; i < rounds; ++i) {
    CHECK(::write(fd, buffer, message) == message, "the peer reads");
    CHECK(::read(fd, buffer, room) == message, "the peer answers");
  }
  cost.take(now_ns() - start, cpu_ns() - cpu);
  ::close(fd);
  server.join();
  ::close(listener);
}

Task<Result<>> echo_ours(Listener& listener) {
  auto stream = CO_TRY(co_await listener.accept());
  std::array<char, room> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await stream->read(buffer));
    if (got == 0) co_return Result<>{};
    std::vector<std::string_view> pieces{{buffer.data(), got}};
    CO_TRY(co_await stream->write(std::move(pieces)));
  }
}

Task<Result<>> ask_ours(World& world, Address at, Cost& cost) {
  auto stream = CO_TRY(co_await world.net.connect(at));
  std::array<char, room> buffer{};
  int64_t start = now_ns(), cpu = cpu_ns();
  for (int i = 0; i < rounds; ++i) {
    std::vector<std::string_view> pieces{{buffer.data(), message}};
    CO_TRY(co_await stream->write(std::move(pieces)));
    size_t got = CO_TRY(co_await stream->read(buffer));
    CHECK(got == message, "the peer answers");
  }
  cost.take(now_ns() - start, cpu_ns() - cpu);
  co_return Result<>{};
}

Task<Result<int>> one(int value) {
  co_return value;
}

Task<Result<>> awaits(int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) sum += CO_TRY(co_await one(i));
  static_cast<void>(sum);
  co_return Result<>{};
}

Task<Result<>> deadlines(World& world, int count) {
  for (int i = 0; i < count; ++i)
    CO_TRY(co_await deadline(world.clock, Duration::seconds(5), one(i), "it"));
  co_return Result<>{};
}

void ours_run(Cost& cost) {
  auto real = RealWorld::open().value();
  auto listener = real->world().net.listen({"127.0.0.1", 0, ""}).value();
  Address at = listener->local();
  std::thread client([&] {
    auto own = RealWorld::open().value();
    auto result = own->run(ask_ours(own->world(), at, cost));
    CHECK(result, "the exchange works");
  });
  auto result = real->run(echo_ours(*listener));
  CHECK(result, "the exchange works");
  client.join();
}

int run() {
  Cost raw, ours;
  for (int i = 0; i < runs; ++i) {
    raw_run(raw);
    ours_run(ours);
  }
  std::printf("echo of %zu bytes, best of %d runs of %d round trips\n", message, runs, rounds);
  std::printf("  raw blocking sockets  %8.0f ns  cpu %8.0f ns\n", raw.wall, raw.cpu);
  std::printf("  RealWorld             %8.0f ns  cpu %8.0f ns\n", ours.wall, ours.cpu);
  std::printf("  ratio                 %8.2f     cpu %8.2f\n", ours.wall / raw.wall,
              ours.cpu / raw.cpu);
  auto real = RealWorld::open().value();
  constexpr int count = 1'000'000;
  int64_t start = now_ns();
  CHECK(real->run(awaits(count)), "awaits work");
  int64_t middle = now_ns();
  CHECK(real->run(deadlines(real->world(), count)), "deadlines work");
  std::printf("  one await %lld ns, one deadline %lld ns\n",
              static_cast<long long>((middle - start) / count),
              static_cast<long long>((now_ns() - middle) / count));
  return 0;
}

}  // namespace
}  // namespace croft::aio

int main() {
  return croft::aio::run();
}
