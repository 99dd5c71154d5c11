#include "engine/placement.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/machine.h"
#include "base/text.h"

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
  auto host = TRY(context.value_if("sfProcessHost"));
  if (!host) return {};
  const auto* name = host->get<std::string>();
  if (name && is_this_machine(*name)) return {};
  return fail(
      Error(Code::unsupported,
            name ? fmt::format("{} cannot run on the host '{}'", context.path(), *name)
                 : fmt::format("{} cannot run on {}", context.path(),
                               host->as_component() ? "another component"
                                                    : fmt::format("a {}", host->kind_name())),
            context.where("sfProcessHost"))
          .hint(
              fmt::format("components run in the controller, on '{}'; other hosts come with agents "
                          "on them, which this croft has not",
                          host_name())));
}

}  // namespace croft::engine
