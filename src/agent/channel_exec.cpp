// A command run for somebody far away: with a terminal, or with three pipes.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/channel_open.h"
#include "agent/item.h"
#include "agent/pipe_end.h"
#include "aio/system_error.h"

namespace croft::agent {
namespace {

// What still holds the pipes after the command's end (it started something) is not waited for.
constexpr Duration drain = Duration::milliseconds(500);
constexpr Duration hang_up_grace = Duration::seconds(2);

/// A running command and our ends of what it has.
struct Command {
  std::optional<Running> running;
  std::optional<PipeEnd> input, output, errors;  ///< with a terminal `output` alone
};

aio::Task<Result<>> pump_out(PipeEnd& from, Channel& to) {
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await from.read(buffer));
    CO_TRY(co_await to.send(buffer.substr(0, got)));
    if (got == 0) co_return Result<>{};
  }
}

aio::Task<Result<>> pump_in(Channel& from, Command& command) {
  PipeEnd& to = command.input ? *command.input : *command.output;
  for (;;) {
    std::string bytes = CO_TRY(co_await from.receive());
    if (bytes.empty() && command.input) command.input->close();
    if (bytes.empty() && !command.input)
      bytes = "\x04";  // the end, as a terminal says it
    else if (bytes.empty())
      break;
    // Whoever does not read its input is no failure.
    auto written = co_await to.write(std::move(bytes));
    if (!written && written.error().code == Code::cancelled) co_return written;
    if (!written) break;
  }
  aio::Event never;
  co_return co_await never.wait();
}

aio::Task<Result<>> pump_all_out(Command& command, Channel& channel, Channel* errors) {
  aio::Scope scope(co_await aio::here());
  scope.spawn(pump_out(*command.output, channel));
  if (command.errors && errors) scope.spawn(pump_out(*command.errors, *errors));
  co_return co_await scope.join();
}

aio::Task<Result<Ended>> run_to_end(aio::World& world, Command& command, Channel& channel,
                                    Channel* errors) {
  aio::Scope out(co_await aio::here());
  out.spawn(pump_all_out(command, channel, errors));
  auto first = co_await aio::race(command.running->wait(), pump_in(channel, command));
  Result<Ended> ended = fail(Code::internal, "the input ended the command");
  if (first.index() == 0)
    ended = std::get<0>(std::move(first));
  else
    ended = fail(std::get<1>(std::move(first)).error());
  if (!ended) out.cancel();
  auto limit = world.clock.call_at(world.clock.now() + drain, [&out] { out.cancel(); });
  auto drained = co_await out.join();
  world.clock.stop(limit);
  if (ended && !drained && drained.error().code != Code::cancelled)
    co_return fail(std::move(drained).error());
  co_return ended;
}

aio::Task<Result<>> hang_up(Command& command) {
  auto sent = command.running->signal_all(SIGHUP);
  static_cast<void>(sent);
  CO_TRY(co_await command.running->wait());
  co_return Result<>{};
}

aio::Task<Result<wire::json::Object>> exec_worker(aio::World& world,
                                                  std::shared_ptr<Command> command,
                                                  std::shared_ptr<Channels::Open> open,
                                                  std::shared_ptr<Channels::Open> errors) {
  auto ended = co_await run_to_end(world, *command, *open->channel,
                                   errors ? errors->channel.get() : nullptr);
  if (!ended) {
    auto polite = co_await aio::shield(
        aio::deadline(world.clock, hang_up_grace, hang_up(*command), "hanging up"));
    if (!polite) {
      auto cleared = co_await aio::shield(command->running->clear());
      static_cast<void>(cleared);
    }
    co_return fail(std::move(ended).error());
  }
  wire::json::Object out;
  if (ended->signal)
    out["signal"] = signal_name(ended->signal);
  else
    out["code"] = ended->code;
  co_return out;
}

Result<> resize_terminal(int fd, int rows, int columns) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  if (ioctl(fd, TIOCSWINSZ, &size) == 0) return {};
  return fail(aio::system_error(errno, "cannot set the size of a terminal"));
}

/// Master, slave.
Result<std::pair<int, int>> make_terminal() {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  char name[64];
  int slave = -1;
  if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
      ptsname_r(master, name, sizeof name) == 0)
    slave = ::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave >= 0) return std::pair(master, slave);
  auto error = aio::system_error(errno, "cannot make a terminal");
  if (master >= 0) ::close(master);
  return fail(std::move(error));
}

/// Descriptors of the child, closed here once it has them.
struct Lent {
  std::vector<int> fds;
  ~Lent() {
    for (int fd : fds) ::close(fd);
  }
};

Result<> start_piped(aio::World& world, Launcher& launcher, Launch launch, Command& command) {
  Lent lent;
  auto [in_read, in_write] = TRY(make_pipe());
  command.input.emplace(world, in_write);
  lent.fds.push_back(in_read);
  auto [out_read, out_write] = TRY(make_pipe());
  command.output.emplace(world, out_read);
  lent.fds.push_back(out_write);
  auto [error_read, error_write] = TRY(make_pipe());
  command.errors.emplace(world, error_read);
  lent.fds.push_back(error_write);
  launch.input = in_read;
  launch.output = out_write;
  launch.errors = error_write;
  command.running.emplace(TRY(launcher.start(launch)));
  return {};
}

Result<> start_on_terminal(aio::World& world, Launcher& launcher, Launch launch,
                           const wire::json::Object& terminal, Command& command) {
  auto [master, slave] = TRY(make_terminal());
  Lent lent{{slave}};
  command.output.emplace(world, master);
  TRY(resize_terminal(master, static_cast<int>(TRY(wire::json::int_or(terminal, "rows", 24))),
                      static_cast<int>(TRY(wire::json::int_or(terminal, "columns", 80)))));
  launch.input = launch.output = slave;
  launch.terminal = true;
  command.running.emplace(TRY(launcher.start(launch)));
  return {};
}

void set_variable(std::vector<std::string>& environment, const std::string& name,
                  const std::string& value) {
  std::erase_if(environment, [&](const auto& each) { return each.starts_with(name + "="); });
  environment.push_back(name + "=" + value);
}

/// As the process of that item runs: its user, folder, environment. Its secrets lie where they lie.
Result<Launch> like_item(Folder& folder, const Item& item) {
  Program program{.name = item.work().name};
  const auto* process = std::get_if<model::ProcessWork>(&item.work().what);
  const auto* run = std::get_if<model::RunWork>(&item.work().what);
  auto take = [&program](const auto& from) {
    program.user = from.user;
    program.group = from.group;
    program.directory = from.directory;
    program.environment = &from.environment;
    return !from.secrets.empty();
  };
  bool secrets = process ? take(*process) : run ? take(*run) : false;
  Launch launch = TRY(prepare_launch(folder, program));
  if (secrets)
    set_variable(launch.environment, "CREDENTIALS_DIRECTORY",
                 TRY(folder.secrets_folder(program.name)));
  return launch;
}

}  // namespace

aio::Task<Result<wire::json::Object>> Channels::open_exec(aio::Scope& scope,
                                                          wire::json::Object request) {
  std::string name = CO_TRY(wire::json::string_or(request, "name", ""));
  Launch launch;
  if (name.empty()) {
    launch = CO_TRY(prepare_launch(folder_, {.name = "exec", .directory = "/"}));
  } else {
    launch = CO_TRY(like_item(folder_, *CO_TRY(supervisor_.find(name))));
  }
  launch.cgroup.clear();
  launch.command = CO_TRY(wire::json::strings_at(request, "command"));
  std::string directory = CO_TRY(wire::json::string_or(request, "directory", ""));
  if (!directory.empty()) launch.directory = directory;
  if (const auto* more = CO_TRY(wire::json::object_if(request, "environment")))
    for (const auto& [key, value] : *more)
      if (value.is_string())
        set_variable(launch.environment, std::string(key), std::string(value.get_string()));
  auto command = std::make_shared<Command>();
  const auto* terminal = CO_TRY(wire::json::object_if(request, "terminal"));
  if (terminal)
    CO_TRY(start_on_terminal(world_, launcher_, std::move(launch), *terminal, *command));
  else
    CO_TRY(start_piped(world_, launcher_, std::move(launch), *command));
  auto open = add();
  std::shared_ptr<Open> errors = terminal ? nullptr : add();
  if (errors) open->companion = errors->channel->number();
  open->channel->kill = [command](int number) { return command->running->signal_all(number); };
  if (terminal)
    open->channel->resize = [command](int rows, int columns) {
      return resize_terminal(command->output->fd(), rows, columns);
    };
  scope.spawn(run(open, exec_worker(world_, command, open, errors)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  if (errors) out["errors"] = errors->channel->number();
  co_return out;
}

}  // namespace croft::agent
