#include "engine/application.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "engine/branch.h"
#include "protocol/api.h"
#include "protocol/events.h"

namespace croft::engine {

using protocol::ApplicationState;
using protocol::DownProof;

Application::Application(Services services, std::string name)
    : services_(std::move(services)),
      ledger_(services_.world, services_.store, name, &services_.sealer),
      environment_(cloud::fixed_environment({})) {
  record_.name = std::move(name);
}

Application::~Application() = default;

Node* Application::find(std::string_view path) const {
  auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : found->second.get();
}

void Application::node_ended(const std::string& path, model::TerminationRecord record) {
  Node* node = find(path);
  if (!node) return;
  if (!node->record.record) {
    // Durable together with what made it end: another process goes on with this end.
    node->record.record = record;
    node->record.end_order = ++last_end_;
    ledger_.put(node->record);
  }
  // Inside an action its end is the affair of the workflow that runs it.
  std::string top = path;
  for (Node* at = node; at;) {
    if (at->record.detached) return end_quietly(top, std::move(record));
    if (at->branch) {
      if (at->branch->end) return;
      at->branch->end = record;
      if (!at->record.record) at->record.record = record;
      ledger_.put(at->record);
      at->branch->changed.notify();
      return;
    }
    Node* above = find(plan::parent_path(top));
    if (above && above->object && above->object->takes_end_of(above->context, top, record)) {
      if (!at->record.record) at->record.record = std::move(record);
      ledger_.put(at->record);
      if (record_.state == ApplicationState::going_up) {
        // Its parts may be starting still: the rest comes up without it.
        changed_wish_ = true;
        wake_.notify();
      }
      return;
    }
    if (!above || !above->object || !above->object->ends_with_child(top, record)) break;
    top = above->record.path;
    at = above;
  }
  ended_.push_back({path, std::move(record)});
  wake_.notify();
}

void Application::set_property(const std::string& name, std::optional<std::string> value) {
  if (value)
    record_.properties.insert_or_assign(name, *std::move(value));
  else
    record_.properties.erase(name);
  ledger_.put(record_);
}

Result<> Application::keep_event(KeptEvent event) {
  if (record_.kept_events.size() >= kept_events_max)
    return fail(Error(Code::resource_exhausted,
                      fmt::format("{} events wait already for listeners that are not there yet",
                                  kept_events_max))
                    .hint("an EventQueue keeps more, for all that register with it later"));
  record_.kept_events.push_back(std::move(event));
  ledger_.put(record_);
  return {};
}

std::vector<std::string> Application::take_events(const Node& node) {
  if (record_.kept_events.empty()) return {};
  std::string pattern =
      node.record.made_from.empty()
          ? node.record.path
          : fmt::format("{}:{}", plan::parent_path(node.record.path), node.record.made_from);
  std::vector<std::string> out;
  std::erase_if(record_.kept_events, [&](KeptEvent& event) {
    bool mine = event.to == node.record.path || event.to == pattern;
    if (mine) out.push_back(std::move(event.text));
    return mine;
  });
  if (!out.empty()) ledger_.put(record_);
  return out;
}

void Application::set_state(ApplicationState state, std::string why) {
  record_.state = state;
  record_.since = services_.world.clock.wall();
  record_.why = std::move(why);
  ledger_.put(record_);
  changed_.notify();
}

void Application::tell(std::string component, std::string event, std::string why,
                       std::optional<model::TerminationRecord> record) {
  protocol::Event line;
  line.component = std::move(component);
  line.event = std::move(event);
  line.why = std::move(why);
  line.record = std::move(record);
  ledger_.event(std::move(line));
}

bool Application::settled() const {
  if (changed_wish_ || !ended_.empty()) return false;
  switch (record_.state) {
    case ApplicationState::up:
      return record_.desired == Desired::up && !anything_changing();
    case ApplicationState::failed:
      return record_.desired == Desired::up;
    case ApplicationState::down:
      return record_.desired == Desired::down;
    case ApplicationState::going_down:
      return pass_over_;  // also for an `up` that waits for it: that fails, and says what is left
    case ApplicationState::going_up:
      return false;
  }
  return false;
}

/// Another life under the same name: what was kept on purpose is still known, all else is
/// forgotten.
void Application::start_over() {
  std::map<std::string, std::shared_ptr<Node>, std::less<>> kept;
  for (auto& [path, node] : nodes_) {
    auto& rented = node->record.rented;
    std::erase_if(rented, [](const Rented& thing) { return !outlives(thing); });
    if (rented.empty()) {
      ledger_.erase_component(path);
      continue;
    }
    std::erase_if(node->record.memory, [](const auto& note) { return note.first != former_path; });
    node->record.published.clear();
    node->record.record.reset();
    ledger_.put(node->record);
    kept.emplace(path, std::move(node));
  }
  nodes_ = std::move(kept);
  record_.uid = services_.world.random.hex_id(16);
  record_.created = services_.world.clock.wall();
  record_.record.reset();
  record_.error.reset();
  record_.properties.clear();
  record_.kept_events.clear();
  record_.up_version = 0;
  set_lifetime(record_.created);
  proof_.reset();
  described_anew_ = true;
  set_state(ApplicationState::going_up, "");
}

void Application::set_lifetime(WallTime from) {
  record_.ends.reset();
  auto lifetime = record_.options.lifetime;
  if (auto text = description_.config->string("lifetime"); text && !lifetime)
    if (auto parsed = Duration::parse(*text, "s")) lifetime = *parsed;
  if (auto number = description_.config->integer("lifetime"); number && !lifetime)
    lifetime = Duration::seconds(*number);
  if (lifetime) record_.ends = from + *lifetime;
}

// ---- the life --------------------------------------------------------------------------------

void Application::shutdown() {
  shutdown_ = true;
  wake_.notify();
}

aio::Task<Result<>> Application::until_interrupted() {
  while (!interrupted()) CO_TRY(co_await wake_.wait());
  co_return Result<>{};
}

/// A store that is broken ends this process's care at once: another opens it again and goes on.
aio::Task<Result<>> Application::keep_record() {
  auto kept = co_await ledger_.flush_loop();
  if (kept || !store::is_broken(kept.error())) co_return kept;
  broken_ = kept.error();
  wake_.notify();
  co_return kept;
}

aio::Task<Result<>> Application::run() {
  aio::Context context = co_await aio::here();
  aio::Scope background(context);
  background.spawn(keep_record());
  background_ = &background;
  Result<> result = co_await finish_forgets();
  resume_ends();
  // It ran before in this process, and its store was away for a while.
  for (auto& node : nodes_inside(name()))
    if (node->live && node->record.state == model::State::running) node->start_work();
  while (result && !shutdown_ && !context.cancelled()) {
    result = co_await react();
    if (result && broken_) result = fail(*broken_);
    if (!result || shutdown_) break;
    switch (record_.state) {
      case ApplicationState::going_up:
        result = co_await go_up();
        break;
      case ApplicationState::up:
        result = co_await watch_over();
        break;
      case ApplicationState::going_down:
        result = co_await go_down();
        break;
      case ApplicationState::failed:
      case ApplicationState::down:
        result = co_await until_interrupted();
        break;
    }
  }
  for (auto& node : nodes_inside(name())) co_await node->stop_work();
  auto flushed = co_await aio::shield(ledger_.flush());
  background_ = nullptr;
  background.cancel();
  auto joined = co_await background.join();
  static_cast<void>(joined);
  if (!result && result.error().code != Code::cancelled) {
    log::error("engine", "{}: {}", name(), result.error().line());
    co_return result;
  }
  co_return flushed;
}

void Application::end_all(model::TerminationRecord record) {
  record_.record = record;
  pass_over_ = false;
  ended_.clear();
  std::string why = record.description;
  if (why.empty() && !record.is_normal())
    why = fmt::format("{} ended as {}", record.culprit.empty() ? name() : record.culprit,
                      record.type);
  set_state(ApplicationState::going_down,
            record.cause.empty() ? why : fmt::format("{}: {}", why, record.cause));
}

/// Turns requests and ends of components into the next state.
aio::Task<Result<>> Application::react() {
  changed_wish_ = false;
  bool alive = record_.state == ApplicationState::up ||
               record_.state == ApplicationState::going_up ||
               record_.state == ApplicationState::failed;
  while (alive && !ended_.empty()) {
    Ended first = std::move(ended_.front());
    ended_.pop_front();
    std::string top = first.path;
    for (auto above = plan::parent_path(top); !above.empty(); above = plan::parent_path(top)) {
      Node* parent = find(above);
      if (!parent || !parent->object || !parent->object->ends_with_child(top, first.record)) break;
      top = std::string(above);
    }
    // What was detached lives on, and the application with it.
    if (!plan::parent_path(top).empty() || anything_detached()) {
      CO_TRY(co_await remove_branch(top, first.record));
      continue;
    }
    if (record_.restored && first.record.description != protocol::lifetime_is_over) {
      set_state(ApplicationState::failed,
                fmt::format("{}; {}", first.record.description, nothing_removed));
      break;
    }
    record_.desired = Desired::down;
    record_.remove_kept = false;
    note("croft", "ended", first.record.description);
    end_all(std::move(first.record));
    co_return co_await ledger_.flush();
  }
  ended_.clear();
  switch (record_.state) {
    case ApplicationState::up:
    case ApplicationState::going_up:
    case ApplicationState::failed:
      if (record_.desired == Desired::down)
        end_all(model::TerminationRecord::normal(name(), protocol::down_was_asked));
      else if (record_.state == ApplicationState::failed ? again_ : described_anew_ || again_)
        set_state(ApplicationState::going_up, "");
      break;
    case ApplicationState::down:
      if (record_.desired == Desired::up)
        start_over();
      else if (kept() > 0 && (record_.remove_kept || look_again_))
        end_all(model::TerminationRecord::normal(name(), record_.remove_kept
                                                             ? "what was kept is removed"
                                                             : "what was kept is looked at"));
      break;
    case ApplicationState::going_down:
      break;
  }
  again_ = look_again_ = false;
  changed_.notify();  // whoever waits for it to settle looks again
  co_return co_await ledger_.flush();
}

}  // namespace croft::engine
