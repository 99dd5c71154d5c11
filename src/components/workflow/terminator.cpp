// Terminator: ends another component, then itself.
#include <fmt/format.h>

#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class Terminator : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::string text = CO_TRY(context.string_or("description", "terminator action"));
    std::string self = CO_TRY(context.string_or("selftype", "normal"));
    if (CO_TRY(context.value_if("kill"))) {
      auto ended = co_await end_it(context, text);
      if (!ended && ended.error().code == Code::cancelled) co_return ended;
      if (!ended)
        co_return context.done(model::TerminationRecord::abnormal(
            context.path(), "what `kill` names could not be ended", ended.error().line()));
    }
    co_return context.done({self, text, context.path(), ""});
  }

 private:
  static aio::Task<Result<>> end_it(Context& context, std::string text) {
    auto target = CO_TRY(context.component_or_null("kill"));
    std::string path = CO_TRY(context.path_of(target));
    std::string type = CO_TRY(context.string_or("type", "normal"));
    if (CO_TRY(context.boolean_or("detachFirst", false))) context.detach(path);
    auto ended =
        context.end_other(path, {type, std::move(text), path, "ended by " + context.path()});
    if (!ended && ended.error().code != Code::not_found) co_return ended;
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType terminator_type() {
  auto type = work_type(
      "Terminator", "Ends the component that `kill` links to, if there is one, then itself.",
      {attribute("kill", Type::any, "LAZY link to what is ended"),
       with_default("description", Type::string, "terminator action",
                    "what its record and that of `kill` say"),
       with_default("type", Type::string, "normal", "type of its record"),
       with_default("selftype", Type::string, "normal", "type of the own record"),
       with_default("detachFirst", Type::boolean, false, "its parent does not end with it"),
       with_default("NORMAL", Type::string, "normal", "a constant for type and selftype"),
       with_default("ABNORMAL", Type::string, "abnormal", "a constant for type and selftype")},
      [] { return std::make_unique<Terminator>(); });
  type.aliases = {"org.smartfrog.sfcore.workflow.components.Terminator"};
  return type;
}

}  // namespace croft::components
