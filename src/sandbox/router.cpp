#include "sandbox/router.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "base/text.h"
#include "sandbox/cgroups.h"
#include "sandbox/lease.h"
#include "sandbox/policy.h"
#include "sandbox/sheet.h"

namespace croft::sandbox {

namespace {

std::string record_of(const FarmLayout& layout) {
  return layout.folder + "/.router";
}

std::string record_text(int pid) {
  Sheet record;
  record.add("pid", pid).add("start_time", static_cast<int64_t>(start_time_of(pid)));
  return record.encode();
}

/// A descriptor of the keeper, when it lives.
Result<Fd> keeper(const FarmLayout& layout, int* pid) {
  std::string data = TRY(read_whole(record_of(layout)));
  Sheet record;
  if (!Sheet::decode(data, record))
    return fail(Code::corrupt, record_of(layout) + " cannot be read");
  *pid = static_cast<int>(record.number("pid"));
  return open_process(*pid, static_cast<uint64_t>(record.number("start_time")));
}

Result<> set_up(const FarmLayout& layout) {
  Netlink netlink = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch batch;
  link::up(batch, link::loopback);
  link::add_address(batch, link::loopback, TRY(ipv4(layout.gateway)), false);
  for (std::string_view service : service_addresses)
    link::add_address(batch, link::loopback, TRY(ipv4(service)), true);
  TRY(netlink.run(std::move(batch)));
  const std::string net = "/proc/sys/net/";
  TRY(write_existing(net + "ipv4/ip_forward", "1"));
  for (const char* scope : {"all", "default"}) {
    // Strict: a packet whose source does not live behind the link it came from is dropped.
    TRY(write_existing(fmt::format("{}ipv4/conf/{}/rp_filter", net, scope), "1"));
    TRY(write_existing(fmt::format("{}ipv4/conf/{}/send_redirects", net, scope), "0"));
    TRY(write_existing(fmt::format("{}ipv4/conf/{}/accept_source_route", net, scope), "0"));
    std::string no_ipv6 = fmt::format("{}ipv6/conf/{}/disable_ipv6", net, scope);
    if (exists(no_ipv6)) TRY(write_existing(no_ipv6, "1"));
  }
  return {};
}

}  // namespace

std::string router_record(const FarmLayout& layout) {
  return read_whole(record_of(layout)).value_or("");
}

void end_forgotten(const FarmLayout& layout) {
  if (auto groups = Cgroups::find()) {
    for (const std::string& machine : groups->below(layout.cgroup()))
      static_cast<void>(groups->remove(layout.cgroup() + "/" + machine));
    static_cast<void>(groups->remove(layout.cgroup()));
  }
  // Another farm in the same place finds these by itself.
  if (router_record(layout).empty()) IdRanges(layout.folder).forget_others({});
}

namespace {

[[noreturn]] void keep(const FarmLayout& layout) {
  const std::string own = record_text(getpid());
  setsid();
  prctl(PR_SET_NAME, "croft-router");
  if (chdir("/") != 0) _exit(1);
  // Every descriptor goes, the farm's sockets above all: their ends must be seen elsewhere.
  syscall(SYS_close_range, 0u, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  int changes = inotify_init1(IN_CLOEXEC);
  inotify_add_watch(changes, layout.folder.c_str(),
                    IN_DELETE | IN_DELETE_SELF | IN_MOVED_FROM | IN_MOVE_SELF);
  constexpr int look_every_ms = 60'000;  // also where nothing tells of changes
  for (bool seen = false;;) {
    pollfd wait{changes, POLLIN, 0};
    char events[4096];
    bool told = poll(&wait, 1, look_every_ms) > 0;
    if (told && read(changes, events, sizeof events) < 0) changes = -1;
    bool there = router_record(layout) == own;
    // The record is written a moment after this process has begun.
    if (there || (told && !seen)) {
      seen = seen || there;
      continue;
    }
    // A farm whose folder is gone needs no router, and its machines no network.
    end_forgotten(layout);
    _exit(0);
  }
}

}  // namespace

Result<bool> enter_router(const FarmLayout& layout) {
  int pid = 0;
  if (auto found = keeper(layout, &pid)) {
    Fd network(open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
    if (!network.valid() || setns(network.get(), CLONE_NEWNET) != 0)
      return fail_system("enter the farm's network");
    return false;
  }
  if (unshare(CLONE_NEWNET) != 0) return fail_system("make the farm's network namespace");
  TRY(set_up(layout));
  pid = fork();
  if (pid < 0) return fail_system("start the router's keeper");
  if (pid == 0) keep(layout);
  Result<> written = replace_file(record_of(layout), record_text(pid), 0600);
  // Without a record nobody would ever find it again, nor would it find its own end.
  if (!written) kill(pid, SIGKILL);
  TRY(std::move(written));
  return true;
}

void end_router(const FarmLayout& layout) {
  int pid = 0;
  if (auto found = keeper(layout, &pid))
    syscall(SYS_pidfd_send_signal, found->get(), SIGKILL, nullptr, 0);
  unlink(record_of(layout).c_str());
}

// ---- the link to this computer

namespace {

constexpr const char* host_address = "169.254.1.2";

/// Whether the caller's network has an interface of that name; its index.
uint32_t index_of(const std::string& name) {
  return if_nametoindex(name.c_str());
}

/// Runs `work` in another network namespace and comes back to `own`.
template <class Work>
Result<> elsewhere(int network, int own, Work work) {
  if (setns(network, CLONE_NEWNET) != 0) return fail_system("enter this computer's network");
  Result<> done = work();
  if (setns(own, CLONE_NEWNET) != 0) return fail_system("return to the farm's network");
  return done;
}

}  // namespace

std::string host_link_name(const FarmLayout& layout) {
  return "croft-" + layout.farm_id.substr(0, 8);
}

Result<> link_to_host(const FarmLayout& layout, int host_network, int router_network) {
  if (index_of(public_link) != 0) return {};
  uint32_t host = TRY(ipv4(host_address));
  uint32_t gateway = TRY(ipv4(layout.gateway));
  const std::string name = host_link_name(layout);
  // Of a router that was killed: something may still hold its network, and so the pair.
  TRY(elsewhere(host_network, router_network, [&]() -> Result<> {
    uint32_t old = index_of(name);
    if (old == 0) return {};
    Netlink outside = TRY(Netlink::open(NETLINK_ROUTE));
    NetlinkBatch batch;
    link::remove(batch, old);
    auto removed = outside.run(std::move(batch));
    if (!removed && index_of(name) == 0) return {};  // it went by itself meanwhile
    return removed;
  }));
  Netlink router = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch pair;
  link::add_pair(pair, public_link, 0, name, 0, host_network);
  TRY(router.run(std::move(pair)));
  NetlinkBatch back;
  link::add_route(back, host, index_of(public_link), 0);
  TRY(router.run(std::move(back)));
  return elsewhere(host_network, router_network, [&]() -> Result<> {
    Netlink outside = TRY(Netlink::open(NETLINK_ROUTE));
    NetlinkBatch batch;
    link::up(batch, index_of(name));
    link::add_address(batch, index_of(name), host, false);
    link::add_route(batch, gateway, index_of(name), 0);
    return outside.run(std::move(batch));
  });
}

Result<> route_public(const FarmLayout& layout, int host_network, int router_network,
                      const std::string& address, bool add) {
  uint32_t destination = TRY(ipv4(address));
  uint32_t host = TRY(ipv4(host_address));
  uint32_t gateway = TRY(ipv4(layout.gateway));
  return elsewhere(host_network, router_network, [&]() -> Result<> {
    Netlink outside = TRY(Netlink::open(NETLINK_ROUTE));
    NetlinkBatch batch;
    uint32_t index = index_of(host_link_name(layout));
    if (add)
      link::add_public_route(batch, destination, index, gateway, host);
    else
      link::remove_route(batch, destination, index);
    return outside.run(std::move(batch));
  });
}

}  // namespace croft::sandbox
