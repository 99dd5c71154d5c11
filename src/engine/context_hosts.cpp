// Which host a component's work is done on.
#include <fmt/format.h>

#include <algorithm>

#include "engine/application.h"
#include "engine/context.h"
#include "engine/host.h"
#include "engine/node.h"
#include "engine/placement.h"
#include "plan/plan.h"

namespace croft::engine {

Result<Hosts*> Context::hosts() const {
  if (Hosts* hosts = node_.application.services().hosts) return hosts;
  return fail(Error(Code::unsupported,
                    "this controller has no hosts: nothing can be placed on a machine",
                    where("sfProcessHost")));
}

const std::string& Context::farm_admin() const {
  return node_.application.record().farm_admin;
}

/// Of a part that a group has deployed on a member: the group has given that machine back, so it
/// will never join.
bool Context::member_has_gone(const std::string& instance) const {
  std::string member = path();
  while (!member.empty() && !member.ends_with(":" + instance)) member = plan::parent_path(member);
  const Node* group = member.empty() ? nullptr : node_.application.find(plan::parent_path(member));
  return group && std::ranges::none_of(group->record.rented, [&](const Rented& thing) {
           return thing.id == instance && thing.open();
         });
}

aio::Task<Result<std::shared_ptr<Host>>> Context::host() {
  for (;;) {
    Placement place = CO_TRY(placement_of(*this));
    if (place.here()) co_return nullptr;
    if (!place.machine && member_has_gone(place.instance))
      co_return fail(Code::unavailable, fmt::format("{} is gone", place.instance));
    Hosts* all = CO_TRY(hosts());
    auto found = place.instance.empty() ? nullptr : all->find(application(), place.instance);
    if (found && !found->lost()) co_return found;
    waits(found ? fmt::format("{} is about to be replaced", place.instance)
          : place.instance.empty()
              ? fmt::format("{} has no machine yet", place.machine->path())
              : fmt::format("{} has not joined: its agent has not called yet", place.instance));
    CO_TRY(co_await all->changed().wait());
  }
}

std::shared_ptr<Host> Context::host_now() {
  auto place = placement_of(*this);
  auto all = hosts();
  if (!place || !all || place->instance.empty()) return nullptr;
  return (*all)->find(application(), place->instance);
}

std::optional<model::WorkUsage> Context::usage_of(const std::string& child) const {
  std::optional<model::WorkUsage> out;
  std::string top = path() + ":" + child;
  const auto& nodes = node_.application.all_nodes();
  for (auto at = nodes.lower_bound(top); at != nodes.end() && at->first.starts_with(top); ++at) {
    if (!plan::inside(at->first, top) || !at->second->description || at->second->ended()) continue;
    auto host = at->second->context.host_now();
    auto part = host ? host->usage(at->first) : std::nullopt;
    if (!part) continue;
    if (!out) out.emplace();
    out->cpu = out->cpu + part->cpu;
    out->memory = Bytes(out->memory.count() + part->memory.count());
    out->files += part->files;
    out->processes += part->processes;
    for (const auto& [name, number] : part->metrics) out->metrics[name] += number;
  }
  return out;
}

int64_t Context::restarts_of(const std::string& child) const {
  int64_t out = 0;
  std::string top = path() + ":" + child;
  const auto& nodes = node_.application.all_nodes();
  for (auto at = nodes.lower_bound(top); at != nodes.end() && at->first.starts_with(top); ++at) {
    if (!plan::inside(at->first, top) || !at->second->description || at->second->ended()) continue;
    auto host = at->second->context.host_now();
    auto state = host ? host->state(at->first) : std::nullopt;
    if (state) out += state->restarts;
  }
  return out;
}

bool Context::is_host() const {
  const auto& root = node_.application.description().root;
  const auto& mine = node_.description;
  if (!root || !mine) return false;
  const model::Component* top = mine.get();
  while (top->parent()) top = top->parent();
  return is_place(*top, *mine);
}

}  // namespace croft::engine
