// And, Or, Xor, Not: conditions that are made of their children.
#include <fmt/format.h>

#include "components/conditions/condition.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

/// Asks its children in order, no more of them than decide the answer.
class Logic : public engine::Component {
 public:
  enum class Kind { all, any, one, none };
  explicit Logic(Kind kind) : kind_(kind) {}

  aio::Task<Result<bool>> evaluate(Context& context) override {
    size_t holding = 0;
    auto names = context.children();
    if (names.empty())
      co_return fail(Code::invalid_argument, context.path() + " has no conditions in it");
    for (const std::string& name : names) {
      bool holds = CO_TRY(co_await context.ask(name));
      if (holds) ++holding;
      if (kind_ == Kind::all && !holds) co_return false;
      if (kind_ == Kind::any && holds) co_return true;
      if (kind_ == Kind::none && holds) co_return false;
    }
    switch (kind_) {
      case Kind::all:
      case Kind::none:
        co_return true;
      case Kind::any:
        co_return false;
      case Kind::one:
        co_return holding == 1;
    }
    co_return false;
  }

 private:
  Kind kind_;
};

engine::ComponentType logic_type(std::string name, std::string doc, Logic::Kind kind) {
  auto type = type_of(
      std::move(name), std::move(doc), {}, [kind] { return std::make_unique<Logic>(kind); },
      "croft.Compound");
  type.compound = true;
  type.schema.container = true;
  return type;
}

}  // namespace

engine::ComponentType condition_compound_type() {
  return logic_type("ConditionCompound", "The base of conditions that are made of their children.",
                    Logic::Kind::all);
}
engine::ComponentType and_type() {
  return logic_type("And", "Holds when all its children hold.", Logic::Kind::all);
}
engine::ComponentType or_type() {
  return logic_type("Or", "Holds when one of its children holds.", Logic::Kind::any);
}
engine::ComponentType xor_type() {
  return logic_type("Xor", "Holds when exactly one of its children holds.", Logic::Kind::one);
}
engine::ComponentType not_type() {
  auto type = logic_type("Not", "Holds when `condition` does not.", Logic::Kind::none);
  type.schema.attributes = {required("condition", Type::component, "what must not hold")};
  return type;
}

}  // namespace croft::components
