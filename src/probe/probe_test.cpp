#include "probe/probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aio/real/real_world.h"
#include "aio/sim/sim_world.h"
#include "net/http_server.h"

namespace croft::probe {
namespace {

using model::Probe;

const aio::Address place{"10.0.0.1", 80, ""};

aio::Task<Result<>> page(aio::World& world, net::Exchange& exchange) {
  std::string_view path = exchange.request().path();
  if (path == "/slow") CO_TRY(co_await world.clock.sleep(Duration::hours(1)));
  int status = path == "/ready" ? 200 : path == "/moved" ? 302 : 503;
  co_return co_await exchange.respond(status, {}, "status: green");
}

aio::Task<Result<>> ask_with_server(aio::World& world, Probe probe) {
  net::HttpServer server(world,
                         [&world](net::Exchange& exchange) { return page(world, exchange); });
  auto listener = CO_TRY(world.net.listen(place));
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(std::move(listener)));
  auto answer = co_await ask(world, std::move(probe));
  scope.cancel();
  CO_TRY(co_await scope.join());
  co_return answer;
}

/// Empty: yes; else why not.
std::string answer_to(const Probe& probe) {
  aio::SimWorld sim(1);
  auto answer = sim.run(ask_with_server(sim.world(), probe));
  return answer ? "" : answer.error().what;
}

Probe http(std::string path) {
  Probe out;
  out.kind = Probe::Kind::http;
  out.url = "http://10.0.0.1" + path;
  return out;
}

TEST(Probes, Http) {
  EXPECT_EQ(answer_to(http("/ready")), "");
  EXPECT_EQ(answer_to(http("/moved")), "");
  EXPECT_EQ(answer_to(http("/down")), "http://10.0.0.1/down answers 503, not 200 to 399");
  Probe exact = http("/moved");
  exact.least = exact.most = 200;
  EXPECT_EQ(answer_to(exact), "http://10.0.0.1/moved answers 302, not 200");
  Probe body = http("/ready");
  body.pattern = "gr(ee|a)n";
  EXPECT_EQ(answer_to(body), "");
  body.pattern = "yellow";
  EXPECT_EQ(answer_to(body), "http://10.0.0.1/ready answers without 'yellow'");
  EXPECT_NE(answer_to(http("/slow")).find("took longer than 5 s"), std::string::npos)
      << answer_to(http("/slow"));
}

TEST(Probes, Port) {
  Probe probe;
  probe.host = "10.0.0.1";
  probe.port = 80;
  EXPECT_EQ(answer_to(probe), "");
  probe.port = 81;
  EXPECT_NE(answer_to(probe), "");
}

TEST(Probes, File) {
  aio::SimWorld sim(1);
  Probe probe;
  probe.kind = Probe::Kind::file;
  probe.path = "/run/ready";
  EXPECT_FALSE(sim.run(ask(sim.world(), probe)));
  ASSERT_TRUE(sim.run(sim.world().disk.make_dirs("/run")));
  ASSERT_TRUE(sim.run(sim.world().disk.write_file(probe.path, "")));
  EXPECT_TRUE(sim.run(ask(sim.world(), probe)));
}

TEST(Probes, ALineOfALog) {
  aio::SimWorld sim(1);
  Probe probe;
  probe.kind = Probe::Kind::log;
  probe.pattern = "^listening on [0-9]+$";
  auto said = [&](std::string text, uint64_t from) {
    EXPECT_TRUE(sim.run(sim.world().disk.write_file("/log", std::move(text))));
    return sim.run(ask(sim.world(), probe, {.log_file = "/log", .log_from = from})).has_value();
  };
  EXPECT_FALSE(sim.run(ask(sim.world(), probe, {.log_file = "/none"})));
  EXPECT_FALSE(said("starting\nwas listening on 80\n", 0));
  EXPECT_TRUE(said("starting\nlistening on 80\n", 0));
  EXPECT_TRUE(said("starting\nlistening on 80", 0));
  EXPECT_FALSE(said("listening on 80\nstarting\n", 16));
  EXPECT_TRUE(said("short\nlistening on 1", 1000));  // it was begun anew
  probe.pattern = "(";
  EXPECT_FALSE(said("(", 0));
}

aio::Task<Result<>> grow(aio::World& world) {
  LogScan scan(world, "/log", 0, CO_TRY(Pattern::compile("ready")));
  CO_TRY(co_await world.disk.write_file("/log", "a\nrea"));
  EXPECT_FALSE(CO_TRY(co_await scan.look()));
  CO_TRY(co_await world.disk.write_file("/log", "a\nready\n"));
  EXPECT_TRUE(CO_TRY(co_await scan.look()));
  EXPECT_FALSE(CO_TRY(co_await scan.look()));
  co_return Result<>{};
}

TEST(Probes, ALogIsReadOnce) {
  aio::SimWorld sim(1);
  auto result = sim.run(grow(sim.world()));
  EXPECT_TRUE(result) << result.error().render();
}

TEST(Probes, Command) {
  auto real = aio::RealWorld::open().value();
  auto asked = [&](std::vector<std::string> command) -> std::string {
    Probe probe;
    probe.kind = Probe::Kind::command;
    probe.command = std::move(command);
    auto answer = real->run(ask(real->world(), probe));
    return answer ? "" : answer.error().what;
  };
  EXPECT_EQ(asked({"true"}), "");
  EXPECT_EQ(asked({"/bin/sh", "-c", "echo one; echo not yet; exit 3"}), "ended with 3: not yet");
  EXPECT_EQ(asked({"/bin/sh", "-c", "kill -9 $$"}), "was killed by signal 9");
  EXPECT_NE(asked({"/no/such/program"}), "");
  EXPECT_EQ(asked({}), "a command probe has no command");
  Probe slow;
  slow.kind = Probe::Kind::command;
  slow.command = {"sleep", "1000"};
  slow.timeout = Duration::milliseconds(20);
  auto answer = real->run(ask(real->world(), slow));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().what, "asking 'sleep' took longer than 20 ms");
}

TEST(Probes, NotifyIsHeardByTheSupervisor) {
  aio::SimWorld sim(1);
  Probe probe;
  probe.kind = Probe::Kind::notify;
  EXPECT_EQ(sim.run(ask(sim.world(), probe)).error().code, Code::unsupported);
}

}  // namespace
}  // namespace croft::probe
