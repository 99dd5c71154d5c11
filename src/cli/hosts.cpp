// croft hosts: the machines of an application that have an agent, and what runs there.
#include <fmt/format.h>

#include "cli/application.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

std::string host_words(bool connected, const std::string& health, int64_t heard) {
  if (!connected) return "away";
  if (health == "dead") return "lost";
  if (health != "suspect") return "connected";
  return fmt::format("silent for {}", Duration::milliseconds(heard).text());
}

Result<> print_host(terminal::Terminal& terminal, const json::Object& host) {
  bool connected = TRY(json::bool_or(host, "connected", false));
  terminal.print(fmt::format("{}  {}  {}  {}", TRY(json::string_at(host, "instance")),
                             TRY(json::string_at(host, "address")),
                             TRY(json::string_at(host, "component")),
                             host_words(connected, TRY(json::string_or(host, "health", "")),
                                        TRY(json::int_or(host, "heard", 0)))));
  const auto* works = TRY(json::array_if(host, "works"));
  for (const auto& each : works ? *works : json::Array{}) {
    const auto& work = each.get_object();
    std::string why = TRY(json::string_or(work, "why", ""));
    int64_t restarts = TRY(json::int_or(work, "restarts", 0));
    terminal.print(fmt::format(
        "  {}  {}{}{}", TRY(json::string_at(work, "name")), TRY(json::string_at(work, "phase")),
        restarts > 0 ? fmt::format(", started {} times again", restarts) : "",
        why.empty() ? "" : ": " + why));
  }
  return {};
}

aio::Task<Result<int>> hosts(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  auto answer = CO_TRY(co_await client.call(
      "GET", fmt::format("/v1/applications/{}/hosts", path_segment(invocation.positional(0)))));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(answer));
    co_return exit_code::done;
  }
  const auto* all = CO_TRY(json::array_at(answer, "hosts"));
  if (all->empty()) invocation.terminal.note("no machine of it has an agent");
  for (const auto& host : *all) CO_TRY(print_host(invocation.terminal, host.get_object()));
  co_return exit_code::done;
}

int run_hosts(Invocation& invocation) {
  return run_verb(invocation, hosts);
}

}  // namespace

Command hosts_command() {
  return {.path = "hosts",
          .summary = "the machines of an application, and what runs on each",
          .details =
              "Machines become hosts when a component is placed on them: sfProcessHost, or "
              "the parts of an InstanceGroup.",
          .example = "croft hosts shop",
          .positionals = {{"APP", "the application"}},
          .options = {},
          .run = run_hosts};
}

}  // namespace croft::cli
