// What `up` and `plan` send to the controller: the description, the farm that is meant, options.
#pragma once
#include <string>

#include "aio/world.h"
#include "cli/command.h"
#include "wire/json.h"

namespace croft::cli {

struct UpRequest {
  std::string name;
  std::string body;       ///< JSON; holds secrets, goes through the unix socket alone
  std::string farm_text;  ///< "the embedded farm at http://127.0.0.1:40123"
  bool started_something = false;
};

/// Loads and checks FILE, chooses the farm (DESIGN 8.1) and makes sure that the controller and,
/// where it is meant, the embedded farm run.
aio::Task<Result<UpRequest>> prepare_up(aio::World& world, Invocation& invocation);

/// Options that `up` and `plan` share.
std::vector<Option> up_options();

}  // namespace croft::cli
