// croft events: the history of an application, one JSON object a line (docs/json.md).
#include "protocol/events.h"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "aio/cancel.h"
#include "base/text.h"
#include "cli/application.h"
#include "cli/daemons.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "engine/ledger.h"
#include "store/store.h"

namespace croft::cli {
namespace {

constexpr Duration silence = Duration::seconds(45), again = Duration::milliseconds(500);

void print_event(Invocation& invocation, const std::string& line, const wire::json::Object* event) {
  if (invocation.flag("--human") && event)
    invocation.terminal.print(event_text(invocation.terminal, *event));
  else
    invocation.terminal.print(line);
}

struct Following {
  ControllerClient& client;
  aio::World& world;
  Invocation& invocation;
  bool follow = false;
  uint64_t from = 1;
};

/// Nullopt: the stream has ended without the event that was waited for.
aio::Task<Result<std::optional<int>>> print_stream(Following& self) {
  LineReader lines(CO_TRY(co_await self.client.open(fmt::format(
      "/v1/applications/{}/events?from={}{}", path_segment(self.invocation.positional(0)),
      self.from, self.follow ? "&follow=true" : ""))));
  auto until = self.invocation.value("--until");
  // A controller that lives says so now and then.
  Duration patience = self.client.several() ? silence : Duration::forever();
  while (true) {
    auto line = CO_TRY(co_await aio::deadline(self.world.clock, patience, lines.next(),
                                              "the next word of the controller"));
    if (!line) co_return std::optional<int>();
    if (line->empty()) continue;
    auto event = wire::json::parse_object(*line, "an event");
    print_event(self.invocation, *line, event ? &*event : nullptr);
    if (!event) continue;
    if (auto seq = wire::json::int_or(*event, "seq", 0); seq && *seq > 0)
      self.from = static_cast<uint64_t>(*seq) + 1;
    bool whole = text_member(*event, "component") == self.invocation.positional(0);
    if (until && whole && text_member(*event, "event") == *until)
      co_return std::optional(exit_code::done);
  }
}

aio::Task<Result<int>> print_events(Following self) {
  for (;;) {
    auto printed = co_await print_stream(self);
    if (printed && *printed) co_return **printed;
    bool goes_on = self.follow && self.client.several();
    bool cut = !printed &&
               (printed.error().code == Code::unavailable || printed.error().code == Code::timeout);
    if (!goes_on || (!printed && !cut)) {
      if (!printed) co_return fail(std::move(printed).error());
      co_return self.invocation.value("--until") ? exit_code::failed : exit_code::done;
    }
    self.client.look_again();
    CO_TRY(co_await self.world.clock.sleep(again));
  }
}

/// Events outlive the controller: without one they are read where it left them.
aio::Task<Result<int>> print_stored(store::Store& store, aio::World& world, Invocation& invocation,
                                    uint64_t from) {
  std::string name = invocation.positional(0);
  auto names = CO_TRY(co_await engine::Ledger::names(store));
  if (std::ranges::find(names, name) == names.end()) {
    Error error(Code::not_found, fmt::format("there is no application '{}'", name));
    if (auto guess = did_you_mean(name, names); !guess.empty()) error.hint(guess);
    co_return fail(std::move(error));
  }
  engine::Ledger ledger(world, store, name);
  auto until = invocation.value("--until");
  for (;;) {
    auto batch = CO_TRY(co_await ledger.events(from));
    if (batch.empty()) co_return until ? exit_code::failed : exit_code::done;
    for (const auto& event : batch) {
      auto object = protocol::to_json(event);
      print_event(invocation, protocol::line_of(event), &object);
      if (until && event.component == name && event.event == *until) co_return exit_code::done;
    }
    from = batch.back().seq + 1;
  }
}

aio::Task<Result<int>> read_store(aio::World& world, Invocation& invocation, uint64_t from) {
  auto store =
      CO_TRY(co_await store::open_sqlite(world, invocation.home + "/controller/controller.db"));
  auto printed = co_await print_stored(*store, world, invocation, from);
  CO_TRY(co_await store->close());
  co_return printed;
}

aio::Task<Result<int>> events(aio::World& world, Invocation& invocation) {
  ControllerClient client(world, invocation.home);
  uint64_t from = 1;
  if (auto given = invocation.value("--from")) {
    auto number = parse_u64(*given);
    if (!number)
      co_return fail(wrong_argument("--from takes the number of an event, not '" + *given + "'"));
    from = *number;
  }
  if (auto until = invocation.value("--until"); until && !protocol::event::known(*until))
    co_return fail(wrong_argument(fmt::format("there is no event '{}'", *until))
                       .hint("events: " + join(protocol::event::words(), ", ")));
  bool follow = invocation.flag("--follow") || invocation.value("--until");
  auto health = co_await client.call("GET", "/v1/health", "", Duration::seconds(5));
  if (!health && is_no_controller(health.error()) && !invocation.flag("--follow") &&
      co_await world.disk.info(invocation.home + "/controller/controller.db"))
    co_return co_await read_store(world, invocation, from);
  auto outcome = co_await aio::race(print_events({client, world, invocation, follow, from}),
                                    world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 1) co_return exit_code::interrupted;
  auto& result = std::get<0>(outcome);
  if (!result && (result.error().fact("sent") == "no" || result.error().code == Code::not_found) &&
      result.error().fact("http_status").empty() && result.error().code == Code::unavailable)
    co_return invocation.fail(
        Error(Code::unavailable, "no controller runs under " + invocation.home),
        exit_code::no_controller);
  co_return std::move(result);
}

int run_events(Invocation& invocation) {
  return run_verb(invocation, events);
}

}  // namespace

Command events_command() {
  return {
      .path = "events",
      .summary = "what happened to an application, one JSON object a line",
      .details = "Events stay readable after the application has ended.",
      .example = "croft events talk --follow",
      .positionals = {{"APP", "name of the application"}},
      .options = {{"-f,--follow", "", "go on until Ctrl-C"},
                  {"--from", "SEQ", "start at this event (default 1)"},
                  {"--until", "EVENT",
                   "follow until the application as a whole has this event, such as TERMINATED"},
                  {"--human", "", "lines for people instead of JSON"}},
      .run = run_events};
}

}  // namespace croft::cli
