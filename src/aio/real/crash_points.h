// Crash points of a RealWorld, driven by CROFT_CRASH_AT and CROFT_CRASH_LOG. Any thread.
#pragma once
#include <atomic>
#include <memory>

#include "aio/world.h"

namespace croft::aio {

class RealCrashPoints final : public CrashPoints {
 public:
  static Result<std::unique_ptr<RealCrashPoints>> open();
  ~RealCrashPoints() override;
  void pass(std::string_view name) override;

 private:
  std::atomic<uint64_t> count_ = 0;
  uint64_t crash_at_ = 0;  // 0: never
  int log_ = -1;
};

}  // namespace croft::aio
