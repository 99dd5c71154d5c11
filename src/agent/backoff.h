// Pauses between tries: full jitter below a bound that doubles, so that many who lost the same
// server do not come back together.
#pragma once
#include "aio/world.h"

namespace croft::agent {

class Backoff {
 public:
  Backoff(Duration base, Duration most) : base_(base), most_(most) {}
  Duration next(aio::Random& random) {
    Duration bound = base_;
    for (int i = 0; i < count_ && bound < most_; ++i) bound = bound * 2;
    ++count_;
    return Duration::seconds_f(std::min(bound, most_).s() * random.unit());
  }
  void reset() { count_ = 0; }
  int count() const { return count_; }

 private:
  Duration base_, most_;
  int count_ = 0;
};

}  // namespace croft::agent
