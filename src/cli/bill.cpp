// croft bill: an account's invoice.
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

std::string folder_of(const Invocation& invocation) {
  return invocation.value("--data").value_or(farm_folder(invocation.home));
}

std::string shown_quantity(int64_t quantity, const std::string& unit) {
  if (unit == "bytes") return Bytes(quantity).text();
  if (unit == "seconds") return Duration::seconds(quantity).text();
  if (unit == "GiB-seconds")
    return fmt::format("{:.3f} GiB-hours", static_cast<double>(quantity) / 3600);
  if (unit == "byte-seconds") return Bytes(quantity / 3600).text() + " hours";
  return fmt::format("{} {}", quantity, unit);
}

Result<std::string> table_of(const json::Object& invoice) {
  terminal::Table table({"WHAT", "RESOURCE", "COMPONENT", "AMOUNT", "COST"});
  for (const json::Value& item : *TRY(json::array_at(invoice, "lines"))) {
    if (!item.is_object()) continue;
    const json::Object& line = item.get_object();
    std::string where = TRY(json::string_or(line, "application", ""));
    if (std::string component = TRY(json::string_or(line, "component", "")); !component.empty())
      where += (where.empty() ? "" : ":") + component;
    std::string service = TRY(json::string_at(line, "service"));
    std::string what = TRY(json::string_at(line, "what"));
    if (service == "margin" || service == "credit") what += " " + service;
    table.row(
        {what, TRY(json::string_at(line, "resource")), where,
         shown_quantity(TRY(json::int_at(line, "quantity")), TRY(json::string_at(line, "unit"))),
         Money::micros(TRY(json::int_at(line, "micros"))).text()});
  }
  table.row({"total", "", "", TRY(json::string_at(invoice, "month")),
             TRY(json::string_at(invoice, "total"))});
  return table.text();
}

aio::Task<Result<int>> bill(aio::World& world, Invocation& invocation) {
  json::Object wanted{{"account", invocation.positional(0)}};
  for (auto [option, name] :
       {std::pair("--month", "month"), std::pair("--by", "by"), std::pair("--app", "application")})
    if (auto value = invocation.value(option)) wanted[name] = *value;
  if (auto file = invocation.value("--prices")) {
    std::string text = CO_TRY(co_await world.disk.read_file(*file, Bytes::mib(1)));
    wanted["prices"] = CO_TRY(json::parse_object(text, *file));
  }
  std::string answer = CO_TRY(co_await farm::admin_call(world, folder_of(invocation), "POST",
                                                        "/bill", json::compact(wanted)));
  json::Object both = CO_TRY(json::parse_object(answer, "the invoice"));
  const json::Object& invoice = *CO_TRY(json::object_at(both, "invoice"));
  if (invocation.json)
    invocation.terminal.print(json::pretty(invoice));
  else if (invocation.flag("--csv"))
    invocation.terminal.print(CO_TRY(json::string_at(both, "csv")));
  else
    invocation.terminal.print(CO_TRY(table_of(invoice)));
  co_return exit_code::done;
}

int run_bill(Invocation& invocation) {
  return run_verb(invocation, bill);
}
const Option data_option{"--data", "DIR", "the farm's folder (default: HOME/farm)"};

}  // namespace

Command bill_command() {
  return {.path = "bill",
          .summary = "the invoice of an account of the embedded farm for one month",
          .details =
              "Instance time, disks, snapshots, addresses nobody uses, requests, traffic and bytes "
              "stored, each to the micro-dollar; the total is the sum of the lines. What goes on "
              "is charged until now. --csv and --json are the invoice for programs. --prices names "
              "a JSON file that changes prices: {\"hourly\": {\"m1.small\": \"$0.10\"}, "
              "\"gibMonthly\": {\"volume.gp2\": \"$0.10\"}}.",
          .example = "croft bill alice --month 2008-04 --by hour",
          .positionals = {{"ACCOUNT", "its name or number"}},
          .options = {data_option,
                      {"--month", "YYYY-MM", "which month (default: this one, UTC)"},
                      {"--app", "APP", "only what the tag croft:application says belongs to it"},
                      {"--by", "UNIT",
                       "instance time is charged by the second (60 at least) or by the begun hour"},
                      {"--prices", "FILE", "changes of the price book"},
                      {"--csv", "", "comma-separated values"}},
          .run = run_bill};
}

}  // namespace croft::cli
