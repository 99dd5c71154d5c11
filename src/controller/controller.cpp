#include "controller/controller.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/log.h"
#include "components/registry.h"
#include "controller/farm_setup.h"
#include "controller/hosts/agent_program.h"
#include "controller/state.h"

namespace croft::controller {

using protocol::ApplicationState;

namespace {
constexpr Duration after_failure = Duration::seconds(5);
}

std::string controller_socket(std::string_view home) {
  return fmt::format("{}/controller.sock", home);
}

Controller::Controller(std::unique_ptr<State> state) : state_(std::move(state)) {}
Controller::~Controller() = default;

aio::Task<Result<std::unique_ptr<Controller>>> Controller::open(aio::World& world,
                                                                ControllerOptions options) {
  auto state = std::make_unique<State>(world, std::move(options));
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
  store = CO_TRY(co_await store::open_sqlite(world, folder + "/controller.db"));
  encryption = std::make_unique<trust::Encryption>(
      CO_TRY(co_await trust::Encryption::open(world, folder + "/secret.key")));
  sealer = std::make_unique<StoreSealer>(*encryption);
  hosts = CO_TRY(co_await AgentHosts::open(
      world, *store, *encryption, http,
      {.home = options.home, .listen = options.agents, .program = agent_program()}));
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
                 std::map<std::string, std::string> environment) {
            return prepare_farm(std::move(admin), std::move(farm), std::move(environment));
          },
          [this](std::string_view name) { return instances_of_others(name); },
          options.home + "/work",
          hosts.get()};
}

aio::Task<Result<std::map<std::string, std::string>>> Controller::State::prepare_farm(
    std::string admin, model::ComponentPtr farm, std::map<std::string, std::string> environment) {
  for (const auto& [name, other] : applications) {
    const auto& root = other->description().root;
    auto theirs = root ? root->component("farm") : nullptr;
    if (!farm || !theirs || theirs == farm || other->record().farm_admin != admin ||
        other->record().state == ApplicationState::down)
      continue;
    CO_TRY(same_accounts(*farm, name, *theirs));
  }
  co_return co_await prepare_embedded_farm(http, std::move(admin), std::move(farm),
                                           std::move(environment));
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
    if (ended || ended.error().code == Code::cancelled || stopping) co_return Result<>{};
    log::error("controller", "{}: {}; looked after again in {}", application->name(),
               ended.error().line(), after_failure.text());
    if (auto slept = co_await world.clock.sleep(after_failure); !slept) co_return Result<>{};
  }
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
    if (!idle()) {
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
  service.spawn(watch_idleness());
  service.spawn(hosts->serve());
  service.spawn(hosts->serve_tunnels(
      std::move(tunnels),
      [this](std::string_view application, std::string_view component, std::string_view instance) {
        return find_host(application, component, instance);
      }));
  auto stopped = co_await until_stopped(*this);
  stopping = true;
  running = nullptr;
  for (auto& [name, application] : applications) application->shutdown();
  auto ended = co_await lives.join();
  if (farm_destroyed) co_await forget_embedded_farm();
  service.cancel();
  auto served = co_await service.join();
  auto closed = co_await close();
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
  if (!store) co_return Result<>{};
  co_return co_await aio::shield(store->close());
}

}  // namespace croft::controller
