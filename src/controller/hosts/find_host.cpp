// Which host somebody means who names a component.
#include <fmt/format.h>

#include "base/text.h"
#include "controller/state.h"

namespace croft::controller {

Result<std::shared_ptr<RemoteHost>> Controller::State::find_host(const TunnelTarget& target) const {
  const auto& [application, component, instance, what] = target;
  ApplicationRef found = TRY(find(application));
  if (!instance.empty()) {
    if (auto host = hosts->remote(found->name(), instance)) return host;
    return fail(Code::not_found, fmt::format("{} has no host {}", application, instance));
  }
  engine::Node* node = found->find(component);
  if (!node) {
    Error error(Code::not_found, fmt::format("there is no component '{}'", component));
    std::vector<std::string> names;
    for (const auto& [path, each] : found->all_nodes()) names.push_back(path);
    if (auto hint = did_you_mean(component, names); !hint.empty()) error.hint(hint);
    return fail(std::move(error));
  }
  std::vector<std::string> machines;
  for (const auto& thing : node->record.rented)
    if (thing.kind == "instance" && thing.open()) machines.push_back(thing.id);
  if (machines.size() > 1)
    return fail(
        Error(Code::invalid_argument, fmt::format("{} is {} machines", component, machines.size()))
            .hint("name one of them: " + join(machines, ", ")));
  if (machines.size() == 1)
    if (auto host = hosts->remote(found->name(), machines.front())) return host;
  if (auto host = node->context.host_now())
    if (auto remote = hosts->remote(found->name(), host->name())) return remote;
  return fail(Error(Code::not_found, fmt::format("{} is on no host", component))
                  .hint("sfProcessHost places a component on a machine; `croft hosts " +
                        application + "` lists them"));
}

}  // namespace croft::controller
