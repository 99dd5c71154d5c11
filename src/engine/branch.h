// An action of a workflow component while it runs: a part of the tree that was made at run time.
// Owned by the node of its topmost component. Loop thread only.
#pragma once
#include <optional>

#include "aio/sync.h"
#include "aio/task.h"
#include "model/record.h"
#include "plan/plan.h"

namespace croft::engine {

struct Branch {
  plan::Plan plan;
  size_t deploys = 0;                           ///< steps of the plan that deploy
  bool failed = false;                          ///< a step failed: it never ran as a whole
  bool leaving = false;                         ///< somebody takes it down; others wait for that
  std::optional<model::TerminationRecord> end;  ///< something in it ended, and so all of it
  aio::Signal changed;
};

class Application;
struct ComponentType;
/// A type whose actions run on machines that it rents: each stays what it was made from, also when
/// the description changes, until the type makes it anew.
bool keeps_its_actions(const ComponentType& type);
/// An attribute that holds the description of an action that was made at run time.
bool is_made(const model::Attribute& attribute);
/// Who is taken over again, cut off as it started, may be at work already: that ends first.
aio::Task<void> stop_works_taken_over(const Application& application, const plan::Plan& plan);

}  // namespace croft::engine
