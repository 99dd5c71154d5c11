// For the tests of net: a RealWorld with a server in it, raw connections, and programs. Tests only.
#pragma once
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aio/real/real_world.h"
#include "aio/scope.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace croft::net::testing {

inline constexpr Duration patience = Duration::seconds(20);

/// What a test body gets: the address of the server is filled in before it starts.
struct Stage {
  aio::World& world;
  aio::Address at;
  HttpServer& server;
  std::string url(std::string_view target) const {
    return "http://" + at.text() + std::string(target);
  }
};

using Body = std::function<aio::Task<Result<>>(Stage&)>;

inline aio::Task<Result<>> serve_and_run(aio::World& world, HttpServer& server, aio::Address at,
                                         Body body) {
  auto listener = CO_TRY(world.net.listen(at));
  Stage stage{world, listener->local(), server};
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(std::move(listener)));
  auto result = co_await body(stage);
  scope.cancel();
  auto joined = co_await scope.join();
  if (!result) co_return result;
  co_return joined;
}

/// Runs `body` against a server with `handler`; errors fail the test.
inline void with_server(Handler handler, Body body, ServerLimits limits = {},
                        aio::Address at = {"127.0.0.1", 0, ""}) {
  auto real = aio::RealWorld::open().value();
  {
    HttpServer server(real->world(), std::move(handler), limits);
    auto result = real->run(aio::deadline(real->world().clock, patience,
                                          serve_and_run(real->world(), server, at, std::move(body)),
                                          "the test"));
    EXPECT_TRUE(result) << result.error().render();
    EXPECT_EQ(server.open_connections(), 0u);
  }
}

/// Sends bytes, then reads until the server closes or `enough` of the answer is there.
inline aio::Task<Result<std::string>> raw(aio::World& world, aio::Address at, std::string bytes,
                                          std::function<bool(const std::string&)> enough = {}) {
  auto stream = CO_TRY(co_await world.net.connect(at));
  std::vector<std::string_view> pieces{bytes};
  CO_TRY(co_await stream->write(std::move(pieces)));
  std::string answer;
  std::array<char, 4096> buffer;
  while (!enough || !enough(answer)) {
    auto got = co_await aio::deadline(world.clock, Duration::seconds(10), stream->read(buffer),
                                      "the answer");
    bool gave_up =
        !got && (got.error().code == Code::timeout || got.error().code == Code::cancelled);
    if (gave_up) co_return fail(std::move(got).error());
    if (!got || *got == 0) break;
    answer.append(buffer.data(), *got);
  }
  co_return answer;
}

/// Runs a program to its end; its stdout.
inline aio::Task<Result<std::string>> output_of(aio::World& world,
                                                std::vector<std::string> command) {
  aio::ProcessOptions options;
  options.command = std::move(command);
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.pipe_output = true;
  auto child = CO_TRY(world.processes.start(std::move(options)));
  std::string out;
  std::array<char, 4096> buffer;
  for (;;) {
    size_t got = CO_TRY(co_await child->read(buffer));
    if (got == 0) break;
    out.append(buffer.data(), got);
  }
  auto status = CO_TRY(co_await child->wait());
  out += fmt::format("[exit {}]", status.code);
  co_return out;
}

}  // namespace croft::net::testing
