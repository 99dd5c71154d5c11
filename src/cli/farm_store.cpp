// croft farm usage, croft farm consistency: what the farm's store counts, and how strict it is.
#include <fmt/format.h>

#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"
#include "wire/json.h"

namespace croft::cli {
namespace {

namespace json = wire::json;

std::string folder_of(const Invocation& invocation) {
  return invocation.value("--data").value_or(farm_folder(invocation.home));
}

/// Byte-seconds and bytes as people read them.
std::string shown_amount(std::string_view what, int64_t amount) {
  if (what.starts_with("bytes.")) return Bytes(amount).text();
  if (what.starts_with("storage.")) return Bytes(amount / 3600).text() + " hours";
  return std::to_string(amount);
}

aio::Task<Result<int>> usage(aio::World& world, Invocation& invocation) {
  std::string body = json::compact(json::Object{{"account", invocation.positional(0)}});
  std::string answer = CO_TRY(
      co_await farm::admin_call(world, folder_of(invocation), "POST", "/usage", std::move(body)));
  json::Object used = CO_TRY(json::parse_object(answer, "usage"));
  if (invocation.json) {
    invocation.terminal.print(json::pretty(used));
    co_return exit_code::done;
  }
  terminal::Table table({"MONTH", "WHAT", "AMOUNT"});
  for (const json::Value& item : *CO_TRY(json::array_at(used, "months"))) {
    const json::Object& month = item.get_object();
    std::string name = CO_TRY(json::string_at(month, "month"));
    for (const auto& [what, amount] : *CO_TRY(json::object_at(month, "amounts")))
      table.row({name, std::string(what), shown_amount(what, amount.get_int64())});
    table.row({name, "cost", CO_TRY(json::string_at(month, "cost"))});
  }
  invocation.terminal.print(table.text());
  co_return exit_code::done;
}

aio::Task<Result<int>> consistency(aio::World& world, Invocation& invocation) {
  json::Object wanted;
  if (auto reads = invocation.value("--stale-reads")) wanted["reads"] = *reads;
  if (auto lists = invocation.value("--late-lists")) wanted["lists"] = *lists;
  bool asks = wanted.empty();
  std::string answer =
      CO_TRY(co_await farm::admin_call(world, folder_of(invocation), asks ? "GET" : "POST",
                                       "/s3/consistency", asks ? "" : json::compact(wanted)));
  json::Object now = CO_TRY(json::parse_object(answer, "consistency"));
  if (invocation.json)
    invocation.terminal.print(json::pretty(now));
  else
    invocation.terminal.print(fmt::format("reads are out of date for {}, lists for {}",
                                          CO_TRY(json::string_at(now, "reads")),
                                          CO_TRY(json::string_at(now, "lists"))));
  co_return exit_code::done;
}

int run_usage(Invocation& invocation) {
  return run_verb(invocation, usage);
}
int run_consistency(Invocation& invocation) {
  return run_verb(invocation, consistency);
}

const Option data_option{"--data", "DIR", "the farm's folder (default: HOME/farm)"};

}  // namespace

Command farm_usage_command() {
  return {.path = "farm usage",
          .summary = "what an account used of the farm's store, and what it costs",
          .details =
              "Requests by kind, bytes in and out, bytes stored by class over time, by the month, "
              "at the prices of S3 in 2008. Traffic between instances and the store is free. "
              "--json has every hour.",
          .example = "croft farm usage alice --data /var/lib/croft-farm",
          .positionals = {{"ACCOUNT", "its name or number"}},
          .options = {data_option},
          .run = run_usage};
}

Command farm_consistency_command() {
  return {.path = "farm consistency",
          .summary = "show or set how late the running farm's store shows a change",
          .details =
              "By default reads and lists see every acknowledged write at once. With a delay they "
              "answer as before the write for so long, as S3 did in 2008: a deployment that "
              "survives this does not rest on luck. Until the farm ends.",
          .example = "croft farm consistency --stale-reads 2s --late-lists 5s",
          .positionals = {},
          .options = {data_option,
                      {"--stale-reads", "DURATION", "a GET or HEAD is out of date for so long"},
                      {"--late-lists", "DURATION", "a list is out of date for so long"}},
          .run = run_consistency};
}

}  // namespace croft::cli
