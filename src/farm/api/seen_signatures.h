// Signatures of changing calls that were accepted of late: the same one again is a replay, or a
// client that sent the same bytes twice. It is counted and logged, not refused: SigV4 has no
// nonce, and clients do repeat a call within its second. Loop thread only. Memory: `max` entries.
#pragma once
#include <deque>
#include <functional>
#include <string_view>
#include <unordered_set>

#include "base/units.h"

namespace croft::farm {

class SeenSignatures {
 public:
  static constexpr size_t max = 65'536;

  explicit SeenSignatures(Duration window) : window_(window) {}

  /// True when it was seen within the window; it is remembered.
  bool again(std::string_view signature, WallTime now) {
    while (!order_.empty() && (order_.size() >= max || now - order_.front().at > window_)) {
      known_.erase(order_.front().hash);
      order_.pop_front();
    }
    // 64 bits of a MAC: two that meet by chance are one in 10^14 at this size.
    size_t hash = std::hash<std::string_view>{}(signature);
    if (!known_.insert(hash).second) {
      ++replays_;
      return true;
    }
    order_.push_back({hash, now});
    return false;
  }
  uint64_t replays() const { return replays_; }

 private:
  struct Entry {
    size_t hash = 0;
    WallTime at;
  };
  Duration window_;
  std::unordered_set<size_t> known_;
  std::deque<Entry> order_;
  uint64_t replays_ = 0;
};

}  // namespace croft::farm
