#include "controller/controller.h"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "components/registry.h"
#include "controller/farm_setup.h"
#include "controller/hosts/agent_program.h"
#include "controller/state.h"
#include "controller/store_format.h"

namespace croft::controller {

using protocol::ApplicationState;

namespace {
constexpr Duration after_failure = Duration::seconds(5);
}  // namespace

std::string controller_socket(std::string_view home) {
  return fmt::format("{}/controller.sock", home);
}

Controller::Controller(std::unique_ptr<State> state) : state_(std::move(state)) {}
Controller::~Controller() = default;

aio::Task<Result<std::unique_ptr<Controller>>> Controller::open(aio::World& world,
                                                                ControllerOptions options,
                                                                Seat seat) {
  auto state = std::make_unique<State>(world, std::move(options), std::move(seat));
  auto opened = co_await state->open();
  if (!opened) {
    auto closed = co_await state->close();
    static_cast<void>(closed);
    co_return fail(
        std::move(opened).error().frame("opening the controller of " + state->options.home));
  }
  co_return std::unique_ptr<Controller>(new Controller(std::move(state)));
}

aio::Task<Result<>> Controller::serve() {
  co_return co_await state_->serve();
}

void Controller::stop() {
  state_->stopping = true;
  state_->stop_asked.notify();
}

bool Controller::ended_by_itself() const {
  return state_->ended_by_itself;
}

aio::Task<Result<>> Controller::State::open() {
  started = world.clock.wall();
  std::string folder = options.home + "/controller";
  CO_TRY(co_await world.disk.make_dirs(folder));
  CO_TRY(co_await open_store());
  CO_TRY(co_await bring_up_to_date(world, *store, options.home, format_steps()));
  encryption = std::make_unique<trust::Encryption>(
      CO_TRY(co_await trust::Encryption::open(world, folder + "/secret.key")));
  sealer = std::make_unique<StoreSealer>(*encryption);
  CO_TRY(co_await open_signing_key());
  operators = std::make_unique<Operators>(world, *store);
  if (!options.owner_digest.empty()) CO_TRY(co_await operators->keep_owner(options.owner_digest));
  hosts =
      CO_TRY(co_await AgentHosts::open(world, *store, *encryption, http,
                                       {.home = options.home,
                                        .listen = options.agents,
                                        .program = options.agent ? *options.agent : agent_program(),
                                        .report = options.agent_report}));
  hosts->on_notice = [this](const engine::Machine& machine, const std::string& what) {
    auto found = applications.find(machine.application);
    if (found != applications.end()) found->second->notice(machine.component, what);
  };
  registry = components::make_registry();
  CO_TRY(add_routes());
  for (const std::string& name : CO_TRY(co_await engine::Ledger::names(*store))) {
    auto application = std::make_shared<engine::Application>(services(), name);
    CO_TRY(co_await application->load());
    applications[name] = std::move(application);
  }
  // The store's lock says that no other controller serves this home: a socket found here is a dead
  // one's.
  std::string socket = controller_socket(options.home);
  auto gone = co_await world.disk.remove(socket);
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  listener = CO_TRY(world.net.listen(aio::Address{.path = socket}));
  std::string tunnel = tunnel_socket(options.home);
  auto no_tunnel = co_await world.disk.remove(tunnel);
  if (!no_tunnel && no_tunnel.error().code != Code::not_found) co_return no_tunnel;
  tunnels = CO_TRY(world.net.listen(aio::Address{.path = tunnel}));
  if (!options.metrics.empty())
    metrics = CO_TRY(world.net.listen(CO_TRY(aio::Address::parse(options.metrics))));
  if (!options.api.empty()) CO_TRY(co_await open_api());
  co_return Result<>{};
}

aio::Task<Result<>> Controller::State::open_store() {
  std::string file = options.home + "/controller/controller.db";
  if (!seat.shared) {
    store = CO_TRY(co_await store::open_sqlite(world, file));
    co_return Result<>{};
  }
  lock = CO_TRY(co_await store::open_sqlite(world, file));
  store = store::fenced(*seat.shared, seat.leadership);
  co_return Result<>{};
}

/// Where another leads this one is over, without a word to the farm.
aio::Task<Result<>> Controller::State::watch_leadership() {
  CO_TRY(co_await seat.leadership->lost());
  log::warn("controller", "another controller leads: standing by");
  stopping = true;
  stop_asked.notify();
  co_return Result<>{};
}

/// Kept in the store, sealed: whoever checks statements of this home finds one key in all of them.
aio::Task<Result<>> Controller::State::open_signing_key() {
  auto kept = CO_TRY(co_await store->get(signing_key));
  if (kept) {
    Secret opened = CO_TRY(encryption->unseal(kept->value, signing_key));
    auto seed = unbase64(opened.reveal());
    signing = CO_TRY(trust::SigningKey::from_seed(Secret(seed ? *std::move(seed) : "")));
    co_return Result<>{};
  }
  signing = trust::SigningKey::make(world.random);
  std::string sealed =
      CO_TRY(encryption->seal(Secret(base64(signing->seed().reveal())), signing_key));
  CO_TRY(co_await store->commit({}, {{signing_key, std::move(sealed), 0}}));
  co_return Result<>{};
}

engine::Services Controller::State::services() {
  return {world,
          *store,
          registry,
          *sealer,
          http,
          retrier,
          [this](std::string admin, model::ComponentPtr farm,
                 std::map<std::string, std::string> environment,
                 std::map<std::string, std::string> before) {
            return prepare_farm(std::move(admin), std::move(farm), std::move(environment),
                                std::move(before));
          },
          [this](std::string_view name) { return instances_of_others(name); },
          options.home + "/work",
          hosts.get(),
          files,
          seat.leadership ? std::function<Result<>()>([this] { return seat.leadership->check(); })
                          : nullptr};
}

aio::Task<Result<std::map<std::string, std::string>>> Controller::State::prepare_farm(
    std::string admin, model::ComponentPtr farm, std::map<std::string, std::string> environment,
    std::map<std::string, std::string> before) {
  for (const auto& [name, other] : applications) {
    const auto& root = other->description().root;
    auto theirs = root ? root->component("farm") : nullptr;
    if (!farm || !theirs || theirs == farm || other->record().farm_admin != admin ||
        other->record().state == ApplicationState::down)
      continue;
    CO_TRY(same_accounts(*farm, name, *theirs));
  }
  co_return co_await prepare_embedded_farm(http, std::move(admin), std::move(farm),
                                           std::move(environment), std::move(before));
}

int64_t Controller::State::instances_of_others(std::string_view name) const {
  int64_t count = 0;
  for (const auto& [other, application] : applications)
    if (other != name) count += application->claimed_instances();
  return count;
}

Result<ApplicationRef> Controller::State::find(std::string_view name) const {
  auto found = applications.find(name);
  if (found != applications.end()) return found->second;
  Error error(Code::not_found, fmt::format("there is no application '{}'", name));
  std::vector<std::string> names;
  for (const auto& [known, application] : applications) names.push_back(known);
  if (auto hint = did_you_mean(name, names); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

void Controller::State::adopt(ApplicationRef application) {
  applications[application->name()] = application;
  if (running) running->spawn(run_application(std::move(application)));
}

aio::Task<Result<>> Controller::State::run_application(ApplicationRef application) {
  // A store that cannot be written (a full disk) is no reason to forget what is rented.
  for (;;) {
    auto ended = co_await application->run();
    if (!ended) note_broken(ended.error());
    if (ended || ended.error().code == Code::cancelled || stopping) co_return Result<>{};
    log::error("controller", "{}: {}; looked after again in {}", application->name(),
               ended.error().line(), after_failure.text());
    if (auto slept = co_await world.clock.sleep(after_failure); !slept) co_return Result<>{};
  }
}

void Controller::State::note_broken(const Error& error) {
  if (!store::is_broken(error) || broken) return;
  broken = error;
  stopping = true;
  stop_asked.notify();
}

size_t Controller::State::kept() const {
  size_t count = 0;
  for (const auto& [name, application] : applications) count += application->kept();
  return count;
}

bool Controller::State::idle() const {
  for (const auto& [name, application] : applications)
    if (application->record().state != ApplicationState::down || !application->settled())
      return false;
  return kept() == 0;
}

aio::Task<Result<>> Controller::State::watch_idleness() {
  std::optional<Moment> since;
  for (;;) {
    CO_TRY(co_await world.clock.sleep(std::min(options.home_check, options.idle)));
    auto home = co_await world.disk.info(options.home);
    if (!home && home.error().code == Code::not_found) {
      log::warn("controller", "{} is gone: ending", options.home);
      break;
    }
    // One of several stays for the others' sake.
    if (!idle() || seat.shared) {
      since.reset();
      continue;
    }
    if (!since) since = world.clock.now();
    if (world.clock.now() - *since >= options.idle) {
      log::info("controller", "nothing is up and nothing is kept: ending");
      break;
    }
  }
  ended_by_itself = !stopping;
  stopping = true;
  stop_asked.notify();
  co_return Result<>{};
}

namespace {
aio::Task<Result<>> until_stopped(Controller::State& state) {
  while (!state.stopping) CO_TRY(co_await state.stop_asked.wait());
  co_return Result<>{};
}
}  // namespace

aio::Task<Result<>> Controller::State::serve() {
  aio::Context context = co_await aio::here();
  // Applications end on shutdown(), after what they write is durable; they are not cut.
  aio::Scope lives(aio::Context{context.executor, nullptr});
  running = &lives;
  for (auto& [name, application] : applications) lives.spawn(run_application(application));
  net::HttpServer server(world, [this](net::Exchange& exchange) { return answer(exchange); });
  aio::Scope service(context);
  service.spawn(server.serve(std::move(listener)));
  // Who collects metrics gets nothing else.
  net::HttpServer collected(world, [this](net::Exchange& exchange) -> aio::Task<Result<>> {
    return answer_collector(exchange);
  });
  if (metrics) service.spawn(collected.serve(std::move(metrics)));
  net::HttpServer remote(world,
                         [this](net::Exchange& exchange) { return answer_operator(exchange); });
  if (api) service.spawn(remote.serve(std::move(api)));
  if (seat.leadership) service.spawn(watch_leadership());
  service.spawn(watch_idleness());
  service.spawn(hosts->serve());
  service.spawn(hosts->serve_tunnels(
      std::move(tunnels), [this](const TunnelTarget& target) { return find_host(target); }));
  auto stopped = co_await until_stopped(*this);
  stopping = true;
  running = nullptr;
  for (auto& [name, application] : applications) application->shutdown();
  auto ended = co_await lives.join();
  if (farm_destroyed) co_await forget_embedded_farm();
  service.cancel();
  auto served = co_await service.join();
  auto closed = co_await close();
  if (broken) co_return fail(*broken);
  if (!stopped && stopped.error().code != Code::cancelled) co_return stopped;
  if (!ended) co_return ended;
  if (!served && served.error().code != Code::cancelled) co_return served;
  co_return closed;
}

aio::Task<void> Controller::State::forget_embedded_farm() {
  for (auto& [name, application] : applications) {
    if (application->record().farm.kind != cloud::FarmKind::embedded) continue;
    auto forgotten = co_await application->lose_farm();
    if (!forgotten) log::error("controller", "{}: {}", name, forgotten.error().line());
  }
}

aio::Task<Result<>> Controller::State::close() {
  listener.reset();
  if (lock) {
    auto let_go = co_await aio::shield(lock->close());
    static_cast<void>(let_go);
  }
  if (!store || seat.shared) co_return Result<>{};  // whoever gave the seat closes it
  co_return co_await aio::shield(store->close());
}

}  // namespace croft::controller
