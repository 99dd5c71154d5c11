// Instances as real Linux sandboxes, behind a seam that tests and the simulation fake.
// A machine outlives the farm process: it is found again by its folder, pid, start time and cgroup.
// Loop thread only.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/world.h"
#include "base/units.h"

namespace croft::sandbox {

/// A socket at which the farm answers one machine. The farm's own URL is inside
/// the machine's network namespace; a service address (metadata: 169.254.169.254:80, resolver:
/// 169.254.169.253:53) at the router's end of the machine's link, so that the machine's own
/// programs may have these ports at all its addresses. Who asks is known by construction: each
/// socket belongs to one machine.
struct InsideListener {
  std::string name;  ///< "imds", "dns-udp", "dns-tcp", "api"
  std::string address;
  uint16_t port = 0;
  bool datagram = false;
};

/// One thing that a group lets through.
struct PacketRule {
  int protocol = -1;    ///< IP's number; -1: all
  int from = -1;        ///< first port, or the type of ICMP; -1: all
  int to = -1;          ///< last port, or the code of ICMP; -1: all
  std::string network;  ///< the peer's, "10.0.0.0/8"; empty with `group`
  std::string group;    ///< the peer is in this group
};

/// What its members may send, and what may be sent to them. Answers always pass.
struct PacketGroup {
  std::string name;
  std::vector<PacketRule> in, out;
};

/// Traffic that is hindered on purpose, one way.
struct LinkFault {
  std::vector<std::string> from, to;  ///< private addresses, or the gateway's; empty: all
  int64_t bytes_per_second = 0;       ///< what is above is lost; 0: no such limit
  int percent = 100;                  ///< so many of the packets are lost, without a limit
};

/// One line of a border; the first that fits a packet decides.
struct BorderRule {
  bool allow = false;
  PacketRule packets;
};

/// What may pass between some machines and everybody outside `network`, answers included: what no
/// rule fits may not.
struct PacketBorder {
  std::string network;               ///< "10.0.1.0/24": within it nothing is asked
  std::vector<std::string> members;  ///< private addresses
  std::vector<BorderRule> in, out;
};

/// How networks are joined and parted.
struct PacketNetworks {
  /// Their machines reach each other at private addresses, as groups allow.
  std::vector<std::pair<std::string, std::string>> peers;
  std::vector<PacketBorder> borders;
};

/// A disk that outlives machines: one image file, seen in a machine as the folder /volumes/NAME.
struct VolumeSpec {
  std::string name;    ///< "sdf": a file name
  std::string image;   ///< absolute path; made at the first use
  std::string source;  ///< image to begin with; empty: an empty file system
  Bytes size = Bytes::gib(1);
};

struct MachineSpec {
  std::string id;               ///< "i-0123456789abcdef0": names folder, cgroup, namespaces, veth
  std::string hostname;         ///< "ip-10-77-0-5"
  std::string image;            ///< folder of a root file system; empty: the built-in image
  std::string private_address;  ///< "10.77.0.5"
  std::string network;          ///< machines of others are reached at public addresses only
  std::vector<std::string> groups;  ///< names of PacketGroups: their rules add up
  Bytes memory = Bytes::mib(512);
  int cpu_permille = 1000;  ///< of one core
  int pids = 512;
  Bytes disk = Bytes::gib(8);
  std::string disk_source;  ///< image that the root disk begins as, at first boot; empty: fresh
  std::vector<VolumeSpec> volumes;
  std::string user_data;       ///< raw; run once, at the first boot (DESIGN 8.12)
  std::string authorized_key;  ///< OpenSSH public key line for root; empty: none
  std::vector<InsideListener> listeners;
  bool first_boot = true;
};

struct Machine {
  std::string id;
  int pid = 0;              ///< of its init, in the farm's pid namespace
  uint64_t start_time = 0;  ///< clock ticks since boot, from /proc: pid and this identify it
  std::map<std::string, int> sockets;  ///< InsideListener name -> descriptor, owned by the receiver
};

struct MachineExit {
  std::string id;
  std::string reason;  ///< "poweroff", "reboot", "killed by signal 9", "init: cannot mount ..."
  bool by_guest = false;
};

/// Bytes that reached a machine and that reached others from it, since it was started.
struct Traffic {
  std::string id;
  uint64_t start_time = 0;  ///< as Machine's: a later boot counts from zero again
  int64_t in = 0, out = 0;
  int64_t public_in = 0, public_out = 0;  ///< of these, by way of a public address
  bool ended = false;                     ///< its last word, kept until traffic_taken()
};

class Machines {
 public:
  virtual ~Machines() = default;
  /// Builds and boots the machine; returns when its init runs. On error nothing is left behind.
  virtual aio::Task<Result<Machine>> start(MachineSpec spec) = 0;
  /// Asks init to end its processes (SIGTERM, then SIGKILL after `grace`), waits until all are
  /// gone. The root disk stays. Also for machines whose process is gone already. Idempotent.
  virtual aio::Task<Result<>> stop(std::string id, Duration grace) = 0;
  /// stop() without grace, then disk, cgroup, namespaces, folder: nothing is left. Idempotent.
  virtual aio::Task<Result<>> destroy(std::string id) = 0;
  virtual aio::Task<Result<>> reboot(std::string id) = 0;
  /// Machines that still run from before a restart of the farm, with new sockets for `listeners`.
  virtual aio::Task<Result<std::vector<Machine>>> find_running(
      std::map<std::string, std::vector<InsideListener>> listeners) = 0;
  /// SIGSTOP, SIGCONT or SIGKILL to all processes of a running machine: faults on purpose.
  virtual aio::Task<Result<>> signal(std::string id, int signal) = 0;
  /// The next machine that ended by itself.
  virtual aio::Task<Result<MachineExit>> next_exit() = 0;
  /// What it printed on its console, newest `limit` bytes.
  virtual aio::Task<Result<std::string>> console(std::string id, Bytes limit) = 0;
  /// Ends the spawner; the machines run on. A farm without machines leaves nothing behind.
  virtual aio::Task<Result<>> close() = 0;

  /// Makes the rules of these groups be these, for all machines at once, those that run included.
  /// After open_machines no group has any rule, so that nothing of the past is trusted.
  virtual aio::Task<Result<>> set_groups(std::vector<PacketGroup> groups) = 0;
  /// No machine may be in it. Unknown ones are fine.
  virtual aio::Task<Result<>> forget_group(std::string name) = 0;
  /// A running machine's groups from now on; no other machine's traffic is touched.
  virtual aio::Task<Result<>> join_groups(std::string id, std::vector<std::string> groups) = 0;
  /// Packets to `address`, from this computer and from other machines, reach the machine with
  /// `private_address`, and its answers come from there; empty: nobody any more.
  virtual aio::Task<Result<>> set_public(std::string address, std::string private_address) = 0;

  /// Makes these, and no others, be joined and parted.
  virtual aio::Task<Result<>> set_networks(PacketNetworks networks) = 0;
  /// Makes these, and no others, be hindered.
  virtual aio::Task<Result<>> set_links(std::vector<LinkFault> faults);
  /// Takes all free space of a running machine's root disk, or gives it back. Idempotent.
  virtual aio::Task<Result<>> fill_disk(std::string id, bool full);

  /// Shows the volume in a running machine. Code::conflict while another machine has it.
  virtual aio::Task<Result<>> attach_volume(std::string id, VolumeSpec volume) = 0;
  /// Code::conflict while a process in the machine uses it, unless `force`. Idempotent.
  virtual aio::Task<Result<>> detach_volume(std::string id, std::string name, bool force) = 0;
  /// A volume that a running machine has becomes as big as `volume.size`; nothing is ever made
  /// smaller.
  virtual aio::Task<Result<>> grow_volume(std::string id, VolumeSpec volume);
  /// Of the machines that run and, before them, of those that ended: these stay until they are
  /// taken, also when farm and spawner are killed.
  virtual aio::Task<Result<std::vector<Traffic>>> traffic();
  /// What is said here of ended machines is not told again.
  virtual aio::Task<Result<>> traffic_taken(std::vector<Traffic> read);
  /// A copy of a disk as it is at one moment: the processes of machine `id` (if it runs) stand
  /// still meanwhile. `from` empty: its root disk. Only a whole copy ever has the name `to`.
  virtual aio::Task<Result<>> copy_disk(std::string id, std::string from, std::string to) = 0;
  /// Removes an image that copy_disk or a volume made. Idempotent.
  virtual aio::Task<Result<>> remove_disk(std::string image) = 0;

  /// A socket at the gateway's address, which all machines reach: port 0 lets the kernel choose
  /// (getsockname tells). The receiver owns the descriptor. Machines that fake answer
  /// `unsupported`.
  virtual aio::Task<Result<int>> gateway_listener(uint16_t port, bool datagram);
  /// An unconnected TCP socket in the farm's network, from which every machine's private address
  /// can be reached (croft forward, elastic addresses). The receiver owns the descriptor.
  virtual aio::Task<Result<int>> router_socket();
};

struct MachinesOptions {
  std::string folder;   ///< the farm's data folder + "/machines"
  std::string farm_id;  ///< 8 hex digits: names of namespaces, veths, cgroups, nft tables
  std::string network = "10.77.0.0/16";
  std::string gateway = "169.254.1.1";
  /// The command that runs spawner_main (sandbox/spawner.h); empty: this program's
  /// "sandbox-spawner".
  std::vector<std::string> spawner;
};

/// What this kernel and user allow; printed by `croft farm doctor`.
struct Ability {
  std::string name;
  bool ok = false;
  std::string detail;  ///< what was seen, what is lost without it, how to get it
};
std::vector<Ability> abilities();

/// Starts the spawner. Must run before the process has started threads that matter to it: the
/// spawner is a fresh exec of this binary ("croft sandbox-spawner"), so any time is fine.
aio::Task<Result<std::unique_ptr<Machines>>> open_machines(aio::World& world,
                                                           MachinesOptions options);

// The seam's fake, for tests and the simulation: sandbox/fake.h.

}  // namespace croft::sandbox
