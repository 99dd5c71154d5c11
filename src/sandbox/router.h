// The farm's network namespace: the router between its machines. It has no way out: no link to the
// host, no default route. A small keeper process holds it while spawners come and go, so that
// machines keep their network when farm and spawner are killed. Blocking; spawner only.
#pragma once
#include <string>

#include "sandbox/plan.h"

namespace croft::sandbox {

/// Moves the caller into the farm's router namespace; makes it (links, packet filter, keeper) when
/// there is none. True when it was made now: machines that run have to be connected again.
Result<bool> enter_router(const FarmLayout& layout);
/// Ends the keeper; the namespace goes with its last user.
void end_router(const FarmLayout& layout);
/// The rules, as nft reads them.
std::string router_rules();

}  // namespace croft::sandbox
