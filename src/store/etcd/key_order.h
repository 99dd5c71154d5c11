// Commits to the same key take place in the order in which they were asked for, as with the other
// stores; those that share no key run side by side. Loop thread only.
#pragma once
#include <map>
#include <memory>
#include <set>

#include "aio/sync.h"
#include "store/store.h"

namespace croft::store::etcd {

class KeyOrder {
 public:
  struct Turn {
    std::set<std::string> keys;
    std::vector<std::shared_ptr<Turn>> before;
    aio::Event done;
  };
  using TurnPtr = std::shared_ptr<Turn>;

  TurnPtr enter(const std::vector<Condition>& conditions, const std::vector<Change>& changes) {
    auto turn = std::make_shared<Turn>();
    for (const Condition& condition : conditions) turn->keys.insert(condition.key);
    // A cold key is another key than the same in the table.
    for (const Change& change : changes)
      turn->keys.insert(change.cold ? '\0' + change.key : change.key);
    std::set<TurnPtr> before;
    for (const std::string& key : turn->keys) {
      TurnPtr& last = last_[key];
      if (last) before.insert(last);
      last = turn;
    }
    turn->before.assign(before.begin(), before.end());
    ++waiting_;
    return turn;
  }
  static aio::Task<Result<>> wait(TurnPtr turn) {
    while (!turn->before.empty()) {
      TurnPtr prior = turn->before.back();
      CO_TRY(co_await prior->done.wait());
      turn->before.pop_back();
      // One that was taken back leaves those it waited for.
      turn->before.insert(turn->before.end(), prior->before.begin(), prior->before.end());
    }
    co_return Result<>{};
  }
  /// Once for each enter().
  void leave(const TurnPtr& turn) {
    // One that was taken back still hands on whom it waited for, so its keys stay its own.
    for (const std::string& key : turn->keys)
      if (auto it = last_.find(key);
          it != last_.end() && it->second == turn && turn->before.empty())
        last_.erase(it);
    turn->done.set();
    --waiting_;
  }
  size_t waiting() const { return waiting_; }

 private:
  std::map<std::string, TurnPtr> last_;
  size_t waiting_ = 0;
};

}  // namespace croft::store::etcd
