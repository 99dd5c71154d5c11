#include "farm/api/turns.h"

#include <fmt/format.h>

namespace croft::farm {

Turns::~Turns() {
  CHECK(waiting_ == 0, "Turns were destroyed while callers wait");
}

std::unexpected<Error> Turns::refuse(std::string_view why) {
  ++refused_;
  return fail(Code::throttled, std::string(why));
}

/// Counts the request; false: it must wait.
bool Turns::at_once(const std::string& name, Lane& lane) {
  Moment now = clock_.now();
  if (name != last_) {
    if (!last_.empty()) other_ = now;
    last_ = name;
  }
  lane.seen = now;
  if (now - lane.slice >= limits_.slice) {
    lane.slice = now;
    lane.taken = 0;
  }
  ++lane.taken;
  bool alone = other_ == Moment{} || now - other_ > limits_.memory;
  return lane.callers.empty() && (alone || lane.taken <= limits_.burst);
}

aio::Task<Result<Turns::Turn>> Turns::enter(std::string name, Moment deadline) {
  auto at = lanes_.find(name);
  if (at == lanes_.end()) {
    forget_old();
    at = lanes_.emplace(name, Lane{}).first;
  }
  Lane& lane = at->second;
  if (lane.underway + lane.callers.size() >= limits_.share)
    co_return refuse("too many requests of one account are underway");
  if (at_once(name, lane)) {
    ++lane.underway;
    co_return Turn(this, std::move(name));
  }
  Moment end = std::min(clock_.now() + limits_.max_wait, deadline);
  Caller caller;
  lane.callers.push_back(&caller);
  ++waiting_;
  ++waited_;
  auto take_out = [this, &lane, &caller] {
    if (std::erase(lane.callers, &caller) > 0) --waiting_;
  };
  caller.timer = clock_.call_at(end, [this, &caller, take_out] {
    take_out();
    caller.waiter.complete(refuse("the account's other requests come first"));
  });
  caller.waiter.on_cancel([this, &caller, take_out] {
    clock_.stop(caller.timer);
    take_out();
    caller.waiter.complete(fail(aio::cancelled_error()));
  });
  came_.notify();
  CO_TRY(co_await caller.waiter);
  co_return Turn(this, std::move(name));
}

void Turns::leave(const std::string& name) {
  auto at = lanes_.find(name);
  if (at != lanes_.end()) --at->second.underway;
}

/// One of each lane that waits, again and again.
void Turns::hand_out() {
  for (size_t turns = 0; turns < limits_.handed_out && waiting_ > 0; ++turns) {
    auto next = lanes_.upper_bound(turn_);
    for (;; ++next) {
      if (next == lanes_.end()) next = lanes_.begin();
      if (!next->second.callers.empty()) break;
    }
    turn_ = next->first;
    Lane& lane = next->second;
    Caller* caller = lane.callers.front();
    lane.callers.pop_front();
    --waiting_;
    clock_.stop(caller->timer);
    ++lane.underway;
    caller->waiter.complete({});
  }
}

void Turns::forget_old() {
  Moment now = clock_.now();
  std::erase_if(lanes_, [&](const auto& entry) {
    const Lane& lane = entry.second;
    return lane.underway == 0 && lane.callers.empty() && now - lane.seen > limits_.memory;
  });
}

aio::Task<Result<>> Turns::run() {
  for (;;) {
    if (waiting_ == 0) {
      CO_TRY(co_await came_.wait());
      continue;
    }
    CO_TRY(co_await clock_.sleep(limits_.slice));
    hand_out();
  }
}

}  // namespace croft::farm
