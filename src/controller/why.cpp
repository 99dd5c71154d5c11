// GET .../why?component=PATH: the chain of causes from a component that is not as it should be to
// the first thing that went wrong. {"name", "component", "chain": [{"component", "state", "since",
// "what"}]}: the first line is what was asked about, the last the cause as far as croft knows it.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "controller/routes.h"
#include "controller/views.h"
#include "protocol/events.h"

namespace croft::controller {

namespace json = wire::json;
using State = Controller::State;
using model::State::running;
using model::State::terminated;

namespace {

struct Cause {
  std::string component, state, what;
  WallTime since;
};

class Chain {
 public:
  Chain(const engine::Application& application, const AgentHosts& hosts)
      : application_(application), hosts_(hosts) {}

  std::vector<Cause> causes;
  /// Where the chain ends: whose events tell the rest.
  std::string last;

  void follow(std::string path) {
    std::set<std::string> seen;
    while (!path.empty() && seen.insert(path).second) {
      const engine::Node* node = application_.find(path);
      if (!node) break;
      last = path;
      auto [what, next] = step(*node);
      causes.push_back({path, std::string(name_of(node->record.state)), what, node->record.since});
      // A cause that has been named already explains nothing more.
      path = seen.contains(next) ? "" : next;
    }
  }

 private:
  using Step = std::pair<std::string, std::string>;  ///< what is so, and whose affair it is

  Step step(const engine::Node& node) const {
    const auto& record = node.record;
    if (record.record) return ended(node);
    if (record.state == running) return while_running(node);
    if (record.state == model::State::terminating)
      return {record.why.empty() ? "it is being ended" : "it cannot be ended: " + record.why, ""};
    if (!node.waits.empty()) return {"it waits: " + node.waits, host_of(node)};
    if (auto part = unwell_part(record.path); !part.empty())
      return {fmt::format("a part of it does not run yet: {}", part), part};
    for (const std::string& need : record.needs)
      if (const auto* other = application_.find(need); other && other->record.state != running)
        return {fmt::format("it starts after {}", need), need};
    if (!record.why.empty()) return {record.why, host_of(node)};
    std::string above(plan::parent_path(record.path));
    const auto* parent = application_.find(above);
    if (parent && parent->record.state != running)
      return {fmt::format("its turn comes within {}", above), above};
    return {"nothing is known to hold it up", ""};
  }

  Step ended(const engine::Node& node) const {
    const model::TerminationRecord& record = *node.record.record;
    std::string what = fmt::format("it ended ({})", record.type);
    if (!record.description.empty()) what += ": " + record.description;
    bool elsewhere = !record.culprit.empty() && record.culprit != node.record.path;
    if (elsewhere) return {what + "; the first to end was " + record.culprit, record.culprit};
    if (!record.cause.empty()) what += ": " + record.cause;
    return {what, host_of(node)};
  }

  Step while_running(const engine::Node& node) const {
    if (!node.silence.empty())
      return {"it runs, and its last liveness check told nothing: " + node.silence, host_of(node)};
    if (auto part = unwell_part(node.record.path); !part.empty())
      return {fmt::format("it runs, and a part of it does not: {}", part), part};
    auto record = application_.record().record;
    if (plan::parent_path(node.record.path).empty() && record && !record->culprit.empty())
      return {"it runs", record->culprit};
    return {"it runs", ""};
  }

  /// The first child that is not well.
  std::string unwell_part(std::string_view path) const {
    for (const auto& node : application_.nodes()) {
      if (plan::parent_path(node->record.path) != path) continue;
      bool over = node->record.state == terminated && node->record.record &&
                  node->record.record->is_normal();
      if (over) continue;
      if (node->record.state != running || !node->silence.empty() ||
          !unwell_part(node->record.path).empty())
        return node->record.path;
    }
    return "";
  }

  /// The machine it is placed on, where that is what is wrong.
  std::string host_of(const engine::Node& node) const {
    auto host = application_.find(node.record.path)->context.host_now();
    if (!host || (host->connected() && !host->lost())) return "";
    for (const auto& each : hosts_.of(application_.name()))
      if (each->name() == host->name()) return each->machine().component;
    return "";
  }

  const engine::Application& application_;
  const AgentHosts& hosts_;
};

bool tells_of_trouble(const protocol::Event& event) {
  using namespace protocol::event;
  for (const char* word :
       {failed, liveness_failed, instances_gone, replacing, restarting, crash_loop, attention})
    if (event.event == word) return true;
  return false;
}

/// What went wrong with it since it last ran well, oldest first.
aio::Task<Result<json::Array>> story_of(engine::Ledger& ledger, std::string path) {
  constexpr size_t most = 20;
  json::Array story;
  for (uint64_t from = 1;;) {
    auto batch = CO_TRY(co_await ledger.events(from));
    if (batch.empty()) break;
    from = batch.back().seq + 1;
    for (const auto& event : batch) {
      if (event.component != path) continue;
      if (event.event == protocol::event::running) story.clear();
      if (tells_of_trouble(event) && story.size() < most) story.emplace_back(to_json(event));
    }
  }
  co_return story;
}

/// The calls of it that failed last, up to the last that did not.
aio::Task<Result<json::Array>> failed_calls(engine::Ledger& ledger, std::string path) {
  constexpr size_t most = 20;
  json::Array calls;
  for (uint64_t from = 1;;) {
    auto batch = CO_TRY(co_await ledger.journal_from(from));
    if (batch.empty()) break;
    from = batch.back().seq + 1;
    for (const auto& record : batch) {
      if (record.component != path || record.kind != protocol::JournalKind::result) continue;
      if (record.outcome == protocol::Outcome::done) calls.clear();
      if (record.outcome != protocol::Outcome::failed || calls.size() >= most) continue;
      calls.emplace_back(json::Object{{"time", protocol::time_text(record.time)},
                                      {"action", record.action},
                                      {"why", record.error ? record.error->line() : ""}});
    }
  }
  co_return calls;
}

}  // namespace

aio::Task<Result<>> tell_why(State& state, net::Exchange& exchange, const net::RouteMatch& match) {
  auto application = CO_TRY(state.find(match["name"]));
  std::string path(match.query.value("component"));
  if (path.empty()) path = application->name();
  if (!application->find(path)) {
    std::vector<std::string> names;
    for (const auto& [known, node] : application->all_nodes()) names.push_back(known);
    Error error(Code::not_found,
                fmt::format("{} has no component '{}'", application->name(), path));
    if (auto hint = did_you_mean(path, names); !hint.empty()) error.hint(hint);
    co_return fail(std::move(error));
  }
  Chain chain(*application, *state.hosts);
  chain.follow(path);
  json::Array lines;
  for (const Cause& cause : chain.causes)
    lines.emplace_back(json::Object{{"component", cause.component},
                                    {"state", cause.state},
                                    {"since", protocol::time_text(cause.since)},
                                    {"what", cause.what}});
  const auto& record = application->record();
  json::Object document{
      {"name", application->name()},
      {"component", path},
      {"phase", phase_name(record.state)},
      {"why", record.why},
      {"chain", std::move(lines)},
      {"events", CO_TRY(co_await story_of(application->ledger(), chain.last))},
      {"calls", CO_TRY(co_await failed_calls(application->ledger(), chain.last))}};
  if (record.error) document["error"] = protocol::to_json(*record.error);
  co_return co_await reply(exchange, 200, std::move(document));
}

}  // namespace croft::controller
