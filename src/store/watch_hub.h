// Who watches which keys. Each watch has a bounded queue of its own; one that falls behind is told
// so and loses changes, the store never waits for it. Loop thread only.
#pragma once
#include <memory>
#include <vector>

#include "aio/sync.h"
#include "store/store.h"

namespace croft::store {

class WatchHub : public std::enable_shared_from_this<WatchHub> {
 public:
  static constexpr size_t queue_max = 65'536;

  std::unique_ptr<Watch> add(Range range);
  void tell(const std::vector<Watched>& changes);
  /// What was to be told is not known: every watch says that it lost changes.
  void lose();
  /// Every waiting and later next() ends with Code::cancelled.
  void close();
  bool empty() const { return watches_.empty(); }

 private:
  class Queue;
  std::vector<Queue*> watches_;
  bool closed_ = false;
};

}  // namespace croft::store
