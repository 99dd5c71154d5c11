#include "net/retry.h"

#include "net/testing.h"

namespace croft::net {
namespace {

struct Script {
  std::vector<Code> failures;  // then success
  std::string retry_after;
  int calls = 0;
};

aio::Task<Result<int>> play(Script& script, Attempt attempt) {
  int number = script.calls++;
  EXPECT_EQ(attempt.number, number + 1);
  if (number < static_cast<int>(script.failures.size())) {
    Error error(script.failures[static_cast<size_t>(number)], "no");
    if (!script.retry_after.empty()) error.fact("retry_after", script.retry_after);
    co_return fail(std::move(error));
  }
  co_return 7;
}

Verdict judge(const Error& error) {
  if (error.code == Code::throttled) return Verdict::throttled;
  return error.code == Code::unavailable ? Verdict::transient : Verdict::final;
}

RetryLimits quick() {
  return {.attempts = 4,
          .base = Duration::microseconds(10),
          .base_throttled = Duration::microseconds(10),
          .cap = Duration::milliseconds(1),
          .deadline = Duration::seconds(10)};
}

struct Bench {
  std::unique_ptr<aio::RealWorld> real = aio::RealWorld::open().value();
  Retrier retrier{real->world(), quick()};
  Result<int> run(Script& script, std::function<void(const std::string&)> waiting = {}) {
    return real->run(retrier.run<int>(
        "e", [&script](Attempt attempt) { return play(script, attempt); }, judge,
        std::move(waiting)));
  }
};

TEST(Retry, repeats_transient_failures) {
  Bench bench;
  Script script{{Code::unavailable, Code::throttled}, ""};
  std::vector<std::string> told;
  auto result = bench.run(script, [&](const std::string& text) { told.push_back(text); });
  EXPECT_EQ(result.value(), 7);
  EXPECT_EQ(script.calls, 3);
  EXPECT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].starts_with("no; next try in ")) << told[0];
  EXPECT_EQ(bench.retrier.budget("e").attempts, 3u);
  EXPECT_EQ(bench.retrier.budget("e").first_attempts, 1u);
}

TEST(Retry, stops_at_final_failures_and_at_the_last_attempt) {
  Bench bench;
  Script final_one{{Code::invalid_argument}, ""};
  EXPECT_EQ(bench.run(final_one).error().code, Code::invalid_argument);
  EXPECT_EQ(final_one.calls, 1);
  Script always{std::vector<Code>(10, Code::unavailable), ""};
  auto result = bench.run(always);
  EXPECT_EQ(always.calls, 4);
  EXPECT_EQ(result.error().trace.at(0).what, "given up after 4 attempts");
}

TEST(Retry, the_budget_ends_repeats_of_a_failing_service) {
  Bench bench;
  int calls = 0;
  for (int i = 0; i < 100; ++i) {
    Script always{std::vector<Code>(10, Code::unavailable), ""};
    auto result = bench.run(always);
    EXPECT_FALSE(result);
    calls += always.calls;
  }
  // 500 tokens at 14 a repeat: 35 repeats among 100 calls, and no more until successes pay back.
  EXPECT_EQ(calls, 135);
  EXPECT_LT(bench.retrier.budget("e").tokens(), RetryBudget::cost_transient);
  Script good{{}, ""};
  EXPECT_TRUE(bench.run(good));
  EXPECT_GT(bench.retrier.budget("e").tokens(), 0);
}

TEST(Retry, honours_retry_after_up_to_the_cap_and_the_deadline) {
  Bench bench;
  Script script{{Code::throttled}, "1000000"};
  auto before = bench.real->world().clock.now();
  EXPECT_TRUE(bench.run(script));
  EXPECT_GE(bench.real->world().clock.now() - before, Duration::milliseconds(1));
  RetryLimits tight = quick();
  tight.cap = Duration::seconds(60);
  tight.deadline = Duration::seconds(1);
  Retrier retrier(bench.real->world(), tight);
  Script late{{Code::throttled}, "30"};
  auto result = bench.real->run(
      retrier.run<int>("e", [&late](Attempt attempt) { return play(late, attempt); }, judge));
  EXPECT_EQ(late.calls, 1);
  EXPECT_EQ(result.error().trace.at(0).what,
            "no time for another try within 1 s (this was attempt 1)");
}

}  // namespace
}  // namespace croft::net
