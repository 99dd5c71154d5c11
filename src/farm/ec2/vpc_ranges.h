// Further address ranges of networks and subnets.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::farm::ec2 {

/// A /56 of fd00::/8, as EC2 gives one of its own.
std::string new_ipv6_range(aio::Random& random);

}  // namespace croft::farm::ec2
