// An `up` on its way: events, progress, what came of it.
#include "cli/follow.h"

#include <csignal>

#include "cli/application.h"
#include "protocol/api.h"

namespace croft::cli {

aio::Task<Result<>> follow_events(ControllerClient& client, Invocation& invocation,
                                  std::string target) {
  LineReader lines(CO_TRY(co_await client.open(target)));
  while (true) {
    auto line = CO_TRY(co_await lines.next());
    if (!line) co_return Result<>{};
    auto event = wire::json::parse_object(*line, "an event");
    if (event && !invocation.json) {
      std::string text = event_text(invocation.terminal, *event);
      if (!text.empty()) invocation.terminal.note(text);
    }
  }
}

namespace {

constexpr Duration look_every = Duration::milliseconds(150);
constexpr Duration tell_every = Duration::seconds(10);
constexpr Duration second_interrupt = Duration::seconds(3);
constexpr size_t waits_shown = 8;

/// Counts, and what is waited for: redrawn on a terminal, elsewhere told again while it lasts.
aio::Task<Result<>> draw_progress(aio::World& world, ControllerClient& client,
                                  Invocation& invocation, std::string target) {
  bool live = invocation.terminal.is_live();
  for (;;) {
    if (!live) CO_TRY(co_await world.clock.sleep(tell_every));
    auto application = co_await client.call("GET", target);
    if (application) {
      auto lines = waiting_lines(*application);
      if (lines.size() > waits_shown) {
        size_t more = lines.size() - waits_shown;
        lines.resize(waits_shown);
        lines.push_back(fmt::format("  and {} more", more));
      }
      lines.insert(lines.begin(), counts_text(*application));
      if (live) invocation.terminal.live(lines);
      for (const std::string& line : lines)
        if (!live) invocation.terminal.note(line);
    }
    if (live) CO_TRY(co_await world.clock.sleep(look_every));
  }
}

/// Both until the events end.
aio::Task<Result<>> show_until_settled(aio::World& world, ControllerClient& client,
                                       Invocation& invocation, std::string name, int64_t from) {
  std::string target = "/v1/applications/" + path_segment(name);
  auto events = follow_events(
      client, invocation, fmt::format("{}/events?from={}&follow=true&until=settled", target, from));
  if (invocation.json) co_return co_await events;
  auto first =
      co_await aio::race(std::move(events), draw_progress(world, client, invocation, target));
  invocation.terminal.settle();
  if (first.index() == 0) co_return std::move(std::get<0>(first));
  co_return std::move(std::get<1>(first));
}

}  // namespace

aio::Task<Result<int>> detach_or_cancel(aio::World& world, ControllerClient& client,
                                        Invocation& invocation, std::string name) {
  auto& terminal = invocation.terminal;
  terminal.settle();
  terminal.note(fmt::format(
      "detached: the controller goes on with '{}'. Ctrl-C again within 3 s cancels it.", name));
  terminal.note(fmt::format(
      "look: croft status {0}    follow: croft events {0} -f    remove: croft down {0}", name));
  auto again =
      co_await aio::race(world.processes.signal({SIGINT}), world.clock.sleep(second_interrupt));
  if (again.index() == 0) {
    CO_TRY(co_await client.call("DELETE", "/v1/applications/" + path_segment(name)));
    terminal.note(fmt::format("cancelled: '{}' is being removed; croft down {} waits for the proof",
                              name, name));
  }
  if (invocation.json) {
    auto application =
        CO_TRY(co_await client.call("GET", "/v1/applications/" + path_segment(name)));
    application["interrupted"] = again.index() == 0 ? "cancelled" : "detached";
    terminal.print(wire::json::pretty(application));
  }
  co_return exit_code::interrupted;
}

namespace {

bool has_ended_since(const wire::json::Object& application, std::string_view why) {
  auto record = wire::json::object_if(application, "record");
  return record && *record && text_member(**record, "description") == why;
}
/// Somebody's `down` came between.
bool was_taken_down(const wire::json::Object& application) {
  return has_ended_since(application, protocol::down_was_asked);
}

Error stopped_meanwhile(const std::string& name) {
  return Error(Code::conflict, fmt::format("'{}' is not up yet: its controller was stopped", name))
      .hint(fmt::format("croft up, or croft down {}, starts it again, and it goes on", name));
}

Error failure_of(const wire::json::Object& application, const std::string& name) {
  auto error = wire::json::object_if(application, "error");
  bool removing = text_member(application, "phase") == "terminating";
  if (error && *error) {
    Error first = error_from_answer(application, "");
    if (removing)
      first.hint(
          fmt::format("what it made is not all removed yet: {}", text_member(application, "why")));
    return first;
  }
  if (removing)
    return Error(Code::conflict, fmt::format("an earlier '{}' is still being removed: {}", name,
                                             text_member(application, "why")))
        .hint(fmt::format("croft down {} tries again at once; then croft up", name));
  std::string why = text_member(application, "why");
  if (!wire::json::bool_or(application, "settled", true).value_or(true))
    return stopped_meanwhile(name);
  if (was_taken_down(application))
    return Error(Code::conflict,
                 fmt::format("'{}' was taken down meanwhile: {}", name, protocol::down_was_asked))
        .hint(fmt::format("croft history {} says by whom", name));
  if (has_ended_since(application, protocol::lifetime_is_over))
    return Error(Code::conflict,
                 fmt::format("'{}' has been removed: {}", name, protocol::lifetime_is_over))
        .hint("croft up starts it anew, with the whole of its lifetime");
  return Error(Code::internal,
               fmt::format("'{}' did not start{}", name, why.empty() ? "" : ": " + why));
}

/// It runs, but not all of it as it is described.
std::optional<Error> setback_of(const wire::json::Object& application, const std::string& name) {
  auto setbacks = wire::json::object_if(application, "setbacks");
  if (!setbacks || !*setbacks) return std::nullopt;
  std::string told;
  for (const auto& item : **setbacks)
    told += fmt::format("{}{}: {}", told.empty() ? "" : "; ", std::string_view(item.key()),
                        text_member(**setbacks, item.key()));
  return Error(Code::conflict, fmt::format("'{}' runs, but not as described: {}", name, told))
      .hint("an `up` with a mended description rolls out again");
}

/// What it ended with, where it came up and ended by itself as it should: a workflow that is done.
std::optional<std::string> normal_end(const wire::json::Object& application) {
  if (text_member(application, "phase") != "terminated") return std::nullopt;
  auto error = wire::json::object_if(application, "error");
  auto record = wire::json::object_if(application, "record");
  if (!error || *error || !record || !*record) return std::nullopt;
  if (text_member(**record, "type") != "normal" || was_taken_down(application) ||
      has_ended_since(application, protocol::lifetime_is_over))
    return std::nullopt;
  return text_member(**record, "description");
}

}  // namespace

Result<Accepted> accepted_in(const wire::json::Object& answer) {
  return Accepted{TRY(wire::json::int_or(answer, "seq", 1)),
                  TRY(wire::json::int_or(answer, "version", 0))};
}

namespace {

/// Nothing where what was asked for is what there is.
aio::Task<Result<>> still_wanted(ControllerClient& client, const wire::json::Object& application,
                                 std::string name, int64_t version) {
  int64_t now = CO_TRY(wire::json::int_or(application, "version", version));
  if (version == 0 || now == version) co_return Result<>{};
  auto answer =
      CO_TRY(co_await client.call("GET", "/v1/applications/" + path_segment(name) + "/history"));
  const auto* history = CO_TRY(wire::json::array_at(answer, "history"));
  std::string by;
  for (const auto& entry : *history)
    if (wire::json::int_or(entry.get_object(), "version", 0).value_or(0) == now && by.empty())
      by = text_member(entry.get_object(), "by");
  co_return fail(
      Error(Code::conflict,
            fmt::format("'{}' has become version {}{}: version {}, which was asked for here, has "
                        "been overtaken",
                        name, now, by.empty() ? "" : ", asked for by " + by, version))
          .hint(
              fmt::format("croft history {0} lists who asked for what; croft diff {0} {1} {2} what "
                          "differs",
                          name, version, now)));
}

}  // namespace

aio::Task<Result<int>> follow_up(aio::World& world, ControllerClient& client,
                                 Invocation& invocation, std::string name, Accepted accepted,
                                 ShowRunning show) {
  auto& terminal = invocation.terminal;
  auto outcome =
      co_await aio::race(show_until_settled(world, client, invocation, name, accepted.seq),
                         world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 1) co_return co_await detach_or_cancel(world, client, invocation, name);
  CO_TRY(std::move(std::get<0>(outcome)));

  // A workflow may have ended between its last event and now: then its end is waited for.
  auto answer =
      co_await client.call("GET", "/v1/applications/" + path_segment(name) + "?wait=settled");
  if (!answer && !answer.error().fact("no_controller").empty())
    co_return fail(stopped_meanwhile(name));
  auto application = CO_TRY(std::move(answer));
  CO_TRY(co_await still_wanted(client, application, name, accepted.version));
  bool running = text_member(application, "phase") == "running";
  auto setback = running ? setback_of(application, name) : std::nullopt;
  if (show && running && !setback) {
    CO_TRY(show(application));
    co_return exit_code::done;
  }
  if (invocation.json) terminal.print(wire::json::pretty(application));
  if (auto end = normal_end(application)) {
    if (!invocation.json)
      terminal.print(
          fmt::format("'{}' has ended normally{}", name, end->empty() ? "" : ": " + *end));
    co_return exit_code::done;
  }
  if (!running) {
    Error error = failure_of(application, name);
    error.hint(
        fmt::format("croft why {0} tells the cause; croft down {0} shows what is left", name));
    if (invocation.json) co_return exit_code::failed;
    co_return fail(std::move(error));
  }
  if (setback) {
    if (invocation.json) co_return exit_code::failed;
    co_return fail(std::move(*setback));
  }
  if (!invocation.json) {
    terminal.print(tree_text(terminal, application));
    terminal.print(fmt::format("'{}' runs: {}", name, counts_text(application)));
  }
  co_return exit_code::done;
}

}  // namespace croft::cli
