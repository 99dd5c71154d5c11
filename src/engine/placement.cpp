#include "engine/placement.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/machine.h"
#include "base/text.h"
#include "plan/links.h"

namespace croft::engine {
namespace {

/// Of the reference: they differ in how they look for a place. All of them mean the usual one here.
const std::vector<std::string> deployers = {
    "org.smartfrog.sfcore.prim.PrimDeployerImpl",
    "org.smartfrog.sfcore.processcompound.PrimHostDeployerImpl",
    "org.smartfrog.sfcore.processcompound.PrimProcessDeployerImpl",
    "org.smartfrog.services.anubisdeployer.ClusterDeployerImpl",
    "org.smartfrog.services.asyndeployer.AsynPrimDeployerImpl",
    "org.smartfrog.services.comm.slp.SFSlpDeployerImpl",
    "org.smartfrog.services.dns.DNSComponentDeployerImpl",
    "org.smartfrog.services.dns.DNSDeployerImpl",
    "org.smartfrog.services.persistence.storage.StorageOrDescriptionDeployerImpl",
    "org.smartfrog.services.persistence.storage.StorageRecoveryDeployerImpl",
    "org.smartfrog.services.slp.PrimSLPDeployerImpl"};

/// Often only the package is wrong.
std::string nearest_deployer(const std::string& name) {
  auto last = [](std::string_view text) { return text.substr(text.rfind('.') + 1); };
  for (const std::string& known : deployers)
    if (last(known) == last(name)) return fmt::format("did you mean '{}'?", known);
  std::vector<std::string> short_names;
  for (const std::string& known : deployers) short_names.emplace_back(last(known));
  std::string near = nearest(std::string(last(name)), short_names);
  for (const std::string& known : deployers)
    if (!near.empty() && last(known) == near) return fmt::format("did you mean '{}'?", known);
  return fmt::format("the usual one is '{}'", deployers.front());
}

bool is_this_machine(std::string_view host) {
  std::string full = host_name();
  for (const std::string& own :
       {std::string(), std::string("localhost"), std::string("127.0.0.1"), std::string("::1"), full,
        full.substr(0, full.find('.')), host_address()})
    if (equals_ignore_case(host, own)) return true;
  return false;
}

}  // namespace

Result<> check_placement(const Context& context) {
  if (!context.description()) return {};
  if (context.description()->find("sfDeployerClass")) {
    std::string deployer = TRY(context.string_or("sfDeployerClass", ""));
    if (!deployer.empty() && std::ranges::find(deployers, deployer) == deployers.end())
      return fail(Error(Code::unresolved, fmt::format("there is no deployer class '{}'", deployer),
                        context.where("sfDeployerClass"))
                      .hint(nearest_deployer(deployer)));
  }
  if (!context.description()->find("sfProcessHost")) return {};
  Placement place = TRY(placement_of(context));
  if (!place.here()) TRY(context.hosts());
  return {};
}

namespace {

/// The nearest that says where: an sfProcessHost, or a part that a group has deployed on a member,
/// which is named as its machine.
std::pair<const model::Attribute*, std::string> setting(const model::Component*& at) {
  for (; at; at = at->parent()) {
    if (const model::Attribute* found = at->find("sfProcessHost")) return {found, ""};
    const model::Component* above = at->parent();
    if (!above || !above->find("imageID")) continue;
    for (const model::Attribute& attribute : above->attributes())
      if (attribute.name.starts_with("i-") && attribute.value.as_component().get() == at)
        return {nullptr, attribute.name};
  }
  return {nullptr, ""};
}

bool rents_machines(const model::Component& component) {
  return component.find("imageID") != nullptr;
}

std::string id_of(const model::Component& machine) {
  const model::Attribute* id = machine.find("instance");
  const auto* text = id ? id->value.get<std::string>() : nullptr;
  return text ? *text : std::string();
}

}  // namespace

Result<Placement> placement_of(const Context& context) {
  const model::Component* at = context.description().get();
  auto [found, member] = setting(at);
  if (!member.empty()) return Placement{nullptr, std::move(member)};
  if (!found) return Placement{};
  auto value = TRY(context.value_in(*at, found->value));
  if (auto machine = value.as_component()) {
    if (!rents_machines(*machine))
      return fail(Error(Code::type_mismatch,
                        fmt::format("{} cannot run on {}, which is no machine", context.path(),
                                    machine->path()),
                        found->where)
                      .hint("sfProcessHost is a link to an ImageInstance, or to a member of an "
                            "InstanceGroup: sfProcessHost LAZY PARENT:web"));
    const model::Attribute* ids = machine->find("instances");
    const auto* all = ids ? ids->value.get<model::Vector>() : nullptr;
    if (all && all->size() > 1)
      return fail(Error(Code::invalid_argument,
                        fmt::format("{} cannot run on {}: those are {} machines", context.path(),
                                    machine->path(), all->size()),
                        found->where)
                      .hint("an InstanceGroup deploys its `each` on every one of its machines"));
    return Placement{machine.get(), id_of(*machine)};
  }
  const auto* name = value.get<std::string>();
  if (name && is_this_machine(*name)) return Placement{};
  if (name && name->starts_with("i-")) return Placement{nullptr, *name};
  return fail(
      Error(Code::unsupported,
            name ? fmt::format("{} cannot run on the host '{}'", context.path(), *name)
                 : fmt::format("{} cannot run on a {}", context.path(), value.kind_name()),
            found->where)
          .hint(fmt::format("components run in the controller, on '{}', or on a machine that the "
                            "application rents: sfProcessHost LAZY PARENT:web",
                            host_name())));
}

bool is_place(const model::Component& root, const model::Component& machine) {
  for (const model::Attribute& attribute : root.attributes()) {
    if (attribute.name == "sfProcessHost") {
      if (attribute.value.as_component().get() == &machine) return true;
      const auto* link = attribute.value.get<std::shared_ptr<const model::Reference>>();
      auto target = link ? plan::locate(root, **link) : fail(Code::unresolved, "");
      if (target && target->component == &machine) return true;
    }
    if (auto inner = attribute.value.as_component(); inner && inner->parent() == &root)
      if (is_place(*inner, machine)) return true;
  }
  return false;
}

}  // namespace croft::engine
