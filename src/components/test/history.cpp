// History, HistoryEvent, HistoryAssert: who did what in which order.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

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

/// Adds a message to the history, once for each `note`.
Result<> write(Context& context, const std::string& note, std::string message) {
  if (context.record().memory.contains(note)) return {};
  auto history = TRY(context.component_or_null("history"));
  std::string path = TRY(context.path_of(history));
  auto list = messages_of(history);
  if (list.size() >= messages_max)
    return fail(Code::resource_exhausted,
                fmt::format("{} has {} messages already", path, messages_max));
  list.push_back(std::move(message));
  context.remember(note, "yes");
  return context.set_of_other(path, "messages", model::Value(std::move(list)));
}

class HistoryEvent : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    CO_TRY(write(context, "written", CO_TRY(context.string("message"))));
    co_return context.done(model::TerminationRecord::normal(context.path()));
  }
};

/// A message at each step of its life, where it has one.
class HistoryLog : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override { co_return log(context, "deployMessage"); }
  aio::Task<Result<>> start(Context& context) override { co_return log(context, "startMessage"); }
  aio::Task<Result<>> work(Context& context) override {
    // What it said in one piece, where that is all that is said.
    if (CO_TRY(context.value_if("message"))) CO_TRY(log(context, "message"));
    co_return context.done(model::TerminationRecord::normal(context.path()));
  }
  aio::Task<Result<>> terminate(Context& context, const model::TerminationRecord&) override {
    // A history that has ended before it is no reason to stay.
    if (auto told = log(context, "terminateMessage"); !told)
      context.event(protocol::event::message, told.error().line());
    co_return Result<>{};
  }

 private:
  static Result<> log(Context& context, const std::string& name) {
    std::string message = TRY(context.string_or(name, ""));
    return message.empty() ? Result<>{} : write(context, name, std::move(message));
  }
};

/// Where each message stands in the history, first of them first.
class HistoryHas : public engine::Component {
 public:
  explicit HistoryHas(std::vector<const char*> names) : names_(std::move(names)) {}
  aio::Task<Result<>> work(Context& context) override {
    auto history = CO_TRY(context.component_or_null("history"));
    CO_TRY(context.path_of(history));
    auto found = messages_of(history);
    auto from = found.begin();
    for (const char* name : names_) {
      model::Value wanted(CO_TRY(context.string(name)));
      auto at = std::find(from, found.end(), wanted);
      if (at == found.end()) {
        std::string text = CO_TRY(context.string_or("errorText", ""));
        context.end(model::TerminationRecord::abnormal(
            context.path(),
            fmt::format("{}{}the history {} has no \"{}\"{}", text, text.empty() ? "" : ": ",
                        shown(found), *wanted.get<std::string>(),
                        from == found.begin() ? "" : " after the other message")));
        co_return Result<>{};
      }
      from = std::next(at);
    }
    co_return context.done(model::TerminationRecord::normal(context.path(), "it is as wanted"));
  }

 private:
  std::vector<const char*> names_;
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
engine::ComponentType history_log_type() {
  return work_type("HistoryLog", "Writes a message into a history at each step of its life.",
                   {required("history", Type::any, "LAZY link to the history"),
                    attribute("message", Type::string, "what is written as it works"),
                    with_default("deployMessage", Type::string, "", "at deploy; empty: nothing"),
                    with_default("startMessage", Type::string, "", "at start"),
                    with_default("terminateMessage", Type::string, "", "at its end")},
                   [] { return std::make_unique<HistoryLog>(); });
}
engine::ComponentType history_log_assertion_type() {
  return work_type("HistoryLogAssertion", "Ends abnormally unless `message` is in a history.",
                   {required("history", Type::any, "LAZY link to the history"),
                    required("message", Type::string, "what must be in it"),
                    attribute("errorText", Type::string, "said where it is not")},
                   [] { return std::make_unique<HistoryHas>(std::vector{"message"}); });
}
engine::ComponentType history_assert_ordered_messages_type() {
  return work_type(
      "HistoryAssertOrderedMessages",
      "Ends abnormally unless both messages are in a history, the first before the second.",
      {required("history", Type::any, "LAZY link to the history"),
       required("message1", Type::string, "what comes first"),
       required("message2", Type::string, "what comes after it"),
       attribute("errorText", Type::string, "said where they do not")},
      [] { return std::make_unique<HistoryHas>(std::vector{"message1", "message2"}); });
}
engine::ComponentType ping_target_type() {
  return type_of("PingTarget", "Alive as long as its `target` is.",
                 {required("target", Type::any, "LAZY link to what must live")},
                 [] { return std::make_unique<PingTarget>(); });
}

}  // namespace croft::components
