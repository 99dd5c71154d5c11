// What machines send and receive, counted by the router's packet filter in a table of its own: what
// arrived, by private address, and what of it went by way of a public one. A machine's counts begin
// with its start. They are the kernel's: they stay when farm and spawner are killed and when the
// machine ends, until the spawner has kept them in a file of its folder.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "sandbox/netlink.h"
#include "sandbox/plan.h"

namespace croft::sandbox {

struct Counted {
  int64_t in = 0, out = 0;
  int64_t public_in = 0, public_out = 0;  ///< of these
};

/// Makes the table, in nft's words. The counts of one that is there stay.
std::string traffic_table();
/// What has to be there for an address to be counted.
std::vector<nft::Element> traffic_elements(const std::string& address);
/// What each address has moved up to now, asked of the kernel itself.
Result<std::map<std::string, Counted>> read_counters(Netlink& filter);

/// Of ended machines: one file each and start.
std::string traffic_folder(const FarmLayout& layout);

}  // namespace croft::sandbox
