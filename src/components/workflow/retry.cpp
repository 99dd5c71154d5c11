// Retry: again while it ends abnormally. Remembers how often it has tried.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr int doublings_max = 30;

class Retry : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    retry_ = CO_TRY(context.integer_or("retry", 1));
    if (retry_ < 0)
      co_return fail(Error(Code::invalid_argument,
                           fmt::format("retry is {}: a number from 0 is needed", retry_),
                           context.where("retry"))
                         .hint("Repeat with repeat -1 goes on for ever"));
    backoff_ = CO_TRY(context.duration_or("backoff", "ms", Duration{}));
    most_ = CO_TRY(context.duration_or("backoffMax", "ms", Duration::seconds(30)));
    budget_ = CO_TRY(context.duration_or("budget", "ms", Duration{}));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    if (budget_ > Duration{}) time_left(context, "began", budget_);  // it counts from now
    for (int64_t count = remembered(context, "count");;) {
      std::string name = fmt::format("running_{}", count);
      auto record = CO_TRY(co_await context.perform(name, "action"));
      // What would begin after a pause would begin too late.
      bool spent = budget_ > Duration{} && time_left(context, "began", budget_) <= pause(count);
      if (record.is_normal() || count >= retry_ || spent) {
        if (spent && !record.is_normal() && count < retry_)
          record.description += fmt::format("{}(after {} tries its time is over)",
                                            record.description.empty() ? "" : " ", count + 1);
        context.end(std::move(record));
        co_return Result<>{};
      }
      context.waits(fmt::format("try {} of {} failed: {}", count + 1, retry_ + 1,
                                record.cause.empty() ? record.description : record.cause));
      CO_TRY(co_await sleep_durably(context, fmt::format("pause_{}", count), pause(count)));
      context.waits("");
      context.remember("count", fmt::format("{}", ++count));
      context.publish("count", model::Value(count));
      context.forget_action(name);
    }
  }

 private:
  Duration pause(int64_t count) const {
    Duration pause = backoff_;
    for (int i = 0; i < std::min<int64_t>(count, doublings_max) && pause < most_; ++i)
      pause = pause * 2;
    return std::min(pause, most_);
  }
  int64_t retry_ = 1;
  Duration backoff_, most_, budget_;
};

}  // namespace

engine::ComponentType retry_type() {
  auto retry = with_default("retry", Type::integer, int32_t{1}, "how often it is tried again");
  retry.least = 0;
  auto count = attribute("count", Type::integer, "how often it was tried again");
  count.published = true;
  auto type = action_type(
      "Retry", "Runs `action` again, up to `retry` times, while it ends abnormally.",
      {required("action", Type::component, "what is tried"), retry, count,
       time_attribute("backoff", 0, "pause before the first repetition; it doubles each time"),
       time_attribute("backoffMax", 30000, "the longest pause"),
       time_attribute("budget", 0, "no repetition starts after this time; 0: no limit")},
      [] { return std::make_unique<Retry>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Retry"};
  return type;
}

}  // namespace croft::components
