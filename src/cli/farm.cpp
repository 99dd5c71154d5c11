// croft farm ...: run and administer the embedded farm.
#include "farm/farm.h"

#include <csignal>
#include <limits>

#include "aio/real/descriptors.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/pid_file.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "sandbox/sandbox.h"
#include "sandbox/sys.h"

namespace croft::cli {
namespace {

constexpr std::string_view default_region = "us-east-1";
constexpr Duration owner_check = Duration::milliseconds(500);
constexpr Duration folder_check = Duration::seconds(5);
constexpr Duration end_limit = Duration::seconds(60);
constexpr Duration verify_limit = Duration::hours(24);  ///< terabytes are read

std::string data_folder(const Invocation& invocation) {
  return invocation.value("--data").value_or(farm_folder(invocation.home));
}

/// Returns once the folder is gone, and the instances with it: neither a farm whose data vanished
/// nor machines that nobody can find any more must stay behind.
aio::Task<Result<>> folder_vanished(aio::World& world, farm::Farm& farm, std::string folder) {
  while (true) {
    CO_TRY(co_await world.clock.sleep(folder_check));
    auto info = co_await world.disk.info(folder);
    if (info || info.error().code != Code::not_found) continue;
    co_return co_await aio::deadline(world.clock, end_limit, farm.end_machines(),
                                     "ending the instances");
  }
}

/// Nobody but the process `pid` needs this farm: it goes, with all that is on it, when that has.
aio::Task<Result<>> owner_ended(aio::World& world, farm::Farm& farm, std::optional<int64_t> pid) {
  if (!pid) co_return co_await world.clock.sleep(Duration::forever());
  auto began = sandbox::start_time_of(static_cast<int>(*pid));
  while (began != 0 && sandbox::start_time_of(static_cast<int>(*pid)) == began)
    CO_TRY(co_await world.clock.sleep(owner_check));
  log::warn("farm", "process {} has ended: the farm goes, too", *pid);
  CO_TRY(co_await aio::deadline(world.clock, end_limit, farm.end_for_good(), "ending the farm"));
  co_return co_await world.clock.sleep(end_limit);  // serve() returns meanwhile
}

Result<std::optional<int64_t>> owner_of(const Invocation& invocation) {
  auto text = invocation.value("--until-exit-of");
  if (!text) return std::nullopt;
  auto pid = parse_i64(*text);
  if (pid && *pid > 0 && *pid <= std::numeric_limits<int>::max()) return pid;
  return fail(wrong_argument(fmt::format("--until-exit-of takes a process id, not '{}'", *text)));
}

aio::Task<Result<int>> farm_serve(aio::World& world, Invocation& invocation) {
  CO_TRY(log::open("", log::Level::info));
  farm::FarmOptions options;
  options.data = data_folder(invocation);
  options.listen = invocation.value("--listen").value_or("127.0.0.1:0");
  if (auto region = invocation.value("--region")) options.region = *region;
  if (auto file = invocation.value("--topology")) options.topology = *file;
  options.request_limits = invocation.flag("--request-limits");
  for (auto [flag, field] : {std::pair{"--lifecycle-day", &options.lifecycle_day},
                             std::pair{"--stale-reads", &options.stale_reads},
                             std::pair{"--late-lists", &options.late_lists}})
    if (auto text = invocation.value(flag)) *field = CO_TRY(Duration::parse(*text));
  auto owner = CO_TRY(owner_of(invocation));
  auto farm = CO_TRY(co_await farm::Farm::open(world, options));
  std::optional<PidFile> pid;
  if (auto path = invocation.value("--pid-file")) pid.emplace(CO_TRY(PidFile::write(*path)));
  invocation.terminal.print(invocation.json
                                ? wire::json::compact(wire::json::Object{{"url", farm->url()}})
                                : "serving EC2 and S3 at " + farm->url());
  auto ends = co_await aio::race(
      aio::race(farm->serve(), world.processes.signal({SIGTERM, SIGINT})),
      aio::race(folder_vanished(world, *farm, options.data), owner_ended(world, *farm, owner)));
  if (ends.index() == 1) {
    log::warn("farm", "{} has vanished: ending", options.data);
    co_return exit_code::failed;
  }
  auto& first = std::get<0>(ends);
  if (first.index() == 0 && !std::get<0>(first)) {
    // As after kill -9 the file stays: the controller of this home starts the farm again.
    if (pid) pid->leave();
    co_return fail(std::move(std::get<0>(first)).error().frame("serving the farm"));
  }
  co_return exit_code::done;
}

wire::json::Object account_json(const farm::Account& account, bool with_secret) {
  wire::json::Object out{{"name", account.name},
                         {"accountId", account.account_id},
                         {"canonicalId", account.canonical_id},
                         {"instances", account.quotas.instances},
                         {"buckets", account.quotas.buckets},
                         {"storage", account.quotas.storage.count()}};
  if (!account.keys.empty()) {
    out["accessKey"] = account.keys.front().id;
    if (with_secret) out["secretKey"] = account.keys.front().secret.reveal();
  }
  return out;
}

/// --instances, --buckets, --storage; what is not given stays as it is.
Result<> read_quotas(const Invocation& invocation, farm::QuotaChanges& wanted) {
  for (auto [flag, field] :
       {std::pair{"--instances", &wanted.instances}, std::pair{"--buckets", &wanted.buckets}}) {
    auto given = invocation.value(flag);
    if (!given) continue;
    auto number = parse_i64(*given);
    if (!number || *number < 0)
      return fail(wrong_argument(fmt::format("{} takes a number, not '{}'", flag, *given)));
    *field = *number;
  }
  if (auto given = invocation.value("--storage")) wanted.storage = TRY(Bytes::parse(*given));
  return {};
}

aio::Task<Result<int>> account_add(aio::World& world, Invocation& invocation) {
  farm::NewAccount wanted;
  wanted.name = invocation.positional(0);
  wanted.account_id = invocation.value("--account-id");
  wanted.access_key = invocation.value("--access-key");
  if (auto secret = invocation.value("--secret-key")) wanted.secret_key = Secret(*secret);
  if (auto file = invocation.value("--secret-file"))
    wanted.secret_key =
        Secret(std::string(trim(CO_TRY(co_await world.disk.read_file(*file, Bytes::kib(4))))));
  CO_TRY(read_quotas(invocation, wanted.quotas));
  if (auto given = invocation.value("--sigv2")) {
    if (*given != "on" && *given != "off")
      co_return fail(wrong_argument("--sigv2 takes on or off, not '" + *given + "'"));
    wanted.sigv2 = *given == "on";
  }
  std::string data = data_folder(invocation);
  CO_TRY(co_await world.disk.make_dirs(data));
  auto account = CO_TRY(co_await farm::add_account(world, data, std::move(wanted)));
  const auto& key = account.keys.front();
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(account_json(account, true)));
    co_return exit_code::done;
  }
  // The secret goes into a file that only this user reads, not onto a screen that others may see.
  std::string folder = data + "/credentials", file = folder + "/" + path_segment(account.name);
  CO_TRY(co_await world.disk.make_dirs(folder));
  CO_TRY(co_await world.disk.write_file(
      file,
      fmt::format("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = {}\n",
                  key.id, key.secret.reveal(), default_region),
      0600));
  invocation.terminal.print(
      fmt::format("account {} ({}), access key {}", account.name, account.account_id, key.id));
  invocation.terminal.print("export AWS_SHARED_CREDENTIALS_FILE=" + file);
  co_return exit_code::done;
}

aio::Task<Result<int>> account_list(aio::World& world, Invocation& invocation) {
  if (!co_await world.disk.info(data_folder(invocation)))
    co_return fail(Error(Code::not_found, "no farm in " + data_folder(invocation))
                       .hint("--data takes the folder that `croft farm serve` was given"));
  auto accounts = CO_TRY(co_await farm::list_accounts(world, data_folder(invocation)));
  wire::json::Array list;
  terminal::Table table({"NAME", "ACCOUNT", "ACCESS KEY", "INSTANCES"});
  for (const auto& account : accounts) {
    list.emplace_back(account_json(account, false));
    table.row({account.name, account.account_id,
               account.keys.empty() ? "" : account.keys.front().id,
               std::to_string(account.quotas.instances)});
  }
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"accounts", std::move(list)}}));
  else
    invocation.terminal.print(table.text());
  co_return exit_code::done;
}

/// The farm that was asked removes its files as the last thing it does; its answer comes before.
aio::Task<Result<>> until_removed(aio::World& world, std::string data) {
  constexpr Duration limit = Duration::minutes(2), look_every = Duration::milliseconds(20);
  for (Moment end = world.clock.now() + limit;;) {
    std::string left;
    for (const char* name : {"s3", "machines", "farm.db", "farm.db.lock", "secret.key"})
      if (co_await world.disk.info(fmt::format("{}/{}", data, name))) left = name;
    if (left.empty()) co_return Result<>{};
    if (world.clock.now() > end)
      co_return fail(Code::timeout, fmt::format("the farm did not remove its data within {}: "
                                                "{}/{} is left",
                                                limit.text(), data, left));
    CO_TRY(co_await world.clock.sleep(look_every));
  }
}

aio::Task<Result<int>> farm_destroy(aio::World& world, Invocation& invocation) {
  std::string data = data_folder(invocation);
  auto info = co_await world.disk.info(data);
  auto records = co_await world.disk.info(data + "/farm.db");
  if (!info || !records)
    co_return fail(Error(Code::not_found, "no farm in " + data)
                       .hint("--data takes the folder that `croft farm serve` was given"));
  auto asked = co_await farm::admin_call(world, data, "POST", "/destroy", "{}");
  if (!asked) {
    farm::FarmOptions options;
    options.data = data;
    auto farm = CO_TRY(co_await farm::Farm::open(world, options));
    CO_TRY(co_await farm->destroy());
  } else {
    CO_TRY(co_await until_removed(world, data));
  }
  invocation.terminal.note("every instance of the farm in " + data +
                           " is gone, and so are its data");
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(wire::json::Object{{"destroyed", data}}));
  co_return exit_code::done;
}

/// Through the farm that serves the folder, else directly.
aio::Task<Result<std::string>> verify_folder(aio::World& world, std::string data) {
  auto asked = co_await farm::admin_call(world, data, "POST", "/verify", "{}", verify_limit);
  if (asked || asked.error().code != Code::unavailable) co_return asked;
  farm::FarmOptions options;
  options.data = data;
  options.ec2 = false;
  auto farm = CO_TRY(co_await farm::Farm::open(world, options));
  auto report = co_await farm->verify();
  CO_TRY(co_await farm->close());
  co_return report;
}

aio::Task<Result<int>> farm_verify(aio::World& world, Invocation& invocation) {
  std::string data = data_folder(invocation);
  auto info = co_await world.disk.info(data);
  if (!info) co_return fail(Error(Code::not_found, "no farm in " + data));
  std::string report = CO_TRY(co_await verify_folder(world, data));
  wire::json::Object object = CO_TRY(wire::json::parse_object(report, "the report"));
  auto number = [&object](std::string_view name) {
    return wire::json::int_at(object, name).value_or(0);
  };
  bool whole = number("damaged") == 0;
  if (invocation.json) {
    invocation.terminal.print(wire::json::pretty(object));
    co_return whole ? exit_code::done : exit_code::failed;
  }
  invocation.terminal.print(
      fmt::format("{} objects and {} parts, {}: {}", number("objects"), number("parts"),
                  Bytes(number("bytes")).text(),
                  whole ? "all whole" : fmt::format("{} damaged", number("damaged"))));
  if (auto damages = wire::json::array_at(object, "damages"))
    for (const wire::json::Value& item : **damages) {
      const wire::json::Object& damage = item.as_object();
      invocation.terminal.print(
          fmt::format("  {}: {}", wire::json::string_or(damage, "where", "").value_or(""),
                      wire::json::string_or(damage, "what", "").value_or("")));
    }
  if (number("strays") > 0)
    invocation.terminal.note(
        fmt::format("{} data files belong to no object; they cost space only", number("strays")));
  co_return whole ? exit_code::done : exit_code::failed;
}

int run_farm_verify(Invocation& invocation) {
  return run_verb(invocation, farm_verify);
}
int run_farm_serve(Invocation& invocation) {
  aio::allow_many_files();
  return run_verb(invocation, farm_serve);
}
int run_account_add(Invocation& invocation) {
  return run_verb(invocation, account_add);
}
int run_account_list(Invocation& invocation) {
  return run_verb(invocation, account_list);
}
int run_farm_destroy(Invocation& invocation) {
  return run_verb(invocation, farm_destroy);
}

int run_doctor(Invocation& invocation) {
  bool all = true;
  wire::json::Array list;
  terminal::Table table({"ABILITY", "", "DETAIL"});
  for (const auto& ability : sandbox::abilities()) {
    all &= ability.ok;
    list.emplace_back(
        wire::json::Object{{"name", ability.name}, {"ok", ability.ok}, {"detail", ability.detail}});
    table.row(
        {ability.name,
         invocation.terminal.paint(ability.ok ? terminal::Colour::green : terminal::Colour::red,
                                   ability.ok ? "ok" : "missing"),
         ability.detail});
  }
  if (invocation.json)
    invocation.terminal.print(
        wire::json::pretty(wire::json::Object{{"ok", all}, {"abilities", std::move(list)}}));
  else
    invocation.terminal.print(table.text());
  return all ? exit_code::done : exit_code::failed;
}

const Option data_option{"--data", "DIR", "the farm's folder (default: HOME/farm)"};

}  // namespace

Command farm_serve_command() {
  return {
      .path = "farm serve",
      .summary = "serve EC2 and S3 on one endpoint, in the foreground",
      .details =
          "Ready when it answers GET /_croft/health. Instances are real Linux sandboxes and "
          "outlive the process.",
      .example = "croft farm serve --data /var/lib/croft-farm --listen 127.0.0.1:4566",
      .positionals = {},
      .options = {data_option,
                  {"--listen", "HOST:PORT", "where to answer (default: a free port of 127.0.0.1)"},
                  {"--region", "NAME", "the region it stands for (default: us-east-1)"},
                  {"--topology", "FILE",
                   "zones, racks and hosts that instances are placed on (JSON)"},
                  {"--request-limits", "",
                   "throttle an account's EC2 calls as EC2 itself does (RequestLimitExceeded)"},
                  {"--stale-reads", "DURATION",
                   "S3 reads are out of date for so long after a write (default: never)"},
                  {"--late-lists", "DURATION", "and S3 lists"},
                  {"--lifecycle-day", "DURATION",
                   "how long a day of a lifecycle rule takes (default: 24h)"},
                  {"--until-exit-of", "PID",
                   "end, with all instances and data, when that process has ended"},
                  {"--pid-file", "FILE", "write the process id there"}},
      .run = run_farm_serve};
}

Command farm_account_add_command() {
  return {
      .path = "farm account add",
      .summary = "add an account to the embedded farm",
      .details =
          "Without --json the secret goes into a credentials file of mode 0600, whose name is "
          "printed.",
      .example = "croft farm account add alice --data /var/lib/croft-farm --json",
      .positionals = {{"NAME", "display name"}},
      .options = {data_option,
                  {"--account-id", "ID", "twelve digits (default: made up)"},
                  {"--access-key", "K", "access key id (default: made up)"},
                  {"--secret-key", "S",
                   "its secret; others may see it in the process list: --secret-file is safer"},
                  {"--secret-file", "FILE", "read the secret from this file"},
                  {"--instances", "N",
                   "quota of instances (default: 20); quotas and --sigv2 may be changed later, one "
                   "by one"},
                  {"--buckets", "N", "quota of buckets (default: 1000)"},
                  {"--storage", "SIZE", "quota of bytes stored (default: 100GiB)"},
                  {"--sigv2", "on|off",
                   "take requests signed by version 2, for clients that know no other (default: "
                   "off); of an existing account, too"}},
      .run = run_account_add};
}

Command farm_account_list_command() {
  return {.path = "farm account list",
          .summary = "the accounts of the embedded farm",
          .example = "croft farm account list --data /var/lib/croft-farm",
          .positionals = {},
          .options = {data_option},
          .run = run_account_list};
}

Command farm_doctor_command() {
  return {.path = "farm doctor",
          .summary = "what this machine lets the farm do, and what is lost without it",
          .example = "croft farm doctor",
          .positionals = {},
          .options = {},
          .run = run_doctor};
}

Command farm_verify_command() {
  return {
      .path = "farm verify",
      .summary = "hold every stored object against its checksum",
      .details =
          "Reads all objects, older versions and parts, while the farm serves or not. Exit code "
          "1 when one is damaged; each is named.",
      .example = "croft farm verify --data /var/lib/croft-farm",
      .positionals = {},
      .options = {data_option},
      .run = run_farm_verify};
}

Command farm_destroy_command() {
  return {.path = "farm destroy",
          .summary = "end every instance of a farm and delete its data",
          .example = "croft farm destroy --data /var/lib/croft-farm",
          .positionals = {},
          .options = {data_option},
          .run = run_farm_destroy};
}

}  // namespace croft::cli
