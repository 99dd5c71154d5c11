// croft farm topology: the hosts of the embedded farm and what lies on them.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

namespace json = wire::json;

aio::Task<Result<int>> topology(aio::World& world, Invocation& invocation) {
  std::string data = invocation.value("--data").value_or(farm_folder(invocation.home));
  std::string answer = CO_TRY(co_await farm::admin_call(world, data, "GET", "/topology", ""));
  json::Object all = CO_TRY(json::parse_object(answer, "the topology"));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(all));
    co_return exit_code::done;
  }
  const json::Array& hosts = *CO_TRY(json::array_at(all, "hosts"));
  if (hosts.empty()) {
    invocation.terminal.print("this farm is one host; 'farm serve --topology FILE' gives it more");
    co_return exit_code::done;
  }
  terminal::Table table({"ZONE", "RACK", "HOST", "CPU", "MEMORY", "WATTS", "INSTANCES"});
  for (const json::Value& item : hosts) {
    if (!item.is_object()) continue;
    const json::Object& host = item.get_object();
    std::string name = CO_TRY(json::string_at(host, "host"));
    if (!CO_TRY(json::bool_at(host, "up"))) name += " (down)";
    int64_t cpu = CO_TRY(json::int_at(host, "cpuPermille"));
    table.row({CO_TRY(json::string_at(host, "zone")), CO_TRY(json::string_at(host, "rack")), name,
               fmt::format("{}.{:02} of {}", cpu / 1000, cpu % 1000 / 10,
                           CO_TRY(json::int_at(host, "cores"))),
               fmt::format("{} of {}", Bytes(CO_TRY(json::int_at(host, "memoryUsed"))).text(),
                           Bytes(CO_TRY(json::int_at(host, "memory"))).text()),
               std::to_string(CO_TRY(json::int_at(host, "watts"))),
               std::to_string(CO_TRY(json::array_at(host, "instances"))->size())});
  }
  invocation.terminal.print(table.text());
  invocation.terminal.print(fmt::format("{} watts", CO_TRY(json::int_at(all, "watts"))));
  co_return exit_code::done;
}

int run_topology(Invocation& invocation) {
  return run_verb(invocation, topology);
}

}  // namespace

Command farm_topology_command() {
  return {.path = "farm topology",
          .summary = "the hosts of the embedded farm: what they carry, what power they take",
          .details = "The file that 'farm serve --topology' reads is described in docs/farm.md.",
          .example = "croft farm topology",
          .positionals = {},
          .options = {{"--data", "DIR", "the farm's folder (default: HOME/farm)"}},
          .run = run_topology};
}

}  // namespace croft::cli
