// serve_on(): a controller that goes on where its store broke, and one of several that stands by
// until it leads.
#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/controller_urls.h"
#include "controller/routes.h"
#include "controller/state.h"
#include "store/etcd/etcd.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr Duration pause = Duration::seconds(1);
constexpr int patience = 60;
const std::string leader_key = "v1/leader";

Result<store::EtcdOptions> etcd_options(std::string_view text) {
  store::EtcdOptions out;
  bool tls = text.starts_with("etcds://");
  if (!tls && !text.starts_with("etcd://"))
    return fail(Error(Code::invalid_argument, fmt::format("'{}' names no store", text))
                    .hint("etcd://HOST:PORT,HOST:PORT,... or etcds://... by TLS"));
  text.remove_prefix(text.find("//") + 2);
  if (auto parts = cut(text, '/')) {
    out.prefix = fmt::format("/{}/", parts->second);
    text = parts->first;
  }
  for (const std::string& member : split(text, ','))
    out.endpoints.push_back(fmt::format("{}://{}", tls ? "https" : "http", member));
  return out;
}

std::string own_name(const ControllerOptions& options) {
  if (!options.name.empty()) return options.name;
  char host[256] = "controller";
  gethostname(host, sizeof host - 1);
  return fmt::format("{}-{}", host, getpid());
}

/// Where operators reach it; empty: nowhere, or nobody said where.
std::string own_url(const ControllerOptions& options) {
  if (!options.reached.empty()) return options.reached;
  auto api = aio::Address::parse(options.api);
  bool certain = api && api->port != 0 && api->host != "0.0.0.0" && api->host != "::";
  return certain ? "https://" + options.api : "";
}

/// How a candidate is known: its name, and behind it where operators reach it, if they do.
std::string candidate(const ControllerOptions& options) {
  std::string url = own_url(options);
  return url.empty() ? own_name(options) : fmt::format("{} {}", own_name(options), url);
}
std::pair<std::string, std::string> name_and_url(const std::string& who) {
  auto parts = cut(who, ' ');
  return parts ? std::pair(std::string(parts->first), std::string(parts->second))
               : std::pair(who, std::string());
}

/// Answers on the home's socket while another leads.
class StandBy {
 public:
  StandBy(aio::World& world, store::Store& store, const ControllerOptions& options)
      : world_(world), store_(store), options_(options) {}

  /// Until somebody stops it: POST /v1/stop.
  aio::Task<Result<>> serve() {
    std::string socket = controller_socket(options_.home);
    auto gone = co_await world_.disk.remove(socket);
    if (!gone && gone.error().code != Code::not_found) co_return gone;
    auto listener = CO_TRY(world_.net.listen(aio::Address{.path = socket}));
    net::HttpServer server(world_, [this](net::Exchange& exchange) { return answer(exchange); });
    net::HttpServer remote(world_,
                           [this](net::Exchange& exchange) { return answer_operator(exchange); });
    std::unique_ptr<aio::Listener> api;
    if (!options_.api.empty())
      api = CO_TRY(co_await open_operators_door(world_, options_)).listener;
    aio::Scope service(co_await aio::here());
    service.spawn(server.serve(std::move(listener)));
    if (api) service.spawn(remote.serve(std::move(api)));
    Result<> waited = Result<>{};
    while (waited && !stopped_) waited = co_await stop_asked_.wait();
    service.cancel();
    auto joined = co_await service.join();
    static_cast<void>(joined);
    co_return waited;
  }

 private:
  aio::Task<Result<>> answer(net::Exchange& exchange) {
    int64_t uid = exchange.credentials().uid;
    if (uid != 0 && uid != static_cast<int64_t>(getuid()))
      co_return co_await refuse(
          exchange,
          Error(Code::permission_denied, fmt::format("user {} may not use this controller", uid)));
    co_return co_await tell(exchange);
  }

  aio::Task<Result<>> answer_operator(net::Exchange& exchange) {
    Operators operators(world_, store_);
    auto who = co_await operator_of(operators, exchange);
    if (!who) {
      exchange.close_after();
      co_return co_await refuse(exchange, who.error());
    }
    if (exchange.request().target == "/v1/stop" && who->role < Role::own)
      co_return co_await refuse(
          exchange,
          Error(Code::permission_denied, fmt::format("{} may {}, and this takes the role own",
                                                     who->name, name_of(who->role))));
    co_return co_await tell(exchange);
  }

  aio::Task<Result<>> tell(net::Exchange& exchange) {
    std::string_view path = exchange.request().target;
    if (path == "/v1/stop") {
      exchange.close_after();
      auto replied = co_await reply(exchange, 202, {{"stopping", true}});
      stopped_ = true;
      stop_asked_.notify();
      co_return replied;
    }
    auto leader = co_await store::present_leader(store_, leader_key);
    auto [who, url] = name_and_url(leader && *leader ? (*leader)->who : "");
    if (path == "/v1/health") {
      json::Object document{{"role", "stands by"},
                            {"version", CROFT_VERSION},
                            {"pid", static_cast<int64_t>(getpid())},
                            {"home", options_.home}};
      if (!who.empty()) document["leader"] = who;
      if (!url.empty()) document["leaderUrl"] = url;
      if (auto urls = co_await controller_urls(store_))
        document["controllers"] = json::Array(urls->begin(), urls->end());
      co_return co_await reply(exchange, 200, std::move(document));
    }
    co_return co_await refuse(
        exchange, Error(Code::unavailable,
                        who.empty() ? std::string("this controller stands by, and none leads now")
                                    : fmt::format("this controller stands by: {} leads", who))
                      .fact("stands_by", "true")
                      .hint("ask the one that leads: croft login, or its own --home"));
  }

  aio::World& world_;
  store::Store& store_;
  const ControllerOptions& options_;
  aio::Signal stop_asked_;
  bool stopped_ = false;
};

/// Code::invalid_argument for a home that could not read what the others have sealed: it would find
/// out when it has to take over.
aio::Task<Result<>> check_keys(aio::World& world, store::Store& store,
                               const ControllerOptions& options) {
  auto sealed = CO_TRY(co_await store.get(signing_key));
  if (!sealed) co_return Result<>{};
  auto keys =
      CO_TRY(co_await trust::Encryption::open(world, options.home + "/controller/secret.key"));
  auto opened = keys.unseal(sealed->value, signing_key);
  if (opened || opened.error().code != Code::conflict) co_return Result<>{};
  co_return fail(
      Error(Code::invalid_argument,
            fmt::format("{} has other keys than the controllers of {}: it could not take over",
                        options.home, options.store))
          .hint("from a fresh --home: croft controller join URL --fingerprint PIN brings theirs"));
}

/// Nullopt: it was stopped before it led.
aio::Task<Result<std::optional<Seat>>> take_seat(aio::World& world,
                                                 const ControllerOptions& options) {
  Seat seat;
  if (options.open_store)
    seat.shared = CO_TRY(co_await options.open_store(world));
  else
    seat.shared = CO_TRY(co_await store::open_etcd(world, CO_TRY(etcd_options(options.store))));
  CO_TRY(co_await check_keys(world, *seat.shared, options));
  if (std::string url = own_url(options); !url.empty())
    CO_TRY(co_await keep_controller_url(*seat.shared, own_name(options), std::move(url)));
  store::Candidacy candidacy;
  candidacy.key = leader_key;
  candidacy.who = candidate(options);
  StandBy stand_by(world, *seat.shared, options);
  auto first =
      co_await aio::race(store::campaign(world, *seat.shared, candidacy), stand_by.serve());
  if (first.index() == 1) {
    CO_TRY(std::get<1>(std::move(first)));
    if (!own_url(options).empty()) {
      auto gone = co_await keep_controller_url(*seat.shared, own_name(options), "");
      if (!gone) log::debug("controller", "its URL stays known: {}", gone.error().line());
    }
    auto closed = co_await seat.shared->close();
    static_cast<void>(closed);
    co_return std::optional<Seat>();
  }
  seat.leadership = CO_TRY(std::get<0>(std::move(first)));
  log::info("controller", "{} leads, fencing number {}", own_name(options),
            seat.leadership->fencing());
  co_return std::optional(std::move(seat));
}

/// A store that does not answer is waited for.
aio::Task<Result<std::optional<Seat>>> take_seat_patiently(aio::World& world,
                                                           const ControllerOptions& options) {
  for (;;) {
    auto taken = co_await take_seat(world, options);
    if (taken || taken.error().code == Code::cancelled ||
        taken.error().code == Code::invalid_argument)
      co_return taken;
    log::error("controller", "{}", taken.error().line());
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

aio::Task<void> leave(Seat seat) {
  if (!seat.shared) co_return;
  // The next one leads at once.
  if (seat.leadership) {
    auto resigned = co_await aio::shield(seat.leadership->resign());
    if (!resigned) log::debug("controller", "resigning: {}", resigned.error().line());
  }
  seat.leadership.reset();
  auto closed = co_await aio::shield(seat.shared->close());
  static_cast<void>(closed);
}

/// What a life of serve_on() comes to.
struct Life {
  std::function<Result<>()> opened;  ///< to be told once; then empty
  bool was_opened = false;
};

/// Whether it ended by itself.
aio::Task<Result<bool>> serve_once(aio::World& world, const ControllerOptions& options, Seat seat,
                                   Life& life) {
  auto controller = CO_TRY(co_await Controller::open(world, options, std::move(seat)));
  life.was_opened = true;
  if (auto tell = std::exchange(life.opened, nullptr)) CO_TRY(tell());
  CO_TRY(co_await controller->serve());
  co_return controller->ended_by_itself();
}

}  // namespace

aio::Task<Result<bool>> serve_on(aio::World& world, ControllerOptions options,
                                 std::function<Result<>()> opened) {
  int failures = 0;
  bool shared = !options.store.empty() || options.open_store, first = true;
  Life life{std::move(opened)};
  if (shared) {
    if (!options.open_store) CO_TRY(etcd_options(options.store));
    CO_TRY(co_await world.disk.make_dirs(options.home + "/controller"));
    CO_TRY(std::exchange(life.opened, nullptr)());
  }
  for (;; first = false) {
    Seat seat;
    if (shared) {
      auto taken = CO_TRY(co_await take_seat_patiently(world, options));
      if (!taken) co_return false;
      seat = *std::move(taken);
    }
    life.was_opened = false;
    auto served = co_await serve_once(world, options, seat, life);
    bool lost = seat.leadership && !seat.leadership->may_act();
    co_await leave(std::move(seat));
    if (served && lost) continue;
    if (served) co_return served;
    Error error = std::move(served).error();
    if (error.code == Code::cancelled) co_return fail(std::move(error));
    bool may_go_on = lost || (life.was_opened ? store::is_broken(error) : !first);
    failures = life.was_opened ? 0 : failures + 1;
    if (!may_go_on || failures > patience) co_return fail(std::move(error));
    log::error("controller", "{}: the store is opened anew", error.line());
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

}  // namespace croft::controller
