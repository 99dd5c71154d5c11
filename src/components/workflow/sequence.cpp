// Sequence and RandomSequence: one action after another. Remembers the number of the step.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Sequence : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::vector<std::string> names = CO_TRY(order(context));
    model::TerminationRecord last =
        model::TerminationRecord::normal(context.path(), "there was nothing to do");
    if (names.empty()) co_return context.done(last);
    auto step = static_cast<size_t>(remembered(context, "step"));
    for (; step < names.size(); ++step) {
      context.remember("step", fmt::format("{}", step));
      last = CO_TRY(co_await context.perform(names[step], names[step]));
      if (!last.is_normal()) break;
    }
    context.end(std::move(last));
    co_return Result<>{};
  }

 protected:
  virtual Result<std::vector<std::string>> order(Context& context) { return context.actions(); }
};

class RandomSequence : public Sequence {
  /// SplitMix64.
  static uint64_t next(uint64_t& state) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 protected:
  /// The same order for the same seed, so that a restarted controller goes on in it.
  Result<std::vector<std::string>> order(Context& context) override {
    auto names = context.actions();
    auto seed = TRY(context.integer_or("seed", 6387315));
    auto state = static_cast<uint64_t>(seed);
    for (size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[next(state) % i]);
    return names;
  }
};

}  // namespace

engine::ComponentType sequence_type() {
  auto type = action_type(
      "Sequence",
      "One action after another; ends with the last, or with the first that ends abnormally.",
      {with_default("sfShouldTerminate", Type::boolean, true, "end when there is no action")},
      [] { return std::make_unique<Sequence>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.combinators.Sequence"};
  return type;
}

engine::ComponentType random_sequence_type() {
  auto type = action_type(
      "RandomSequence", "As Sequence, in an order drawn from `seed`.",
      {with_default("seed", Type::integer, int32_t{6387315}, "the same seed gives the same order")},
      [] { return std::make_unique<RandomSequence>(); }, "croft.Sequence");
  return type;
}

}  // namespace croft::components
