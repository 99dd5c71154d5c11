// The admin request by which a process beside the farm gets a socket that all machines reach.
#pragma once
#include "farm/ec2/core.h"

namespace croft::farm::ec2 {

/// {"port" (0: the kernel chooses), "datagram", "to": the socket file that takes the descriptor
/// (aio/real/descriptors.h)} -> {"address", "port"}. The controller waits there for its agents.
aio::Task<Result<std::string>> post_gateway(Core& core, std::string body);

}  // namespace croft::farm::ec2
