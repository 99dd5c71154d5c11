#include "net/http_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/text.h"
#include "net/testing.h"

namespace croft::net {
namespace {
using namespace testing;

/// What the server of these tests can do, chosen by the path.
aio::Task<Result<>> demo(Exchange& exchange) {
  std::string path(exchange.request().path());
  if (path == "/echo") {
    std::string body = CO_TRY(co_await exchange.read_all(Bytes::mib(64)));
    co_return co_await exchange.respond(200, {{"X-Method", exchange.request().method}},
                                        std::move(body));
  }
  if (path == "/stream") {
    CO_TRY(co_await exchange.start(200, {}, std::nullopt));
    for (int i = 0; i < 3; ++i) CO_TRY(co_await exchange.write(fmt::format("piece {}\n", i)));
    co_return co_await exchange.finish();
  }
  if (path == "/half") {
    CO_TRY(co_await exchange.start(200, {}, 10));
    CO_TRY(co_await exchange.write("half"));
    co_return fail(Code::internal, "gave up");
  }
  if (path == "/small") {
    std::string body = CO_TRY(co_await exchange.read_all(Bytes(4)));
    co_return co_await exchange.respond(200, {}, std::move(body));
  }
  if (path == "/error") co_return fail(Code::internal, "secret detail");
  if (path == "/silent") co_return Result<>{};
  if (path == "/close") exchange.close_after();
  if (path == "/bad") co_return co_await exchange.respond(200, {{"X", "a\r\nb"}}, "");
  if (path == "/refuse") co_return co_await exchange.respond(404, {}, "no\n");
  if (path == "/upgrade") {
    auto stream = CO_TRY(co_await exchange.upgrade("croft-test"));
    char buffer[64];
    size_t got = CO_TRY(co_await stream->read(buffer));
    std::string back = "back: " + std::string(buffer, got);
    std::vector<std::string_view> pieces{back};
    co_return co_await stream->write(std::move(pieces));
  }
  if (path == "/none") co_return co_await exchange.respond(204, {}, "");
  if (path == "/304") co_return co_await exchange.respond(304, {{"ETag", "\"x\""}}, "");
  co_return co_await exchange.respond(200, {}, "hello\n");
}

std::string status_line(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}
size_t times(std::string_view text, std::string_view part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++out;
  return out;
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string host = "Host: x\r\n";

TEST(HttpServer, a_connection_becomes_what_both_sides_asked_for) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string wants = "Connection: Upgrade\r\nUpgrade: Croft-Test\r\n\r\n";
    std::string answer = CO_TRY(co_await raw(
        stage.world, stage.at, "POST /upgrade HTTP/1.1\r\n" + host + wants + "first words"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nback: first words")) << answer;
    for (std::string asked : {std::string("\r\n"), std::string("Upgrade: other\r\n\r\n"),
                              "Content-Length: 3\r\n" + wants + "abc"}) {
      answer =
          CO_TRY(co_await raw(stage.world, stage.at, "POST /upgrade HTTP/1.1\r\n" + host + asked));
      EXPECT_EQ(status_line(answer), "HTTP/1.1 500 Internal Server Error") << answer;
    }
    co_return Result<>{};
  });
}

TEST(HttpServer, answers_and_keeps_the_connection) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string three = "GET / HTTP/1.1\r\n" + host + "\r\nPOST /echo HTTP/1.1\r\n" + host +
                        "Content-Length: 3\r\n\r\nabcGET /close HTTP/1.1\r\n" + host +
                        "\r\nGET /never HTTP/1.1\r\n";
    std::string answer = CO_TRY(co_await raw(stage.world, stage.at, three));
    auto parts = replace_all(answer, "HTTP/1.1 200 OK", "@");
    EXPECT_EQ(std::count(parts.begin(), parts.end(), '@'), 3) << answer;
    EXPECT_TRUE(has(answer, "\r\nX-Method: POST\r\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\n\r\nabcHTTP/1.1")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close\r\n\r\nhello\n")) << answer;
    EXPECT_TRUE(has(answer, "\r\nDate: ")) << answer;
    co_return Result<>{};
  });
}

TEST(HttpServer, head_and_bodiless_answers) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string end = "GET /close HTTP/1.1\r\n" + host + "\r\n";
    std::string head =
        CO_TRY(co_await raw(stage.world, stage.at, "HEAD / HTTP/1.1\r\n" + host + "\r\n" + end));
    EXPECT_TRUE(has(head, "Content-Length: 6\r\n\r\nHTTP/1.1 200")) << head;
    std::string stream = CO_TRY(
        co_await raw(stage.world, stage.at, "HEAD /stream HTTP/1.1\r\n" + host + "\r\n" + end));
    EXPECT_TRUE(has(stream, "\r\n\r\nHTTP/1.1 200")) << stream;
    std::string none =
        CO_TRY(co_await raw(stage.world, stage.at, "GET /none HTTP/1.1\r\n" + host + "\r\n" + end));
    EXPECT_FALSE(has(none.substr(0, none.find("\r\n\r\n")), "Content-Length")) << none;
    std::string unchanged =
        CO_TRY(co_await raw(stage.world, stage.at, "GET /304 HTTP/1.1\r\n" + host + "\r\n" + end));
    EXPECT_FALSE(has(unchanged.substr(0, unchanged.find("\r\n\r\n")), "Content-Length"))
        << unchanged;
    co_return Result<>{};
  });
}

TEST(HttpServer, streams_in_chunks_or_until_the_end) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string chunked = CO_TRY(co_await raw(
        stage.world, stage.at, "GET /stream HTTP/1.1\r\nConnection: close\r\n" + host + "\r\n"));
    EXPECT_TRUE(has(chunked, "Transfer-Encoding: chunked\r\n")) << chunked;
    EXPECT_TRUE(chunked.ends_with(
        "\r\n\r\n8\r\npiece 0\n\r\n8\r\npiece 1\n\r\n8\r\npiece 2\n\r\n0\r\n\r\n"))
        << chunked;
    std::string old = CO_TRY(co_await raw(
        stage.world, stage.at, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_TRUE(old.ends_with("Connection: close\r\n\r\npiece 0\npiece 1\npiece 2\n")) << old;
    co_return Result<>{};
  });
}

TEST(HttpServer, http10_keeps_alive_only_when_asked) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string answer = CO_TRY(
        co_await raw(stage.world, stage.at,
                     "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"));
    EXPECT_TRUE(has(answer, "Connection: keep-alive\r\n\r\nhello\nHTTP/1.1 200")) << answer;
    EXPECT_TRUE(has(answer, "Connection: close\r\n\r\nhello\n")) << answer;
    co_return Result<>{};
  });
}

TEST(HttpServer, handler_failures) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    for (const char* path : {"/error", "/silent", "/bad"}) {
      std::string answer = CO_TRY(co_await raw(
          stage.world, stage.at,
          fmt::format("GET {} HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n", path)));
      EXPECT_EQ(status_line(answer), "HTTP/1.1 500 Internal Server Error") << path;
      EXPECT_FALSE(has(answer, "secret")) << answer;
    }
    std::string half =
        CO_TRY(co_await raw(stage.world, stage.at, "GET /half HTTP/1.1\r\n" + host + "\r\n"));
    EXPECT_TRUE(half.ends_with("half")) << half;  // and the connection was closed
    co_return Result<>{};
  });
}

TEST(HttpServer, refuses_bad_requests_and_closes) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    struct Case {
      std::string bytes;
      const char* status;
    };
    const std::string post = "POST /echo HTTP/1.1\r\n" + host;
    for (const Case& c :
         {Case{"GET / HTTP/1.1\r\n\r\n", "400"},
          Case{"GET / HTTP/1.1\r\n" + host + host + "\r\n", "400"},
          Case{"GET / HTTP/1.1\nHost: x\n\n", "400"},
          Case{"GET / HTTP/3.0\r\n" + host + "\r\n", "505"},
          Case{"GET / HTTP/1.1\r\n" + host + "X: " + std::string(20000, 'a') + "\r\n\r\n", "431"},
          Case{post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
               "400"},
          Case{post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", "400"},
          Case{post + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", "417"}}) {
      std::string answer = CO_TRY(co_await raw(stage.world, stage.at, c.bytes));
      EXPECT_EQ(answer.substr(9, 3), c.status) << c.bytes.substr(0, 80) << answer;
      EXPECT_TRUE(has(answer, "Connection: close")) << answer;
    }
    // A bad chunk is met only while the handler reads.
    std::string bad = CO_TRY(
        co_await raw(stage.world, stage.at, post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"));
    EXPECT_EQ(bad.substr(9, 3), "400") << bad;
    co_return Result<>{};
  });
}

TEST(HttpServer, body_too_large_is_413) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    for (const char* body : {"Content-Length: 5\r\n\r\nhello",
                             "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
      std::string answer =
          CO_TRY(co_await raw(stage.world, stage.at, "POST /small HTTP/1.1\r\n" + host + body));
      EXPECT_EQ(status_line(answer), "HTTP/1.1 413 Content Too Large");
      EXPECT_TRUE(has(answer, "larger than 4 B")) << answer;
    }
    co_return Result<>{};
  });
}

TEST(HttpServer, continues_only_when_the_handler_reads) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string ask = host + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    auto stream = CO_TRY(co_await stage.world.net.connect(stage.at));
    std::string head = "POST /echo HTTP/1.1\r\n" + ask;
    std::vector<std::string_view> pieces{head};
    CO_TRY(co_await stream->write(std::move(pieces)));
    std::array<char, 1000> buffer;
    size_t got = CO_TRY(co_await stream->read(buffer));
    EXPECT_EQ(std::string_view(buffer.data(), got), "HTTP/1.1 100 Continue\r\n\r\n");
    std::vector<std::string_view> body{"abc"};
    CO_TRY(co_await stream->write(std::move(body)));
    got = CO_TRY(co_await stream->read(buffer));
    EXPECT_TRUE(std::string_view(buffer.data(), got).ends_with("\r\n\r\nabc"));
    // A handler that does not want the body: no 100, an answer that says close.
    std::string refused =
        CO_TRY(co_await raw(stage.world, stage.at, "POST /plain HTTP/1.1\r\n" + ask));
    EXPECT_EQ(status_line(refused), "HTTP/1.1 200 OK");
    EXPECT_TRUE(has(refused, "Connection: close"));
    co_return Result<>{};
  });
}

TEST(HttpServer, an_empty_body_that_is_expected_is_continued_or_the_connection_closed) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string ask = host + "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n";
    std::string last = "GET /plain HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n";
    // Whether the handler reads the body (/echo) or not (/plain): first the 100, and it goes on.
    for (const char* path : {"/echo", "/plain"}) {
      std::string answer = CO_TRY(co_await raw(
          stage.world, stage.at, fmt::format("POST {} HTTP/1.1\r\n{}{}", path, ask, last)));
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")) << answer;
      EXPECT_EQ(times(answer, "HTTP/1.1 200 OK"), 2u) << answer;
      EXPECT_EQ(times(answer, "100 Continue"), 1u) << answer;
    }
    // A refusal: no 100, and no further request on this connection.
    std::string refused = CO_TRY(co_await raw(
        stage.world, stage.at, fmt::format("POST /refuse HTTP/1.1\r\n{}{}", ask, last)));
    EXPECT_EQ(status_line(refused), "HTTP/1.1 404 Not Found");
    EXPECT_TRUE(has(refused, "Connection: close")) << refused;
    EXPECT_FALSE(has(refused, "200 OK")) << refused;
    co_return Result<>{};
  });
}

TEST(HttpServer, reads_small_rests_away_and_closes_on_large_ones) {
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string small =
        "POST /x HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhelloPOST /x HTTP/1.1\r\n" +
        host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /close HTTP/1.1\r\n" +
        host + "\r\n";
    std::string answer = CO_TRY(co_await raw(stage.world, stage.at, small));
    auto parts = replace_all(answer, "HTTP/1.1 200 OK", "@");
    EXPECT_EQ(std::count(parts.begin(), parts.end(), '@'), 3) << answer;
    std::string large = "POST /x HTTP/1.1\r\n" + host + "Content-Length: 1000000\r\n\r\n" +
                        std::string(200000, 'x');
    answer = CO_TRY(co_await raw(stage.world, stage.at, large));
    EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
    EXPECT_TRUE(has(answer, "Connection: close")) << answer;
    co_return Result<>{};
  });
}

TEST(HttpServer, limits_time) {
  ServerLimits limits;
  limits.idle = Duration::milliseconds(30);
  limits.header_time = Duration::milliseconds(30);
  limits.body_stall = Duration::milliseconds(30);
  with_server(
      demo,
      [](Stage& stage) -> aio::Task<Result<>> {
        EXPECT_EQ(CO_TRY(co_await raw(stage.world, stage.at, "")), "");
        std::string slow = CO_TRY(co_await raw(stage.world, stage.at, "GET / HTT"));
        EXPECT_EQ(status_line(slow), "HTTP/1.1 408 Request Timeout");
        std::string stalled =
            CO_TRY(co_await raw(stage.world, stage.at,
                                "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\na"));
        EXPECT_EQ(stalled.substr(9, 3), "408") << stalled;
        co_return Result<>{};
      },
      limits);
}

TEST(HttpServer, connection_cap_makes_others_wait) {
  ServerLimits limits;
  limits.connections = 1;
  with_server(
      demo,
      [](Stage& stage) -> aio::Task<Result<>> {
        auto first = CO_TRY(co_await stage.world.net.connect(stage.at));
        std::string ask = "GET / HTTP/1.1\r\n" + host + "\r\n";
        std::vector<std::string_view> pieces{ask};
        CO_TRY(co_await first->write(std::move(pieces)));
        std::array<char, 1000> buffer;
        CO_TRY(co_await first->read(buffer));
        auto waiting = co_await aio::deadline(
            stage.world.clock, Duration::milliseconds(30),
            raw(stage.world, stage.at, "GET /close HTTP/1.1\r\n" + host + "\r\n"), "second");
        EXPECT_EQ(waiting.error().code, Code::timeout);
        EXPECT_EQ(stage.server.open_connections(), 1u);
        first->close();
        std::string answer =
            CO_TRY(co_await raw(stage.world, stage.at, "GET /close HTTP/1.1\r\n" + host + "\r\n"));
        EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
        co_return Result<>{};
      },
      limits);
}

TEST(HttpServer, idle_connections_give_way_when_others_wait) {
  ServerLimits limits;
  limits.connections = 2;
  limits.idle_crowded = Duration();
  with_server(
      demo,
      [](Stage& stage) -> aio::Task<Result<>> {
        std::string ask = "GET / HTTP/1.1\r\n" + host + "\r\n";
        std::array<char, 1000> buffer;
        std::vector<std::unique_ptr<aio::Stream>> held;
        for (int i = 0; i < 2; ++i) {
          held.push_back(CO_TRY(co_await stage.world.net.connect(stage.at)));
          std::vector<std::string_view> pieces{ask};
          CO_TRY(co_await held.back()->write(std::move(pieces)));
          CO_TRY(co_await held.back()->read(buffer));
        }
        std::string answer =
            CO_TRY(co_await raw(stage.world, stage.at, "GET /close HTTP/1.1\r\n" + host + "\r\n"));
        EXPECT_EQ(status_line(answer), "HTTP/1.1 200 OK");
        EXPECT_EQ(CO_TRY(co_await held.front()->read(buffer)), 0u);
        co_return Result<>{};
      },
      limits);
}

aio::Task<Result<>> slow_answer(Exchange& exchange, aio::World& world) {
  CO_TRY(co_await world.clock.sleep(Duration::milliseconds(50)));
  co_return co_await exchange.respond(200, {}, "done");
}

TEST(HttpServer, stop_lets_open_requests_finish) {
  auto real = aio::RealWorld::open().value();
  aio::World& world = real->world();
  HttpServer server(world, [&world](Exchange& exchange) { return slow_answer(exchange, world); });
  auto scenario = [](aio::World& w, HttpServer& s) -> aio::Task<Result<std::string>> {
    auto listener = CO_TRY(w.net.listen({"127.0.0.1", 0, ""}));
    aio::Address at = listener->local();
    aio::Scope scope(co_await aio::here());
    scope.spawn(s.serve(std::move(listener)));
    auto idle = CO_TRY(co_await w.net.connect(at));
    auto busy = CO_TRY(co_await w.net.connect(at));
    std::vector<std::string_view> pieces{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
    CO_TRY(co_await busy->write(std::move(pieces)));
    while (s.open_connections() < 2) CO_TRY(co_await w.clock.sleep(Duration::milliseconds(1)));
    CO_TRY(co_await w.clock.sleep(Duration::milliseconds(5)));
    scope.cancel();
    CO_TRY(co_await scope.join());
    std::array<char, 1000> buffer;
    EXPECT_EQ(CO_TRY(co_await idle->read(buffer)), 0u);
    size_t got = CO_TRY(co_await busy->read(buffer));
    co_return std::string(buffer.data(), got);
  };
  auto answer =
      real->run(aio::deadline(world.clock, patience, scenario(world, server), "the test"));
  ASSERT_TRUE(answer) << answer.error().render();
  EXPECT_TRUE(answer->ends_with("\r\n\r\ndone")) << *answer;
  EXPECT_TRUE(has(*answer, "Connection: close")) << *answer;
}

TEST(HttpServer, curl_and_python_agree) {
  if (access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "no curl here";
  with_server(demo, [](Stage& stage) -> aio::Task<Result<>> {
    std::string out =
        CO_TRY(co_await output_of(stage.world, {"curl", "-sS", stage.url("/"), stage.url("/stream"),
                                                "-d", "abc", stage.url("/echo")}));
    EXPECT_EQ(out, "hello\npiece 0\npiece 1\npiece 2\nabc[exit 0]");
    out = CO_TRY(co_await output_of(stage.world, {"curl", "-sS", "-I", stage.url("/")}));
    EXPECT_TRUE(has(out, "HTTP/1.1 200 OK") && has(out, "[exit 0]")) << out;
    out = CO_TRY(co_await output_of(
        stage.world, {"curl", "-sS", "-H", "Expect: 100-continue", "-H",
                      "Transfer-Encoding: chunked", "-T", "/etc/passwd", stage.url("/echo")}));
    EXPECT_TRUE(out.starts_with("root:") && has(out, "[exit 0]")) << out;
    out = CO_TRY(co_await output_of(
        stage.world, {"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", stage.url("/half")}));
    EXPECT_TRUE(has(out, "[exit 18]")) << out;
    out = CO_TRY(co_await output_of(
        stage.world,
        {"/usr/bin/python3", "-c",
         "import http.client,sys\n"
         "c=http.client.HTTPConnection(sys.argv[1],timeout=10)\n"
         "for m,p,b in "
         "[('GET','/',None),('POST','/echo',b'x'*100000),('GET','/stream',None),('DELETE','/"
         "none',None),('HEAD','/',None),('PUT','/echo',iter([b'ab',b'cd']))]:\n"
         "  c.request(m,p,body=b); r=c.getresponse(); d=r.read(); print(r.status,len(d))\n",
         stage.at.text()}));
    EXPECT_EQ(out, "200 6\n200 100000\n200 24\n204 0\n200 0\n200 4\n[exit 0]");
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::net
