// History, HistoryEvent, HistoryAssert: who did what in which order.
#include <fmt/format.h>

#include "base/text.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr size_t messages_max = 100'000;

model::Vector messages_of(const model::ComponentPtr& history) {
  const auto* list = history->vector("messages");
  return list ? *list : model::Vector{};
}

std::string shown(const model::Vector& list) {
  std::vector<std::string> out;
  for (const auto& item : list)
    if (auto* text = item.get<std::string>()) out.push_back("\"" + *text + "\"");
  return "[" + join(out, ", ") + "]";
}

class HistoryEvent : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    if (!context.record().memory.contains("written")) {
      auto history = CO_TRY(context.component_or_null("history"));
      std::string path = CO_TRY(context.path_of(history));
      auto list = messages_of(history);
      if (list.size() >= messages_max)
        co_return fail(Code::resource_exhausted,
                       fmt::format("{} has {} messages already", path, messages_max));
      list.push_back(CO_TRY(context.string("message")));
      context.remember("written", "yes");
      CO_TRY(context.set_of_other(path, "messages", model::Value(std::move(list))));
    }
    co_return context.done(model::TerminationRecord::normal(context.path()));
  }
};

class HistoryAssert : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    auto history = CO_TRY(context.component_or_null("history"));
    CO_TRY(context.path_of(history));
    auto wanted = CO_TRY(context.vector_or_empty("messages"));
    auto found = messages_of(history);
    if (found == wanted)
      co_return context.done(model::TerminationRecord::normal(context.path(), "it is as wanted"));
    context.end(model::TerminationRecord::abnormal(
        context.path(),
        fmt::format("the history is {}, {} is wanted", shown(found), shown(wanted))));
    co_return Result<>{};
  }
};

class PingTarget : public engine::Component {
 public:
  aio::Task<Result<>> ping(Context& context) override {
    auto target = CO_TRY(context.component_or_null("target"));
    std::string path = CO_TRY(context.path_of(target));
    if (context.state_of(path) == model::State::running) co_return Result<>{};
    co_return fail(Code::not_found, fmt::format("{} is {}", path, name_of(context.state_of(path))));
  }
};

}  // namespace

engine::ComponentType history_type() {
  auto messages = attribute("messages", Type::vector, "what was written, in order");
  messages.published = true;
  return type_of("History", "A list of messages, in the order in which they came.", {messages},
                 [] { return std::make_unique<engine::Component>(); });
}
engine::ComponentType history_event_type() {
  return work_type("HistoryEvent", "Writes `message` into a history, then ends.",
                   {required("history", Type::any, "LAZY link to the history"),
                    required("message", Type::string, "what is written")},
                   [] { return std::make_unique<HistoryEvent>(); });
}
engine::ComponentType history_assert_type() {
  return work_type("HistoryAssert", "Ends abnormally unless a history is `messages`.",
                   {required("history", Type::any, "LAZY link to the history"),
                    required("messages", Type::vector, "what it must be, in order")},
                   [] { return std::make_unique<HistoryAssert>(); });
}
engine::ComponentType ping_target_type() {
  return type_of("PingTarget", "Alive as long as its `target` is.",
                 {required("target", Type::any, "LAZY link to what must live")},
                 [] { return std::make_unique<PingTarget>(); });
}

}  // namespace croft::components
