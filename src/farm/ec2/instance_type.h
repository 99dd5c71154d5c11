// The instance types the farm offers: what EC2 says of them, and what the sandbox really gives.
// A table; pure.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace croft::farm::ec2 {

struct InstanceType {
  std::string_view name;
  int vcpus = 1;
  int64_t memory_mib = 512;
  int cpu_permille = 1000;  ///< of one core, as the cgroup limits it
  int pids = 512;
  bool current = true;  ///< currentGeneration
  bool burstable = false;

  Bytes memory() const { return Bytes::mib(memory_mib); }
};

std::span<const InstanceType> instance_types();
/// Null for an unknown name.
const InstanceType* find_instance_type(std::string_view name);
std::vector<std::string> instance_type_names();

}  // namespace croft::farm::ec2
