#include "farm/api/gate.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::farm {

Gate::~Gate() {
  CHECK(waiting_ == 0, "a Gate was destroyed while callers wait");
}

std::unexpected<Error> Gate::refuse(std::string_view why) {
  ++refused_;
  return fail(Error(Code::resource_exhausted, fmt::format("overloaded: {}", why))
                  .fact("overload", std::string(why)));
}

Duration Gate::standing() const {
  Moment first{INT64_MAX};
  for (const auto& [name, lane] : lanes_) first = std::min(first, lane.front()->since);
  return waiting_ == 0 ? Duration() : clock_.now() - first;
}

Duration Gate::expected(std::string_view lane) const {
  if (inside_ < limits_.places) return {};
  // In turns: of every other lane at most as many go first as stand in this one.
  auto own = lanes_.find(lane);
  size_t before_me = own == lanes_.end() ? 0 : own->second.size();
  size_t ahead = before_me;
  for (const auto& [name, callers] : lanes_)
    if (name != lane) ahead += std::min(callers.size(), before_me + 1);
  // Nobody passed for longer than the usual pace: that is the news, the average is history.
  Duration pace = std::max(pace_, waiting_ > 0 ? clock_.now() - last_pass_ : Duration());
  return Duration::nanoseconds(pace.ns() * static_cast<int64_t>(ahead + 1));
}

aio::Task<Result<Gate::Pass>> Gate::enter(std::string lane, Moment deadline) {
  Moment now = clock_.now();
  if (deadline <= now) co_return refuse("the caller's time was over before its turn came");
  if (inside_ < limits_.places) {
    ++inside_;
    last_pass_ = now;
    co_return Pass(this);
  }
  if (waiting_ >= limits_.waiting_max) co_return refuse("too many wait");
  Moment end = std::min(now + limits_.max_wait, deadline);
  if (now + expected(lane) > end) co_return refuse("the wait would be too long");
  Caller caller;
  caller.since = now;
  lanes_[lane].push_back(&caller);
  ++waiting_;
  caller.timer = clock_.call_at(end, [this, &caller, &lane] {
    take_out(lane, &caller);
    caller.waiter.complete(refuse("the wait was too long"));
  });
  caller.waiter.on_cancel([this, &caller, &lane] {
    clock_.stop(caller.timer);
    take_out(lane, &caller);
    caller.waiter.complete(fail(aio::cancelled_error()));
  });
  CO_TRY(co_await caller.waiter);
  co_return Pass(this);  // the place was taken for this caller by whoever left
}

void Gate::take_out(std::string_view lane, Caller* caller) {
  auto at = lanes_.find(lane);
  if (at == lanes_.end() || std::erase(at->second, caller) == 0) return;
  --waiting_;
  if (at->second.empty()) lanes_.erase(at);
}

void Gate::leave() {
  --inside_;
  pass_on();
}

/// The next lane after the one served last, in the order of names, which is as good as any.
void Gate::pass_on() {
  if (waiting_ == 0 || inside_ >= limits_.places) return;
  auto lane = lanes_.upper_bound(turn_);
  if (lane == lanes_.end()) lane = lanes_.begin();
  turn_ = lane->first;
  Caller* caller = lane->second.front();
  clock_.stop(caller->timer);
  lane->second.pop_front();
  --waiting_;
  if (lane->second.empty()) lanes_.erase(lane);
  ++inside_;
  Moment now = clock_.now();
  Duration gap = now - last_pass_;
  last_pass_ = now;
  pace_ = Duration::nanoseconds(pace_.ns() + (gap.ns() - pace_.ns()) / 8);
  caller->waiter.complete({});
}

}  // namespace croft::farm
