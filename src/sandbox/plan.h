// A machine as pure data: everything that will be asked of the kernel for it, in order. Built from
// the farm's request, printed and golden-tested without root; builder.cpp executes it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/cgroups.h"
#include "sandbox/netlink.h"
#include "sandbox/sandbox.h"

namespace croft::sandbox {

/// Where the farm answers machines at the router's end of their links: resolver and metadata.
inline constexpr std::string_view service_addresses[] = {"169.254.169.253", "169.254.169.254"};
inline bool is_inside(const InsideListener& listener) {
  return std::ranges::find(service_addresses, listener.address) == std::end(service_addresses);
}

/// Where a farm keeps things, and what it gives to all of its machines.
struct FarmLayout {
  std::string folder;  ///< MachinesOptions::folder
  std::string farm_id;
  std::string gateway;           ///< on the router's lo
  bool package_records = false;  ///< this machine has /var/lib/dpkg to lend

  std::string machine(const std::string& id) const { return folder + "/" + id; }
  std::string base() const { return folder + "/.base"; }  ///< the built-in image's own files
  std::string build() const {
    return folder + "/.build";
  }  ///< mount points, used in private namespaces only
  std::string cgroup() const { return "croft/" + farm_id; }
};

/// What the farm gives to one machine for as long as it runs.
struct Lease {
  uint32_t first_id = 0;    ///< host uid and gid of the machine's root; 65536 of them
  uint32_t link_index = 0;  ///< of its veth in the router
};

/// Mount and file steps. Targets are relative to the folder FarmLayout::build, where "root" becomes
/// the machine's root; those of the inner steps to the machine's root itself.
enum class StepKind {
  disk,         ///< the root disk, ids mapped, at `target`
  attach,       ///< the folder `source`, ids mapped, at `target`
  volume,       ///< the file system in the image `source`, ids mapped, at `target`
  overlay,      ///< `source` are the options
  scratch,      ///< a tmpfs with the options `source` and the `content`
  terminals,    ///< a devpts of its own, options in `source`
  processes,    ///< the machine's /proc, options in `source`
  hide_file,    ///< reads as empty
  hide_folder,  ///< reads as empty
  read_only,    ///< the mount or folder at `target`
};

/// What lies in a scratch file system before anybody sees it.
struct Node {
  enum class Kind { device, fifo, folder, link } kind = Kind::folder;
  std::string name;
  uint32_t mode = 0755;
  uint32_t major = 0;
  uint32_t minor = 0;
  std::string to;  ///< of a link
};

struct Step {
  StepKind kind = StepKind::attach;
  std::string source;
  std::string target;
  std::vector<Node> content;
};

struct SandboxPlan {
  std::string id;
  std::string hostname;
  std::vector<std::string> namespaces;
  Lease lease;
  std::string disk_image;  ///< file, sparse; or a folder where loop devices are refused
  Bytes disk_size;
  std::string disk_source;  ///< image that a fresh disk is a copy of; empty: the template
  std::vector<VolumeSpec> volumes;
  std::string cgroup;
  Limits limits;
  std::vector<Step> outer;  ///< by the builder, from outside
  std::vector<Step> inner;  ///< by the machine's first process, before it gives up its rights
  std::string address, gateway;
  std::string link_name;                      ///< of the veth in the router
  std::vector<std::string> inside_addresses;  ///< on the machine's lo
  std::vector<InsideListener> listeners;
  std::vector<nft::Element> filter;  ///< set by whoever knows the farm's PacketPolicy
  std::vector<std::string> capabilities;
  uint64_t open_files = 65536;

  /// One fact a line; stable.
  std::string text() const;
};

/// Code::invalid_argument with the field's name for what no kernel would take.
Result<SandboxPlan> plan_machine(const MachineSpec& spec, const FarmLayout& layout,
                                 const Lease& lease);

Result<> check_volume(const VolumeSpec& volume);

/// The clone flags for SandboxPlan::namespaces.
uint64_t namespace_flags(const std::vector<std::string>& namespaces);

}  // namespace croft::sandbox
