// What a plan is refused for once its items are known. Pure.
#pragma once
#include "plan/plan.h"

namespace croft::plan {

/// Code::resource_exhausted: it needs more instances than its own limit or its account's.
Result<> check_limits(const Plan& plan, const Input& input);
/// Code::conflict: two components make the same thing; each would take the other's for its own.
Result<> check_names(const Plan& plan);

}  // namespace croft::plan
