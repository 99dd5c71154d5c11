// A plan that was made to be carried out later, exactly: the request and what it would do, sealed
// with this home's key, since descriptions hold secrets. Pure but for the sealing.
#pragma once
#include <string>
#include <vector>

#include "engine/application.h"
#include "plan/plan.h"
#include "protocol/json_model.h"
#include "wire/json.h"

namespace croft::controller {

struct SavedPlan {
  std::string request;  ///< the body of the UpRequest
  wire::json::Object steps;
  wire::json::Object things;
};

/// What a plan would do, by component: {"shop:web": "replace TYPE IDENTITY"}; what is kept as it is
/// is not in it.
wire::json::Object steps_of(const plan::Plan& plan);
/// What the components of a plan hold, and how the farm differs from that:
/// {"shop:web": ["instance i-1", "instance i-1 is stopped"]}. `runs` null: nothing.
wire::json::Object things_of(const plan::Plan& plan, const engine::Application* runs);
Result<std::string> seal_plan(const SavedPlan& plan, const protocol::SecretSealer& sealer);
/// Code::permission_denied for one that another home made.
Result<SavedPlan> open_plan(std::string_view sealed, const protocol::SecretSealer& sealer);
/// Code::conflict, with one line for each component that a plan made now treats otherwise, or that
/// holds other things than when the plan was made.
Result<> still_the_same(const SavedPlan& then, const plan::Plan& now,
                        const engine::Application* runs);

}  // namespace croft::controller
