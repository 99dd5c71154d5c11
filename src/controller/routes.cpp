// The HTTP API of the controller: controller.h describes it.
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "controller/requests.h"
#include "controller/state.h"
#include "controller/views.h"
#include "engine/redact.h"

namespace croft::controller {
namespace {

namespace json = wire::json;
using State = Controller::State;

constexpr Bytes body_limit = Bytes::mib(64);
constexpr Duration look_again = Duration::milliseconds(500);
constexpr Duration heartbeat = Duration::seconds(15);
constexpr uint64_t longest_wait = 60;  // seconds

int status_of(const Error& error) {
  if (auto given = parse_u64(error.fact("http_status")); given && *given == 413) return 413;
  switch (error.code) {
    case Code::invalid_argument:
    case Code::syntax:
    case Code::unresolved:
    case Code::type_mismatch:
      return 400;
    case Code::not_found:
      return 404;
    case Code::already_exists:
    case Code::conflict:
      return 409;
    case Code::permission_denied:
    case Code::unauthenticated:
      return 403;
    case Code::resource_exhausted:
      return 422;
    case Code::throttled:
    case Code::unavailable:
      return 503;
    case Code::unsupported:
      return 501;
    case Code::timeout:
      return 504;
    case Code::cancelled:
    case Code::io:
    case Code::corrupt:
    case Code::internal:
      return 500;
  }
  return 500;
}

aio::Task<Result<>> reply(net::Exchange& exchange, int status, json::Object document) {
  co_return co_await exchange.respond(status, {{"Content-Type", "application/json"}},
                                      json::compact(document));
}

aio::Task<Result<>> refuse(net::Exchange& exchange, const Error& error) {
  co_return co_await reply(exchange, status_of(error), error_view(error));
}

bool asked(const net::RouteMatch& match, std::string_view name) {
  auto value = match.query.get(name);
  return value && *value != "false" && *value != "0";
}

// ---- routes ----------------------------------------------------------------------------------

aio::Task<Result<>> health(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  size_t held = 0;
  for (const auto& [name, application] : state.applications)
    if (application->record().state != protocol::ApplicationState::down) ++held;
  json::Object document{{"version", CROFT_VERSION},
                        {"pid", static_cast<int64_t>(getpid())},
                        {"home", state.options.home},
                        {"started", protocol::time_text(state.started)},
                        {"applications", state.applications.size()},
                        {"held", held},
                        {"kept", state.kept()}};
  co_return co_await reply(exchange, 200, std::move(document));
}

aio::Task<Result<>> list(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  json::Array all;
  for (const auto& [name, application] : state.applications)
    all.emplace_back(summary_view(*application));
  co_return co_await reply(exchange, 200, {{"applications", std::move(all)}});
}

/// What is wrong with the plan is said before anything is recorded.
Result<plan::Plan> planned(State& state, const UpBody& body, const engine::Application* current) {
  auto plan = engine::plan_of(state.registry, body.name, body.wanted.description,
                              body.wanted.options, current, state.instances_of_others(body.name));
  if (plan) return plan;
  Error error = std::move(plan).error();
  if (body.wanted.description.root) engine::redact(error, *body.wanted.description.root);
  engine::redact_sources(error, state.registry.schemas());
  return fail(std::move(error));
}

aio::Task<Result<>> up(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  UpBody body = CO_TRY(up_body(CO_TRY(co_await exchange.read_all(body_limit))));
  auto found = state.applications.find(body.name);
  ApplicationRef application = found == state.applications.end() ? nullptr : found->second;
  CO_TRY(planned(state, body, application.get()));
  std::string digest = body.wanted.description.digest;
  const char* change = "create";
  uint64_t seq = 1;
  if (application) {
    seq = application->last_event() + 1;
    switch (CO_TRY(co_await application->up(std::move(body.wanted)))) {
      case engine::UpChange::created:
        break;
      case engine::UpChange::continued:
        change = "continue";
        break;
      case engine::UpChange::updated:
        change = "update";
        break;
    }
  } else {
    application = std::make_shared<engine::Application>(state.services(), body.name);
    // Named at once, so that a second request for the same name meets it.
    state.applications[body.name] = application;
    auto created = co_await application->create(std::move(body.wanted));
    if (!created) {
      state.applications.erase(body.name);
      co_return created;
    }
    state.adopt(application);
  }
  co_return co_await reply(
      exchange, 202,
      {{"name", application->name()}, {"change", change}, {"digest", digest}, {"seq", seq}});
}

aio::Task<Result<>> plan(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  UpBody body = CO_TRY(up_body(CO_TRY(co_await exchange.read_all(body_limit))));
  auto found = state.applications.find(body.name);
  auto plan = CO_TRY(
      planned(state, body, found == state.applications.end() ? nullptr : found->second.get()));
  co_return co_await reply(exchange, 200, plan_view(plan));
}

/// Waits until the application has settled, at most until `end`.
aio::Task<Result<>> wait_settled(State& state, ApplicationRef application, Moment end) {
  while (!application->settled() && !state.stopping && state.world.clock.now() < end) {
    Duration pause = std::min(look_again, end - state.world.clock.now());
    auto woken = co_await aio::race(application->changed().wait(), state.world.clock.sleep(pause));
    if (woken.index() == 0)
      CO_TRY(std::get<0>(std::move(woken)));
    else
      CO_TRY(std::get<1>(std::move(woken)));
  }
  co_return Result<>{};
}

aio::Task<Result<>> show(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  if (match.query.value("wait") == "settled") {
    uint64_t seconds = std::min(parse_u64(match.query.value("seconds")).value_or(25), longest_wait);
    Moment end = state.world.clock.now() + Duration::seconds(static_cast<int64_t>(seconds));
    CO_TRY(co_await wait_settled(state, application, end));
  }
  co_return co_await reply(exchange, 200, application_view(*application));
}

aio::Task<Result<>> down(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  uint64_t seq = application->last_event() + 1;
  CO_TRY(co_await application->down(asked(match, "kept")));
  co_return co_await reply(exchange, 202, {{"name", application->name()}, {"seq", seq}});
}

aio::Task<Result<>> proof(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  co_return co_await reply(exchange, 200, proof_view(*application));
}

aio::Task<Result<>> ping(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  json::Array failed;
  for (const auto& [path, error] : CO_TRY(co_await application->ping_all()))
    failed.emplace_back(json::Object{{"path", path}, {"why", error.line()}});
  co_return co_await reply(exchange, 200, {{"failed", std::move(failed)}});
}

aio::Task<Result<>> list_hosts(State& state, net::Exchange& exchange,
                               const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  json::Array all;
  Moment now = state.world.clock.now();
  for (const auto& host : state.hosts->of(application->name()))
    all.emplace_back(host_view(*host, now));
  co_return co_await reply(exchange, 200, {{"hosts", std::move(all)}});
}

aio::Task<Result<>> events(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  uint64_t from = std::max<uint64_t>(1, parse_u64(match.query.value("from")).value_or(1));
  bool follow = asked(match, "follow"), until_settled = match.query.value("until") == "settled";
  aio::Clock& clock = state.world.clock;
  CO_TRY(co_await exchange.start(200, {{"Content-Type", "application/x-ndjson"}}, std::nullopt));
  Moment last_written = clock.now();
  for (;;) {
    // Asked before reading: what settled it is then among what is read.
    bool settled = application->settled();
    uint64_t last = application->last_event();
    auto batch = CO_TRY(co_await application->ledger().events(from));
    std::string text;
    for (const auto& event : batch) text += protocol::line_of(event) + "\n";
    if (!batch.empty()) from = batch.back().seq + 1;
    if (text.empty() && clock.now() - last_written >= heartbeat)
      text = "\n";  // finds out who hung up
    if (!text.empty()) {
      CO_TRY(co_await exchange.write(text));
      last_written = clock.now();
    }
    if (!batch.empty()) continue;
    if (!follow || state.stopping) break;
    if (until_settled && settled && from > last) break;
    auto woken =
        co_await aio::race(application->ledger().committed().wait(), clock.sleep(look_again));
    if (woken.index() == 0)
      CO_TRY(std::get<0>(std::move(woken)));
    else
      CO_TRY(std::get<1>(std::move(woken)));
  }
  co_return co_await exchange.finish();
}

aio::Task<Result<>> stop_all(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  exchange.close_after();
  state.farm_destroyed = asked(match, "farm-destroyed");
  auto replied = co_await reply(exchange, 202, {{"stopping", true}});
  state.stopping = true;
  state.stop_asked.notify();
  co_return replied;
}

using Route = aio::Task<Result<>> (*)(State&, net::Exchange&, const net::RouteMatch&);

/// An error of a route is an answer as long as none was begun.
aio::Task<Result<>> guarded(State& state, Route route, net::Exchange& exchange,
                            const net::RouteMatch& match) {
  auto done = co_await route(state, exchange, match);
  if (done || exchange.answered()) co_return done;
  co_return co_await refuse(exchange, done.error());
}

}  // namespace

Result<> Controller::State::add_routes() {
  struct Entry {
    const char* method;
    const char* pattern;
    Route route;
  };
  for (const Entry& entry : {Entry{"GET", "/v1/health", health},
                             {"GET", "/v1/applications", list},
                             {"POST", "/v1/applications", up},
                             {"GET", "/v1/applications/{name}", show},
                             {"DELETE", "/v1/applications/{name}", down},
                             {"GET", "/v1/applications/{name}/proof", proof},
                             {"GET", "/v1/applications/{name}/events", events},
                             {"POST", "/v1/applications/{name}/ping", ping},
                             {"GET", "/v1/applications/{name}/hosts", list_hosts},
                             {"POST", "/v1/plan", plan},
                             {"POST", "/v1/stop", stop_all}}) {
    Route route = entry.route;
    TRY(router.add(entry.method, entry.pattern,
                   [this, route](net::Exchange& exchange, const net::RouteMatch& match) {
                     return guarded(*this, route, exchange, match);
                   }));
  }
  return {};
}

aio::Task<Result<>> Controller::State::answer(net::Exchange& exchange) {
  int64_t uid = exchange.credentials().uid;
  bool trusted =
      uid == 0 || uid == static_cast<int64_t>(getuid()) || (uid < 0 && options.simulated);
  if (!trusted)
    co_return co_await refuse(
        exchange,
        Error(Code::permission_denied, fmt::format("user {} may not use this controller", uid)));
  co_return co_await router.handle(exchange);
}

}  // namespace croft::controller
