// VPC peering, for the packet filter.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// The networks whose instances reach each other at private addresses.
std::vector<std::pair<std::string, std::string>> peers_of(Core& core);

}  // namespace croft::farm::ec2
