#include "sandbox/router.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "base/text.h"
#include "sandbox/sheet.h"

namespace croft::sandbox {

namespace {

std::string record_of(const FarmLayout& layout) {
  return layout.folder + "/.router";
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

Result<> load_rules() {
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return fail_system("make a pipe");
  Fd reader(pipe[0]);
  Fd writer(pipe[1]);
  pid_t pid = fork();
  if (pid < 0) return fail_system("start nft");
  if (pid == 0) {
    dup2(reader.get(), 0);
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    execlp("nft", "nft", "-f", "-", nullptr);
    _exit(127);
  }
  reader.reset();
  auto sent = write_all(writer.get(), router_rules());
  writer.reset();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return fail(Error(Code::unavailable, "the program nft is missing").hint("install nftables"));
  }
  if (!sent || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Code::unavailable,
                "nft refused the router's rules (its own words are on standard error)");
  }
  return {};
}

Result<> set_up(const FarmLayout& layout) {
  Netlink netlink = TRY(Netlink::open(NETLINK_ROUTE));
  NetlinkBatch batch;
  link::up(batch, link::loopback);
  link::add_address(batch, link::loopback, TRY(ipv4(layout.gateway)), false);
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
  return load_rules();
}

[[noreturn]] void keep(const std::string& record) {
  setsid();
  prctl(PR_SET_NAME, "croft-router");
  if (chdir("/") != 0) _exit(1);
  // Every descriptor goes, the farm's sockets above all: their ends must be seen elsewhere.
  syscall(SYS_close_range, 0u, ~0u, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  constexpr int look_every_ms = 60'000;
  for (;;) {
    poll(nullptr, 0, look_every_ms);
    // A farm whose folder is gone needs no router.
    if (access(record.c_str(), F_OK) != 0) _exit(0);
  }
}

}  // namespace

std::string router_rules() {
  return R"(add table ip croft
flush table ip croft
table ip croft {
  map group_of { type ipv4_addr : mark; }
  set members { type ipv4_addr . mark; }
  set gateway_tcp { type inet_service; }
  set gateway_udp { type inet_service; }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    meta mark set ip saddr map @group_of
    ip daddr . meta mark @members accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iif "lo" accept
    icmp type echo-request accept
    tcp dport @gateway_tcp accept
    udp dport @gateway_udp accept
  }
}
)";
}

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
  if (pid == 0) keep(record_of(layout));
  Sheet record;
  record.add("pid", pid).add("start_time", static_cast<int64_t>(start_time_of(pid)));
  TRY(replace_file(record_of(layout), record.encode(), 0600));
  return true;
}

void end_router(const FarmLayout& layout) {
  int pid = 0;
  if (auto found = keeper(layout, &pid))
    syscall(SYS_pidfd_send_signal, found->get(), SIGKILL, nullptr, 0);
  unlink(record_of(layout).c_str());
}

}  // namespace croft::sandbox
