// What a simulated life wants of its application. Header-only, for test/sim.
#pragma once
#include <map>
#include <string>

#include "rig.h"

namespace croft::simtest {

inline constexpr const char* life_id = "AKIDSIM";
inline constexpr const char* life_key = "secret-of-sim-0001";

/// Drawn, and changed in the middle of a life.
struct Form {
  int service = 1, other = 0;  ///< machines
  bool bucket = false;
  bool renamed = false;  ///< machines and bucket go by their second names
  // Of a life with hosts, instead of `service` and `other`.
  int workers = 0;     ///< members of a group, each with a process
  bool front = false;  ///< a machine with two processes
  int version = 1;     ///< in the commands of all processes
  friend auto operator<=>(const Form&, const Form&) = default;

  std::string text() const {
    std::string out = fmt::format("{} of service, {} of other", service, other);
    if (workers > 0)
      out = fmt::format("{} workers{}, version {}", workers, front ? " and a front" : "", version);
    return out + (bucket ? ", a bucket" : "") + (renamed ? ", by other names" : "");
  }
  /// How service and store are called now, and how they were called if they were renamed.
  static const char* service_name(bool renamed) { return renamed ? "unit" : "service"; }
  static const char* store_name(bool renamed) { return renamed ? "shelf" : "store"; }
  /// Machines by component.
  std::map<std::string, int> machines() const {
    std::map<std::string, int> out;
    for (auto [name, count] : {std::pair{service_name(renamed), service},
                               {"other", other},
                               {"workers", workers},
                               {"machine", front ? 1 : 0}})
      if (count > 0) out[std::string("app:") + name] = count;
    return out;
  }
  /// Commands of the processes on a machine of that component.
  std::multiset<std::string> processes(const std::string& component) const {
    if (component == "app:workers") return {fmt::format("/bin/worker {}", version)};
    if (component == "app:machine")
      return {fmt::format("/bin/front {}", version), fmt::format("/bin/back {}", version)};
    return {};
  }
  static Form none() { return {.service = 0}; }
};

inline std::string description_text(const Form& form) {
  std::string out = R"(#include "/org/smartfrog/services/amazon/s3/components.sf"
#include "/org/smartfrog/services/amazon/ec2/components.sf"
#include "/croft/hosts.sf"
farm extends EmbeddedFarm {
  accounts extends { sim extends Account { id "AKIDSIM"; key "secret-of-sim-0001"; instances 9; } }
  images extends { any "ami-26b6534f"; }
}
sfConfig extends Compound {
)";
  auto machines = [](const char* name, const char* type, int count) {
    return fmt::format(
        "  {} extends {} {{ id \"{}\"; key \"{}\"; imageID \"ami-26b6534f\"; minCount {}; maxCount "
        "{}; "
        "onLoss \"REPLACE\"; sfLivenessDelay 2; ",
        name, type, life_id, life_key, count, count);
  };
  auto process = [&form](const char* name, const char* more) {
    return fmt::format("{0} extends Process {{ command [\"/bin/{0}\", \"{1}\"]; {2}}}", name,
                       form.version, more);
  };
  auto was = [&form](const char* (*name)(bool)) {
    return fmt::format("renamedFrom \"{}\"; ", name(!form.renamed));
  };
  if (form.service > 0)
    out += machines(Form::service_name(form.renamed), "ImageInstance", form.service) +
           was(Form::service_name) + "}\n";
  if (form.other > 0) out += machines("other", "ImageInstance", form.other) + "}\n";
  if (form.workers > 0)
    out += machines("workers", "InstanceGroup", form.workers) +
           fmt::format("each extends Compound {{ {} }} }}\n", process("worker", ""));
  if (form.front)
    out += machines("machine", "ImageInstance", 1) + "}\n" +
           fmt::format("  site extends Compound {{ sfProcessHost LAZY machine; {} {} }}\n",
                       process("back", ""), process("front", "uses [LAZY back]; "));
  if (form.bucket)
    out += fmt::format(
        "  {} extends TransientS3Bucket {{ bucket \"sim-store\"; username \"{}\"; password "
        "\"{}\"; {}}}\n",
        Form::store_name(form.renamed), life_id, life_key, was(Form::store_name));
  return out + "}\n";
}

/// Resolved once a process, for all seeds: it takes longer than most of a life.
inline const model::Description& description_of(const Form& form) {
  static std::map<Form, model::Description> known;
  auto found = known.find(form);
  if (found == known.end())
    found = known.emplace(form, resolved("trouble.sf", description_text(form)).value()).first;
  return found->second;
}

}  // namespace croft::simtest
