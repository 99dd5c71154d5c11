// The system calls of a machine: refused ones as a table, compiled to the kernel's filter once a
// spawner. clone3 and io_uring answer ENOSYS (callers fall back), calls on mounts, modules, tracing
// and the clock EPERM; module, kexec and bpf calls end the process.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace croft::sandbox {

enum class Refusal { not_there, not_permitted, no_such_family, kill };

struct RefusedCall {
  const char* name;
  Refusal refusal;
};
const std::vector<RefusedCall>& refused_calls();

/// The filter as an array of struct sock_filter, in bytes.
Result<std::string> compile_filter();
/// Installs it in the calling process, for good. no_new_privs must be set. Returns errno or 0.
int install_filter(const std::string& filter);

}  // namespace croft::sandbox
