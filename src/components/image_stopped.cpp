// Machines that somebody stopped, and those that start again: silent, and not dead.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cloud/ec2.h"
#include "components/aws/host_machines.h"
#include "components/image_instance.h"
#include "engine/host.h"
#include "protocol/events.h"

namespace croft::components {

using cloud::InstanceState;
using engine::Context;

namespace {
constexpr const char* start_intent = "StartInstances";
constexpr int starts_most = 3;                             // in a row, of one that never runs
constexpr Duration starting_again = Duration::minutes(1);  // until its agent is heard
constexpr Duration rebooting = Duration::minutes(3);       // with the end of all that ran
}  // namespace

/// Before anybody is fenced the farm is asked: who was stopped, or starts again, is silent and not
/// dead. Source: RELIABILITY 1.4 B.
aio::Task<Result<>> ImageInstance::spare_stopped(Context& context, cloud::Ec2 ec2,
                                                 std::vector<std::string>& lost) {
  if (lost.empty()) co_return Result<>{};
  bool repairs = engine::drift_policy_of(*context.description()) == engine::DriftPolicy::repair;
  engine::Hosts* hosts = CO_TRY(context.hosts());
  auto seen = CO_TRY(co_await look(ec2, lost));
  std::erase_if(lost, [&](const std::string& id) {
    auto found = seen.find(id);
    if (found == seen.end()) return false;
    InstanceState state = found->second.state;
    bool starts = repairs && (state == InstanceState::pending || state == InstanceState::stopping ||
                              state == InstanceState::stopped);
    auto host = hosts->find(context.application(), id);
    bool reboots = state == InstanceState::running && host && host->leaving();
    if (starts || reboots)
      hosts->spare(context.application(), id, reboots ? rebooting : starting_again);
    return starts || reboots;
  });
  co_return Result<>{};
}

/// What somebody stopped runs again, unless `drift` says otherwise; until it does it counts as
/// pending. One that stops again and again is given back: true, then it is out of `seen`.
aio::Task<Result<bool>> ImageInstance::start_stopped(Context& context, cloud::Ec2 ec2,
                                                     std::map<std::string, cloud::Instance>& seen) {
  if (engine::drift_policy_of(*context.description()) != engine::DriftPolicy::repair)
    co_return false;
  std::vector<std::string> stopped, hopeless;
  for (auto& [id, instance] : seen) {
    if (instance.state == InstanceState::running) starts_.erase(id);
    if (instance.state == InstanceState::stopped)
      (++starts_[id] > starts_most ? hopeless : stopped).push_back(id);
    if (instance.state == InstanceState::stopped || instance.state == InstanceState::stopping)
      instance.state = InstanceState::pending;
  }
  for (const std::string& id : hopeless) {
    context.event(protocol::event::instances_gone,
                  fmt::format("{} was started {} times and is stopped ({})", id, starts_most,
                              seen.at(id).state_reason));
    seen.erase(id);
    starts_.erase(id);
  }
  if (!hopeless.empty()) CO_TRY(co_await give_back(context, ec2, hopeless));
  if (stopped.empty()) co_return !hopeless.empty();
  context.event(protocol::event::drifted, fmt::format("{} stopped", listed(stopped)));
  CO_TRY(co_await context.intend(start_intent, {{"instances", join(stopped, " ")}}));
  CO_TRY(co_await context.outside(start_intent, ec2.start_instances(stopped)));
  CO_TRY(co_await context.settle({}));
  context.event(protocol::event::repaired, fmt::format("{} started again", listed(stopped)));
  co_return !hopeless.empty();
}

}  // namespace croft::components
