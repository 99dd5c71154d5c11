// Files and folders as tars, by the machine's own tar; ports of this machine from afar.
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include "agent/channel_open.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr Duration connect_patience = Duration::seconds(10);

Result<std::string> absolute(const wire::json::Object& request) {
  std::string path = TRY(wire::json::string_at(request, "path"));
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path.starts_with('/')) return path;
  return fail(Code::invalid_argument, fmt::format("'{}' is no absolute path", printable(path)));
}

aio::Task<Result<std::unique_ptr<aio::Child>>> start_tar(aio::World& world,
                                                         std::vector<std::string> command,
                                                         bool writes) {
  aio::ProcessOptions options;
  options.command = std::move(command);
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LC_ALL=C.UTF-8"};
  options.pipe_output = writes;
  options.pipe_input = !writes;
  options.new_session = true;
  co_return world.processes.start(std::move(options));
}

aio::Task<Result<wire::json::Object>> finish_tar(aio::Child& child, Result<> moved) {
  if (!moved && moved.error().code == Code::cancelled) {
    auto killed = child.kill(SIGKILL);
    static_cast<void>(killed);
    auto reaped = co_await aio::shield(child.wait());
    static_cast<void>(reaped);
    co_return fail(std::move(moved).error());
  }
  child.close_input();
  auto status = CO_TRY(co_await child.wait());
  // What went wrong in the pipe is the consequence of tar's end, and no news.
  if (status.code != 0 || status.signal != 0)
    co_return fail(Code::io,
                   fmt::format("tar ended with {}", status.signal ? status.signal : status.code));
  CO_TRY(std::move(moved));
  co_return wire::json::Object{};
}

aio::Task<Result<>> pour_out(aio::Child& from, Channel& to) {
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await from.read(buffer));
    CO_TRY(co_await to.send(buffer.substr(0, got)));
    if (got == 0) co_return Result<>{};
  }
}

aio::Task<Result<>> pour_in(Channel& from, aio::Child& to) {
  for (;;) {
    std::string bytes = CO_TRY(co_await from.receive());
    if (bytes.empty()) co_return Result<>{};
    CO_TRY(co_await to.write(std::move(bytes)));
  }
}

aio::Task<Result<wire::json::Object>> get_worker(std::shared_ptr<aio::Child> child,
                                                 std::shared_ptr<Channels::Open> open) {
  auto moved = co_await pour_out(*child, *open->channel);
  co_return co_await finish_tar(*child, std::move(moved));
}

aio::Task<Result<wire::json::Object>> put_worker(std::shared_ptr<aio::Child> child,
                                                 std::shared_ptr<Channels::Open> open) {
  auto moved = co_await pour_in(*open->channel, *child);
  co_return co_await finish_tar(*child, std::move(moved));
}

aio::Task<Result<>> from_port(aio::Stream& stream, Channel& channel) {
  std::string buffer(piece_bytes, '\0');
  for (;;) {
    size_t got = CO_TRY(co_await stream.read(buffer));
    CO_TRY(co_await channel.send(buffer.substr(0, got)));
    if (got == 0) co_return Result<>{};
  }
}

aio::Task<Result<>> to_port(Channel& channel, aio::Stream& stream) {
  for (;;) {
    std::string bytes = CO_TRY(co_await channel.receive());
    if (bytes.empty()) co_return co_await stream.shutdown();
    std::vector<std::string_view> pieces{bytes};
    CO_TRY(co_await stream.write(std::move(pieces)));
  }
}

aio::Task<Result<wire::json::Object>> forward_worker(std::shared_ptr<aio::Stream> stream,
                                                     std::shared_ptr<Channels::Open> open) {
  aio::Scope scope(co_await aio::here());
  scope.spawn(from_port(*stream, *open->channel));
  scope.spawn(to_port(*open->channel, *stream));
  CO_TRY(co_await scope.join());
  co_return wire::json::Object{};
}

}  // namespace

aio::Task<Result<wire::json::Object>> Channels::open_get(aio::Scope& scope,
                                                         wire::json::Object request) {
  std::string path = CO_TRY(absolute(request));
  auto info = CO_TRY(co_await world_.disk.info(path));
  size_t slash = path.rfind('/');
  std::string folder = slash == 0 ? "/" : path.substr(0, slash), name = path.substr(slash + 1);
  std::shared_ptr<aio::Child> child = CO_TRY(co_await start_tar(
      world_, {"tar", "-C", folder, "-cf", "-", "--", name.empty() ? "." : "./" + name}, true));
  auto open = add();
  scope.spawn(run(open, get_worker(std::move(child), open)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  out["directory"] = info.is_directory;
  co_return out;
}

aio::Task<Result<wire::json::Object>> Channels::open_put(aio::Scope& scope,
                                                         wire::json::Object request) {
  std::string path = CO_TRY(absolute(request));
  CO_TRY(co_await world_.disk.make_dirs(path, 0755));
  std::shared_ptr<aio::Child> child =
      CO_TRY(co_await start_tar(world_, {"tar", "-C", path, "--no-same-owner", "-xf", "-"}, false));
  auto open = add();
  scope.spawn(run(open, put_worker(std::move(child), open)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  co_return out;
}

aio::Task<Result<wire::json::Object>> Channels::open_forward(aio::Scope& scope,
                                                             wire::json::Object request) {
  std::string host = CO_TRY(wire::json::string_or(request, "host", "127.0.0.1"));
  int64_t port = CO_TRY(wire::json::int_at(request, "port"));
  if (port < 1 || port > 65535)
    co_return fail(Code::invalid_argument, fmt::format("{} is no port", port));
  auto addresses = CO_TRY(co_await world_.net.resolve(host));
  if (addresses.empty()) co_return fail(Code::not_found, fmt::format("'{}' has no address", host));
  std::shared_ptr<aio::Stream> stream = CO_TRY(co_await aio::deadline(
      world_.clock, connect_patience,
      world_.net.connect({addresses.front(), static_cast<uint16_t>(port), ""}),
      fmt::format("connecting to {}:{}", host, port)));
  auto open = add();
  scope.spawn(run(open, forward_worker(std::move(stream), open)));
  wire::json::Object out;
  out["channel"] = open->channel->number();
  co_return out;
}

}  // namespace croft::agent
