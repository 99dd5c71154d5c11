// Client and server on the simulated network: short reads, drawn delays, cuts and silence, in
// virtual time, one seed a run.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace croft::net {
namespace {

const aio::Address place{"10.0.0.1", 80, ""};

aio::Task<Result<>> echo(Exchange& exchange) {
  std::string body = CO_TRY(co_await exchange.read_all(Bytes::mib(8)));
  if (exchange.request().path() == "/stream") {
    CO_TRY(co_await exchange.start(200, {}, std::nullopt));
    for (size_t at = 0; at < body.size(); at += 1000)
      CO_TRY(co_await exchange.write(std::string_view(body).substr(at, 1000)));
    co_return co_await exchange.finish();
  }
  co_return co_await exchange.respond(200, {}, std::move(body));
}

aio::Task<Result<>> serve(aio::World& world, HttpServer& server) {
  auto listener = CO_TRY(world.net.listen(place));
  co_return co_await server.serve(std::move(listener));
}

ClientRequest ask(std::string method, std::string_view target, std::string body = "") {
  ClientRequest request;
  request.method = std::move(method);
  request.url = Url::parse("http://10.0.0.1" + std::string(target)).value();
  request.body = std::move(body);
  return request;
}

aio::Task<Result<>> one(HttpClient& client, std::string method, std::string target, size_t size) {
  std::string body(size, 'x');
  Response response = CO_TRY(co_await client.send(ask(std::move(method), target, body)));
  EXPECT_EQ(response.body, body);
  co_return Result<>{};
}

aio::Task<Result<>> traffic(aio::World& world) {
  HttpServer server(world, echo);
  HttpClient client(world, {.connections_per_host = 3});
  aio::Scope serving(co_await aio::here());
  serving.spawn(serve(world, server));
  aio::Scope asking(co_await aio::here());
  for (size_t i = 0; i < 30; ++i)
    asking.spawn(one(client, i % 2 ? "PUT" : "POST", i % 3 ? "/echo" : "/stream",
                     world.random.below(20000)));
  auto asked = co_await asking.join();
  serving.cancel();
  CO_TRY(co_await serving.join());
  co_return asked;
}

TEST(HttpSim, traffic_with_short_reads_is_whole_and_repeatable) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    uint64_t hashes[2];
    for (uint64_t& hash : hashes) {
      aio::SimOptions options;
      options.network.short_read = 0.7;
      aio::SimWorld sim(seed, options);
      auto result = sim.run(traffic(sim.world()));
      ASSERT_TRUE(result) << seed << result.error().render();
      hash = sim.hash();
    }
    ASSERT_EQ(hashes[0], hashes[1]) << seed;
  }
}

aio::Task<Result<>> faults(aio::World& world, aio::SimNetwork& network) {
  HttpServer server(world, echo);
  HttpClient client(world);
  aio::Scope serving(co_await aio::here());
  serving.spawn(serve(world, server));
  CO_TRY(co_await one(client, "POST", "/echo", 10));
  // The pooled connection dies unseen. A POST must not be sent twice, so it is asked first.
  network.cut(place);
  auto refused = co_await client.send(ask("POST", "/echo", "x"));
  EXPECT_EQ(refused.error().code, Code::unavailable) << refused.error().render();
  network.heal(place);
  CO_TRY(co_await one(client, "POST", "/echo", 10));
  network.cut(place);
  network.heal(place);
  CO_TRY(co_await world.clock.sleep(Duration::seconds(1)));
  CO_TRY(co_await one(client, "POST", "/echo", 10));
  CO_TRY(co_await one(client, "GET", "/echo", 0));
  network.silence(place);
  Moment before = world.clock.now();
  auto late = co_await client.send(ask("GET", "/echo"));
  EXPECT_EQ(late.error().code, Code::timeout) << late.error().render();
  EXPECT_EQ((world.clock.now() - before).ms() / 1000, 30);
  network.heal(place);
  serving.cancel();
  CO_TRY(co_await serving.join());
  co_return Result<>{};
}

TEST(HttpSim, cuts_and_silence) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    aio::SimWorld sim(seed);
    auto result = sim.run(faults(sim.world(), sim.network()));
    ASSERT_TRUE(result) << seed << result.error().render();
  }
}

}  // namespace
}  // namespace croft::net
