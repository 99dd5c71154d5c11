// The farm's network namespace: the router between its machines. It has no way out, no default
// route; a link to this computer is made once there is a public address, and only for those. A
// small keeper process holds it while spawners come and go, so that machines keep their network
// when farm and spawner are killed. Blocking; spawner only.
#pragma once
#include <string>

#include "sandbox/plan.h"

namespace croft::sandbox {

/// Moves the caller into the farm's router namespace; makes it (links, packet filter, keeper) when
/// there is none. True when it was made now: machines that run have to be connected again.
Result<bool> enter_router(const FarmLayout& layout);
/// What says which keeper holds the router; empty: nothing does.
std::string router_record(const FarmLayout& layout);
/// Ends all machines of a farm whose folder is gone, as nobody will ever find them again. The
/// keeper does so, and whoever lives longer than it.
void end_forgotten(const FarmLayout& layout);
/// Ends the keeper; the namespace goes with its last user.
void end_router(const FarmLayout& layout);

/// Makes the link between the router and this computer, unless it is there. The router's own
/// packet filter lets through what goes to a public address and nothing else.
Result<> link_to_host(const FarmLayout& layout, int host_network, int router_network);
std::string host_link_name(const FarmLayout& layout);
/// This computer's route to one public address. Code::already_exists when somebody else has it.
Result<> route_public(const FarmLayout& layout, int host_network, int router_network,
                      const std::string& address, bool add);

}  // namespace croft::sandbox
