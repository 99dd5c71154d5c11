// The documents of the controller's API, from live applications. Member names are a contract.
#pragma once
#include "controller/hosts/remote_host.h"
#include "engine/application.h"
#include "wire/json.h"

namespace croft::controller {

/// One line of the list.
wire::json::Object summary_view(const engine::Application& application);
/// The whole: state, counts, farm, tree.
wire::json::Object application_view(const engine::Application& application);
wire::json::Object proof_view(const engine::Application& application);
/// A machine with an agent, as the controller sees it now.
wire::json::Object host_view(const RemoteHost& host, Moment now);
wire::json::Object plan_view(const plan::Plan& plan);
/// {"error": {...}}
wire::json::Object error_view(const Error& error);
/// "deploying", "running", "failed", "terminating", "terminated"
std::string_view phase_name(protocol::ApplicationState state);

}  // namespace croft::controller
