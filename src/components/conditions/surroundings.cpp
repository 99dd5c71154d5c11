// Conditions on what is around: RunningFor, IsPropertySet, IsPropertyTrue, IsOS.
#include <fmt/format.h>

#include "base/text.h"
#include "components/bounds.h"
#include "components/conditions/condition.h"
#include "components/host/host_component.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class RunningFor : public Condition {
 public:
  aio::Task<Result<>> start(Context& context) override {
    time_left(context, "began", Duration{});
    return Condition::start(context);
  }
  aio::Task<Result<bool>> evaluate(Context& context) override {
    Duration time = CO_TRY(context.duration_or("time", "ms", Duration{}));
    constexpr std::pair<const char*, Duration> units[] = {
        {"days", Duration::hours(24)},
        {"hours", Duration::hours(1)},
        {"minutes", Duration::minutes(1)},
        {"seconds", Duration::seconds(1)},
        {"milliseconds", Duration::milliseconds(1)}};
    for (const auto& [name, unit] : units) time = time + unit * CO_TRY(context.integer_or(name, 0));
    co_return time_left(context, "began", time) <= Duration{};
  }
};

class IsProperty : public Condition {
 public:
  explicit IsProperty(bool must_be_true) : must_be_true_(must_be_true) {}
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto value = context.property(CO_TRY(context.string("property")));
    co_return value && (!must_be_true_ || says_yes(*value));
  }

 private:
  /// Old tests ask so whether an access key is given: any value but a plain no is a yes.
  static bool says_yes(std::string_view value) {
    for (const char* no : {"", "false", "no", "off", "0"})
      if (equals_ignore_case(value, no)) return false;
    return true;
  }
  bool must_be_true_;
};

class IsWorkCompleted : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto target = CO_TRY(context.component_or_null("target"));
    auto path = context.path_of(target);
    if (!path && path.error().code == Code::not_found) co_return false;  // not deployed yet
    co_return context.work_completed(CO_TRY(std::move(path)));
  }
};

class IsOS : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    CO_TRY(must_be_here(context));
    std::string os = to_lower(CO_TRY(context.string("os")));
    co_return os == "unix" || os == "linux";  // what croft runs on
  }
};

}  // namespace

engine::ComponentType running_for_type() {
  std::vector<model::AttributeSchema> attributes = {time_attribute("time", 0, "how long")};
  for (const char* unit : {"days", "hours", "minutes", "seconds", "milliseconds"})
    attributes.push_back(
        at_least(0, with_default(unit, Type::integer, int32_t{0}, "and so many of them")));
  return condition_type_of("RunningFor", "Holds once it has run for `time`, and the other units.",
                           std::move(attributes), [] { return std::make_unique<RunningFor>(); });
}
engine::ComponentType is_property_set_type() {
  return condition_type_of("IsPropertySet", "Holds when the property has a value.",
                           {required("property", Type::string, "its name")},
                           [] { return std::make_unique<IsProperty>(false); });
}
engine::ComponentType is_property_true_type() {
  return condition_type_of(
      "IsPropertyTrue",
      "Holds when the property has a value that is no \"false\", \"no\", \"off\" or \"0\".",
      {required("property", Type::string, "its name")},
      [] { return std::make_unique<IsProperty>(true); });
}
engine::ComponentType is_work_completed_type() {
  auto type = condition_type_of(
      "IsWorkCompleted", "Holds once `target` runs and has nothing more to do, or has ended.",
      {required("target", Type::any, "a LAZY link to a component")},
      [] { return std::make_unique<IsWorkCompleted>(); });
  type.aliases = {"org.smartfrog.services.amazon.workflow.IsWorkCompletedCondition"};
  return type;
}
engine::ComponentType is_os_type() {
  return condition_type_of("IsOS", "Holds on that operating system.",
                           {required("os", Type::string, "unix, linux, windows, mac ...")},
                           [] { return std::make_unique<IsOS>(); });
}

}  // namespace croft::components
