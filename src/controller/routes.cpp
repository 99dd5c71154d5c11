// The HTTP API of the controller: controller.h describes it.
#include "controller/routes.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "base/text.h"
#include "controller/controller_urls.h"
#include "controller/saved_plan.h"
#include "controller/views.h"
#include "engine/redact.h"
#include "engine/stored_secrets.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;

namespace {

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
    case Code::unauthenticated:
      return 401;
    case Code::permission_denied:
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

}  // namespace

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

std::string user_of(net::Exchange& exchange) {
  int64_t uid = exchange.credentials().uid;
  if (uid < 0) return "unknown";
  passwd entry{}, *found = nullptr;
  char room[4096];
  if (getpwuid_r(static_cast<uid_t>(uid), &entry, room, sizeof room, &found) == 0 && found)
    return entry.pw_name;
  return fmt::format("uid {}", uid);
}

Result<plan::Plan> planned(State& state, const std::string& name,
                           const model::Description& description, const engine::Options& options,
                           const engine::Application* current) {
  auto plan = engine::plan_of(state.registry, name, description, options, current,
                              state.instances_of_others(name));
  if (plan) return plan;
  Error error = std::move(plan).error();
  if (description.root) engine::redact(error, *description.root);
  engine::redact_sources(error, state.registry.schemas());
  return fail(std::move(error));
}

namespace {

// ---- routes ----------------------------------------------------------------------------------

aio::Task<Result<>> health(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  size_t held = 0;
  for (const auto& [name, application] : state.applications)
    if (application->record().state != protocol::ApplicationState::down) ++held;
  json::Object document{{"role", "leads"},
                        {"version", CROFT_VERSION},
                        {"pid", static_cast<int64_t>(getpid())},
                        {"home", state.options.home},
                        {"started", protocol::time_text(state.started)},
                        {"applications", state.applications.size()},
                        {"held", held},
                        {"kept", state.kept()}};
  if (state.seat.shared) {
    auto urls = CO_TRY(co_await controller_urls(*state.seat.shared));
    document["controllers"] = json::Array(urls.begin(), urls.end());
  }
  co_return co_await reply(exchange, 200, std::move(document));
}

aio::Task<Result<>> list(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  json::Array all;
  for (const auto& [name, application] : state.applications)
    all.emplace_back(summary_view(*application));
  co_return co_await reply(exchange, 200, {{"applications", std::move(all)}});
}

/// The request itself, or the one inside a saved plan; and that plan.
Result<std::pair<UpBody, std::optional<SavedPlan>>> wanted_of(State& state, std::string text,
                                                              bool saved) {
  if (!saved) return std::pair{TRY(up_body(text)), std::optional<SavedPlan>()};
  SavedPlan plan = TRY(open_plan(text, *state.sealer));
  UpBody body = TRY(up_body(plan.request));
  return std::pair{std::move(body), std::optional(std::move(plan))};
}

/// Whose wish is under way; nullopt: nobody's.
aio::Task<Result<std::optional<json::Object>>> who_works(engine::Application& application) {
  if (application.settled() || application.record().state == protocol::ApplicationState::down)
    co_return std::nullopt;
  auto history = CO_TRY(co_await application.ledger().all_history());
  if (history.empty()) co_return std::nullopt;
  const auto& last = history.back();
  co_return json::Object{{"by", last.by},
                         {"action", last.action},
                         {"version", last.version},
                         {"since", protocol::time_text(last.time)}};
}

aio::Task<Result<>> up(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto [body, saved] = CO_TRY(
      wanted_of(state, CO_TRY(co_await exchange.read_all(up_body_limit)), asked(match, "plan")));
  body.wanted.by = caller_of(state, exchange);
  auto found = state.applications.find(body.name);
  ApplicationRef application = found == state.applications.end() ? nullptr : found->second;
  if (saved && application) CO_TRY(co_await until_resumed(state, *application));
  if (saved && application) CO_TRY(co_await application->refresh());
  auto plan = CO_TRY(
      planned(state, body.name, body.wanted.description, body.wanted.options, application.get()));
  if (saved) CO_TRY(still_the_same(*saved, plan, application.get()));
  std::string digest = body.wanted.description.digest;
  const char* change = "create";
  uint64_t seq = 1;
  json::Object answer;
  if (application) {
    seq = application->last_event() + 1;
    if (auto working = CO_TRY(co_await who_works(*application))) answer["working"] = *working;
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
  answer["name"] = application->name();
  answer["change"] = change;
  answer["digest"] = digest;
  answer["version"] = application->record().version;
  answer["seq"] = seq;
  co_return co_await reply(exchange, 202, std::move(answer));
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
  Usages usages;
  for (const auto& host : state.hosts->of(application->name()))
    usages.insert(host->usages().begin(), host->usages().end());
  co_return co_await reply(exchange, 200, application_view(*application, usages));
}

aio::Task<Result<>> down(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  uint64_t seq = application->last_event() + 1;
  CO_TRY(co_await application->down(asked(match, "kept"), caller_of(state, exchange)));
  co_return co_await reply(exchange, 202, {{"name", application->name()}, {"seq", seq}});
}

aio::Task<Result<>> proof(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  json::Object document = proof_view(*application);
  // Signed once there is something to state: before its end an application has proved nothing.
  if (application->proof()) {
    std::string text = proof_statement(*application);
    document["statement"] = json::Object{{"text", text},
                                         {"signature", CO_TRY(state.signing->sign(text))},
                                         {"key", CO_TRY(state.signing->public_key())}};
  }
  co_return co_await reply(exchange, 200, std::move(document));
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
  for (const auto& host : state.hosts->of(application->name())) {
    json::Object view = host_view(*host, now);
    view["health"] = membership::name_of(state.hosts->judge().health(
        fmt::format("{}/{}", host->machine().application, host->name())));
    all.emplace_back(std::move(view));
  }
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
    if (!may_go_on(state, exchange))
      co_return fail(Code::unauthenticated, "the token that asked for this has been removed");
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

aio::Task<Result<>> list_secrets(State& state, net::Exchange& exchange, const net::RouteMatch&) {
  json::Array all;
  for (const auto& each : CO_TRY(co_await engine::stored_secrets(*state.store)))
    all.emplace_back(json::Object{{"name", each.name}, {"since", protocol::time_text(each.since)}});
  co_return co_await reply(exchange, 200, {{"secrets", std::move(all)}});
}

aio::Task<Result<>> set_secret(State& state, net::Exchange& exchange,
                               const net::RouteMatch& match) {
  constexpr Bytes limit = Bytes::kib(128);
  std::string name(match["name"]);
  Secret body(CO_TRY(co_await exchange.read_all(limit)));
  auto request = json::parse_object(body.reveal(), "the request");
  auto text = request ? json::string_at(*request, "value") : Result<std::string>("?");
  auto value = text ? unbase64(*text) : std::nullopt;
  // An error of the reader would quote what it read.
  if (!value)
    co_return fail(Code::invalid_argument, "the body is {\"value\": base64 of the secret}");
  CO_TRY(co_await engine::store_secret(*state.store, *state.sealer, name, Secret(*std::move(value)),
                                       state.world.clock.wall()));
  co_return co_await reply(exchange, 200, {{"name", name}});
}

aio::Task<Result<>> remove_secret(State& state, net::Exchange& exchange,
                                  const net::RouteMatch& match) {
  std::string name(match["name"]);
  CO_TRY(co_await engine::remove_secret(*state.store, name));
  co_return co_await reply(exchange, 200, {{"name", name}});
}

/// An error of a route is an answer as long as none was begun.
aio::Task<Result<>> guarded(State& state, Route route, Role needed, net::Exchange& exchange,
                            const net::RouteMatch& match) {
  auto done = co_await state.admit(exchange, needed);
  if (done) done = co_await route(state, exchange, match);
  if (!done) state.note_broken(done.error());
  if (done || exchange.answered()) co_return done;
  co_return co_await refuse(exchange, done.error());
}

}  // namespace

Result<> Controller::State::add_routes() {
  struct Entry {
    const char* method;
    const char* pattern;
    Route route;
    Role role = Role::read;  ///< that an operator elsewhere needs
  };
  static const Entry entries[] = {
      {"GET", "/v1/health", health},
      {"GET", "/v1/applications", list},
      {"POST", "/v1/applications", up, Role::operate},
      {"GET", "/v1/applications/{name}", show},
      {"DELETE", "/v1/applications/{name}", down, Role::operate},
      {"GET", "/v1/applications/{name}/proof", proof},
      {"GET", "/v1/applications/{name}/events", events},
      {"POST", "/v1/applications/{name}/ping", ping, Role::operate},
      {"GET", "/v1/applications/{name}/hosts", list_hosts},
      {"GET", "/v1/secrets", list_secrets},
      {"PUT", "/v1/secrets/{name}", set_secret, Role::own},
      {"DELETE", "/v1/secrets/{name}", remove_secret, Role::own},
      {"GET", "/v1/applications/{name}/history", show_history},
      {"GET", "/v1/applications/{name}/difference", show_difference},
      {"POST", "/v1/applications/{name}/rollback", roll_back, Role::operate},
      {"POST", "/v1/applications/{name}/scale", scale, Role::operate},
      {"GET", "/v1/applications/{name}/why", tell_why},
      {"GET", "/metrics", show_metrics},
      {"POST", "/v1/applications/{name}/refresh", show_drift, Role::operate},
      {"POST", "/v1/applications/{name}/forget", forget, Role::operate},
      {"POST", "/v1/applications/{name}/import", import_things, Role::operate},
      {"POST", "/v1/audit", audit, Role::operate},
      {"POST", "/v1/lost/{name}", remove_lost, Role::own},
      {"POST", "/v1/plan", make_plan, Role::operate},
      {"POST", "/v1/stop", stop_all, Role::own},
      {"GET", "/v1/operators", list_operators, Role::own},
      {"POST", "/v1/operators", add_operator, Role::own},
      {"DELETE", "/v1/operators/{name}", remove_operator, Role::own},
      {"GET", "/v1/backup", give_backup, Role::own},
      {"POST", "/v1/keys", give_keys, Role::own},
      {"GET", "/v1/trail", show_trail, Role::own},
      {"POST", "/v1/tunnel/{application}", open_tunnel, Role::operate},
  };
  for (const Entry& entry : entries)
    TRY(router.add(entry.method, entry.pattern,
                   [this, &entry](net::Exchange& exchange, const net::RouteMatch& match) {
                     return guarded(*this, entry.route, entry.role, exchange, match);
                   }));
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
