// Which host a component's work is done on.
#include <fmt/format.h>

#include "engine/application.h"
#include "engine/context.h"
#include "engine/host.h"
#include "engine/node.h"
#include "engine/placement.h"

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

aio::Task<Result<std::shared_ptr<Host>>> Context::host() {
  for (;;) {
    Placement place = CO_TRY(placement_of(*this));
    if (place.here()) co_return nullptr;
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

bool Context::is_host() const {
  const auto& root = node_.application.description().root;
  const auto& mine = node_.description;
  if (!root || !mine) return false;
  const model::Component* top = mine.get();
  while (top->parent()) top = top->parent();
  return is_place(*top, *mine);
}

}  // namespace croft::engine
