// A small web server beside the rig's processes, at 127.0.0.1:8080, for tests of what asks pages.
// `Server` gives its answers: aio::Task<Result<>> answer(net::Exchange&). Header-only.
#pragma once
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "rig.h"

namespace croft::simtest {

template <class Server>
aio::Task<Result<>> serve_web(aio::World& world, Server& server) {
  net::HttpServer http(world,
                       [&server](net::Exchange& exchange) { return server.answer(exchange); });
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 8080, ""}));
  co_return co_await http.serve(std::move(listener));
}

template <class Server>
struct WebTest : testing::Test {
  explicit WebTest(uint64_t seed) : rig(seed) {}
  void SetUp() override {
    auto& process = rig.sim.start_process("server");
    rig.sim.spawn(process, serve_web(process.world(), server));
  }
  /// The application `name` of that text, once it has settled.
  Result<json::Object> bring_up(std::string name, std::string text) {
    return rig.ask<json::Object>([name, text](Client& client) -> aio::Task<Result<json::Object>> {
      auto description = resolved(name + ".sf", text);
      if (!description) co_return fail(std::move(description).error());
      co_return co_await client.up(name, *std::move(description));
    });
  }
  Server server;
  Rig rig;
};

}  // namespace croft::simtest
