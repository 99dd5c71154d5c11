// The file of `croft plan -o`: for people what the plan would do, for the controller the same
// sealed.
// {"croftPlan": 1, "name", "made", "farm": "embedded"|"aws"|"url", "farmText", "text", "sealed"}
#pragma once
#include <string>

#include "aio/world.h"
#include "cli/up_request.h"

namespace croft::cli {

/// Writes it with mode 0600; `answer` is the controller's to POST /v1/plan?save=true.
aio::Task<Result<>> write_saved_plan(aio::World& world, std::string file, const UpRequest& request,
                                     wire::json::Object answer);
/// What was written, for people: "name", "farm", "made", "text".
aio::Task<Result<wire::json::Object>> saved_plan_view(aio::World& world, std::string file);
aio::Task<bool> is_saved_plan(aio::World& world, std::string file);
/// Makes sure that the controller, and the embedded farm where it is meant, run. Code::syntax;
/// exit code 64 where options are given beside it: a plan is carried out as it is.
aio::Task<Result<UpRequest>> read_saved_plan(aio::World& world, Invocation& invocation);

}  // namespace croft::cli
