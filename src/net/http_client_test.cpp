#include "net/http_client.h"

#include <unistd.h>

#include "base/text.h"
#include "net/testing.h"

namespace croft::net {
namespace {
using namespace testing;

ClientRequest request_to(const Stage& stage, std::string method, std::string_view target,
                         std::string body = "") {
  ClientRequest request;
  request.method = std::move(method);
  request.url = Url::parse(stage.url(target)).value();
  request.body = std::move(body);
  request.deadline = Duration::seconds(10);
  return request;
}

aio::Task<Result<>> echo(Exchange& exchange) {
  std::string path(exchange.request().path());
  if (path == "/stream") {
    CO_TRY(co_await exchange.start(200, {}, std::nullopt));
    for (int i = 0; i < 100; ++i) CO_TRY(co_await exchange.write(std::string(1000, 'a')));
    co_return co_await exchange.finish();
  }
  if (path == "/early") {
    exchange.close_after();
    co_return co_await exchange.respond(403, {}, "no");
  }
  if (path == "/hang") {
    std::array<char, 10> away;
    while (CO_TRY(co_await exchange.read_body(away)) > 0) {
    }
    co_return co_await exchange.respond(200, {}, "");
  }
  std::string body = CO_TRY(co_await exchange.read_all(Bytes::mib(64)));
  wire::Headers headers{{"X-Method", exchange.request().method},
                        {"X-Host", std::string(exchange.request().headers.value("host"))}};
  co_return co_await exchange.respond(200, std::move(headers), std::move(body));
}

TEST(HttpClient, urls) {
  Url url = Url::parse("http://Example.org:8080/a?b#c").value();
  EXPECT_EQ(url.host, "example.org");
  EXPECT_EQ(url.port, 8080);
  EXPECT_EQ(url.target, "/a?b");
  EXPECT_EQ(url.text(), "http://example.org:8080/a?b");
  EXPECT_EQ(Url::parse("https://h").value().port, 443);
  EXPECT_EQ(Url::parse("https://h").value().authority(), "h");
  EXPECT_EQ(Url::parse("http://[::1]:9?x").value().text(), "http://[::1]:9/?x");
  EXPECT_EQ(Url::parse("unix:/run/x.sock").value().host, "/run/x.sock");
  EXPECT_EQ(Url::parse("unix://%2Frun%2Fx.sock/v1").value().target, "/v1");
  EXPECT_EQ(Url::parse("unix://%2Frun%2Fx.sock/v1").value().text(), "unix://%2Frun%2Fx.sock/v1");
  for (const char* text :
       {"", "h", "ftp://h", "http://", "http://h:0", "http://h:70000", "http://h:x", "http://u@h/",
        "http://[::1", "http://[::1]x", "http://h h/", "unix:x", "unix://x/y", "http://:80"})
    EXPECT_FALSE(Url::parse(text)) << text;
}

TEST(HttpClient, sends_and_reuses_connections) {
  with_server(echo, [](Stage& stage) -> aio::Task<Result<>> {
    HttpClient client(stage.world);
    for (int i = 0; i < 20; ++i) {
      std::string body(static_cast<size_t>(i) * 10000, 'b');
      Response response = CO_TRY(co_await client.send(request_to(stage, "POST", "/", body)));
      EXPECT_EQ(response.status, 200);
      EXPECT_EQ(response.body, body);
      EXPECT_EQ(response.headers.value("x-host"), stage.at.text());
    }
    Response head = CO_TRY(co_await client.send(request_to(stage, "HEAD", "/")));
    EXPECT_EQ(head.body, "");
    Response stream = CO_TRY(co_await client.send(request_to(stage, "GET", "/stream")));
    EXPECT_EQ(stream.body.size(), 100000u);
    EXPECT_EQ(stage.server.open_connections(), 1u);
    co_return Result<>{};
  });
}

TEST(HttpClient, many_at_once_within_the_cap) {
  with_server(echo, [](Stage& stage) -> aio::Task<Result<>> {
    HttpClient client(stage.world, {.idle_per_host = 2, .connections_per_host = 4});
    aio::Scope scope(co_await aio::here());
    static auto one = [](HttpClient& c, ClientRequest request) -> aio::Task<Result<>> {
      Response response = CO_TRY(co_await c.send(std::move(request)));
      EXPECT_EQ(response.body.size(), 5000u);
      co_return Result<>{};
    };
    for (int i = 0; i < 50; ++i)
      scope.spawn(one(client, request_to(stage, "PUT", "/", std::string(5000, 'x'))));
    CO_TRY(co_await scope.join());
    EXPECT_LE(stage.server.open_connections(), 4u);
    co_return Result<>{};
  });
}

class Pattern final : public BodySource {
 public:
  explicit Pattern(uint64_t size) : size_(size) {}
  uint64_t size() const override { return size_; }
  aio::Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    size_t count = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
    for (size_t i = 0; i < count; ++i) into[i] = static_cast<char>('a' + (offset + i) % 26);
    co_return count;
  }

 private:
  uint64_t size_;
};

TEST(HttpClient, streams_a_source_and_an_answer) {
  with_server(echo, [](Stage& stage) -> aio::Task<Result<>> {
    HttpClient client(stage.world);
    auto request = request_to(stage, "PUT", "/");
    request.source = std::make_shared<Pattern>(3'000'001);
    auto stream = CO_TRY(co_await client.open(std::move(request)));
    EXPECT_EQ(stream->head().status, 200);
    EXPECT_EQ(stream->head().headers.value("content-length"), "3000001");
    std::vector<char> buffer(100'000);
    uint64_t at = 0;
    bool same = true;
    for (;;) {
      size_t got = CO_TRY(co_await stream->read(buffer));
      if (got == 0) break;
      for (size_t i = 0; i < got; ++i)
        same = same && buffer[i] == static_cast<char>('a' + (at + i) % 26);
      at += got;
    }
    EXPECT_TRUE(same);
    EXPECT_EQ(at, 3'000'001u);
    co_return Result<>{};
  });
}

TEST(HttpClient, hears_an_early_refusal_of_a_large_body) {
  with_server(echo, [](Stage& stage) -> aio::Task<Result<>> {
    HttpClient client(stage.world);
    auto request = request_to(stage, "PUT", "/early");
    request.source = std::make_shared<Pattern>(100'000'000);
    Response response = CO_TRY(co_await client.send(std::move(request)));
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(response.body, "no");
    co_return Result<>{};
  });
}

TEST(HttpClient, limits_and_deadlines) {
  with_server(echo, [](Stage& stage) -> aio::Task<Result<>> {
    HttpClient client(stage.world);
    auto large = request_to(stage, "POST", "/", std::string(1000, 'x'));
    large.answer_limit = Bytes(999);
    auto cut = large;
    cut.drop_excess = true;
    auto result = co_await client.send(std::move(large));
    EXPECT_EQ(result.error().code, Code::resource_exhausted);
    auto shortened = co_await client.send(std::move(cut));
    EXPECT_TRUE(shortened) << shortened.error().render();
    EXPECT_EQ(shortened->body.size(), 999u) << "the rest was read and dropped";
    auto endless = request_to(stage, "GET", "/stream");
    endless.answer_limit = Bytes(50000);
    result = co_await client.send(std::move(endless));
    EXPECT_EQ(result.error().code, Code::resource_exhausted);
    auto injected = request_to(stage, "GET", "/");
    injected.headers.add("X", "a\r\nY: b");
    result = co_await client.send(std::move(injected));
    EXPECT_EQ(result.error().code, Code::invalid_argument);
    co_return Result<>{};
  });
}

/// A server that answers each connection with fixed bytes and closes.
aio::Task<Result<>> canned(aio::Listener& listener, std::vector<std::string> answers, int& served) {
  std::vector<std::unique_ptr<aio::Stream>> kept;
  for (const std::string& answer : answers) {
    auto stream = CO_TRY(co_await listener.accept());
    ++served;
    std::array<char, 10000> buffer;
    CO_TRY(co_await stream->read(buffer));
    bool keep = answer.ends_with("KEEP");
    std::vector<std::string_view> pieces{
        std::string_view(answer).substr(0, answer.size() - (keep ? 4 : 0))};
    CO_TRY(co_await stream->write(std::move(pieces)));
    if (keep) kept.push_back(std::move(stream));
  }
  // What was kept answers nothing more.
  co_return Result<>{};
}

Result<Response> ask_canned(std::vector<std::string> answers, ClientRequest request,
                            int requests = 1, int* connections = nullptr) {
  auto real = aio::RealWorld::open().value();
  auto scenario = [](aio::World& world, std::vector<std::string> list, ClientRequest r, int count,
                     int& served) -> aio::Task<Result<Response>> {
    auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
    r.url = Url::parse("http://" + listener->local().text() + "/").value();
    HttpClient client(world);
    aio::Scope scope(co_await aio::here());
    scope.spawn(canned(*listener, std::move(list), served));
    Result<Response> result = fail(Code::internal, "not asked");
    for (int i = 0; i < count; ++i) result = co_await client.send(r);
    scope.cancel();
    auto ignored = co_await scope.join();
    static_cast<void>(ignored);
    co_return result;
  };
  int served = 0;
  auto result = real->run(aio::deadline(
      real->world().clock, patience,
      scenario(real->world(), std::move(answers), std::move(request), requests, served),
      "the test"));
  if (connections) *connections = served;
  return result;
}

TEST(HttpClient, odd_answers) {
  ClientRequest get;
  get.deadline = Duration::seconds(5);
  EXPECT_EQ(ask_canned({"HTTP/1.0 200 OK\r\n\r\nto the end"}, get)->body, "to the end");
  EXPECT_EQ(ask_canned(
                {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, get)
                ->body,
            "x");
  struct Case {
    const char* answer;
    Code code;
  };
  for (const Case& c :
       {Case{"", Code::unavailable},
        Case{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", Code::unavailable},
        Case{"HTTP/1.1 200", Code::unavailable}, Case{"SSH-2.0-x\r\n\r\n", Code::corrupt},
        Case{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", Code::corrupt},
        Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab", Code::corrupt}}) {
    auto result = ask_canned({c.answer}, get);
    ASSERT_FALSE(result) << c.answer;
    EXPECT_EQ(result.error().code, c.code) << c.answer << result.error().render();
    EXPECT_EQ(result.error().fact("sent"), "yes") << c.answer;
  }
}

TEST(HttpClient, timeouts) {
  ClientRequest get;
  get.deadline = Duration::milliseconds(30);
  auto result = ask_canned({"KEEP", "never"}, get);
  EXPECT_EQ(result.error().code, Code::timeout) << result.error().render();
  result = ask_canned({"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabKEEP", "never"}, get);
  EXPECT_EQ(result.error().code, Code::timeout) << result.error().render();
}

TEST(HttpClient, replaces_a_stale_connection_once) {
  // The first connection answers one request, promises to stay, and then says no more: closed by
  // the server.
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  ClientRequest get;
  get.deadline = Duration::seconds(5);
  int connections = 0;
  auto result = ask_canned({ok, ok}, get, 2, &connections);
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_EQ(connections, 2);
}

TEST(HttpClient, refused_means_nothing_was_sent) {
  auto real = aio::RealWorld::open().value();
  HttpClient client(real->world());
  ClientRequest get;
  get.url = Url::parse("http://127.0.0.1:1/").value();
  auto result = real->run(client.send(get));
  EXPECT_EQ(result.error().code, Code::unavailable) << result.error().render();
  EXPECT_EQ(result.error().fact("sent"), "no");
  get.url = Url::parse("unix:/nowhere/at/all.sock").value();
  result = real->run(client.send(get));
  EXPECT_EQ(result.error().fact("sent"), "no") << result.error().render();
}

TEST(HttpClient, unix_sockets) {
  char folder[] = "/tmp/croft-net-XXXXXX";
  ASSERT_TRUE(mkdtemp(folder));
  std::string path = std::string(folder) + "/s.sock";
  auto handler = [](Exchange& exchange) -> aio::Task<Result<>> {
    co_return co_await exchange.respond(200, {}, std::to_string(exchange.credentials().uid));
  };
  with_server(
      handler,
      [path](Stage& stage) -> aio::Task<Result<>> {
        std::string socket = path;
        HttpClient client(stage.world);
        ClientRequest get;
        get.url.scheme = "unix";
        get.url.host = socket;
        Response response = CO_TRY(co_await client.send(get));
        EXPECT_EQ(response.body, std::to_string(getuid()));
        get.url = Url::parse("unix:" + socket).value();
        response = CO_TRY(co_await client.send(get));
        EXPECT_EQ(response.status, 200);
        co_return Result<>{};
      },
      {}, aio::Address{"", 0, path});
  rmdir(folder);
}

}  // namespace
}  // namespace croft::net
