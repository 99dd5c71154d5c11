// How an application goes up: the plan, what it replaces or removes, then deploy and start.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/mask.h"
#include "engine/application.h"
#include "engine/branch.h"
#include "engine/redact.h"
#include "engine/updating.h"
#include "protocol/events.h"

namespace croft::engine {

using protocol::ApplicationState;

namespace {

constexpr Duration default_delay = Duration::seconds(15);
constexpr int64_t default_factor = 2;
constexpr Duration outage_patience = Duration::minutes(10), outage_pause = Duration::seconds(5);
constexpr Duration farm_patience = Duration::seconds(30);
constexpr Duration farm_pause = Duration::milliseconds(200);

std::optional<model::Value> nearest_value(const model::Component& component,
                                          std::string_view name) {
  for (const model::Component* at = &component; at; at = at->parent())
    if (const auto* attribute = at->find(name)) {
      if (auto* link = attribute->value.get<std::shared_ptr<const model::Reference>>()) {
        auto value = model::follow(*at, **link);
        return value ? std::optional(*value) : std::nullopt;
      }
      return attribute->value;
    }
  return std::nullopt;
}

/// What helps to ask the farm's owner.
void add_request_facts(Error& error) {
  std::string_view status = error.fact("http_status"), request = error.fact("request_id");
  if (!request.empty())
    error.hint(fmt::format("the farm answered {}; request id {}", status.empty() ? "so" : status,
                           request));
}

}  // namespace

std::pair<Duration, int64_t> liveness_of(const model::Component& component) {
  Duration delay = default_delay;
  int64_t factor = default_factor;
  if (auto value = nearest_value(component, "sfLivenessDelay")) {
    if (auto number = value->as_number()) delay = Duration::seconds_f(std::max(0.0, *number));
    if (auto* text = value->get<std::string>())
      if (auto parsed = Duration::parse(*text, "s")) delay = *parsed;
  }
  if (auto value = nearest_value(component, "sfLivenessFactor"))
    if (auto number = value->as_integer()) factor = std::max<int64_t>(1, *number);
  return {delay, factor};
}

Result<plan::Plan> plan_of(const Registry& registry, const std::string& name,
                           const model::Description& description, const Options& options,
                           const Application* current, int64_t instances_of_others,
                           plan::Identities* identities) {
  plan::Input input;
  input.application = name;
  input.config = description.config;
  if (current) input.recorded = current->recorded_for_next_life();
  input.limits.application_instances = options.max_instances;
  input.limits.account_instances = options.account_instances;
  input.limits.account_in_use = instances_of_others;
  input.catalog = registry.catalog();
  input.identities = identities;
  input.scope = options.scope;
  return plan::make(input);
}

std::vector<plan::Recorded> Application::recorded() const {
  std::vector<plan::Recorded> out;
  out.reserve(nodes_.size());
  for (const auto& [path, node] : nodes_) out.push_back(recorded(*node));
  return out;
}

std::vector<plan::Recorded> Application::recorded_for_next_life() const {
  if (record_.state != ApplicationState::down && record_.state != ApplicationState::going_down)
    return recorded();
  std::vector<plan::Recorded> out;
  for (const auto& [path, node] : nodes_) {
    if (!std::ranges::any_of(node->record.rented, outlives)) continue;
    out.push_back(recorded(*node));
    out.back().over = false;
  }
  return out;
}

plan::Recorded Application::recorded(const Node& node) {
  const ComponentRecord& record = node.record;
  plan::Recorded item;
  item.path = record.path;
  item.type = record.type;
  item.identity = record.identity;
  item.state = record.state == model::State::described ? node.taken_from : record.state;
  // Running, but not under this process's eyes yet: it has to be taken over.
  item.ran_elsewhere = item.state == model::State::running && !node.live;
  if (item.state == model::State::running && !node.live) item.state = model::State::starting;
  item.compound = record.compound;
  item.ordered_end = record.ordered_end;
  item.needs = record.needs;
  item.position = record.position;
  item.holds = record.holds();
  item.over = record.state == model::State::terminated && record.record.has_value() &&
              !record.memory.contains(replaced_note);
  item.description = node.description;
  if (node.description) {
    auto policy = drift_policy_of(*node.description);
    for (const Drift& drift : node.drift)
      item.drift.push_back(fmt::format("{}: {}", drift.text(), consequence(drift, policy)));
    item.repairs = !node.drift.empty() && policy == DriftPolicy::repair;
  }
  return item;
}

aio::Task<Result<>> Application::go_up() {
  auto task = bring_up();
  if (record_.options.up_timeout)
    task = aio::deadline(services_.world.clock, *record_.options.up_timeout, std::move(task),
                         "going up");
  auto winner = co_await aio::race(std::move(task), until_interrupted());
  if (winner.index() == 1) {
    if (shutdown_) co_return Result<>{};
    co_return std::get<1>(std::move(winner));  // cancelled from outside, or a request to look at
  }
  Result<> done = std::get<0>(std::move(winner));
  if (done) {
    record_.up_version = record_.version;
    if (record_.desired == Desired::up) set_state(ApplicationState::up, "");
    record_.error.reset();
    ledger_.put(record_);
    co_return co_await ledger_.flush();
  }
  if (done.error().code == Code::cancelled) co_return done;
  add_request_facts(done.error());
  if (done.error().code == Code::timeout)
    for (const auto& [path, node] : nodes_)
      if (node->record.state == model::State::starting && !node->record.why.empty())
        done.error().hint(fmt::format("{} waited: {}", path, node->record.why));
  hide_secrets(done.error());
  if (record_.restored) done.error().hint(nothing_removed);
  record_.error = done.error();
  std::string culprit(done.error().fact("component"));
  if (culprit.empty()) culprit = name();
  std::string reason = done.error().line();
  tell(name(), protocol::event::failed, reason);
  if (record_.options.keep_on_failure || record_.restored) {
    set_state(ApplicationState::failed, reason);
  } else {
    record_.desired = Desired::down;
    end_all(model::TerminationRecord::abnormal(culprit, "up did not succeed", reason));
  }
  co_return co_await ledger_.flush();
}

void Application::hide_secrets(Error& error) const {
  if (description_.root) redact(error, *description_.root);
  redact_sources(error, services_.registry.schemas());
}

void Application::hide_secrets(std::string& text) const {
  if (!description_.root) return;
  if (!secrets_ || secrets_root_ != description_.root) {
    secrets_ = secrets_of(*description_.root);
    secrets_root_ = description_.root;
  }
  mask(text, *secrets_);
}

aio::Task<Result<>> Application::prepare_farm() {
  if (record_.farm_admin.empty() || !services_.prepare_farm) co_return Result<>{};
  model::ComponentPtr farm = description_.root ? description_.root->component("farm") : nullptr;
  aio::Clock& clock = services_.world.clock;
  Moment give_up = clock.now() + farm_patience;
  auto more = co_await services_.prepare_farm(record_.farm_admin, farm, callers_variables_,
                                              farm_variables_);
  while (!more && more.error().code == Code::unavailable &&
         clock.now() < give_up) {  // it may be starting
    CO_TRY(co_await clock.sleep(farm_pause));
    more = co_await services_.prepare_farm(record_.farm_admin, farm, callers_variables_,
                                           farm_variables_);
  }
  if (!more) co_return fail(std::move(more).error());
  if (*more == farm_variables_) co_return Result<>{};
  farm_variables_ = *std::move(more);
  CO_TRY(keep_environment());
  co_return co_await ledger_.flush();
}

aio::Task<Result<>> Application::bring_up() {
  co_await rest_supervisors();
  auto done = co_await take_away_ended();
  if (done) done = co_await bring_up_parts();
  wake_supervisors();
  co_return done;
}

aio::Task<Result<>> Application::bring_up_parts() {
  CO_TRY(co_await prepare_farm());
  described_anew_ = false;
  int64_t others = services_.instances_of_others ? services_.instances_of_others(name()) : 0;
  auto plan = CO_TRY(plan_of(services_.registry, name(), description_, record_.options, this,
                             others, &identities_));
  CO_TRY(co_await move_nodes(plan));
  std::vector<std::string> gone;
  for (const plan::Item& item : plan.items)
    if (!item.left_out &&
        (item.change == plan::Change::replace || item.change == plan::Change::remove))
      gone.push_back(item.path);
  for (const std::string& path : gone)
    for (const auto& node : attached_inside(path)) note_replaced(*node);
  if (!gone.empty()) CO_TRY(co_await remove_parts(gone));
  co_await stop_works_taken_over(*this, plan);
  auto updated = updated_by(plan);  // before they read the new description
  for (const auto& node : updated) node->record.memory[updating_note] = "yes";
  take_over(plan);
  CO_TRY(co_await take_imports());
  if (std::exchange(is_new_, false)) CO_TRY(co_await look_for_other_lives());
  for (auto& node : updated) CO_TRY(co_await node->update());
  StepWork work = [this](plan::Step step) { return run_step(std::move(step)); };
  StepAtOnce at_once = [this](const plan::Step& step) {
    Node* node = find(step.path);
    return node && node->at_once(step.verb);
  };
  ExecuteOptions options;
  if (record_.options.parallelism) options.parallel = *record_.options.parallelism;
  CO_TRY(co_await execute(plan.steps, work, at_once, options));
  // The farm's tags still say what moved was called before.
  if (std::ranges::any_of(plan.items, [](const auto& item) { return !item.moved_from.empty(); }))
    for (const std::string& note : CO_TRY(co_await refresh()))
      tell(name(), protocol::event::attention, note);
  CO_TRY(co_await mend_drift());
  co_return co_await resume_detached();
}

aio::Task<Result<>> Application::move_nodes(const plan::Plan& plan) {
  bool any = false;
  for (const plan::Item& item : plan.items) {
    auto found =
        item.moved_from.empty() || item.left_out ? nodes_.end() : nodes_.find(item.moved_from);
    if (found == nodes_.end()) continue;
    std::shared_ptr<Node> node = std::move(found->second);
    nodes_.erase(found);
    tell(item.path, protocol::event::message, fmt::format("was {} before", item.moved_from));
    node->record.path = item.path;
    for (Rented& thing : node->record.rented) thing.component = item.path;
    if (node->record.record && node->record.record->culprit == item.moved_from)
      node->record.record->culprit = item.path;
    // A crash between two of these leaves both records with the mark, never none, and load() ends
    // it.
    node->record.memory[moved_mark] = item.moved_from;
    node->record.memory.try_emplace(former_path, item.moved_from);
    ledger_.put(node->record);
    ledger_.erase_component(item.moved_from);
    node->record.memory.erase(moved_mark);
    ledger_.put(node->record);
    nodes_[item.path] = std::move(node);
    any = true;
  }
  if (any) co_return co_await ledger_.flush();
  co_return Result<>{};
}

aio::Task<Result<>> Application::run_step(plan::Step step) {
  auto found = nodes_.find(step.path);
  CHECK(found != nodes_.end(), "a step of a component that has no node");
  std::shared_ptr<Node> node = found->second;
  switch (step.verb) {
    case plan::Verb::deploy:
      co_return co_await node->deploy();
    case plan::Verb::start:
      co_return co_await start_node(node);
    case plan::Verb::terminate:
      co_return co_await node->terminate();
    case plan::Verb::live:
      break;
  }
  co_return Result<>{};
}

std::shared_ptr<Node> Application::make_node(const plan::Item& item, const Node* old) {
  ComponentRecord record;
  if (old)
    record = old->record;
  else
    record.generation = last_event() + 1;  // another may have had this path, and its tokens
  bool anew = item.change != plan::Change::adopt;
  if (old && anew) {
    ++record.generation;
    record.memory.clear();
    record.published.clear();
    record.intent.reset();
  }
  record.path = item.path;
  record.type = item.type;
  record.state = model::State::described;
  record.since = services_.world.clock.wall();
  record.why.clear();
  record.record.reset();
  record.quiet = false;
  auto node = std::make_shared<Node>(*this, std::move(record), item.component,
                                     services_.registry.find(item.type));
  if (old && !anew) {
    bool described = old->record.state == model::State::described;
    node->taken_from = described ? old->taken_from : old->record.state;
    node->running_since = described ? old->running_since : old->record.since;
  }
  return node;
}

/// Nodes as the plan wants them: new objects for what is made or taken over, the old ones for what
/// runs, now reading the new description.
void Application::take_over(const plan::Plan& plan) {
  for (auto& [path, node] : nodes_)
    if (!in_branch(path)) node->current = false;
  for (const plan::Item& item : plan.items) {
    if (item.left_out) {
      if (item.resumes) resume_as_it_was(item);
      if (Node* node = find(item.path)) node->current = true;
      continue;
    }
    if (item.change == plan::Change::remove) continue;
    if (item.actions &&
        (item.change == plan::Change::create || item.change == plan::Change::replace))
      forget_inside(item.path, false);
    Node& node = seat(item);
    node.record.position = item.position;
    next_position_ = std::max(next_position_, item.position + 1);
    if (item.change == plan::Change::keep) ledger_.put(node.record);
  }
  auto made_at_run_time = [&](std::string_view path) {
    for (auto at = plan::parent_path(path); !at.empty(); at = plan::parent_path(at))
      if (const plan::Item* above = plan.find(at)) return above->actions;
    return false;
  };
  for (auto& [path, node] : nodes_)
    if (!node->current && node->ended() && !in_branch(path) && !made_at_run_time(path))
      note_replaced(*node);
  describe_branches();
  changed_.notify();
}

/// Left out of what is asked for, but somebody has to look after it.
void Application::resume_as_it_was(const plan::Item& item) {
  auto found = nodes_.find(item.path);
  if (found == nodes_.end() || !found->second->description) return;
  std::shared_ptr<Node>& node = found->second;
  plan::Item before = item;
  before.change = plan::Change::adopt;
  before.type = node->record.type;
  before.component = std::const_pointer_cast<model::Component>(node->description);
  node = make_node(before, node.get());
  std::tie(node->delay, node->factor) = liveness_of(*before.component);
}

void Application::note_replaced(Node& node) {
  if (node.record.memory.insert_or_assign(replaced_note, "yes").second) ledger_.put(node.record);
}

/// The node of a planned component, reading its description.
Node& Application::seat(const plan::Item& item) {
  std::shared_ptr<Node>& node = nodes_[item.path];
  bool known = node != nullptr;
  if (item.change != plan::Change::keep) node = make_node(item, node.get());
  node->current = true;
  node->describe(item.component);
  node->record.version = record_.version;
  node->record.memory.erase(former_path);
  node->record.identity = item.identity;
  if (!known) node->record.position = next_position_++;
  node->record.compound = item.compound;
  node->record.ordered_end = item.ordered_end;
  node->record.needs = item.needs;
  std::tie(node->delay, node->factor) = liveness_of(*item.component);
  return *node;
}

aio::Task<Result<>> Application::remove_once(const std::vector<std::string>& tops) {
  std::vector<plan::Recorded> all;
  std::set<std::string> known;  // one may lie inside another, and each is to end once
  for (const std::string& top : tops) {
    co_await quiesce(top);
    for (auto& node : attached_inside(top))
      if (known.insert(node->record.path).second) all.push_back(recorded(*node));
  }
  plan::Graph graph = plan::removal(all);
  StepWork work = [this](plan::Step step) { return run_step(std::move(step)); };
  StepAtOnce at_once = [this](const plan::Step& step) {
    Node* node = find(step.path);
    return !node || node->at_once(step.verb);
  };
  ExecuteOptions options;
  options.stop_on_error = false;
  co_return co_await execute(graph, work, at_once, options);
}

aio::Task<Result<>> Application::remove_parts(std::vector<std::string> tops) {
  Moment until = services_.world.clock.now() + outage_patience;
  for (bool told = false;; told = true) {
    CO_TRY(co_await remove_once(tops));
    std::shared_ptr<Node> left;
    for (const std::string& top : tops)
      for (const auto& node : attached_inside(top))
        if (!left && !node->ended()) left = node;
    if (!left) co_return Result<>{};
    if (!is_outage(left->stuck_by.value_or(Code::conflict)) || services_.world.clock.now() >= until)
      co_return fail(Error(Code::conflict, fmt::format("{} could not be removed: {}",
                                                       left->record.path, left->record.why))
                         .fact("component", left->record.path)
                         .hint("`croft up` again tries it again"));
    // An application is not to end of a change because its farm was away for a moment.
    if (!told)
      left->context.event(protocol::event::attention,
                          fmt::format("it cannot be removed now, which is tried again for {}: {}",
                                      outage_patience.text(), left->record.why));
    left->waits = left->record.why;
    node_changed();
    CO_TRY(co_await services_.world.clock.sleep(outage_pause));
  }
}

}  // namespace croft::engine
