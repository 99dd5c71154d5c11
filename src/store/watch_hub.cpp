#include "store/watch_hub.h"

#include "store/table.h"

namespace croft::store {

class WatchHub::Queue : public Watch {
 public:
  Queue(std::shared_ptr<WatchHub> hub, Range range)
      : hub_(std::move(hub)), range_(std::move(range)) {
    hub_->watches_.push_back(this);
  }
  ~Queue() override { std::erase(hub_->watches_, this); }

  aio::Task<Result<std::vector<Watched>>> next() override {
    while (changes_.empty()) {
      if (std::exchange(overflown_, false))
        co_return fail(Error(Code::resource_exhausted, "this watch fell behind and lost changes")
                           .hint("read the range again, then go on watching"));
      if (hub_->closed_) co_return fail(Code::cancelled, "the store was closed");
      CO_TRY(co_await arrived_.wait());
    }
    co_return std::exchange(changes_, {});
  }
  void offer(const Watched& change) {
    if (overflown_ || !contains(range_, change.entry.key)) return;
    if (changes_.size() >= queue_max) {
      changes_.clear();
      overflown_ = true;
    } else {
      changes_.push_back(change);
      if (range_.keys_only) changes_.back().entry.value.clear();
    }
    arrived_.notify();
  }
  void lose() {
    changes_.clear();
    overflown_ = true;
    arrived_.notify();
  }
  void wake() { arrived_.notify(); }

 private:
  std::shared_ptr<WatchHub> hub_;
  Range range_;
  std::vector<Watched> changes_;
  bool overflown_ = false;
  aio::Signal arrived_;
};

std::unique_ptr<Watch> WatchHub::add(Range range) {
  return std::make_unique<Queue>(shared_from_this(), std::move(range));
}

void WatchHub::tell(const std::vector<Watched>& changes) {
  for (Queue* watch : watches_)
    for (const Watched& change : changes) watch->offer(change);
}

void WatchHub::lose() {
  for (Queue* watch : watches_) watch->lose();
}

void WatchHub::close() {
  closed_ = true;
  for (Queue* watch : watches_) watch->wake();
}

}  // namespace croft::store
