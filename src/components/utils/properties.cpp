// Echo, SetProperty, SystemProperties: small helpers.
#include <fmt/format.h>

#include "base/log.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Echo : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto value = CO_TRY(context.value("message"));
    auto* text = value.get<std::string>();
    context.event(protocol::event::message, text ? *text : std::string(value.kind_name()));
    co_return context.done(model::TerminationRecord::normal(context.path()), true);
  }
};

class SetProperty : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    context.set_property(CO_TRY(context.string("name")), CO_TRY(context.string("value")));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done(model::TerminationRecord::normal(context.path()), false);
  }
};

class SystemProperties : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    pairs_ = CO_TRY(pairs(context));
    if (CO_TRY(context.boolean_or("setOnDeploy", true))) set(context);
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (CO_TRY(context.boolean_or("setOnStart", false)) ||
        CO_TRY(context.boolean_or("setOnStartup", false)))
      set(context);
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const model::TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("unsetOnTerminate", true))) co_return Result<>{};
    for (const auto& [name, value] : CO_TRY(pairs(context)))
      context.set_property(name, std::nullopt);
    co_return Result<>{};
  }

 private:
  void set(Context& context) const {
    for (const auto& [name, value] : pairs_) context.set_property(name, value);
  }
  static Result<std::vector<std::pair<std::string, std::string>>> pairs(Context& context) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& item : TRY(context.vector_or_empty("properties"))) {
      const auto* pair = item.get<model::Vector>();
      const auto* name = pair && pair->size() == 2 ? (*pair)[0].get<std::string>() : nullptr;
      const auto* value = name ? (*pair)[1].get<std::string>() : nullptr;
      if (!value)
        return fail(Error(Code::type_mismatch, "properties are pairs of strings",
                          context.where("properties"))
                        .hint("properties [[\"a\", \"1\"], [\"b\", \"2\"]];"));
      out.emplace_back(*name, *value);
    }
    return out;
  }
  std::vector<std::pair<std::string, std::string>> pairs_;
};

}  // namespace

engine::ComponentType echo_type() {
  auto type = type_of("Echo", "Tells `message` as an event of the application.",
                      {with_default("message", Type::any, "echo", "what it tells"),
                       with_default("sfShouldTerminate", Type::boolean, true, "end then")},
                      [] { return std::make_unique<Echo>(); });
  type.works = true;
  return type;
}
engine::ComponentType set_property_type() {
  auto type = type_of(
      "SetProperty", "Sets a property for the whole application.",
      {required("name", Type::string, "its name"), required("value", Type::string, "its value")},
      [] { return std::make_unique<SetProperty>(); });
  type.works = true;
  return type;
}
engine::ComponentType system_properties_type() {
  return type_of("SystemProperties", "Sets properties for the whole application.",
                 {with_default("properties", Type::vector, model::Vector{}, "[name, value] pairs"),
                  with_default("setOnDeploy", Type::boolean, true, "set them when it is deployed"),
                  with_default("setOnStart", Type::boolean, false, "set them when it starts"),
                  with_default("setOnStartup", Type::boolean, false, "the same"),
                  attribute("setOnEarlyDeploy", Type::boolean, "kept for old descriptions"),
                  attribute("ignoreSecurityExceptions", Type::boolean, "kept for old descriptions"),
                  with_default("unsetOnTerminate", Type::boolean, true, "unset them when it ends")},
                 [] { return std::make_unique<SystemProperties>(); });
}

}  // namespace croft::components
