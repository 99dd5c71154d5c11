// What `up` and `plan` send to the controller: the description, the farm that is meant, options.
#pragma once
#include <functional>
#include <string>

#include "aio/world.h"
#include "cli/command.h"
#include "cloud/endpoint.h"
#include "wire/json.h"

namespace croft::cli {

struct UpRequest {
  std::string name;
  std::string body;       ///< JSON; holds secrets, goes through the unix socket alone
  std::string farm_text;  ///< "the embedded farm at http://127.0.0.1:40123"
  std::string target = "/v1/applications";  ///< of the controller's API
  wire::json::Object farm;                  ///< what `body` says of it
  bool started_something = false;
};

/// Loads and checks FILE, chooses the farm (DESIGN 8.1) and makes sure that the controller and,
/// where it is meant, the embedded farm run.
aio::Task<Result<UpRequest>> prepare_up(aio::World& world, Invocation& invocation);

/// `croft up`, to its end: the exit code. `show`: of what runs then, in place of the tree.
aio::Task<Result<int>> bring_up(aio::World& world, Invocation& invocation,
                                std::function<Result<>(const wire::json::Object&)> show);

/// `croft down`, to its end: the exit code.
aio::Task<Result<int>> take_down(aio::World& world, Invocation& invocation);

/// Where --farm and the environment lead (DESIGN 8.1).
Result<cloud::Farm> chosen_farm(const Invocation& invocation);

/// What `up` would do, shown: `croft plan`, and `up --dry-run`.
aio::Task<Result<int>> show_plan(aio::World& world, Invocation& invocation);

/// Which account of which farm is meant: `farm` and the body {"farm", "environment"}; the
/// controller and, where it is meant, the embedded farm run.
aio::Task<Result<UpRequest>> prepare_account(aio::World& world, Invocation& invocation);
/// --farm and --region.
std::vector<Option> account_options();

/// Options that `up` and `plan` share.
std::vector<Option> up_options();

}  // namespace croft::cli
