// croft cp: files and folders between here and a host.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "aio/scope.h"
#include "base/text.h"
#include "cli/session.h"
#include "cli/tunnel.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t read_bytes = 64 << 10;

/// One side of the copy.
struct Place {
  std::string component;  ///< empty: this machine
  std::string path;
  bool here() const { return component.empty(); }
};

/// "shop:web:server:/etc/motd" is on a host; anything else is here.
Place place_of(const std::string& text) {
  size_t at = text.find(":/");
  if (at == text.npos || at == 0 || text.front() == '/' || text.front() == '.') return {"", text};
  return {text.substr(0, at), text.substr(at + 1)};
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}
std::string folder_of(const std::string& path) {
  size_t at = path.rfind('/');
  return at == path.npos ? "." : at == 0 ? "/" : path.substr(0, at);
}
std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}
bool is_directory(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

aio::Task<Result<std::shared_ptr<aio::Child>>> start_tar(aio::World& world,
                                                         std::vector<std::string> arguments,
                                                         bool reads) {
  aio::ProcessOptions options;
  // What comes from a host must not become a device here.
  if (reads && geteuid() == 0) options.command = {"setpriv", "--bounding-set", "-mknod"};
  options.command.push_back("tar");
  std::ranges::move(arguments, std::back_inserter(options.command));
  options.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.pipe_input = reads;
  options.pipe_output = !reads;
  co_return CO_TRY(world.processes.start(std::move(options)));
}

aio::Task<Result<>> finish(aio::Child& tar) {
  auto status = CO_TRY(co_await tar.wait());
  if (status.code == 0 && status.signal == 0) co_return Result<>{};
  co_return fail(Code::io, "tar failed here: see above");
}

/// The name there; a transform of tar takes it literally but for these.
std::string renaming(const std::string& from, const std::string& to) {
  auto escaped = [](std::string_view text, std::string_view special) {
    std::string out;
    for (char c : text) {
      if (special.find(c) != special.npos) out += '\\';
      out += c;
    }
    return out;
  };
  return fmt::format("--transform=flags=r;s\x01^{}\x01{}\x01", escaped(from, ".*[]^$\\"),
                     escaped(to, "&\\"));
}

aio::Task<Result<bool>> is_directory_there(aio::World& world, std::string home, Place place) {
  auto tunnel = CO_TRY(co_await Tunnel::open(
      world, std::move(home), Tunnel::target(place.component),
      {{"what", "exec"}, {"command", json::Array{"test", "-d", place.path}}}));
  for (;;) {
    auto piece = CO_TRY(co_await tunnel->receive());
    if (piece.closed) co_return CO_TRY(json::int_or(*piece.closed, "code", 1)) == 0;
  }
}

aio::Task<Result<>> fetch(aio::World& world, Invocation& invocation, Place from, Place to) {
  std::string source = without_slashes(from.path), target = without_slashes(to.path);
  std::vector<std::string> arguments{"-xf", "-", "--no-same-owner", "--no-same-permissions"};
  if (is_directory(to.path) || to.path.ends_with('/')) {
    if (!is_directory(to.path))
      co_return fail(Code::not_found, fmt::format("there is no folder '{}' here", to.path));
    arguments.insert(arguments.end(), {"-C", to.path});
  } else {
    arguments.insert(arguments.end(),
                     {"-C", folder_of(target), renaming("./" + name_of(source), name_of(target))});
  }
  auto tunnel = CO_TRY(co_await Tunnel::open(world, invocation.home, Tunnel::target(from.component),
                                             {{"what", "get"}, {"path", source}}));
  auto tar = CO_TRY(co_await start_tar(world, std::move(arguments), true));
  for (;;) {
    auto piece = CO_TRY(co_await tunnel->receive());
    if (piece.closed) break;
    if (!piece.bytes.empty()) CO_TRY(co_await tar->write(std::move(piece.bytes)));
  }
  tar->close_input();
  co_return co_await finish(*tar);
}

aio::Task<Result<>> deliver(aio::World& world, Invocation& invocation, Place from, Place to) {
  std::string source = without_slashes(from.path), target = without_slashes(to.path);
  if (access(source.c_str(), R_OK) != 0)
    co_return fail(Code::not_found, fmt::format("'{}' cannot be read here", source));
  bool into = to.path.ends_with('/') ||
              CO_TRY(co_await is_directory_there(world, invocation.home, {to.component, target}));
  std::vector<std::string> arguments{"-C", folder_of(source), "-cf", "-"};
  if (!into) arguments.push_back(renaming("./" + name_of(source), "./" + name_of(target)));
  arguments.insert(arguments.end(), {"--", "./" + name_of(source)});
  auto tunnel =
      CO_TRY(co_await Tunnel::open(world, invocation.home, Tunnel::target(to.component),
                                   {{"what", "put"}, {"path", into ? target : folder_of(target)}}));
  auto tar = CO_TRY(co_await start_tar(world, std::move(arguments), false));
  std::string buffer(read_bytes, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await tar->read(buffer));
    CO_TRY(co_await tunnel->send(buffer.substr(0, got)));
    if (got == 0) break;
  }
  CO_TRY(co_await finish(*tar));
  while (!CO_TRY(co_await tunnel->receive()).closed) {
  }
  co_return Result<>{};
}

aio::Task<Result<int>> copy(aio::World& world, Invocation& invocation) {
  Place from = place_of(invocation.positional(0)), to = place_of(invocation.positional(1));
  if (from.here() == to.here())
    co_return fail(
        wrong_argument(from.here() ? "neither side is on a host" : "one side has to be here")
            .hint("a place on a host is PATH:/FILE, such as shop:web:server:/etc/motd"));
  auto done = from.here() ? co_await deliver(world, invocation, from, to)
                          : co_await fetch(world, invocation, from, to);
  CO_TRY(std::move(done));
  if (invocation.json)
    invocation.terminal.print(json::pretty(
        json::Object{{"from", invocation.positional(0)}, {"to", invocation.positional(1)}}));
  co_return exit_code::done;
}

int run_copy(Invocation& invocation) {
  return run_verb(invocation, copy);
}

}  // namespace

Command cp_command() {
  return {.path = "cp",
          .summary = "copy a file or folder to or from a host",
          .details =
              "A place on a host is PATH:/FILE, where PATH is a component that is placed "
              "there, or the machine. A target that is a folder gets the source in it.",
          .example = "croft cp shop:web:server:/var/log/app.log .",
          .positionals = {{"FROM", "FILE, or PATH:/FILE"}, {"TO", "FILE, or PATH:/FILE"}},
          .options = {},
          .run = run_copy};
}

}  // namespace croft::cli
