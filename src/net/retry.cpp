#include "net/retry.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::net {

bool RetryBudget::take(double cost) {
  if (tokens_ < cost) return false;
  tokens_ -= cost;
  return true;
}

void RetryBudget::give(double tokens) {
  tokens_ = std::min(capacity, tokens_ + tokens);
}

std::optional<Duration> Retrier::pause(const std::string& endpoint, int number, Verdict verdict,
                                       const Error& error, Moment deadline, std::string& reason) {
  if (number >= limits_.attempts) {
    reason = fmt::format("given up after {} attempts", number);
    return std::nullopt;
  }
  bool throttled = verdict == Verdict::throttled;
  Duration ceiling = throttled ? limits_.base_throttled : limits_.base;
  for (int i = 1; i < number && ceiling < limits_.cap; ++i) ceiling = ceiling * 2;
  ceiling = std::min(ceiling, limits_.cap);
  // Full jitter: callers that failed together do not come back together.
  Duration wait = Duration::nanoseconds(
      static_cast<int64_t>(world_.random.unit() * static_cast<double>(ceiling.ns())));
  if (auto seconds = parse_u64(error.fact("retry_after")))
    wait = std::max(wait, std::min(limits_.cap, Duration::seconds(static_cast<int64_t>(
                                                    std::min<uint64_t>(*seconds, 1 << 20)))));
  if (world_.clock.now() + wait >= deadline) {
    reason = fmt::format("no time for another try within {} (this was attempt {})",
                         limits_.deadline.text(), number);
    return std::nullopt;
  }
  if (!budgets_[endpoint].take(throttled ? RetryBudget::cost_throttled
                                         : RetryBudget::cost_transient)) {
    reason = "the retry budget of " + endpoint + " is used up: too many of its calls fail";
    return std::nullopt;
  }
  return wait;
}

}  // namespace croft::net
