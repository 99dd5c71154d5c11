// croft forward: a port of a host, here.
#include <fmt/format.h>

#include <csignal>

#include "aio/scope.h"
#include "base/text.h"
#include "cli/session.h"
#include "cli/tunnel.h"
#include "cli/verbs.h"

namespace croft::cli {

namespace json = wire::json;

namespace {

constexpr size_t read_bytes = 32 << 10;

struct Ports {
  uint16_t there = 0, here = 0;
};

Result<Ports> ports_of(const std::string& text) {
  auto parts = split(text, ':');
  Ports out;
  auto number = [](const std::string& part) -> std::optional<uint16_t> {
    auto value = parse_u64(part);
    return value && *value >= 1 && *value <= 65535 ? std::optional(static_cast<uint16_t>(*value))
                                                   : std::nullopt;
  };
  auto there = number(parts.back());
  auto here = parts.size() == 2 && parts.front() != "0" ? number(parts.front()) : std::nullopt;
  bool zero = parts.size() == 2 && parts.front() == "0";
  if (parts.size() > 2 || !there || (parts.size() == 2 && !here && !zero))
    return fail(wrong_argument("PORT is a port there, or HERE:THERE, not '" + text + "'"));
  out.there = *there;
  out.here = zero ? 0 : here.value_or(*there);
  return out;
}

aio::Task<Result<>> from_client(aio::Stream& client, Tunnel& tunnel) {
  std::string buffer(read_bytes, '\0');
  for (;;) {
    auto got = co_await client.read(buffer);
    size_t size = got.value_or(0);
    CO_TRY(co_await tunnel.send(buffer.substr(0, size)));
    if (size == 0) co_return Result<>{};
  }
}

aio::Task<Result<>> to_client(Tunnel& tunnel, aio::Stream& client) {
  for (;;) {
    auto piece = CO_TRY(co_await tunnel.receive());
    if (piece.closed) co_return Result<>{};
    if (piece.bytes.empty()) {
      CO_TRY(co_await client.shutdown());
      continue;
    }
    std::vector<std::string_view> pieces{piece.bytes};
    CO_TRY(co_await client.write(std::move(pieces)));
  }
}

aio::Task<Result<>> one_connection(aio::World& world, Invocation& invocation, Tunnel::Target target,
                                   uint16_t port, std::unique_ptr<aio::Stream> client) {
  auto tunnel = co_await Tunnel::open(world, invocation.home, std::move(target),
                                      {{"what", "forward"}, {"port", port}});
  if (!tunnel) {
    if (tunnel.error().code == Code::cancelled) co_return fail(std::move(tunnel).error());
    invocation.terminal.note(tunnel.error().line());
    co_return Result<>{};
  }
  // One that breaks is its own affair: the next ones are served.
  auto outcome = co_await aio::race(to_client(**tunnel, *client), [&]() -> aio::Task<Result<>> {
    CO_TRY(co_await from_client(*client, **tunnel));
    aio::Event never;
    co_return co_await never.wait();
  }());
  bool cancelled = (co_await aio::here()).cancelled();
  co_return cancelled ? fail(Code::cancelled, "stopped") : Result<>{};
}

aio::Task<Result<>> accept_all(aio::World& world, Invocation& invocation, Tunnel::Target target,
                               uint16_t port, aio::Listener& listener) {
  aio::Scope scope(co_await aio::here());
  Result<> done;
  while (done) {
    auto client = co_await listener.accept();
    if (client)
      scope.spawn(one_connection(world, invocation, target, port, std::move(*client)));
    else
      done = fail(std::move(client).error());
  }
  scope.cancel();
  auto joined = co_await scope.join();
  static_cast<void>(joined);
  co_return done;
}

aio::Task<Result<int>> forward(aio::World& world, Invocation& invocation) {
  Ports ports = CO_TRY(ports_of(invocation.positional(1)));
  auto target = Tunnel::target(invocation.positional(0));
  if (auto instance = invocation.value("--instance")) target.instance = *instance;
  auto listener = CO_TRY(world.net.listen(aio::Address{"127.0.0.1", ports.here, ""}));
  std::string at = listener->local().text();
  if (invocation.json)
    invocation.terminal.print(json::compact(json::Object{
        {"address", at}, {"component", invocation.positional(0)}, {"port", ports.there}}));
  else
    invocation.terminal.note(fmt::format("{} leads to port {} of {}; Ctrl-C ends it", at,
                                         ports.there, invocation.positional(0)));
  auto outcome =
      co_await aio::race(accept_all(world, invocation, std::move(target), ports.there, *listener),
                         world.processes.signal({SIGINT, SIGTERM}));
  if (outcome.index() == 0) CO_TRY(std::get<0>(std::move(outcome)));
  co_return exit_code::done;
}

int run_forward(Invocation& invocation) {
  return run_verb(invocation, forward);
}

}  // namespace

Command forward_command() {
  return {
      .path = "forward",
      .summary = "make a port of a host reachable here, on loopback",
      .details =
          "PORT is the port there, which is then the port here too; HERE:THERE names "
          "both; 0:THERE lets the kernel choose.",
      .example = "croft forward shop:web:server 8080",
      .positionals = {{"PATH", "a component of an application"}, {"PORT", "PORT or HERE:THERE"}},
      .options = {{"--instance", "ID", "on this machine of the application"}},
      .run = run_forward};
}

}  // namespace croft::cli
