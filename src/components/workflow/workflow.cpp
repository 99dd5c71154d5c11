#include "components/workflow/workflow.h"

#include <fmt/format.h>

#include "base/text.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::Type;

engine::ComponentType action_type(std::string name, std::string doc,
                                  std::vector<model::AttributeSchema> attributes,
                                  std::function<std::unique_ptr<engine::Component>()> make,
                                  std::string base) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make),
                      std::move(base));
  type.compound = type.works = type.actions = true;
  type.schema.container = true;
  return type;
}

engine::ComponentType work_type(std::string name, std::string doc,
                                std::vector<model::AttributeSchema> attributes,
                                std::function<std::unique_ptr<engine::Component>()> make) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make),
                      "croft.WorkflowPrim");
  type.works = true;
  return type;
}

engine::ComponentType event_compound_type() {
  auto type = action_type(
      "EventCompound", "The base of workflows: its children are actions, which run when it says.",
      {}, [] { return std::make_unique<engine::Component>(); }, "croft.Compound");
  type.aliases = {"org.smartfrog.sfcore.workflow.eventbus.EventCompoundImpl"};
  return type;
}

engine::ComponentType workflow_prim_type() {
  auto type = work_type(
      "WorkflowPrim", "The base of components that end when their work is done.",
      {with_default("sfShouldTerminate", Type::boolean, true, "end when its work is done")},
      [] { return std::make_unique<engine::Component>(); });
  type.schema.base = "croft.Prim";
  return type;
}

model::AttributeSchema time_attribute(std::string name, std::string doc) {
  auto out = attribute(std::move(name), Type::duration, std::move(doc));
  out.bare_unit = "ms";
  return out;
}

model::AttributeSchema time_attribute(std::string name, int32_t fallback, std::string doc) {
  auto out = time_attribute(std::move(name), std::move(doc));
  out.fallback = model::Value(fallback);
  return out;
}

model::AttributeSchema or_for_ever(model::AttributeSchema time) {
  time.forever = true;
  return time;
}

int64_t remembered(const Context& context, const std::string& key, int64_t otherwise) {
  auto found = context.record().memory.find(key);
  if (found == context.record().memory.end()) return otherwise;
  return parse_i64(found->second).value_or(otherwise);
}

Duration time_left(Context& context, const std::string& key, Duration time) {
  WallTime now = context.world().clock.wall();
  if (!context.record().memory.contains(key)) context.remember(key, fmt::format("{}", now.ns));
  WallTime began{remembered(context, key)};
  // A clock that was set back must not make the wait longer than it was.
  Duration passed = std::max(now - began, Duration{});
  return passed >= time ? Duration{} : time - passed;
}

aio::Task<Result<>> sleep_durably(Context& context, std::string key, Duration time) {
  if (time >= Duration::forever()) co_return co_await context.world().clock.sleep(time);
  co_return co_await context.world().clock.sleep(time_left(context, key, time));
}

aio::Task<Result<std::optional<model::TerminationRecord>>> perform_within(
    Context& context, std::string name, std::string from, std::string key, Duration limit,
    model::TerminationRecord when_late) {
  std::optional<model::TerminationRecord> out;
  if (limit <= Duration{} || limit >= Duration::forever()) {
    out = CO_TRY(co_await context.perform(name, from));
    co_return out;
  }
  auto winner = co_await aio::race(context.perform(name, from), sleep_durably(context, key, limit));
  if (winner.index() == 0) {
    out = CO_TRY(std::get<0>(std::move(winner)));
    co_return out;
  }
  CO_TRY(std::get<1>(std::move(winner)));
  CO_TRY(co_await context.end_action(name, std::move(when_late)));
  co_return out;
}

aio::Task<Result<>> perform_at_end(Context& context, std::string name, std::string from) {
  if (context.record().memory.contains("done")) co_return Result<>{};
  // Another attempt has another name: one that was cut short is run again.
  int64_t attempt = remembered(context, "attempt") + 1;
  context.remember("attempt", fmt::format("{}", attempt));
  auto record = CO_TRY(co_await context.perform(fmt::format("{}_{}", attempt, name), from));
  if (!record.is_normal())
    context.event(protocol::event::message,
                  fmt::format("the action at the end failed: {}",
                              record.cause.empty() ? record.description : record.cause));
  context.remember("done", "yes");
  co_return Result<>{};
}

aio::Task<Result<bool>> condition_holds(Context& context, std::string name) {
  auto value = CO_TRY(context.value(name));
  if (auto* flag = value.get<bool>()) co_return *flag;
  auto component = value.as_component();
  if (!component)
    co_return fail(Code::type_mismatch,
                   fmt::format("{} is a {}, a condition is needed", name, value.kind_name()),
                   context.where(name));
  if (!context.has_action(name)) co_return co_await context.ask(component);  // a link to another's
  // It stays deployed until the next question or the end: what it publishes can be read meanwhile.
  Result<> up = co_await context.deploy_action(name, name);
  if (up) up = co_await context.start_action(name);
  if (!up) co_return fail(std::move(up).error());
  co_return co_await context.ask(name);
}

}  // namespace croft::components
