// Network ACLs, for those who make networks and for the packet filter.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// The one that every network has; it is made, in memory, when somebody asks for it.
NetworkAcl& default_acl(Core& core, const Vpc& vpc);
/// What is filtered at the borders of subnets: of those whose ACL does not let everything through.
std::vector<sandbox::PacketBorder> borders_of(Core& core);

}  // namespace croft::farm::ec2
