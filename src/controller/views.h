// The documents of the controller's API, from live applications. Member names are a contract.
#pragma once
#include "controller/hosts/remote_host.h"
#include "engine/application.h"
#include "plan/difference.h"
#include "wire/json.h"

namespace croft::controller {

/// One line of the list.
wire::json::Object summary_view(const engine::Application& application);
/// What agents last told, by the component's path.
using Usages = std::map<std::string, model::WorkUsage, std::less<>>;
/// The whole: state, counts, farm, tree.
wire::json::Object application_view(const engine::Application& application,
                                    const Usages& usages = {});
wire::json::Object proof_view(const engine::Application& application);
/// The proof as lines that people read and a key signs.
std::string proof_statement(const engine::Application& application);
/// A machine with an agent, as the controller sees it now.
wire::json::Object host_view(const RemoteHost& host, Moment now);
/// Where the farm has it otherwise than it was made: {"component","kind","id","what","text",
/// "tag"?,"wanted"?,"found"?,"policy","consequence"}.
wire::json::Array drift_view(const engine::Node& node);
/// `differences`: between what runs and what the plan is for.
wire::json::Object plan_view(const plan::Plan& plan,
                             const std::vector<plan::Difference>& differences);
/// {"component", "attribute"?, "before"?, "after"?}, or "secret" where neither is shown.
wire::json::Object difference_view(const plan::Difference& difference);
/// {"error": {...}}
wire::json::Object error_view(const Error& error);
/// "deploying", "running", "failed", "terminating", "terminated"
std::string_view phase_name(protocol::ApplicationState state);

}  // namespace croft::controller
