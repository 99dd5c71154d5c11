// Threads for blocking work, one small set for each kind so that a slow name server cannot keep the
// disk waiting. Threads start when there is work for them. submit(): loop thread only.
#pragma once
#include <array>
#include <memory>

#include "aio/real/loop.h"
#include "aio/world.h"

namespace croft::aio {

class RealPools final : public Pools {
 public:
  explicit RealPools(Loop& loop);
  /// Waits for running disk and hash work; drops what has not begun. A name lookup may last long
  /// and is left to end by itself.
  ~RealPools() override;
  void submit(Pool pool, std::move_only_function<void()> work,
              std::move_only_function<void()> done) override;

 private:
  struct Line;
  std::array<std::shared_ptr<Line>, 3> lines_;
};

}  // namespace croft::aio
