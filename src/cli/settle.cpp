// croft controller settle: what a machine runs that was rented to be a controller. For user data.
#include "controller/settle.h"

#include <csignal>

#include "aio/cancel.h"
#include "aio/real/descriptors.h"
#include "base/log.h"
#include "cli/session.h"
#include "cli/verbs.h"

namespace croft::cli {
namespace {

aio::Task<Result<int>> settle(aio::World& world, Invocation& invocation) {
  CO_TRY(log::open("", log::Level::info));
  controller::SettleOptions options{.home = invocation.home,
                                    .papers_file = invocation.value("--papers-file").value_or(""),
                                    .key_file = invocation.value("--key-file").value_or(""),
                                    .instance = invocation.value("--instance").value_or(""),
                                    .address = invocation.value("--address").value_or("")};
  auto outcome = co_await aio::race(controller::settle(world, std::move(options)),
                                    world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 0) CO_TRY(std::get<0>(std::move(outcome)));
  co_return exit_code::done;
}

int run_settle(Invocation& invocation) {
  aio::allow_many_files();
  return run_verb(invocation, settle);
}

}  // namespace

Command controller_settle_command() {
  Command out{
      .path = "controller settle",
      .summary = "be the controller that this machine was rented to be",
      .details =
          "Machines of croft controller rent run it. It waits for the papers that their user "
          "data name, then serves.",
      .example =
          "croft controller settle --papers-file papers.url --key-file papers.key "
          "--instance i-0123 --address 10.0.0.7",
      .positionals = {},
      .options = {{"--papers-file", "FILE", "holds the URL of the papers", false, true},
                  {"--key-file", "FILE", "holds what opens them", false, true},
                  {"--instance", "ID", "of this machine", false, true},
                  {"--address", "ADDRESS", "its private address", false, true}},
      .run = run_settle};
  out.hidden = true;
  return out;
}

}  // namespace croft::cli
