// Workflow components: their children are actions, which each type runs as its name says. What a
// type must know after a crash is in its record's memory, what its actions did in theirs, so that
// work() begins where an earlier process stopped. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "components/registry.h"
#include "engine/component.h"

namespace croft::components {

/// A type whose eager components are actions. `make` gives its object.
engine::ComponentType action_type(std::string name, std::string doc,
                                  std::vector<model::AttributeSchema> attributes,
                                  std::function<std::unique_ptr<engine::Component>()> make,
                                  std::string base = "croft.EventCompound");
/// A type without actions whose work() ends, and it with it, as sfShouldTerminate says.
engine::ComponentType work_type(std::string name, std::string doc,
                                std::vector<model::AttributeSchema> attributes,
                                std::function<std::unique_ptr<engine::Component>()> make);

/// An attribute in milliseconds, or with a unit.
model::AttributeSchema time_attribute(std::string name, std::string doc);
model::AttributeSchema time_attribute(std::string name, int32_t fallback, std::string doc);
/// One whose negative numbers mean for ever.
model::AttributeSchema or_for_ever(model::AttributeSchema time);

/// A number that the component remembered under `key`.
int64_t remembered(const engine::Context& context, const std::string& key, int64_t otherwise = 0);
/// How long it is until `time` after the first call with this key, in whichever process that was.
Duration time_left(engine::Context& context, const std::string& key, Duration time);
/// Sleeps until then.
aio::Task<Result<>> sleep_durably(engine::Context& context, std::string key, Duration time);

/// `perform`, unless `limit` is over first: then nullopt, and nothing of the action is left.
/// Negative or 0: no limit.
aio::Task<Result<std::optional<model::TerminationRecord>>> perform_within(
    engine::Context& context, std::string name, std::string from, std::string key, Duration limit,
    model::TerminationRecord when_late);

/// For terminate(): runs the action `from` to its end, once also across restarts (one that was cut
/// short is run again); a failure is told and stops nothing.
aio::Task<Result<>> perform_at_end(engine::Context& context, std::string name, std::string from);

/// The answer of a condition: an action of that name is deployed for the question, a boolean value
/// answers itself.
aio::Task<Result<bool>> condition_holds(engine::Context& context, std::string name);

}  // namespace croft::components
