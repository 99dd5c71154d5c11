#include "sandbox/seccomp.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "sandbox/sys.h"

namespace croft::sandbox {

const std::vector<RefusedCall>& refused_calls() {
  using enum Refusal;
  static const std::vector<RefusedCall> table = {
      {"clone3",
       not_there},  // its flags lie in memory that a filter cannot read: glibc falls back to clone
      {"io_uring_setup", not_there},
      {"io_uring_enter", not_there},
      {"io_uring_register", not_there},
      {"mount", not_permitted},
      {"umount2", not_permitted},
      {"pivot_root", not_permitted},
      {"open_tree", not_permitted},
      {"open_tree_attr", not_permitted},
      {"move_mount", not_permitted},
      {"fsopen", not_permitted},
      {"fsconfig", not_permitted},
      {"fsmount", not_permitted},
      {"fspick", not_permitted},
      {"mount_setattr", not_permitted},
      {"listmount", not_permitted},
      {"statmount", not_permitted},
      {"setns", not_permitted},
      {"swapon", not_permitted},
      {"swapoff", not_permitted},
      {"quotactl", not_permitted},
      {"quotactl_fd", not_permitted},
      {"open_by_handle_at", not_permitted},
      {"ptrace", not_permitted},
      {"process_vm_readv", not_permitted},
      {"process_vm_writev", not_permitted},
      {"process_madvise", not_permitted},
      {"pidfd_getfd", not_permitted},
      {"kcmp", not_permitted},
      {"perf_event_open", not_permitted},
      {"userfaultfd", not_permitted},
      {"lookup_dcookie", not_permitted},
      {"fanotify_init", not_permitted},
      {"add_key", not_permitted},
      {"request_key", not_permitted},
      {"keyctl", not_permitted},
      {"reboot", not_permitted},
      {"settimeofday", not_permitted},
      {"clock_settime", not_permitted},
      {"clock_adjtime", not_permitted},
      {"adjtimex", not_permitted},
      {"stime", not_permitted},
      {"acct", not_permitted},
      {"syslog", not_permitted},
      {"ioperm", not_permitted},
      {"iopl", not_permitted},
      {"modify_ldt", not_permitted},
      {"vhangup", not_permitted},
      {"nfsservctl", not_permitted},
      {"uselib", not_permitted},
      {"_sysctl", not_permitted},
      {"sysfs", not_permitted},
      {"ustat", not_permitted},
      {"vm86", not_permitted},
      {"vm86old", not_permitted},
      {"get_kernel_syms", not_permitted},
      {"query_module", not_permitted},
      {"create_module", not_permitted},
      {"migrate_pages", not_permitted},
      {"move_pages", not_permitted},
      {"set_mempolicy_home_node", not_permitted},
      {"init_module", kill},
      {"finit_module", kill},
      {"delete_module", kill},
      {"kexec_load", kill},
      {"kexec_file_load", kill},
      {"bpf", kill},
  };
  return table;
}

namespace {

uint32_t action_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::not_there:
      return SCMP_ACT_ERRNO(ENOSYS);
    case Refusal::not_permitted:
      return SCMP_ACT_ERRNO(EPERM);
    case Refusal::no_such_family:
      return SCMP_ACT_ERRNO(EAFNOSUPPORT);
    case Refusal::kill:
      return SCMP_ACT_KILL_PROCESS;
  }
  return SCMP_ACT_KILL_PROCESS;
}

int add_argument_rules(scmp_filter_ctx filter) {
  int bad = 0;
  constexpr scmp_datum_t namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                         CLONE_NEWUTS,  CLONE_NEWIPC, CLONE_NEWCGROUP};
  for (scmp_datum_t flag : namespaces) {
    for (int call : {SCMP_SYS(clone), SCMP_SYS(unshare)}) {
      bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
    }
  }
  constexpr scmp_datum_t new_time =
      0x80;  // CLONE_NEWTIME; for clone these bits are the exit signal
  bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                          SCMP_A0(SCMP_CMP_MASKED_EQ, new_time, new_time));
  // Typing into another's terminal.
  for (scmp_datum_t request : {scmp_datum_t{TIOCSTI}, scmp_datum_t{TIOCLINUX}}) {
    bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, request));
  }
  // Families beyond these reach the host (vsock), its kernel's crypto (alg) or rarely tested code.
  bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                          SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
  for (int family = AF_INET + 1; family < AF_NETLINK; ++family) {
    if (family == AF_INET6) continue;
    bad |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
  }
  return bad;
}

}  // namespace

Result<std::string> compile_filter() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return fail(Code::internal, "libseccomp gives no filter");
  int bad = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  // 32-bit and x32 calls have other numbers: none of them, not even harmless ones.
  bad |= seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  for (const RefusedCall& call : refused_calls()) {
    int number = seccomp_syscall_resolve_name(call.name);
    if (number == __NR_SCMP_ERROR || number < 0) continue;  // this architecture never had it
    bad |= seccomp_rule_add(filter, action_of(call.refusal), number, 0);
  }
  bad |= add_argument_rules(filter);
  Fd memory(static_cast<int>(syscall(SYS_memfd_create, "croft-seccomp", MFD_CLOEXEC)));
  if (!memory.valid()) bad = -errno;
  if (bad == 0) bad = seccomp_export_bpf(filter, memory.get());
  seccomp_release(filter);
  if (bad != 0) return fail_system("compile the system call filter", -bad);
  lseek(memory.get(), 0, SEEK_SET);
  return read_whole(fmt::format("/proc/self/fd/{}", memory.get()));
}

int install_filter(const std::string& filter) {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(filter.size() / sizeof(sock_filter));
  program.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(filter.data()));
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}

}  // namespace croft::sandbox
