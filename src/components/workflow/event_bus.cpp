#include "components/workflow/event_bus.h"

#include <fmt/format.h>

#include <algorithm>

#include "aio/sync.h"
#include "components/workflow/workflow.h"
#include "wire/json.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr int passes_max = 8;  // busses that pass events to each other

/// Components that the links in the attribute `name` of `from` lead to.
std::vector<model::ComponentPtr> linked(const model::Component& from, std::string_view name) {
  std::vector<model::ComponentPtr> out;
  auto list = from.component(name);
  if (!list) return out;
  for (const auto& attribute : list->attributes()) {
    auto* reference = attribute.value.get<std::shared_ptr<const model::Reference>>();
    if (!reference) continue;
    if (auto value = model::follow(*list, **reference))
      if (auto component = value->as_component()) out.push_back(component);
  }
  return out;
}

/// Paths of those that say they hear its events.
std::vector<std::string> registered(const Context& context) {
  return context.paths_where([&](const model::Component& other, const std::string& path) {
    auto theirs = linked(other, "registerWith");
    return path != context.path() &&
           std::ranges::find(theirs, context.description()) != theirs.end();
  });
}

}  // namespace

aio::Task<Result<>> EventBus::start(Context& context) {
  if (context.ran_before() || !context.description()) co_return Result<>{};
  for (const auto& queue : linked(*context.description(), "registerWith")) {
    const auto* kept = queue->vector("events");
    if (!kept) continue;
    auto events = *kept;
    for (const auto& event : events)
      if (auto* text = event.get<std::string>()) CO_TRY(co_await receive(context, *text));
  }
  co_return Result<>{};
}

aio::Task<Result<>> EventBus::pass_on(Context& context, std::string event) {
  if (passing_ >= passes_max)
    co_return fail(
        Code::resource_exhausted,
        fmt::format("the event '{}' goes round in a circle at {}", event, context.path()));
  ++passing_;
  Result<> done;
  auto tell = [&](Result<> sent) {
    if (!sent && done) done = std::move(sent);
  };
  std::vector<std::string> told;
  auto links = context.description() ? linked(*context.description(), "sendTo")
                                     : std::vector<model::ComponentPtr>{};
  for (const auto& component : links) {
    if (auto path = context.path_of(component)) told.push_back(*path);
    tell(co_await context.send_to(component, event));
  }
  for (const std::string& path : registered(context)) {
    if (std::ranges::find(told, path) != told.end()) continue;
    if (gives_again() && !context.has_started(path)) continue;
    tell(co_await context.send(path, event));
  }
  --passing_;
  co_return done;
}

aio::Task<Result<>> EventBus::receive(Context& context, std::string event) {
  co_return co_await pass_on(context, std::move(event));
}

namespace {

class EventSend : public EventBus {
 public:
  aio::Task<Result<>> work(Context& context) override {
    if (!context.record().memory.contains("sent")) {
      context.remember("sent", "yes");
      CO_TRY(co_await pass_on(context, CO_TRY(context.string("event"))));
    }
    co_return context.done(model::TerminationRecord::normal(context.path(), "the event is sent"));
  }
};

class EventCounter : public EventBus {
 public:
  aio::Task<Result<>> receive(Context& context, std::string event) override {
    int64_t wanted = CO_TRY(context.integer_or("count", 1));
    bool different = CO_TRY(context.boolean_or("allDifferent", false));
    std::string key = "event " + event;
    if (different && context.record().memory.contains(key)) co_return Result<>{};
    if (different) context.remember(key, "yes");
    int64_t seen = remembered(context, "seen") + 1;
    context.remember("seen", fmt::format("{}", seen));
    if (seen == wanted)
      context.end(model::TerminationRecord::normal(context.path(),
                                                   fmt::format("{} events have come", seen)));
    co_return Result<>{};
  }
};

class EventQueue : public EventBus {
 public:
  bool gives_again() const override { return true; }
  aio::Task<Result<>> receive(Context& context, std::string event) override {
    model::Vector events = CO_TRY(context.vector_or_empty("events"));
    if (events.size() >= kept_max)
      co_return fail(Code::resource_exhausted,
                     fmt::format("{} keeps {} events already", context.path(), kept_max));
    events.push_back(event);
    context.publish("events", model::Value(std::move(events)));
    co_return co_await pass_on(context, std::move(event));
  }

 private:
  static constexpr size_t kept_max = 100'000;
};

/// Events that have come wait in `pending` until their handlers ran: they outlive a restart.
class OnEvent : public EventBus {
 public:
  aio::Task<Result<>> receive(Context& context, std::string event) override {
    auto pending = pending_of(context);
    pending.push_back(event);
    context.publish("pending", model::Value(std::move(pending)));
    came_.notify();
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    bool single = CO_TRY(context.boolean_or("singleEvent", true));
    for (;;) {
      auto pending = pending_of(context);
      if (pending.empty()) {
        CO_TRY(co_await came_.wait());
        continue;
      }
      const std::string event = *pending.front().get<std::string>();
      int64_t number = remembered(context, "handled");
      std::string from = context.has_action(event) ? event : "otherwise";
      std::string name = fmt::format("{}_{}", number, from);
      auto record = model::TerminationRecord::normal(context.path(),
                                                     fmt::format("nothing handles '{}'", event));
      bool handled = context.has_action(from);
      if (handled) record = CO_TRY(co_await context.perform(name, from));
      if ((handled && single) || !record.is_normal()) {
        context.end(std::move(record));
        co_return Result<>{};
      }
      pending = pending_of(context);
      pending.erase(pending.begin());
      context.remember("handled", fmt::format("{}", number + 1));
      context.publish("pending", model::Value(std::move(pending)));
      if (handled) context.forget_action(name);
    }
  }

 private:
  static model::Vector pending_of(Context& context) {
    auto found = context.record().published.find("pending");
    if (found == context.record().published.end()) return {};
    const auto* list = found->second.get<model::Vector>();
    return list ? *list : model::Vector{};
  }
  aio::Signal came_;
};

model::AttributeSchema published(std::string name, std::string doc) {
  auto out = attribute(std::move(name), Type::vector, std::move(doc));
  out.published = true;
  return out;
}

}  // namespace

std::vector<model::AttributeSchema> bus_attributes() {
  auto send = attribute("sendTo", Type::any,
                        "LAZY links, each under any name, to who hears its events; who is not "
                        "there yet gets them when it starts");
  auto hear = attribute("registerWith", Type::any, "LAZY links to those whose events it hears");
  // Two that send to each other start in any order: events wait for who is not there.
  send.orders = hear.orders = false;
  return {send, hear};
}

namespace {
engine::ComponentType bus_type(std::string name, std::string doc,
                               std::vector<model::AttributeSchema> attributes,
                               std::function<std::unique_ptr<engine::Component>()> make,
                               std::string base = "croft.EventBus") {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make),
                      std::move(base));
  type.compound = type.coded = true;
  type.schema.container = true;
  return type;
}
}  // namespace

engine::ComponentType event_bus_type() {
  return bus_type(
      "EventBus", "Passes events on to those that it links to or that have registered with it.",
      bus_attributes(), [] { return std::make_unique<EventBus>(); }, "croft.Compound");
}

engine::ComponentType event_send_type() {
  auto type =
      bus_type("EventSend", "Sends `event`, then ends.",
               {required("event", Type::string, "what is sent"),
                with_default("sfShouldTerminate", Type::boolean, true, "end once it is sent")},
               [] { return std::make_unique<EventSend>(); });
  type.works = true;
  return type;
}

engine::ComponentType event_counter_type() {
  auto count = with_default("count", Type::integer, int32_t{1}, "how many it waits for");
  count.least = 1;
  return bus_type(
      "EventCounter", "Ends after `count` events.",
      {count, with_default("allDifferent", Type::boolean, false, "the same event counts once")},
      [] { return std::make_unique<EventCounter>(); });
}

engine::ComponentType event_queue_type() {
  return bus_type("EventQueue", "Keeps events and gives them again to whoever registers later.",
                  {published("events", "what it has kept")},
                  [] { return std::make_unique<EventQueue>(); });
}

engine::ComponentType on_event_type() {
  std::vector<model::AttributeSchema> attributes = {
      with_default("singleEvent", Type::boolean, true, "end as the first handler ends"),
      attribute("otherwise", Type::component, "runs for events that no action is named like"),
      published("pending", "events that have come and are not handled yet")};
  for (auto& each : bus_attributes()) attributes.push_back(std::move(each));
  return action_type("OnEvent", "Runs the action that is named like the event, else `otherwise`.",
                     std::move(attributes), [] { return std::make_unique<OnEvent>(); });
}

}  // namespace croft::components
