// croft controller serve: the long-lived process that holds the applications of one home.
#include "controller/controller.h"

#include <csignal>

#include "aio/real/descriptors.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/daemons.h"
#include "cli/login.h"
#include "cli/pid_file.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

constexpr Duration farm_check = Duration::seconds(1);

/// A farm that ended in order has removed its pid file; one that left it was killed, and every
/// application of this home with its machines hangs on it: it is started again at its old address.
aio::Task<Result<>> keep_farm(aio::World& world, terminal::Terminal& terminal, std::string home) {
  while (true) {
    CO_TRY(co_await world.clock.sleep(farm_check));
    if (pid_file_state(home + "/farm.pid") != PidFileState::stale) continue;
    auto farm = co_await ensure_farm(world, terminal, home);
    if (!farm)
      log::warn("controller", "the embedded farm does not start: {}", farm.error().line());
    else if (farm->started)
      log::warn("controller", "the embedded farm was gone and is started again at {}", farm->url);
  }
}

aio::Task<Result<int>> controller_serve(aio::World& world, Invocation& invocation) {
  CO_TRY(log::open("", log::Level::info));
  CO_TRY(check_here(invocation.home, "serving"));
  controller::ControllerOptions options;
  options.home = invocation.home;
  options.agents = invocation.value("--agents").value_or("");
  options.api = invocation.value("--api").value_or("");
  options.store = invocation.value("--store").value_or("");
  options.name = invocation.value("--name").value_or("");
  options.metrics = invocation.value("--metrics").value_or("");
  // Only the one that owns the home names itself: a second one would name itself and be gone.
  std::optional<PidFile> pid;
  auto opened = [&]() -> Result<> {
    if (auto path = invocation.value("--pid-file")) pid.emplace(TRY(PidFile::write(*path)));
    log::info("controller", "serving {}", invocation.home);
    return {};
  };
  auto outcome = co_await aio::race(aio::race(controller::serve_on(world, options, opened),
                                              world.processes.signal({SIGTERM, SIGINT})),
                                    keep_farm(world, invocation.terminal, invocation.home));
  if (outcome.index() == 1) co_return fail(std::move(std::get<1>(outcome)).error());
  bool ended_by_itself = false;
  if (auto& served = std::get<0>(outcome); served.index() == 0)
    ended_by_itself = CO_TRY(std::move(std::get<0>(served)));
  // Nothing is up and nothing is kept, so the farm it was started with goes too. One that was
  // stopped by its user leaves the farm to that user: `croft stop` waits for each.
  if (ended_by_itself) {
    auto asked = co_await farm::admin_call(world, farm_folder(invocation.home), "POST", "/stop",
                                           R"({"if_empty":true})");
    if (!asked) log::debug("controller", "no farm to stop: {}", asked.error().line());
  }
  log::info("controller", "ended");
  co_return exit_code::done;
}

/// The keys of another controller, for the same store.
aio::Task<Result<int>> controller_join(aio::World& world, Invocation& invocation) {
  CO_TRY(check_here(invocation.home, "joining"));
  Login there = CO_TRY(login_from(invocation));
  for (const char* name : controller::shared_keys)
    if (co_await world.disk.info(fmt::format("{}/controller/{}", invocation.home, name)))
      co_return fail(Error(Code::conflict, fmt::format("{} has keys of its own", invocation.home))
                         .hint("a controller joins others from a fresh --home"));
  ControllerClient client(world, there);
  auto answer = CO_TRY(co_await client.call("POST", "/v1/keys"));
  CO_TRY(co_await world.disk.make_dirs(invocation.home + "/controller"));
  const auto* files = CO_TRY(wire::json::object_at(answer, "files"));
  for (const char* name : controller::shared_keys) {
    auto bytes = unbase64(CO_TRY(wire::json::string_at(*files, name)));
    if (!bytes) co_return fail(Code::corrupt, fmt::format("the key {} did not arrive whole", name));
    CO_TRY(co_await world.disk.write_file(fmt::format("{}/controller/{}", invocation.home, name),
                                          *bytes));
  }
  std::string store = CO_TRY(wire::json::string_at(answer, "store"));
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(wire::json::Object{{"store", store}}));
  else
    invocation.terminal.print(fmt::format(
        "joined: croft controller serve --home {} --store {} stands by", invocation.home, store));
  co_return exit_code::done;
}

int run_controller_join(Invocation& invocation) {
  return run_verb(invocation, controller_join);
}

int run_controller_serve(Invocation& invocation) {
  aio::allow_many_files();
  return run_verb(invocation, controller_serve);
}

}  // namespace

Command controller_serve_command() {
  return {.path = "controller serve",
          .summary = "hold the applications of this home, in the foreground",
          .details =
              "`croft up` starts it when none runs; it ends by itself 60 s after the last "
              "application is down.",
          .example = "croft controller serve --home /var/lib/croft",
          .positionals = {},
          .options = {{"--agents", "HOST:PORT",
                       "where agents of machines on other farms reach this controller"},
                      {"--api", "HOST:PORT",
                       "answer operators on other machines there, by TLS: croft operator add"},
                      {"--store", "ETCD",
                       "share the store with other controllers: etcd://HOST:PORT,HOST:PORT,... "
                       "(etcds:// by TLS); one leads, the others stand by"},
                      {"--name", "NAME", "with --store: what the others call it"},
                      {"--metrics", "HOST:PORT", "answer GET /metrics there, for Prometheus"},
                      {"--pid-file", "FILE", "write the process id there"}},
          .run = run_controller_serve};
}

Command controller_join_command() {
  return {
      .path = "controller join",
      .summary = "make this home one of several controllers of a shared store",
      .details =
          "Asks one of them, as an owner, for the keys that they have in common; the token is read "
          "from "
          "the standard input. Then croft controller serve --store stands by until it leads.",
      .example = "croft controller join https://10.0.0.7:7070 --fingerprint 9f86d0... < token",
      .positionals = {{"URL", "where the --api of one of them is: https://HOST:PORT"}},
      .options = {{"--fingerprint", "PIN", "SHA-256 of its authority's certificate", false, true}},
      .run = run_controller_join};
}

}  // namespace croft::cli
