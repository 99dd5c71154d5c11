// The program nft, kept running and fed by a pipe: a change costs half a millisecond instead of the
// start of a process. One line is one transaction: all of it or nothing. Blocking; spawner only.
// The process ends with its pipe.
#pragma once
#include <sys/types.h>

#include <string>
#include <string_view>

#include "sandbox/sys.h"

namespace croft::sandbox {

class NftShell {
 public:
  /// In the network namespace of the caller. Code::unavailable where nft is missing.
  static Result<NftShell> open();
  NftShell() = default;
  NftShell(NftShell&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)),
        in_(std::move(other.in_)),
        out_(std::move(other.out_)),
        answered_(std::move(other.answered_)) {}
  NftShell& operator=(NftShell&& other) noexcept;
  ~NftShell();

  /// Commands joined by ';'. Returns when the kernel has them; nft's words about a refusal.
  Result<> run(std::string_view line);
  pid_t pid() const { return pid_; }

 private:
  /// What nft says to it.
  Result<std::string> ask(std::string_view line);
  void end();
  pid_t pid_ = 0;
  Fd in_, out_;
  std::string answered_;  ///< what comes after all that a line makes it say
};

}  // namespace croft::sandbox
