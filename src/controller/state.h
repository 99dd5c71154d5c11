// The controller's inside: what its parts share. Only controller/*.cpp include it.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "aio/sync.h"
#include "controller/controller.h"
#include "controller/hosts/agent_hosts.h"
#include "controller/sealer.h"
#include "engine/application.h"
#include "net/http_server.h"
#include "net/router.h"

namespace croft::controller {

using ApplicationRef = std::shared_ptr<engine::Application>;

struct Controller::State {
  State(aio::World& a_world, ControllerOptions an_options)
      : world(a_world), options(std::move(an_options)), http(world), retrier(world, {}) {}

  aio::Task<Result<>> open();
  aio::Task<Result<>> serve();
  aio::Task<Result<>> close();

  /// Code::not_found with the nearest name.
  Result<ApplicationRef> find(std::string_view name) const;
  /// The host of a component (where it is placed, or the machine that it is) or of an instance.
  Result<std::shared_ptr<RemoteHost>> find_host(std::string_view application,
                                                std::string_view component,
                                                std::string_view instance) const;
  /// Adds it and, while serving, lets it run.
  void adopt(ApplicationRef application);
  engine::Services services();
  int64_t instances_of_others(std::string_view name) const;
  /// prepare_embedded_farm, where no other live application wants its accounts otherwise.
  aio::Task<Result<std::map<std::string, std::string>>> prepare_farm(
      std::string admin, model::ComponentPtr farm, std::map<std::string, std::string> environment);
  /// Nothing is up or on its way, and nothing is kept.
  bool idle() const;
  size_t kept() const;

  Result<> add_routes();
  aio::Task<Result<>> answer(net::Exchange& exchange);

  aio::World& world;
  ControllerOptions options;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<trust::Encryption> encryption;
  std::unique_ptr<protocol::SecretSealer> sealer;
  net::HttpClient http;
  net::Retrier retrier;
  std::unique_ptr<AgentHosts> hosts;
  engine::Registry registry;
  net::Router router;
  std::unique_ptr<aio::Listener> listener;
  std::unique_ptr<aio::Listener> tunnels;
  std::map<std::string, ApplicationRef, std::less<>> applications;
  aio::Scope* running = nullptr;  ///< of applications, while serve() runs
  bool stopping = false;
  bool ended_by_itself = false;
  bool farm_destroyed = false;  ///< the embedded farm and all on it went before this stop
  aio::Signal stop_asked;
  WallTime started;

 private:
  aio::Task<Result<>> watch_idleness();
  aio::Task<void> forget_embedded_farm();
  aio::Task<Result<>> run_application(ApplicationRef application);
};

}  // namespace croft::controller
