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
  for (auto [option, name] :
       {std::pair("--action", "action"), std::pair("--code", "code"), std::pair("--to", "to")})
    if (auto value = invocation.value(option)) wanted[name] = *value;
  for (const char* option : {"--instance", "--host", "--rack", "--zone"})
    if (auto value = invocation.value(option)) {
      if (wanted.contains("where"))
        co_return fail(wrong_argument("name one instance, host, rack or zone"));
      wanted["where"] = *value;
    }
  for (auto [option, name] : {std::pair("--percent", "percent"), std::pair("--rate", "rate"),
                              std::pair("--burst", "burst")})
    if (auto value = invocation.value(option)) {
      auto number = parse_i64(*value);
      if (!number)
        co_return fail(wrong_argument(
            fmt::format("{} takes a whole number, not '{}'", option, printable(*value))));
      wanted[name] = *number;
    }
  if (auto speed = invocation.value("--bandwidth")) {
    auto bytes = Bytes::parse(*speed);
    if (!bytes) co_return fail(wrong_argument("--bandwidth: " + bytes.error().what));
    wanted["bytesPerSecond"] = bytes->count();
  }
  for (auto [option, name] :
       {std::pair("--lag", "lagMs"), std::pair("--time", "timeMs"), std::pair("--for", "lengthMs")})
    if (auto length = invocation.value(option)) {
      auto ms = milliseconds(*length);
      if (!ms) co_return fail(wrong_argument(fmt::format("{}: {}", option, ms.error().what)));
      wanted[name] = *ms;
    }
  if (invocation.flag("--one-way")) wanted["oneWay"] = true;
  if (invocation.flag("--down")) wanted["down"] = true;
  auto answered = co_await farm::admin_call(world, data_of(invocation), "POST", "/faults",
                                            wire::json::compact(wanted));
  if (!answered &&
      (answered.error().code == Code::invalid_argument || answered.error().code == Code::syntax))
    co_return fail(wrong_argument(answered.error().what));
  std::string answer = CO_TRY(std::move(answered));
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
  terminal::Table table({"FAULT", "KIND", "WHERE", "UNTIL"});
  auto list = CO_TRY(wire::json::array_if(object, "faults"));
  if (list)
    for (const auto& one : *list)
      if (one.is_object()) {
        const auto& fault = one.get_object();
        table.row({CO_TRY(wire::json::string_at(fault, "id")),
                   CO_TRY(wire::json::string_at(fault, "kind")),
                   CO_TRY(wire::json::string_or(fault, "where", "")),
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
          "refuse: calls answer an error (--action, --code, --percent). throttle: an account's "
          "calls "
          "of each action beyond --rate a second get RequestLimitExceeded. lag: new instances and "
          "new states are unknown for a time (--lag). freeze: processes stand still. kill: they "
          "die; a whole host, rack or zone takes no new instance meanwhile. link: no packet passes "
          "from there --to another place (or anywhere), nor back; --one-way, --percent (lost) and "
          "--bandwidth (a second) make it less. dns: the resolver does not answer. auth: the "
          "look-up of access keys takes --time, or is --down. disk: the root disk of instances is "
          "full; without a place, the farm's own. interrupt: spot instances get notice and go "
          "--time later. spot-price: --percent of the usual. Each ends by itself after --for, and "
          "'farm fault undo' ends it before; what was killed or taken stays gone.",
      .example = "croft farm fault add link --rack r1 --to r2 --bandwidth 100KiB --for 2m",
      .positionals = {{"KIND",
                       "refuse, throttle, lag, freeze, kill, link, dns, auth, disk, interrupt or "
                       "spot-price"}},
      .options = {data_option,
                  {"--instance", "ID", "where: one instance"},
                  {"--host", "NAME", "where: all on a host of the topology"},
                  {"--rack", "NAME", "where: all in a rack"},
                  {"--zone", "NAME", "where: all in a zone"},
                  {"--to", "PLACE", "link: the other side: an instance, host, rack, zone, gateway"},
                  {"--one-way", "", "link: what comes back passes"},
                  {"--bandwidth", "SIZE", "link: slow instead of cut: so much a second"},
                  {"--action", "PATTERN", "refuse, throttle: names of actions (default: *)"},
                  {"--code", "CODE", "refuse: the error (default: InternalError)"},
                  {"--percent", "N",
                   "refuse: of the calls; link: of the packets (default: 100); spot-price (400)"},
                  {"--rate", "N", "throttle: calls a second (default: 20)"},
                  {"--burst", "N", "throttle: calls at once (default: 100)"},
                  {"--lag", "TIME", "lag: for how long (default: 1s)"},
                  {"--time", "TIME", "auth: of a look-up (500ms); interrupt: of notice (2m)"},
                  {"--down", "", "auth: nothing is answered"},
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
