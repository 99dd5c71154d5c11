// croft scale: how many members a group has.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<int>> scale(aio::World& world, Invocation& invocation) {
  std::string path = invocation.positional(0), count = invocation.positional(1);
  auto number = parse_u64(count);
  if (!number)
    co_return fail(wrong_argument(fmt::format("'{}' is no number of members", count))
                       .hint("croft scale shop:web 4"));
  std::string name = path.substr(0, path.find(':'));
  CO_TRY(co_await ensure_controller(world, invocation.terminal, invocation.home));
  ControllerClient client(world, invocation.home);
  auto accepted = CO_TRY(
      co_await client.call("POST", fmt::format("/v1/applications/{}/scale?path={}&count={}",
                                               path_segment(name), path_segment(path), *number)));
  if (invocation.json)
    invocation.terminal.print(wire::json::pretty(accepted));
  else
    invocation.terminal.note(
        fmt::format("{} goes to {} members; croft events {} tells how", path, *number, name));
  co_return exit_code::done;
}

int run_scale(Invocation& invocation) {
  return run_verb(invocation, scale);
}

}  // namespace

Command scale_command() {
  return {.path = "scale",
          .summary = "give a group another number of members",
          .details =
              "An InstanceGroup gets more machines, or drains and gives back those that came last, "
              "within its minCount and maxCount. It stays so over `croft up` and restarts; a group "
              "with `scale` follows its metric again after a cool-down.",
          .example = "croft scale shop:web 4",
          .positionals = {{"PATH", "the group: APP:NAME, or APP where that is one"},
                          {"N", "how many members"}},
          .options = {},
          .run = run_scale};
}

}  // namespace croft::cli
