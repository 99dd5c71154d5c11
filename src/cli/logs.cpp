// croft logs: what the programs of an application wrote, from all its hosts, as one stream.
#include <fmt/format.h>

#include <csignal>

#include "aio/scope.h"
#include "base/pattern.h"
#include "base/text.h"
#include "cli/session.h"
#include "cli/tunnel.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t line_most = 1 << 20;

struct Source {
  std::string instance, component;
};

/// Whole lines of several programs, none torn, each with where it is from.
class Lines {
 public:
  Lines(Invocation& invocation, size_t sources, std::optional<Pattern> wanted)
      : invocation_(invocation), prefixed_(sources > 1), wanted_(std::move(wanted)) {}

  void take(const Source& from, std::string& held, std::string_view bytes) {
    held += bytes;
    size_t begin = 0;
    for (size_t end; (end = held.find('\n', begin)) != held.npos; begin = end + 1)
      print(from, std::string_view(held).substr(begin, end - begin));
    held.erase(0, begin);
    if (held.size() > line_most) finish(from, held);
  }
  void finish(const Source& from, std::string& held) {
    if (!held.empty()) print(from, held);
    held.clear();
  }

 private:
  void print(const Source& from, std::string_view line) {
    if (wanted_ && !wanted_->found_in(line).value_or(true)) return;
    if (invocation_.json)
      invocation_.terminal.print(json::compact(json::Object{
          {"component", from.component}, {"instance", from.instance}, {"line", line}}));
    else
      invocation_.terminal.print(prefixed_ ? fmt::format("{} | {}", from.component, line)
                                           : std::string(line));
  }

  Invocation& invocation_;
  bool prefixed_;
  std::optional<Pattern> wanted_;
};

aio::Task<Result<>> read_one(aio::World& world, std::string home, std::string application,
                             Source source, json::Object request, Lines& lines) {
  request["name"] = source.component;
  Tunnel::Target target{std::move(application), "", source.instance};
  auto tunnel =
      co_await Tunnel::open(world, std::move(home), std::move(target), std::move(request));
  // A file, a directory, a probe: nothing of it writes.
  if (!tunnel && tunnel.error().code == Code::unsupported) co_return Result<>{};
  if (!tunnel) co_return fail(std::move(tunnel).error());
  std::string held;
  for (;;) {
    auto piece = CO_TRY(co_await (*tunnel)->receive());
    if (piece.closed) break;
    lines.take(source, held, piece.bytes);
  }
  lines.finish(source, held);
  co_return Result<>{};
}

aio::Task<Result<std::vector<Source>>> sources_of(ControllerClient& client, std::string path) {
  std::string application = path.substr(0, path.find(':'));
  auto answer = CO_TRY(co_await client.call(
      "GET", fmt::format("/v1/applications/{}/hosts", path_segment(application))));
  std::vector<Source> out;
  std::vector<std::string> names;
  for (const auto& host : *CO_TRY(json::array_at(answer, "hosts"))) {
    std::string instance = CO_TRY(json::string_at(host.get_object(), "instance"));
    if (!CO_TRY(json::bool_or(host.get_object(), "connected", false))) continue;
    for (const auto& work : *CO_TRY(json::array_at(host.get_object(), "works"))) {
      std::string name = CO_TRY(json::string_at(work.get_object(), "name"));
      if (name == path || name.starts_with(path + ":")) out.push_back({instance, name});
      names.push_back(std::move(name));
    }
  }
  if (!out.empty()) co_return out;
  Error error(Code::not_found,
              fmt::format("nothing of '{}' runs on a host that is connected", path));
  if (auto hint = did_you_mean(path, names); !hint.empty()) error.hint(hint);
  co_return fail(std::move(error));
}

aio::Task<Result<>> read_all(aio::World& world, Invocation& invocation, std::vector<Source> sources,
                             json::Object request, std::optional<Pattern> wanted) {
  std::string application = invocation.positional(0);
  application.resize(std::min(application.size(), application.find(':')));
  Lines lines(invocation, sources.size(), std::move(wanted));
  aio::Scope scope(co_await aio::here());
  for (Source& source : sources)
    scope.spawn(read_one(world, invocation.home, application, std::move(source), request, lines));
  co_return co_await scope.join();
}

aio::Task<Result<int>> logs(aio::World& world, Invocation& invocation) {
  json::Object request{{"what", "logs"}, {"follow", invocation.flag("--follow")}};
  if (auto given = invocation.value("--lines")) {
    auto number = parse_u64(*given);
    if (!number) co_return fail(wrong_argument("--lines takes a number, not '" + *given + "'"));
    request["lines"] = static_cast<int64_t>(*number);
  }
  std::optional<Pattern> wanted;
  if (auto given = invocation.value("--grep")) {
    auto pattern = Pattern::compile(*given);
    if (!pattern) co_return fail(wrong_argument("--grep: " + pattern.error().what));
    wanted = std::move(*pattern);
  }
  ControllerClient client(world, invocation.home);
  auto sources = CO_TRY(co_await sources_of(client, invocation.positional(0)));
  auto outcome = co_await aio::race(
      read_all(world, invocation, std::move(sources), std::move(request), std::move(wanted)),
      world.processes.signal({SIGINT, SIGTERM}));
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
          "hosts, line by line, with the component in front where there are several. The "
          "output of each program is kept on its host within logMost bytes.",
      .example = "croft logs shop:web -f --lines 100",
      .positionals = {{"PATH", "an application or a component"}},
      .options = {{"-f,--follow", "", "go on with what comes"},
                  {"-n,--lines", "N", "begin so many lines before the end; default: all"},
                  {"--grep", "REGEX", "only lines in which it is found"}},
      .run = run_logs};
}

}  // namespace croft::cli
