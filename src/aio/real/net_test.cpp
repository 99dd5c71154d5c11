// Sockets of the RealWorld, over loopback.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "aio/real/real_world.h"
#include "aio/sync.h"

namespace croft::aio {
namespace {

const Address loopback{"127.0.0.1", 0, ""};

struct TemporaryFolder {
  std::string path;
  TemporaryFolder() {
    char name[] = "/tmp/croft-test-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryFolder() { std::system(("rm -rf " + path).c_str()); }
};

class Net : public testing::Test {
 protected:
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return real->run(deadline(world.clock, Duration::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<RealWorld> real = RealWorld::open().value();
  World& world = real->world();
};

Task<Result<std::string>> read_all(Stream& stream) {
  std::string out;
  std::vector<char> buffer(64 << 10);
  for (;;) {
    size_t got = CO_TRY(co_await stream.read(buffer));
    if (got == 0) co_return out;
    out.append(buffer.data(), got);
  }
}

Task<Result<>> write_text(Stream& stream, std::string text) {
  std::vector<std::string_view> pieces{text};
  CO_TRY(co_await stream.write(std::move(pieces)));
  co_return co_await stream.shutdown();
}

Task<Result<>> accept_and(Listener& listener, std::unique_ptr<Stream>& slot) {
  slot = CO_TRY(co_await listener.accept());
  co_return Result<>{};
}

struct Pair {
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> client, server;
};

Task<Result<>> open_pair(World& world, Address at, Pair& pair) {
  pair.listener = CO_TRY(world.net.listen(at));
  Scope scope(co_await here());
  scope.spawn(accept_and(*pair.listener, pair.server));
  pair.client = CO_TRY(co_await world.net.connect(pair.listener->local()));
  co_return co_await scope.join();
}

Task<Result<>> read_into(Stream& stream, std::string& out) {
  out = CO_TRY(co_await read_all(stream));
  co_return Result<>{};
}

Task<Result<std::string>> both_ways(World& world, Address at, size_t size) {
  Pair pair;
  CO_TRY(co_await open_pair(world, at, pair));
  std::string there, back;
  Scope scope(co_await here());
  scope.spawn(write_text(*pair.client, std::string(size, 'a')));
  scope.spawn(write_text(*pair.server, std::string(size, 'b')));
  scope.spawn(read_into(*pair.server, there));
  scope.spawn(read_into(*pair.client, back));
  CO_TRY(co_await scope.join());
  EXPECT_EQ(there, std::string(size, 'a'));
  EXPECT_EQ(back, std::string(size, 'b'));
  co_return pair.client->peer().text();
}

TEST_F(Net, tcp_carries_much_in_both_directions) {
  auto result = run(both_ways(world, loopback, 20 << 20));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_TRUE(result->starts_with("127.0.0.1:"));
}

TEST_F(Net, tcp6) {
  auto result = run(both_ways(world, Address{"::1", 0, ""}, 1000));
  if (!result && result.error().code == Code::unavailable) GTEST_SKIP() << "no IPv6 here";
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_TRUE(result->starts_with("[::1]:")) << *result;
}

TEST_F(Net, unix_socket_under_a_path_longer_than_the_kernel_takes) {
  TemporaryFolder folder;
  std::string deep = folder.path;
  for (int i = 0; i < 4; ++i) {
    deep += "/" + std::string(50, 'd');
    ASSERT_EQ(mkdir(deep.c_str(), 0700), 0);
  }
  Address at{"", 0, deep + "/socket"};
  auto result = run(both_ways(world, at, 3 << 20));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_NE(access(at.path.c_str(), F_OK), 0) << "the listener leaves its file";
}

Task<Result<>> unix_details(World& world, Address at) {
  Pair pair;
  CO_TRY(co_await open_pair(world, at, pair));
  struct stat info{};
  EXPECT_EQ(stat(at.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(pair.server->credentials().pid, getpid());
  EXPECT_EQ(pair.server->credentials().uid, static_cast<int64_t>(getuid()));
  EXPECT_EQ(world.net.listen(at).error().code, Code::already_exists);
  co_return Result<>{};
}

TEST_F(Net, unix_socket_mode_credentials_and_the_file_of_a_dead_server) {
  TemporaryFolder folder;
  Address at{"", 0, folder.path + "/socket"};
  // A server that was killed leaves its file.
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, at.path.c_str(), at.path.size() + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(fd);
  auto result = run(unix_details(world, at));
  EXPECT_TRUE(result) << result.error().render();
  ASSERT_EQ(std::system(fmt::format("echo text > {}", at.path).c_str()), 0);
  EXPECT_EQ(world.net.listen(at).error().code, Code::already_exists)
      << "only sockets are taken over";
}

TEST_F(Net, errors_have_their_codes) {
  auto listener = world.net.listen(loopback).value();
  Address taken = listener->local();
  EXPECT_EQ(world.net.listen(taken).error().code, Code::already_exists);
  listener.reset();
  auto refused = run(world.net.connect(taken));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(refused.error().what,
            fmt::format("cannot connect to {}: connection refused", taken.text()));
  EXPECT_EQ(run(world.net.connect(Address{"", 0, "/nonexistent/socket"})).error().code,
            Code::unavailable);
  Address long_absent{"", 0, "/" + std::string(200, 'x') + "/socket"};
  EXPECT_EQ(run(world.net.connect(long_absent)).error().code, Code::unavailable);
  EXPECT_EQ(run(world.net.connect(Address{"", 0, "/tmp/no-such-croft-socket"})).error().code,
            Code::unavailable);
  EXPECT_EQ(run(world.net.connect(Address{"example", 80, ""})).error().code,
            Code::invalid_argument);
  EXPECT_EQ(world.net.adopt_stream(open("/dev/null", 0)).error().code, Code::io);
}

Task<Result<>> timeouts(World& world) {
  Pair pair;
  CO_TRY(co_await open_pair(world, loopback, pair));
  std::array<char, 8> buffer;
  for (int i = 0; i < 3; ++i) {
    auto late = co_await deadline(world.clock, Duration::milliseconds(3), pair.client->read(buffer),
                                  "the read");
    EXPECT_EQ(late.error().code, Code::timeout);
  }
  // The stream is as good as before.
  std::vector<std::string_view> pieces{"late"};
  CO_TRY(co_await pair.server->write(std::move(pieces)));
  EXPECT_EQ(CO_TRY(co_await pair.client->read(buffer)), 4u);
  std::string big(50 << 20, 'x');
  std::vector<std::string_view> much{big};
  auto full = co_await deadline(world.clock, Duration::milliseconds(30),
                                pair.client->write(std::move(much)), "the write");
  EXPECT_EQ(full.error().code, Code::timeout);
  auto none = co_await deadline(world.clock, Duration::milliseconds(3), pair.listener->accept(),
                                "the accept");
  EXPECT_EQ(none.error().code, Code::timeout);
  co_return Result<>{};
}

TEST_F(Net, waits_end_with_their_deadline) {
  auto result = run(timeouts(world));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> expect_read_ends(Stream& stream, Code code) {
  std::array<char, 8> buffer;
  auto result = co_await stream.read(buffer);
  EXPECT_FALSE(result);
  if (!result) EXPECT_EQ(result.error().code, code);
  co_return Result<>{};
}

Task<Result<>> expect_accept_ends(Listener& listener) {
  EXPECT_EQ((co_await listener.accept()).error().code, Code::unavailable);
  co_return Result<>{};
}

Task<Result<>> closing(World& world) {
  Pair pair;
  CO_TRY(co_await open_pair(world, loopback, pair));
  Scope scope(co_await here());
  scope.spawn(expect_read_ends(*pair.client, Code::unavailable));
  scope.spawn(expect_accept_ends(*pair.listener));
  CO_TRY(co_await world.clock.sleep(Duration::milliseconds(2)));
  pair.client->close();
  pair.listener->close();
  CO_TRY(co_await scope.join());
  CO_TRY(co_await expect_read_ends(*pair.client, Code::unavailable));
  EXPECT_EQ(CO_TRY(co_await read_all(*pair.server)), "");
  // The peer has gone: at the latest the second write says so, and no SIGPIPE ends the process.
  Result<> written;
  for (int i = 0; i < 100 && written; ++i) {
    std::vector<std::string_view> pieces{"x"};
    written = co_await pair.server->write(std::move(pieces));
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(1)));
  }
  EXPECT_EQ(written.error().code, Code::unavailable);
  co_return Result<>{};
}

TEST_F(Net, closing_ends_what_waits) {
  auto result = run(closing(world));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> gathers(World& world) {
  Pair pair;
  CO_TRY(co_await open_pair(world, loopback, pair));
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += texts.emplace_back(static_cast<size_t>(i % 7) * 3000, static_cast<char>('a' + i % 26));
  Scope scope(co_await here());
  std::string got;
  scope.spawn(read_into(*pair.server, got));
  std::vector<std::string_view> pieces(texts.begin(), texts.end());
  CO_TRY(co_await pair.client->write(std::move(pieces)));
  CO_TRY(co_await pair.client->shutdown());
  CO_TRY(co_await scope.join());
  EXPECT_TRUE(got == all);
  co_return Result<>{};
}

TEST_F(Net, gathered_writes_keep_every_piece) {
  auto result = run(gathers(world));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> sends_file(World& world, std::string path) {
  std::string text(3'000'000, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 1000);
  CO_TRY(co_await world.disk.write_file(path, text));
  auto file = CO_TRY(co_await world.disk.open(path, OpenMode::read));
  Pair pair;
  CO_TRY(co_await open_pair(world, loopback, pair));
  Scope scope(co_await here());
  std::string got;
  scope.spawn(read_into(*pair.server, got));
  CO_TRY(co_await pair.client->send_file(*file, 1000, text.size() - 2000));
  CO_TRY(co_await pair.client->Stream::send_file(*file, 0, 100'000));
  auto beyond = co_await pair.client->send_file(*file, text.size() - 5, 10);
  EXPECT_EQ(beyond.error().code, Code::io);
  CO_TRY(co_await pair.client->shutdown());
  CO_TRY(co_await scope.join());
  EXPECT_TRUE(got == text.substr(1000, text.size() - 2000) + text.substr(0, 100'000) +
                         text.substr(text.size() - 5));
  co_return Result<>{};
}

TEST_F(Net, files_are_sent) {
  TemporaryFolder folder;
  auto result = run(sends_file(world, folder.path + "/file"));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> adopts(World& world) {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  auto a = CO_TRY(world.net.adopt_stream(ends[0]));
  auto b = CO_TRY(world.net.adopt_stream(ends[1]));
  CO_TRY(co_await write_text(*a, "through"));
  EXPECT_EQ(CO_TRY(co_await read_all(*b)), "through");
  int fds[2];
  EXPECT_EQ(pipe(fds), 0);
  auto early =
      co_await deadline(world.clock, Duration::milliseconds(2), world.net.readable(fds[0]), "it");
  EXPECT_EQ(early.error().code, Code::timeout);
  EXPECT_EQ(write(fds[1], "x", 1), 1);
  CO_TRY(co_await world.net.readable(fds[0]));
  close(fds[0]);
  close(fds[1]);
  co_return Result<>{};
}

TEST_F(Net, descriptors_made_elsewhere) {
  auto result = run(adopts(world));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> datagram_exchange(World& world) {
  auto a = CO_TRY(world.net.datagrams(loopback));
  auto b = CO_TRY(world.net.datagrams(loopback));
  CO_TRY(co_await a->send(b->local(), "question"));
  std::array<char, 4> buffer;
  auto got = CO_TRY(co_await b->receive(buffer));
  EXPECT_EQ(got.size, 4u);
  EXPECT_TRUE(got.truncated);
  EXPECT_EQ(got.from, a->local());
  co_return Result<>{};
}

TEST_F(Net, datagrams) {
  auto result = run(datagram_exchange(world));
  EXPECT_TRUE(result) << result.error().render();
}

TEST_F(Net, resolves_literals_and_localhost) {
  EXPECT_EQ(run(world.net.resolve("10.1.2.3")).value(), std::vector<std::string>{"10.1.2.3"});
  EXPECT_EQ(run(world.net.resolve("::1")).value(), std::vector<std::string>{"::1"});
  auto local = run(world.net.resolve("localhost"));
  ASSERT_TRUE(local) << local.error().render();
  EXPECT_FALSE(local->empty());
}

Task<Result<>> two_lookups(World& world) {
  auto dropped =
      co_await deadline(world.clock, Duration(), world.net.resolve("localhost"), "the lookup");
  static_cast<void>(dropped);
  co_return Result<>{};
}

TEST_F(Net, a_lookup_can_be_left_behind) {
  EXPECT_TRUE(run(two_lookups(world)));
}

Task<Result<>> echo_lines(std::unique_ptr<Stream> stream) {
  std::array<char, 100> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await stream->read(buffer));
    if (got == 0) co_return Result<>{};
    std::vector<std::string_view> pieces{{buffer.data(), got}};
    CO_TRY(co_await stream->write(std::move(pieces)));
  }
}

Task<Result<>> serve_many(Listener& listener, int count) {
  Scope scope(co_await here());
  for (int i = 0; i < count; ++i) scope.spawn(echo_lines(CO_TRY(co_await listener.accept())));
  co_return co_await scope.join();
}

Task<Result<>> talk(World& world, Address at, int rounds) {
  auto stream = CO_TRY(co_await world.net.connect(at));
  std::array<char, 100> buffer;
  for (int i = 0; i < rounds; ++i) {
    std::vector<std::string_view> pieces{"ping"};
    CO_TRY(co_await stream->write(std::move(pieces)));
    size_t got = CO_TRY(co_await stream->read(buffer));
    EXPECT_EQ(std::string_view(buffer.data(), got), "ping");
  }
  co_return Result<>{};
}

Task<Result<>> crowd(World& world, int count) {
  auto listener = CO_TRY(world.net.listen(loopback));
  Scope scope(co_await here());
  scope.spawn(serve_many(*listener, count));
  for (int i = 0; i < count; ++i) scope.spawn(talk(world, listener->local(), 20));
  co_return co_await scope.join();
}

TEST_F(Net, a_hundred_connections_at_once) {
  auto result = run(crowd(world, 100));
  EXPECT_TRUE(result) << result.error().render();
}

TEST(AddressText, round_trip_and_errors) {
  for (std::string text : {"127.0.0.1:80", "[::1]:8080", "unix:/run/x", "0.0.0.0:0"}) {
    auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(Address::parse("localhost:1")->text(), "127.0.0.1:1");
  for (std::string text : {"", "80", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "::1:80",
                           "[::1", "host:80", "unix:", "127.0.0.1:-1", "[127.0.0.1]:80"})
    EXPECT_EQ(Address::parse(text).error().code, Code::invalid_argument) << text;
}

}  // namespace
}  // namespace croft::aio
