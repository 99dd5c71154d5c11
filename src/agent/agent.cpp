#include "agent/agent.h"

#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "agent/cgroup.h"
#include "agent/link.h"
#include "aio/real/real_world.h"
#include "aio/system_error.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr Duration farewell = Duration::milliseconds(200);
constexpr int exit_refused = 64;
constexpr Bytes token_most = Bytes::kib(4);

const char* const help =
    R"(usage: croft-agent run  [--folder F] [--controller HOST:PORT[,...]] [--pin SHA256]
                        [--instance ID] [--address A] [--token-file F] [--rendezvous-file F]
       croft-agent keep [the same]
       croft-agent --version

Runs on a host and does there what a controller says: starts processes and keeps them running, puts
files, asks probes. 'run' is the agent, 'keep' also starts it again when it dies. Neither an end of
the agent nor of its controller ends a process that it runs.

  --folder F        where it keeps all it needs (default: /var/lib/croft)
  --controller ...  where controllers listen; needed at the first start, as the next four
  --pin SHA256      fingerprint of the controllers' certificate authority
  --instance ID     the machine's id at its farm
  --address A       its private address
  --token-file F    the token to join with, good for one time; the file is removed
  --rendezvous-file F
                    holds the URL where the controllers' addresses are found when none of them
                    answers; in a file, since who has the URL can read what is there

SIGTERM ends it, SIGUSR1 makes it execute its own program anew (after an update of the file).

example: croft-agent keep --controller 10.0.0.1:7117 --pin 9f86d0... --instance i-0123 \
             --address 10.0.0.7 --token-file /run/croft-token
)";

Result<RunOptions> parse(const std::vector<std::string>& arguments) {
  RunOptions out;
  std::string controllers, keeper;
  const std::vector<std::pair<std::string, std::string*>> known{
      {"--folder", &out.folder},
      {"--controller", &controllers},
      {"--pin", &out.pin},
      {"--instance", &out.instance},
      {"--address", &out.address},
      {"--token-file", &out.token_file},
      {"--rendezvous-file", &out.rendezvous_file},
      {"--keeper", &keeper}};
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    std::optional<std::string> value;
    if (size_t equal = name.find('='); equal != std::string::npos) {
      value = name.substr(equal + 1);
      name.resize(equal);
    }
    auto found = std::ranges::find(known, name, [](const auto& each) { return each.first; });
    if (found == known.end()) {
      std::vector<std::string> names;
      for (const auto& each : known) names.push_back(each.first);
      Error error(Code::invalid_argument, fmt::format("unknown option '{}'", printable(name)));
      if (std::string hint = did_you_mean(name, names); !hint.empty()) error.hint(hint);
      return fail(std::move(error));
    }
    if (!value && ++i >= arguments.size())
      return fail(Code::invalid_argument, fmt::format("{} needs a value", name));
    *found->second = value ? *value : arguments[i];
  }
  for (const std::string& each : split(controllers, ','))
    if (!each.empty()) out.controllers.push_back(each);
  out.keeper = static_cast<int>(parse_u64(keeper).value_or(0));
  if (!out.folder.starts_with('/'))
    return fail(Code::invalid_argument,
                fmt::format("--folder '{}' is no absolute path", out.folder));
  while (out.folder.size() > 1 && out.folder.ends_with('/')) out.folder.pop_back();
  return out;
}

/// What the command line says goes over what is kept.
aio::Task<Result<Identity>> settle(aio::World& world, Folder& folder, const RunOptions& options) {
  auto kept = co_await folder.load();
  if (!kept && kept.error().code != Code::not_found) co_return fail(std::move(kept).error());
  Identity out = kept ? *kept : Identity{};
  if (!options.controllers.empty()) out.controllers = options.controllers;
  auto take = [](std::string& into, const std::string& given) {
    if (!given.empty()) into = given;
  };
  take(out.pin, to_lower(options.pin));
  take(out.instance, options.instance);
  take(out.address, options.address);
  if (!options.rendezvous_file.empty()) {
    auto url = co_await world.disk.read_file(options.rendezvous_file, token_most);
    if (url) take(out.rendezvous, std::string(trim(*url)));
  }
  if (out.controllers.empty() && out.rendezvous.empty())
    co_return fail(Code::invalid_argument, "no controller is known: --controller HOST:PORT");
  if (out.pin.size() != 64 || !unhex(out.pin))
    co_return fail(Code::invalid_argument,
                   "no authority is known: --pin takes 64 hexadecimal digits");
  if (out.instance.empty())
    co_return fail(Code::invalid_argument, "this machine has no id: --instance i-...");
  CO_TRY(co_await folder.save(out));
  co_return out;
}

aio::Task<Result<>> join(aio::World& world, Link& link, std::string token_file) {
  if (token_file.empty()) co_return Result<>{};
  auto text = co_await world.disk.read_file(token_file, token_most);
  if (!text && text.error().code == Code::not_found) co_return Result<>{};  // used up before
  if (!text) co_return fail(std::move(text).error());
  co_return co_await link.join(Secret(std::string(trim(*text))),
                               [token_file] { unlink(token_file.c_str()); });
}

/// The keeper died: this process becomes the keeper, in place, and its children stay its own.
aio::Task<Result<std::string>> watch_keeper(aio::World& world, int pidfd) {
  if (pidfd < 0) {
    aio::Event never;
    CO_TRY(co_await never.wait());
  }
  CO_TRY(co_await world.net.readable(pidfd));
  co_return std::string("keep");
}

aio::Task<Result<std::string>> watch_signals(aio::World& world, Link& link) {
  int number = CO_TRY(co_await world.processes.signal({SIGTERM, SIGINT, SIGUSR1}));
  if (number == SIGUSR1) co_return std::string("run");
  auto said =
      co_await aio::deadline(world.clock, farewell, link.say_leaving(), "telling the controller");
  if (!said) log::warn("agent", "{}", said.error().line());
  co_return std::string();
}

aio::Task<Result<std::string>> link_on(Link& link, aio::World& world, std::string token_file) {
  CO_TRY(co_await join(world, link, std::move(token_file)));
  CO_TRY(co_await link.run());
  co_return std::string("run");
}

struct Ending {
  std::string next;     ///< "", "run" or "keep": what to execute now
  std::string program;  ///< another than before
};

aio::Task<Result<Ending>> work(aio::World& world, const RunOptions& options, int keeper) {
  Folder folder(world, options.folder);
  CO_TRY(co_await folder.open());
  Identity identity = CO_TRY(co_await settle(world, folder, options));
  Cgroups cgroups = Cgroups::find("croft-agent-" + sha256_hex(options.folder).substr(0, 12));
  Launcher launcher(world, options.folder, cgroups);
  Supervisor supervisor(world, folder, launcher);
  Link link(world, folder, supervisor, launcher, std::move(identity));
  link.program = options.program;
  supervisor.on_change = [&link](const model::WorkState& state) { link.changed(state); };
  CO_TRY(co_await supervisor.start());
  auto first =
      co_await aio::race(link_on(link, world, options.token_file),
                         aio::race(watch_signals(world, link), watch_keeper(world, keeper)));
  auto finished = co_await supervisor.finish();
  static_cast<void>(finished);
  cgroups.release();
  if (first.index() == 0) {
    auto next = CO_TRY(std::get<0>(std::move(first)));
    co_return Ending{next, link.successor()};
  }
  auto inner = std::get<1>(std::move(first));
  co_return Ending{
      CO_TRY(inner.index() == 0 ? std::get<0>(std::move(inner)) : std::get<1>(std::move(inner))),
      ""};
}

int keeper_descriptor(int keeper) {
  if (keeper <= 0) return -1;
  return static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0));
}

/// Does not return where it succeeds: this process goes on as `verb`, its children stay its own.
Result<> become(const std::string& program, const std::string& verb,
                const std::vector<std::string>& options) {
  std::vector<std::string> words{program, verb};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments;
  for (std::string& each : words) arguments.push_back(each.data());
  arguments.push_back(nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(program.c_str(), arguments.data());
  return fail(aio::system_error(errno, fmt::format("cannot execute '{}'", program)));
}

/// Of the program that runs: what is executed anew. A file that was replaced has a new one there.
std::string own_program() {
  std::string path(4096, '\0');
  ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  path.resize(size > 0 ? static_cast<size_t>(size) : 0);
  constexpr std::string_view replaced = " (deleted)";
  if (path.ends_with(replaced)) path.resize(path.size() - replaced.size());
  return path;
}

int complain(const Error& error) {
  std::string text = error.render();
  if (!text.ends_with('\n')) text += '\n';
  fwrite(text.data(), 1, text.size(), stderr);
  // Trying again does not help: the keeper is told so.
  bool final = error.code == Code::invalid_argument || error.code == Code::unauthenticated ||
               error.code == Code::permission_denied;
  return final ? exit_refused : 1;
}

}  // namespace

Result<> run_agent(RunOptions options) {
  Ending ending;
  // It may have died before its end could be watched.
  if (options.keeper > 0 && options.keeper != getppid()) {
    ending.next = "keep";
  } else {
    auto real = TRY(aio::RealWorld::open());
    int keeper = keeper_descriptor(options.keeper);
    auto result = real->run(work(real->world(), options, keeper));
    if (keeper >= 0) ::close(keeper);
    ending = TRY(std::move(result));
  }
  if (ending.next.empty()) return {};
  std::string program = ending.program.empty() ? options.program : ending.program;
  std::vector<std::string> arguments{"--folder", options.folder};
  if (ending.next == "run" && options.keeper > 0) {
    arguments.emplace_back("--keeper");
    arguments.push_back(fmt::format("{}", options.keeper));
  }
  return become(program, ending.next, arguments);
}

int main_of_agent(int count, char** arguments) {
  // One loop and a few threads that mostly wait: no arena of memory for each.
  mallopt(M_ARENA_MAX, 1);
  std::vector<std::string> words(arguments + 1, arguments + count);
  auto print = [](std::string_view text) { fwrite(text.data(), 1, text.size(), stdout); };
  bool wants_help = words.empty() || std::ranges::find(words, "--help") != words.end();
  if (wants_help) {
    print(help);
    return words.empty() ? exit_refused : 0;
  }
  std::string verb = words.front();
  if (verb == "--version") {
    print(fmt::format("croft-agent {}\n", CROFT_VERSION));
    return 0;
  }
  words.erase(words.begin());
  if (verb != "run" && verb != "keep") {
    Error error(Code::invalid_argument, fmt::format("unknown command '{}'", printable(verb)));
    return complain(std::move(error).hint("'run', 'keep' or --help"));
  }
  auto options = parse(words);
  if (!options) return complain(options.error());
  options->program = own_program();
  auto result = verb == "run" ? run_agent(*options) : keep_agent(*options, words);
  return result ? 0 : complain(result.error());
}

}  // namespace croft::agent
