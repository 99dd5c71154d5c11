// croft farm fault ...: failures on purpose in the embedded farm.
#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

std::string data_of(const Invocation& invocation) {
  return invocation.value("--data").value_or(farm_folder(invocation.home));
}

/// "90s", "2m", "500ms" in milliseconds.
Result<int64_t> milliseconds(const std::string& text) {
  auto length = Duration::parse(text);
  if (!length) return fail(std::move(length).error());
  return length->ms();
}

aio::Task<Result<int>> fault_add(aio::World& world, Invocation& invocation) {
  wire::json::Object wanted{{"kind", invocation.positional(0)}};
  for (auto [option, name] : {std::pair("--action", "action"), std::pair("--code", "code"),
                              std::pair("--instance", "instance"), std::pair("--zone", "zone")})
    if (auto value = invocation.value(option)) wanted[name] = *value;
  if (auto percent = invocation.value("--percent")) {
    auto number = parse_i64(*percent);
    if (!number || *number < 1 || *number > 100)
      co_return fail(Code::invalid_argument,
                     fmt::format("--percent takes 1 to 100, not '{}'", printable(*percent)));
    wanted["percent"] = *number;
  }
  if (auto lag = invocation.value("--lag")) wanted["lagMs"] = CO_TRY(milliseconds(*lag));
  if (auto length = invocation.value("--for")) wanted["lengthMs"] = CO_TRY(milliseconds(*length));
  std::string answer = CO_TRY(co_await farm::admin_call(world, data_of(invocation), "POST",
                                                        "/faults", wire::json::compact(wanted)));
  auto made = CO_TRY(wire::json::parse_object(answer, "the farm's answer"));
  std::string id = CO_TRY(wire::json::string_at(made, "id"));
  invocation.terminal.print(invocation.json ? wire::json::pretty(wire::json::Object{{"id", id}})
                                            : id);
  co_return exit_code::done;
}

aio::Task<Result<int>> fault_undo(aio::World& world, Invocation& invocation) {
  wire::json::Object wanted{{"id", invocation.positional(0)}};
  CO_TRY(co_await farm::admin_call(world, data_of(invocation), "POST", "/faults/undo",
                                   wire::json::compact(wanted)));
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"undone", invocation.positional(0)}}));
  co_return exit_code::done;
}

aio::Task<Result<int>> fault_list(aio::World& world, Invocation& invocation) {
  std::string answer =
      CO_TRY(co_await farm::admin_call(world, data_of(invocation), "GET", "/faults", ""));
  auto object = CO_TRY(wire::json::parse_object(answer, "the farm's answer"));
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(object));
    co_return exit_code::done;
  }
  terminal::Table table({"FAULT", "KIND", "UNTIL"});
  auto list = CO_TRY(wire::json::array_if(object, "faults"));
  if (list)
    for (const auto& one : *list)
      if (one.is_object()) {
        const auto& fault = one.get_object();
        table.row({CO_TRY(wire::json::string_at(fault, "id")),
                   CO_TRY(wire::json::string_at(fault, "kind")),
                   CO_TRY(wire::json::string_at(fault, "until"))});
      }
  invocation.terminal.print(table.text());
  co_return exit_code::done;
}

int run_fault_add(Invocation& invocation) {
  return run_verb(invocation, fault_add);
}
int run_fault_undo(Invocation& invocation) {
  return run_verb(invocation, fault_undo);
}
int run_fault_list(Invocation& invocation) {
  return run_verb(invocation, fault_list);
}

const Option data_option{"--data", "DIR", "the farm's folder (default: HOME/farm)"};

}  // namespace

Command farm_fault_add_command() {
  return {
      .path = "farm fault add",
      .summary = "break something in the embedded farm, for a while",
      .details =
          "refuse: calls answer an error (--action, --code, --percent); RequestLimitExceeded is "
          "throttling. lag: new instances are unknown for a time (--lag). freeze: the "
          "processes of an instance or of a zone stand still. kill: they die. Each ends by "
          "itself after --for, and 'farm fault undo' ends it before; what was killed stays "
          "dead.",
      .example =
          "croft farm fault add refuse --action RunInstances --code "
          "InsufficientInstanceCapacity --for 2m",
      .positionals = {{"KIND", "refuse, lag, freeze or kill"}},
      .options = {data_option,
                  {"--action", "PATTERN", "refuse: names of actions (default: *)"},
                  {"--code", "CODE", "refuse: the error (default: InternalError)"},
                  {"--percent", "N", "refuse: how many of the calls (default: 100)"},
                  {"--lag", "TIME", "lag: for how long (default: 1s)"},
                  {"--instance", "ID", "freeze, kill: which"},
                  {"--zone", "NAME", "freeze, kill: all that run there"},
                  {"--for", "TIME", "how long it lasts, up to 1h (default: 1m)"}},
      .run = run_fault_add};
}

Command farm_fault_undo_command() {
  return {.path = "farm fault undo",
          .summary = "end a fault before its time",
          .example = "croft farm fault undo fault-1",
          .positionals = {{"FAULT", "its id, as 'farm fault list' shows it"}},
          .options = {data_option},
          .run = run_fault_undo};
}

Command farm_fault_list_command() {
  return {.path = "farm fault list",
          .summary = "the faults under way in the embedded farm",
          .example = "croft farm fault list",
          .positionals = {},
          .options = {data_option},
          .run = run_fault_list};
}

}  // namespace croft::cli
