// Timers of one loop, by moment and then by order of registration. Both Worlds use it.
// Loop thread only.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>

#include "base/units.h"

namespace croft::aio {

class TimerQueue {
 public:
  using Id = uint64_t;
  using Function = std::move_only_function<void()>;

  Id add(Moment at, Function function) {
    Id id = next_id_++;
    timers_.emplace(Key{at, id}, std::move(function));
    moments_.emplace(id, at);
    return id;
  }
  void remove(Id id) {
    auto found = moments_.find(id);
    if (found == moments_.end()) return;
    timers_.erase({found->second, id});
    moments_.erase(found);
  }
  /// Moves a timer; no effect when it has run.
  void reschedule(Id id, Moment at) {
    auto found = moments_.find(id);
    if (found == moments_.end()) return;
    auto node = timers_.extract({found->second, id});
    node.key() = {at, id};
    timers_.insert(std::move(node));
    found->second = at;
  }
  /// Moves a timer that would run before `at`.
  void not_before(Id id, Moment at) {
    auto found = moments_.find(id);
    if (found != moments_.end() && found->second < at) reschedule(id, at);
  }
  std::optional<Moment> next() const {
    if (timers_.empty()) return std::nullopt;
    return timers_.begin()->first.first;
  }
  /// Takes out the first timer when its moment has come.
  Function take_due(Moment now) {
    if (timers_.empty() || timers_.begin()->first.first > now) return {};
    auto node = timers_.extract(timers_.begin());
    moments_.erase(node.key().second);
    return std::move(node.mapped());
  }
  size_t size() const { return timers_.size(); }

 private:
  using Key = std::pair<Moment, Id>;
  Id next_id_ = 1;
  std::map<Key, Function> timers_;
  std::unordered_map<Id, Moment> moments_;
};

}  // namespace croft::aio
