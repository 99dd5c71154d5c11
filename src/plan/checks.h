// What a plan is refused for once its items are known. Pure.
#pragma once
#include "plan/plan.h"

namespace croft::plan {

/// Code::resource_exhausted: it needs more instances than its own limit or its account's.
Result<> check_limits(const Plan& plan, const Input& input);
/// Code::conflict: two components make the same thing; each would take the other's for its own.
Result<> check_names(const Plan& plan);
/// What the running description protects is neither replaced nor removed.
Result<> check_protected(const Plan& plan, const Input& input);
/// Sets Item::left_out of what `input.scope` has not. Code::not_found, with the nearest path, for
/// one that is neither described nor recorded.
Result<> narrow(Plan& plan, const Input& input);
/// Sets Item::moved_from of what `renamedFrom` names and of all inside it. Code::invalid_argument
/// for one that cannot move.
Result<> find_moved(Plan& plan, const Input& input);

}  // namespace croft::plan
