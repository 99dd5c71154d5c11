// croft logs: what the programs of an application wrote, from all its hosts, as one stream.
#include <fmt/format.h>

#include <csignal>
#include <map>
#include <set>

#include "aio/scope.h"
#include "base/pattern.h"
#include "base/text.h"
#include "cli/log_merge.h"
#include "cli/session.h"
#include "cli/tunnel.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t ahead_most = 10'000;  // lines of one log that wait for those of others
constexpr Duration look_again = Duration::seconds(2);

struct Source {
  std::string instance, component;
  auto operator<=>(const Source&) const = default;
};

struct Wanted {
  std::string path, application;
  json::Object request;  ///< of a log's channel
  std::optional<Pattern> pattern;
  bool follow = false, times = false;
};

/// All logs that are asked for, as one stream.
class Stream {
 public:
  Stream(aio::World& world, Invocation& invocation, Wanted wanted)
      : world_(world),
        invocation_(invocation),
        wanted_(std::move(wanted)),
        client_(world, invocation.home),
        merge_([this](size_t number, const LogLine& line) { print(names_[number], line); }) {}

  aio::Task<Result<>> run();

 private:
  aio::Task<Result<std::vector<Source>>> sources();
  aio::Task<Result<>> read(Source source, size_t number);
  aio::Task<Result<>> read_on(Source source, size_t number);
  aio::Task<Result<>> look_for_more(aio::Scope& scope);
  void begin(aio::Scope& scope, Source source, bool late);
  void print(const Source& from, const LogLine& line);

  aio::World& world_;
  Invocation& invocation_;
  Wanted wanted_;
  ControllerClient client_;
  std::vector<Source> names_;        ///< by number
  std::map<Source, WallTime> seen_;  ///< of each: how far it was told
  std::set<Source> open_;
  std::set<std::string> away_;  ///< machines that were named as such
  bool prefixed_ = false;
  aio::Signal printed_;
  LogMerge merge_;
};

void Stream::print(const Source& from, const LogLine& line) {
  printed_.notify();
  if (wanted_.pattern && !wanted_.pattern->found_in(line.text).value_or(true)) return;
  if (invocation_.json)
    return invocation_.terminal.print(json::compact(json::Object{{"time", line.time.iso8601()},
                                                                 {"component", from.component},
                                                                 {"instance", from.instance},
                                                                 {"line", line.text}}));
  invocation_.terminal.print(fmt::format("{}{}{}", wanted_.times ? line.time.iso8601() + " " : "",
                                         prefixed_ ? from.component + " | " : "", line.text));
}

/// To the end of that log, or of the connection.
aio::Task<Result<>> Stream::read(Source source, size_t number) {
  json::Object request = wanted_.request;
  request["name"] = source.component;
  if (auto before = seen_.find(source); before != seen_.end()) {
    request["since"] = before->second.ns;
    request.erase("lines");
  }
  Tunnel::Target target{wanted_.application, "", source.instance};
  auto tunnel = co_await Tunnel::open(world_, invocation_.home, std::move(target), request);
  // A file, a directory, a probe: nothing of it writes.
  if (!tunnel && tunnel.error().code == Code::unsupported) co_return Result<>{};
  if (!tunnel) co_return fail(std::move(tunnel).error());
  bool timed = CO_TRY(json::bool_or((*tunnel)->answer(), "times", false));
  for (;;) {
    auto piece = CO_TRY(co_await (*tunnel)->receive());
    if (piece.closed) co_return Result<>{};
    if (piece.bytes.empty()) continue;
    // An agent from before times were told.
    std::pair<WallTime, std::string_view> told{world_.clock.wall(), piece.bytes};
    if (timed) told = CO_TRY(protocol::timed_text_from(piece.bytes));
    merge_.take(number, told.first, told.second);
    if (!timed || told.second.empty()) merge_.caught_up(number);
    seen_[source] = told.first;
    while (merge_.waiting(number) > ahead_most) CO_TRY(co_await printed_.wait());
  }
}

/// One host that goes away, while others are followed, ends nothing.
aio::Task<Result<>> Stream::read_on(Source source, size_t number) {
  auto done = co_await read(source, number);
  merge_.end(number);
  open_.erase(source);
  if (done || done.error().code == Code::cancelled || !wanted_.follow) co_return done;
  invocation_.terminal.note(
      fmt::format("{} on {}: {}", source.component, source.instance, done.error().line()));
  co_return Result<>{};
}

void Stream::begin(aio::Scope& scope, Source source, bool late) {
  prefixed_ = prefixed_ || (!names_.empty() && names_.front().component != source.component);
  size_t number = merge_.add(late);
  names_.push_back(source);
  open_.insert(source);
  scope.spawn(read_on(std::move(source), number));
}

aio::Task<Result<std::vector<Source>>> Stream::sources() {
  auto answer = CO_TRY(co_await client_.call(
      "GET", fmt::format("/v1/applications/{}/hosts", path_segment(wanted_.application))));
  std::vector<Source> out;
  std::vector<std::string> names;
  const std::string& path = wanted_.path;
  for (const auto& host : *CO_TRY(json::array_at(answer, "hosts"))) {
    std::string instance = CO_TRY(json::string_at(host.get_object(), "instance"));
    bool connected = CO_TRY(json::bool_or(host.get_object(), "connected", false));
    bool named = false;
    for (const auto& work : *CO_TRY(json::array_at(host.get_object(), "works"))) {
      std::string name = CO_TRY(json::string_at(work.get_object(), "name"));
      bool below = name == path || name.starts_with(path + ":");
      named = named || below;
      if (below && connected) out.push_back({instance, name});
      names.push_back(std::move(name));
    }
    if (connected) away_.erase(instance);
    if (!connected && named && away_.insert(instance).second)
      invocation_.terminal.note(
          fmt::format("{} is not connected: what it wrote is not shown", instance));
  }
  if (!out.empty() || !seen_.empty()) co_return out;
  Error error(Code::not_found,
              fmt::format("nothing of '{}' runs on a host that is connected", path));
  if (auto hint = did_you_mean(path, names); !hint.empty()) error.hint(hint);
  co_return fail(std::move(error));
}

/// Hosts that join, or come back, while it is followed.
aio::Task<Result<>> Stream::look_for_more(aio::Scope& scope) {
  for (;;) {
    CO_TRY(co_await world_.clock.sleep(look_again));
    auto now = co_await sources();
    if (!now && now.error().code == Code::cancelled) co_return fail(std::move(now).error());
    // The controller may be away for a while; without the application there is nothing to follow.
    if (!now && now.error().code == Code::not_found) co_return fail(std::move(now).error());
    if (!now) continue;
    for (Source& source : *now)
      if (!open_.contains(source)) begin(scope, std::move(source), true);
  }
}

aio::Task<Result<>> Stream::run() {
  auto found = CO_TRY(co_await sources());
  aio::Scope scope(co_await aio::here());
  // Numbers first: the earliest line of all is known when each has told one.
  for (Source& source : found) begin(scope, std::move(source), false);
  if (wanted_.follow) scope.spawn(look_for_more(scope));
  co_return co_await scope.join();
}

/// "90s", "2h", or a moment as ISO 8601 has it.
Result<WallTime> moment_of(const std::string& text, WallTime now) {
  if (auto moment = WallTime::parse_iso8601(text)) return *moment;
  auto ago = Duration::parse(text, "s");
  if (ago) return WallTime{now.ns - ago->ns()};
  return fail(wrong_argument(
      fmt::format("--since takes a while such as 90s or 2h, or a moment such as {}, not '{}'",
                  now.iso8601(), printable(text))));
}

Result<Wanted> wanted_of(Invocation& invocation, WallTime now) {
  Wanted out;
  out.path = invocation.positional(0);
  out.application = out.path.substr(0, out.path.find(':'));
  out.follow = invocation.flag("--follow");
  out.times = invocation.flag("--times");
  out.request = {{"what", "logs"}, {"follow", out.follow}, {"times", true}};
  if (auto given = invocation.value("--lines")) {
    auto number = parse_u64(*given);
    if (!number) return fail(wrong_argument("--lines takes a number, not '" + *given + "'"));
    out.request["lines"] = static_cast<int64_t>(*number);
  }
  if (auto given = invocation.value("--since")) {
    if (out.request.contains("lines"))
      return fail(wrong_argument("--since and --lines both say where to begin: give one"));
    out.request["since"] = TRY(moment_of(*given, now)).ns;
  }
  if (auto given = invocation.value("--grep")) {
    auto pattern = Pattern::compile(*given);
    if (!pattern) return fail(wrong_argument("--grep: " + pattern.error().what));
    out.pattern = std::move(*pattern);
  }
  return out;
}

aio::Task<Result<int>> logs(aio::World& world, Invocation& invocation) {
  Stream stream(world, invocation, CO_TRY(wanted_of(invocation, world.clock.wall())));
  auto outcome = co_await aio::race(stream.run(), world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 0) CO_TRY(std::get<0>(std::move(outcome)));
  co_return outcome.index() == 0 ? exit_code::done : exit_code::interrupted;
}

int run_logs(Invocation& invocation) {
  return run_verb(invocation, logs);
}

}  // namespace

Command logs_command() {
  return {
      .path = "logs",
      .summary = "what the programs on the hosts of an application wrote",
      .details =
          "PATH is an application, or a component of it: everything below it is shown, from all "
          "hosts, line by line, in the order of their times, with the component in front where "
          "there are several. Times are those of the hosts' heartbeats, so exact to about a "
          "second; "
          "while it is followed, to 0.2 seconds. Hosts that join later are followed, too. The "
          "output of each program is kept on its host within logMax bytes.",
      .example = "croft logs shop:web -f --since 10min --grep 'error|refused'",
      .positionals = {{"PATH", "an application or a component"}},
      .options = {{"-f,--follow", "", "go on with what comes"},
                  {"-n,--lines", "N", "begin so many lines before the end; default: all"},
                  {"--since", "WHEN", "begin so long ago (90s, 2h), or at a moment (ISO 8601)"},
                  {"-t,--times", "", "put the time in front of each line"},
                  {"--grep", "REGEX", "only lines in which it is found"}},
      .run = run_logs};
}

}  // namespace croft::cli
