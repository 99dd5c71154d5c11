#include "cli/daemons.h"

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "cli/pid_file.h"
#include "cli/session.h"
#include "farm/farm.h"

namespace croft::cli {
namespace {

constexpr Duration farm_answers_within = Duration::seconds(5);

constexpr Duration ready_limit = Duration::seconds(30);
constexpr Duration other_limit = Duration::seconds(3);
constexpr Duration look_again = Duration::milliseconds(20);
constexpr size_t log_tail = 2000;

std::string own_binary() {
  std::error_code problem;
  auto path = std::filesystem::read_symlink("/proc/self/exe", problem);
  return problem ? "croft" : path.string();
}

/// PATH and locale only: nothing of the caller's shell (credentials above all) reaches a daemon.
/// The crash hooks are the controller's: they count per process, and a test means one of them.
std::vector<std::string> daemon_environment(const std::string& daemon) {
  std::vector<std::string> names = {"PATH",   "LANG",      "LC_ALL",       "HOME",
                                    "TMPDIR", "CROFT_LOG", "ASAN_OPTIONS", "TSAN_OPTIONS"};
  if (daemon == "controller") names.insert(names.end(), {"CROFT_CRASH_AT", "CROFT_CRASH_LOG"});
  std::vector<std::string> out;
  for (const auto& name : names)
    if (const char* value = std::getenv(name.c_str()))
      out.push_back(fmt::format("{}={}", name, value));
  return out;
}

std::string tail_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return "";
  auto size = static_cast<size_t>(in.tellg());
  size_t from = size > log_tail ? size - log_tail : 0;
  in.seekg(static_cast<std::streamoff>(from));
  std::string text(size - from, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

struct Daemon {
  std::string name;  ///< "controller"
  std::vector<std::string> arguments;
  std::string log;
};

aio::Task<Result<>> exit_of(aio::Child& child, Daemon daemon) {
  auto status = CO_TRY(co_await child.wait());
  Error error(Code::unavailable,
              fmt::format("the {} ended at once, with {}", daemon.name,
                          status.signal ? fmt::format("signal {}", status.signal)
                                        : fmt::format("exit code {}", status.code)));
  auto lines = split(trim(tail_of(daemon.log)), '\n');
  size_t first = lines.size() > 6 ? lines.size() - 6 : 0;
  for (size_t i = first; i < lines.size(); ++i)
    if (!lines[i].empty()) error.hint(lines[i]);
  error.hint("the whole log: " + daemon.log);
  co_return fail(std::move(error));
}

/// Polls until `probe` succeeds.
template <class T>
aio::Task<Result<T>> until_ready(aio::World& world, std::function<aio::Task<Result<T>>()> probe) {
  while (true) {
    Result<T> answer = co_await probe();
    if (answer) co_return answer;
    if (auto slept = co_await world.clock.sleep(look_again); !slept) co_return answer;
  }
}

template <class T>
aio::Task<Result<T>> start_and_wait(aio::World& world, Daemon daemon,
                                    std::function<aio::Task<Result<T>>()> probe) {
  aio::ProcessOptions options;
  options.command = {own_binary()};
  options.command.insert(options.command.end(), daemon.arguments.begin(), daemon.arguments.end());
  options.environment = daemon_environment(daemon.name);
  options.directory = "/";
  options.output_file = daemon.log;
  options.new_session = true;
  auto child = CO_TRY(world.processes.start(std::move(options)));
  auto ready = aio::deadline(world.clock, ready_limit, until_ready<T>(world, probe),
                             "starting the " + daemon.name);
  auto winner = co_await aio::race(std::move(ready), exit_of(*child, daemon));
  if (winner.index() == 0) co_return std::move(std::get<0>(winner));
  // Two commands may start a daemon at the same moment: one of the two finds its home taken and
  // ends, and then the other's is as good.
  auto other =
      co_await aio::deadline(world.clock, other_limit, until_ready<T>(world, std::move(probe)),
                             "waiting for another " + daemon.name);
  if (other) co_return other;
  co_return fail(std::move(std::get<1>(winner)).error());
}

aio::Task<Result<wire::json::Object>> health(ControllerClient& client) {
  co_return co_await client.call("GET", "/v1/health", "", Duration::seconds(5));
}

aio::Task<Result<EmbeddedFarm>> probe_farm(aio::World& world, std::string home) {
  co_return co_await running_farm(world, home);
}

}  // namespace

std::string farm_folder(const std::string& home) {
  return home + "/farm";
}

aio::Task<Result<bool>> ensure_controller(aio::World& world, terminal::Terminal& terminal,
                                          std::string home) {
  if (logged_in(home)) co_return false;
  ControllerClient client(world, home);
  // One that is just ending breaks the connection: then there is soon none, or another.
  for (Moment end = world.clock.now() + ready_limit;;) {
    auto answer = co_await health(client);
    if (answer) co_return false;
    if (is_no_controller(answer.error())) break;
    if (answer.error().code != Code::unavailable || world.clock.now() > end)
      co_return fail(std::move(answer).error());
    CO_TRY(co_await world.clock.sleep(look_again));
  }
  CO_TRY(co_await world.disk.make_dirs(home));
  Daemon daemon{"controller",
                {"controller", "serve", "--home", home, "--pid-file", home + "/controller.pid"},
                home + "/controller.log"};
  auto started = CO_TRY(co_await start_and_wait<wire::json::Object>(
      world, daemon, [&client] { return health(client); }));
  auto pid = wire::json::int_or(started, "pid", 0);
  terminal.note(
      fmt::format("started the controller (pid {}, log {})", pid.value_or(0), daemon.log));
  co_return true;
}

aio::Task<Result<EmbeddedFarm>> running_farm(aio::World& world, std::string home) {
  std::string data = farm_folder(home);
  auto text =
      CO_TRY(co_await farm::admin_call(world, data, "GET", "/info", "", farm_answers_within));
  auto info = CO_TRY(wire::json::parse_object(text, "the farm's answer"));
  co_return EmbeddedFarm{CO_TRY(wire::json::string_at(info, "url")), data, false};
}

aio::Task<Result<EmbeddedFarm>> ensure_farm(aio::World& world, terminal::Terminal& terminal,
                                            std::string home, std::optional<int> only_for) {
  if (logged_in(home)) co_return EmbeddedFarm{};  // the other machine's affair
  auto found = co_await running_farm(world, home);
  if (found) co_return found;
  if (found.error().code == Code::timeout)
    co_return fail(Error(Code::timeout, fmt::format("the embedded farm under {} runs and does not "
                                                    "answer within {}",
                                                    home, farm_answers_within.text()))
                       .hint(fmt::format("its process stands in {0}/farm.pid, its log is "
                                         "{0}/farm.log",
                                         home)));
  std::string data = farm_folder(home);
  CO_TRY(co_await world.disk.make_dirs(data));
  // The port of the first start is kept: presigned URLs and instances hold the farm's address.
  std::string listen = "127.0.0.1:0";
  auto kept = co_await world.disk.read_file(home + "/farm.listen", Bytes::kib(1));
  if (kept) listen = std::string(trim(*kept));
  Daemon daemon{
      "farm",
      {"farm", "serve", "--data", data, "--listen", listen, "--pid-file", home + "/farm.pid"},
      home + "/farm.log"};
  if (only_for)
    daemon.arguments.insert(daemon.arguments.end(), {"--until-exit-of", std::to_string(*only_for)});
  auto farm = CO_TRY(co_await start_and_wait<EmbeddedFarm>(
      world, daemon, [&world, home] { return probe_farm(world, home); }));
  farm.started = true;
  if (auto cut_at = farm.url.find("://"); cut_at != std::string::npos)
    CO_TRY(
        co_await world.disk.write_file(home + "/farm.listen", farm.url.substr(cut_at + 3) + "\n"));
  terminal.note(fmt::format("started the embedded farm at {} (log {})", farm.url, daemon.log));
  co_return farm;
}

aio::Task<Result<>> until_ended(aio::World& world, std::string name, std::string pid_file) {
  constexpr Duration limit = Duration::seconds(30), look_every = Duration::milliseconds(20);
  Moment end = world.clock.now() + limit;
  while (pid_file_state(pid_file) == PidFileState::living) {
    if (world.clock.now() > end)
      co_return fail(Code::timeout, "the " + name + " did not end within " + limit.text());
    CO_TRY(co_await world.clock.sleep(look_every));
  }
  co_return Result<>{};
}

}  // namespace croft::cli
