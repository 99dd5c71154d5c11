// What the routes of the API share, and those that have a file of their own. Only
// controller/*.cpp include it.
#pragma once
#include "controller/requests.h"
#include "controller/state.h"
#include "wire/json.h"

namespace croft::controller {

/// Where operators elsewhere come in: TLS under the home's authority.
struct OperatorsDoor {
  std::unique_ptr<aio::Listener> listener;
  std::string url, pin;  ///< how they reach and know it
};
aio::Task<Result<OperatorsDoor>> open_operators_door(aio::World& world,
                                                     const ControllerOptions& options);
/// Whose token the request shows. Code::unauthenticated.
aio::Task<Result<Operator>> operator_of(Operators& operators, net::Exchange& exchange);

using Route = aio::Task<Result<>> (*)(Controller::State&, net::Exchange&, const net::RouteMatch&);

aio::Task<Result<>> reply(net::Exchange& exchange, int status, wire::json::Object document);
aio::Task<Result<>> refuse(net::Exchange& exchange, const Error& error);
/// A query's switch: "?kept=true".
bool asked(const net::RouteMatch& match, std::string_view name);
/// The name of the user at the other end of the socket; its number where it has none.
std::string user_of(net::Exchange& exchange);
/// False: whose token began it has been removed since. For what goes on for long.
bool may_go_on(const Controller::State& state, const net::Exchange& exchange);
/// Who asks: that user, or an operator elsewhere.
std::string caller_of(Controller::State& state, net::Exchange& exchange);

/// What is wrong with the plan is said before anything is recorded.
Result<plan::Plan> planned(Controller::State& state, const std::string& name,
                           const model::Description& description, const engine::Options& options,
                           const engine::Application* current);

// ---- history_routes.cpp: versions of a description, what changed, the way back ----
aio::Task<Result<>> show_history(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> show_difference(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> roll_back(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- scale_routes.cpp ----
aio::Task<Result<>> scale(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- plan_routes.cpp ----
/// Waits, for a while: what is taken over after a start of this process would be told as if it were
/// to be made.
aio::Task<Result<>> until_resumed(Controller::State& state, engine::Application& application);
aio::Task<Result<>> make_plan(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- audit.cpp ----
aio::Task<Result<>> audit(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> remove_lost(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- drift_routes.cpp ----
aio::Task<Result<>> show_drift(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> forget(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> import_things(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- remote.cpp ----
aio::Task<Result<>> list_operators(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> add_operator(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> remove_operator(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> give_keys(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> give_backup(Controller::State&, net::Exchange&, const net::RouteMatch&);
/// POST /v1/tunnel/{application}?component=&instance=&what=: becomes a tunnel to just that.
aio::Task<Result<>> open_tunnel(Controller::State&, net::Exchange&, const net::RouteMatch&);
aio::Task<Result<>> show_trail(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- why.cpp ----
aio::Task<Result<>> tell_why(Controller::State&, net::Exchange&, const net::RouteMatch&);

// ---- metrics.cpp ----
aio::Task<Result<>> show_metrics(Controller::State&, net::Exchange&, const net::RouteMatch&);

}  // namespace croft::controller
