// The controller's inside: what its parts share. Only controller/*.cpp include it.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "aio/sync.h"
#include "controller/controller.h"
#include "controller/hosts/agent_hosts.h"
#include "controller/operators.h"
#include "controller/sealer.h"
#include "engine/application.h"
#include "net/http_server.h"
#include "net/router.h"
#include "trust/signature.h"

namespace croft::controller {

/// Where the store has the key of statements, sealed with what all its controllers know.
inline constexpr const char* signing_key = "v1/signing-key";

using ApplicationRef = std::shared_ptr<engine::Application>;

struct Controller::State {
  State(aio::World& a_world, ControllerOptions an_options, Seat a_seat)
      : world(a_world),
        options(std::move(an_options)),
        seat(std::move(a_seat)),
        http(world),
        retrier(world, {}) {}

  aio::Task<Result<>> open();
  aio::Task<Result<>> serve();
  aio::Task<Result<>> close();

  /// Code::not_found with the nearest name.
  Result<ApplicationRef> find(std::string_view name) const;
  /// The host of a component (where it is placed, or the machine that it is) or of an instance.
  Result<std::shared_ptr<RemoteHost>> find_host(const TunnelTarget& target) const;
  /// Adds it and, while serving, lets it run.
  void adopt(ApplicationRef application);
  engine::Services services();
  int64_t instances_of_others(std::string_view name) const;
  /// prepare_embedded_farm, where no other live application wants its accounts otherwise.
  aio::Task<Result<std::map<std::string, std::string>>> prepare_farm(
      std::string admin, model::ComponentPtr farm, std::map<std::string, std::string> environment,
      std::map<std::string, std::string> before);
  /// Nothing is up or on its way, and nothing is kept.
  bool idle() const;
  size_t kept() const;

  Result<> add_routes();
  aio::Task<Result<>> answer(net::Exchange& exchange);
  /// The same for who comes to the address of the metrics: GET /metrics, and nothing else.
  aio::Task<Result<>> answer_collector(net::Exchange& exchange);
  /// The same for operators elsewhere: a token, a role, a trail.
  aio::Task<Result<>> answer_operator(net::Exchange& exchange);
  /// Code::permission_denied where an operator's role is too small. What may change something is in
  /// the trail on return.
  aio::Task<Result<>> admit(net::Exchange& exchange, Role needed);

  aio::World& world;
  ControllerOptions options;
  Seat seat;                           ///< of several controllers; empty: it is the only one
  std::unique_ptr<store::Store> lock;  ///< with a seat: says that this home is served
  std::unique_ptr<store::Store> store;
  std::unique_ptr<trust::Encryption> encryption;
  std::unique_ptr<protocol::SecretSealer> sealer;
  std::optional<trust::SigningKey> signing;  ///< of what it states
  net::HttpClient http;
  net::Retrier retrier;
  std::shared_ptr<aio::KeyedMutex> files = std::make_shared<aio::KeyedMutex>();
  std::unique_ptr<AgentHosts> hosts;
  engine::Registry registry;
  net::Router router;
  std::unique_ptr<aio::Listener> listener;
  std::unique_ptr<aio::Listener> tunnels;
  std::unique_ptr<aio::Listener> metrics;  ///< beside the socket, for a collector; may be null
  std::unique_ptr<aio::Listener> api;      ///< for operators elsewhere; may be null
  std::string api_url, api_pin;            ///< of `api`: how they reach and know it
  std::unique_ptr<Operators> operators;
  std::map<const net::Exchange*, Operator> asking;  ///< who is behind a request of an operator
  std::map<std::string, ApplicationRef, std::less<>> applications;
  aio::Scope* running = nullptr;  ///< of applications, while serve() runs
  bool stopping = false;
  bool ended_by_itself = false;
  /// The store cannot go on in this process: serve() ends with this, and is to be begun anew.
  std::optional<Error> broken;
  void note_broken(const Error& error);
  bool farm_destroyed = false;  ///< the embedded farm and all on it went before this stop
  aio::Signal stop_asked;
  WallTime started;

 private:
  aio::Task<Result<>> open_signing_key();
  aio::Task<Result<>> open_api();
  aio::Task<Result<>> open_store();
  aio::Task<Result<>> watch_leadership();
  aio::Task<Result<>> watch_idleness();
  aio::Task<void> forget_embedded_farm();
  aio::Task<Result<>> run_application(ApplicationRef application);
};

}  // namespace croft::controller
