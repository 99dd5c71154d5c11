#include "aio/real/crash_points.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "aio/system_error.h"
#include "base/text.h"

namespace croft::aio {

Result<std::unique_ptr<RealCrashPoints>> RealCrashPoints::open() {
  auto out = std::make_unique<RealCrashPoints>();
  if (const char* at = getenv("CROFT_CRASH_AT"); at && *at) {
    auto number = parse_u64(at);
    if (!number) return fail(Code::invalid_argument, "CROFT_CRASH_AT must be a number");
    out->crash_at_ = *number;
  }
  if (const char* file = getenv("CROFT_CRASH_LOG"); file && *file) {
    out->log_ = ::open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out->log_ < 0)
      return fail(system_error(errno, fmt::format("cannot open CROFT_CRASH_LOG '{}'", file)));
  }
  return out;
}

RealCrashPoints::~RealCrashPoints() {
  if (log_ >= 0) ::close(log_);
}

void RealCrashPoints::pass(std::string_view name) {
  if (crash_at_ == 0 && log_ < 0) return;
  uint64_t number = ++count_;
  if (log_ >= 0) {
    auto line = fmt::format("{} {}\n", number, name);
    static_cast<void>(!::write(log_, line.data(), line.size()));
  }
  // Not abort(): a crash test wants what kill -9 or a power cut leaves.
  if (number == crash_at_) ::kill(::getpid(), SIGKILL);
}

}  // namespace croft::aio
