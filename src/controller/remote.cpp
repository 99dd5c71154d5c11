// Operators on other machines: TLS under this home's authority, a token with a role in each
// request, and a trail of what was asked for.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/backup.h"
#include "controller/operators.h"
#include "controller/routes.h"
#include "net/tls.h"
#include "trust/authority.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {

constexpr Duration certificate_lasts = Duration::hours(24 * 365 * 5);
constexpr Duration look_again = Duration::seconds(1);
constexpr Bytes request_limit = Bytes::kib(64);
constexpr std::string_view bearer = "Bearer ";

/// Forgets at its end who asked.
class Asking {
 public:
  Asking(State& state, net::Exchange& exchange, Operator who) : state_(state), exchange_(exchange) {
    state_.asking[&exchange_] = std::move(who);
  }
  ~Asking() { state_.asking.erase(&exchange_); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

 private:
  State& state_;
  net::Exchange& exchange_;
};

}  // namespace

aio::Task<Result<Operator>> operator_of(Operators& operators, net::Exchange& exchange) {
  auto given = exchange.request().headers.get("Authorization");
  if (!given || !given->starts_with(bearer))
    co_return fail(Error(Code::unauthenticated, "a token is needed")
                       .hint("croft login URL --fingerprint PIN keeps one for this home"));
  co_return co_await operators.who(Secret(std::string(given->substr(bearer.size()))));
}

aio::Task<Result<OperatorsDoor>> open_operators_door(aio::World& world,
                                                     const ControllerOptions& options) {
  auto authority = CO_TRY(co_await trust::Authority::open(world, options.home + "/controller"));
  aio::Address address = CO_TRY(aio::Address::parse(options.api));
  auto key = CO_TRY(trust::make_key("croft controller"));
  net::TlsOptions tls;
  tls.certificate_pem = CO_TRY(authority.sign(key.request_pem, {.name = "croft controller",
                                                                .uri = {},
                                                                .addresses = {address.host},
                                                                .server = true,
                                                                .lasts = certificate_lasts}));
  tls.key_pem = key.key_pem;
  tls.verify_peer = false;
  auto context = CO_TRY(net::TlsContext::server(tls));
  auto plain = CO_TRY(world.net.listen(address));
  OperatorsDoor out;
  out.pin = authority.pin();
  out.url = options.reached.empty() ? "https://" + plain->local().text() : options.reached;
  log::info("controller", "operators reach it at {}, fingerprint {}", out.url, out.pin);
  out.listener = net::tls_listener(std::move(context), std::move(plain));
  co_return out;
}

aio::Task<Result<>> State::open_api() {
  auto door = CO_TRY(co_await open_operators_door(world, options));
  api_pin = std::move(door.pin);
  api_url = std::move(door.url);
  api = std::move(door.listener);
  co_return Result<>{};
}

aio::Task<Result<>> State::answer_operator(net::Exchange& exchange) {
  auto who = co_await operator_of(*operators, exchange);
  if (!who) {
    // Without a token it may be whoever rented this machine, who asks whether anybody answers.
    if (exchange.request().headers.get("Authorization"))
      log::warn("controller", "{} is refused: {}", exchange.peer().text(), who.error().line());
    exchange.close_after();
    co_return co_await refuse(exchange, who.error());
  }
  Asking asking(*this, exchange, *std::move(who));
  co_return co_await router.handle(exchange);
}

aio::Task<Result<>> State::admit(net::Exchange& exchange, Role needed) {
  auto found = asking.find(&exchange);
  if (found == asking.end()) co_return Result<>{};  // from the socket: its user owns this home
  const Operator& who = found->second;
  bool refused = who.role < needed;
  const auto& request = exchange.request();
  if ((request.method != "GET" && request.method != "HEAD") || refused)
    CO_TRY(co_await operators->note({.seq = 0,
                                     .time = {},
                                     .by = who.name,
                                     .role = std::string(name_of(who.role)),
                                     .from = exchange.peer().text(),
                                     .method = request.method,
                                     .target = request.target,
                                     .refused = refused}));
  if (!refused) co_return Result<>{};
  co_return fail(
      Error(Code::permission_denied, fmt::format("{} may {}, and this takes the role {}", who.name,
                                                 name_of(who.role), name_of(needed)))
          .hint("an owner gives roles: croft operator add NAME --role ROLE"));
}

bool may_go_on(const State& state, const net::Exchange& exchange) {
  auto found = state.asking.find(&exchange);
  return found == state.asking.end() || !found->second.removed;
}

std::string caller_of(State& state, net::Exchange& exchange) {
  auto found = state.asking.find(&exchange);
  return found == state.asking.end() ? user_of(exchange) : found->second.name;
}

aio::Task<Result<>> list_operators(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  json::Array all;
  for (const auto& each : CO_TRY(co_await state.operators->list())) {
    json::Object line{{"name", each.name},
                      {"role", name_of(each.role)},
                      {"created", protocol::time_text(each.created)}};
    if (each.expires) line["expires"] = protocol::time_text(*each.expires);
    all.emplace_back(std::move(line));
  }
  co_return co_await reply(exchange, 200, {{"operators", std::move(all)}});
}

aio::Task<Result<>> add_operator(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  auto body =
      CO_TRY(json::parse_object(CO_TRY(co_await exchange.read_all(request_limit)), "the request"));
  std::string name = CO_TRY(json::string_at(body, "name"));
  Role role = CO_TRY(role_from_name(CO_TRY(json::string_at(body, "role"))));
  std::optional<Duration> lasts;
  if (std::string text = CO_TRY(json::string_or(body, "lasts", "")); !text.empty()) {
    lasts = CO_TRY(Duration::parse(text));
    if (*lasts <= Duration())
      co_return fail(Code::invalid_argument, fmt::format("a token cannot last {}", text));
  }
  Secret token = CO_TRY(co_await state.operators->add(name, role, lasts));
  json::Object answer{{"name", name}, {"role", name_of(role)}, {"token", token.reveal()}};
  if (!state.api_url.empty()) {
    answer["url"] = state.api_url;
    answer["fingerprint"] = state.api_pin;
  }
  co_return co_await reply(exchange, 201, std::move(answer));
}

aio::Task<Result<>> remove_operator(State& state, net::Exchange& exchange,
                                    const net::RouteMatch& match) {
  std::string name(match["name"]);
  CO_TRY(co_await state.operators->remove(name));
  for (auto& [other, who] : state.asking)
    if (who.name == name) who.removed = true;
  co_return co_await reply(exchange, 200, {{"name", name}});
}

aio::Task<Result<>> give_keys(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  if (state.options.store.empty())
    co_return fail(Error(Code::conflict, "this controller's store is its own: no other can join")
                       .hint("croft controller serve --store etcd://HOST:PORT,..."));
  json::Object files;
  for (const char* name : shared_keys) {
    auto text = CO_TRY(co_await state.world.disk.read_file(
        fmt::format("{}/controller/{}", state.options.home, name), request_limit));
    files[name] = base64(text);
  }
  co_return co_await reply(exchange, 200,
                           {{"store", state.options.store}, {"files", std::move(files)}});
}

aio::Task<Result<>> give_backup(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  CO_TRY(co_await exchange.start(200, {{"Content-Type", "application/x-ndjson"}}, std::nullopt));
  auto write = [&exchange](std::string lines) -> aio::Task<Result<>> {
    co_return co_await exchange.write(lines);
  };
  CO_TRY(co_await back_up(state.world, *state.store, state.options.home, write));
  co_return co_await exchange.finish();
}

aio::Task<Result<>> open_tunnel(State& state, net::Exchange& exchange,
                                const net::RouteMatch& match) {
  auto text = [&](std::string_view name) { return std::string(match.query.value(name)); };
  TunnelTarget named{match["application"], text("component"), text("instance"), text("what")};
  auto stream = CO_TRY(co_await exchange.upgrade(tunnel_protocol));
  // The trail has what the address says, so nothing else is done.
  auto find = [&state, named](const TunnelTarget& target) -> Result<std::shared_ptr<RemoteHost>> {
    if (target == named) return state.find_host(target);
    return fail(Code::permission_denied, "this tunnel is to another place, or for something else");
  };
  auto until_removed = [](State& all, net::Exchange& asked) -> aio::Task<Result<>> {
    while (may_go_on(all, asked)) CO_TRY(co_await all.world.clock.sleep(look_again));
    co_return Result<>{};
  };
  auto first = co_await aio::race(serve_tunnel(state.world, std::move(stream), std::move(find)),
                                  until_removed(state, exchange));
  co_return first.index() == 0 ? std::get<0>(std::move(first)) : std::get<1>(std::move(first));
}

aio::Task<Result<>> show_trail(State& state, net::Exchange& exchange,
                               const net::RouteMatch& match) {
  uint64_t from = std::max<uint64_t>(1, parse_u64(match.query.value("from")).value_or(1));
  json::Array entries;
  for (const auto& entry : CO_TRY(co_await state.operators->trail(from)))
    entries.emplace_back(to_json(entry));
  co_return co_await reply(exchange, 200, {{"trail", std::move(entries)}});
}

}  // namespace croft::controller
