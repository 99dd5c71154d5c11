// The one retry policy for calls to a farm: deadline, full-jitter exponential backoff, a budget per
// endpoint, slower on throttling, Retry-After honoured. Source: AWS SDK standard mode of 2026,
// Google SRE retry budget. Loop thread only.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "aio/world.h"

namespace croft::net {

struct RetryLimits {
  int attempts = 4;
  Duration base = Duration::milliseconds(50);  ///< transient failures
  Duration base_throttled = Duration::milliseconds(1000);
  Duration cap = Duration::seconds(20);
  Duration deadline = Duration::seconds(120);  ///< all attempts together
};

/// Tokens shared by all calls to one endpoint: a failing service gets few repeats, whoever asks.
class RetryBudget {
 public:
  static constexpr double capacity = 500;
  static constexpr double cost_transient = 14;
  static constexpr double cost_throttled = 5;

  bool take(double cost);
  /// A call that succeeded: `repaid` of a retried one, 1 of a first attempt.
  void give(double tokens);
  double tokens() const { return tokens_; }
  uint64_t attempts = 0, first_attempts = 0;  ///< their ratio is the amplification

 private:
  double tokens_ = capacity;
};

/// What the caller of one attempt says about a failure.
enum class Verdict { final, transient, throttled };

struct Attempt {
  int number = 1;  ///< 1 = first
  Moment deadline;
};

class Retrier {
 public:
  Retrier(aio::World& world, RetryLimits limits) : world_(world), limits_(limits) {}

  /// Runs `attempt` until it succeeds, fails for good, or time, attempts or budget are used up; the
  /// last error then, with a frame that says which. `judge` looks at an error (fact "retry_after"
  /// in seconds is honoured up to the cap). `waiting` is told why and how long before each pause.
  template <class T>
  aio::Task<Result<T>> run(std::string endpoint,
                           std::function<aio::Task<Result<T>>(Attempt)> attempt,
                           std::function<Verdict(const Error&)> judge,
                           std::function<void(const std::string&)> waiting = {});
  RetryBudget& budget(const std::string& endpoint) { return budgets_[endpoint]; }
  /// How far the endpoint's clock is ahead of ours; zero until it is set.
  Duration clock_ahead(const std::string& endpoint) const {
    auto known = ahead_.find(endpoint);
    return known == ahead_.end() ? Duration() : known->second;
  }
  void set_clock_ahead(const std::string& endpoint, Duration ahead) { ahead_[endpoint] = ahead; }

 private:
  /// Pause before attempt `number` + 1, or nullopt when it must not be made; says why in `reason`.
  std::optional<Duration> pause(const std::string& endpoint, int number, Verdict verdict,
                                const Error& error, Moment deadline, std::string& reason);
  aio::World& world_;
  RetryLimits limits_;
  std::map<std::string, RetryBudget> budgets_;
  std::map<std::string, Duration> ahead_;
};

template <class T>
aio::Task<Result<T>> Retrier::run(std::string endpoint,
                                  std::function<aio::Task<Result<T>>(Attempt)> attempt,
                                  std::function<Verdict(const Error&)> judge,
                                  std::function<void(const std::string&)> waiting) {
  Moment end = world_.clock.now() + limits_.deadline;
  ++budgets_[endpoint].first_attempts;
  for (int number = 1;; ++number) {
    ++budgets_[endpoint].attempts;
    Result<T> result = co_await attempt(Attempt{number, end});
    if (result) {
      budgets_[endpoint].give(number == 1 ? 1 : RetryBudget::cost_transient);
      co_return result;
    }
    Verdict verdict = judge(result.error());
    if (verdict == Verdict::final) co_return result;
    std::string reason;
    auto wait = pause(endpoint, number, verdict, result.error(), end, reason);
    if (!wait) {
      result.error().frame(reason);
      co_return result;
    }
    if (waiting) waiting(result.error().line() + "; next try in " + wait->text());
    if (auto slept = co_await world_.clock.sleep(*wait); !slept)
      co_return fail(std::move(slept).error());
  }
}

}  // namespace croft::net
