// croft farm profile add: roles of instances in the embedded farm.
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

aio::Task<Result<int>> profile_add(aio::World& world, Invocation& invocation) {
  wire::json::Object wanted{{"name", invocation.positional(0)},
                            {"account", invocation.value("--account").value_or("")}};
  wire::json::Array services, buckets;
  for (const std::string& service : invocation.values("--service")) services.emplace_back(service);
  for (const std::string& bucket : invocation.values("--bucket")) buckets.emplace_back(bucket);
  wanted["services"] = std::move(services);
  wanted["buckets"] = std::move(buckets);
  std::string data = invocation.value("--data").value_or(farm_folder(invocation.home));
  std::string answer = CO_TRY(
      co_await farm::admin_call(world, data, "POST", "/profiles", wire::json::compact(wanted)));
  auto made = CO_TRY(wire::json::parse_object(answer, "the farm's answer"));
  std::string arn = CO_TRY(wire::json::string_at(made, "arn"));
  invocation.terminal.print(invocation.json ? wire::json::pretty(wire::json::Object{{"arn", arn}})
                                            : arn);
  co_return exit_code::done;
}

int run_profile_add(Invocation& invocation) {
  return run_verb(invocation, profile_add);
}

}  // namespace

Command farm_profile_add_command() {
  return {.path = "farm profile add",
          .summary = "let instances of the embedded farm act as a role, with keys that expire",
          .details =
              "Instances started with this profile find keys of the role in their metadata; "
              "AssumeRole gives the same. A second time, the scope is replaced. The farm must run.",
          .example = "croft farm profile add worker --account alice --service s3 --bucket 'app-*'",
          .positionals = {{"NAME", "of the profile and its role"}},
          .options = {{"--data", "DIR", "the farm's folder (default: HOME/farm)"},
                      {"--account", "NAME", "name or id of the account whose it is", false, true},
                      {"--service", "S", "ec2 or s3; repeat for both (default: both)", true},
                      {"--bucket", "PATTERN",
                       "buckets it may use, with * and ?; repeat for more (default: all)", true}},
          .run = run_profile_add};
}

}  // namespace croft::cli
