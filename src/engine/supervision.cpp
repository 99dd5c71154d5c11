// What supervisors need of the application: a child that has ended comes back in its place, and
// what could not start is tried again.
#include <fmt/format.h>

#include <algorithm>

#include "engine/application.h"
#include "engine/branch.h"

namespace croft::engine {

namespace {

constexpr Duration needed_wait = Duration::minutes(1);

/// What it published in its last life: links must not lead there any more.
void forget_published(Node& node, const model::SchemaSet& schemas) {
  if (!node.description || !node.type) return;
  for (const auto& [name, value] : node.record.published)
    if (const auto* attribute = schemas.attribute(node.type->schema, name);
        attribute && attribute->published)
      node.description->remove(name);
}

}  // namespace

Node* Application::supervisor_of(std::string_view path) const {
  for (auto at = plan::parent_path(path); !at.empty(); at = plan::parent_path(at))
    if (Node* above = find(at); above && above->object && above->type && above->type->supervises)
      return above;
  return nullptr;
}

aio::Task<Result<>> Application::start_node(std::shared_ptr<Node> node) {
  for (;;) {
    auto done = co_await node->start();
    if (done || done.error().code == Code::cancelled) co_return done;
    Node* above = supervisor_of(node->record.path);
    if (!above) co_return done;
    std::shared_ptr<Node> keeper = nodes_.find(above->record.path)->second;
    bool again = CO_TRY(
        co_await keeper->object->may_start_again(keeper->context, node->record.path, done.error()));
    if (!again) co_return done;
    CO_TRY(co_await node->begin_anew(done.error()));
  }
}

aio::Task<Result<>> Node::begin_anew(Error why) {
  co_await stop_work();
  aio::Clock& clock = application.services().world.clock;
  auto end = model::TerminationRecord::abnormal(record.path, "it could not be started", why.line());
  auto done = co_await aio::deadline(clock, type->timeouts.terminate,
                                     object->terminate(context, end), "ending " + record.path);
  if (done && record.holds()) done = fail(Code::conflict, "something of it is still there");
  if (!done) co_return fail(std::move(done).error().fact("component", record.path));
  forget_published(*this, application.services().registry.schemas());
  ++record.generation;
  record.memory.clear();
  record.published.clear();
  record.why.clear();
  object = type->make();
  application.ledger().put(record);
  CO_TRY(co_await application.ledger().flush());
  co_return co_await aio::deadline(clock, type->timeouts.deploy, object->deploy(context),
                                   "deploying " + record.path);
}

/// The updates and removals of `up` are not theirs to undo meanwhile.
aio::Task<void> Application::rest_supervisors() {
  for (auto& node : nodes_inside(name()))
    if (node->type && node->type->supervises) co_await node->stop_work();
}

void Application::wake_supervisors() {
  for (auto& [path, node] : nodes_)
    if (node->type && node->type->supervises && node->live) node->start_work();
}

/// Children that their supervisors will bring back are over before the rest is planned.
aio::Task<Result<>> Application::take_away_ended() {
  std::vector<std::pair<std::string, model::TerminationRecord>> ended;
  for (auto& [path, node] : nodes_) {
    Node* above = find(plan::parent_path(path));
    bool supervised = above && above->object && above->type && above->type->supervises;
    if (supervised && node->record.record && !node->ended() && !above->record.record &&
        above->object->takes_end_of(above->context, path, *node->record.record))
      ended.emplace_back(path, *node->record.record);
  }
  for (auto& [path, record] : ended) CO_TRY(co_await remove_branch(path, std::move(record)));
  co_return Result<>{};
}

/// What parts of `path` waited for outside it, by their paths.
std::map<std::string, std::vector<std::string>> Application::needs_outside(
    std::string_view path) const {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& node : nodes_inside(path))
    for (const std::string& need : node->record.needs)
      if (!plan::inside(need, path)) out[node->record.path].push_back(need);
  return out;
}

aio::Task<Result<>> Application::until_running(std::vector<std::string> paths) {
  auto runs = [this](const std::string& path) {
    Node* node = find(path);
    return !node || node->record.state == model::State::running;
  };
  while (!std::ranges::all_of(paths, runs)) CO_TRY(co_await changed_.wait());
  co_return Result<>{};
}

aio::Task<Result<>> Application::bring_back(std::string path) {
  Node* top = find(path);
  if (!top || !top->description)
    co_return fail(Code::not_found, fmt::format("{} is not in the description any more", path));
  auto outside = needs_outside(path);
  std::vector<std::string> needed;
  for (const auto& [part, needs] : outside) needed.insert(needed.end(), needs.begin(), needs.end());
  // One that stays away for long is missed, or not, when it is read.
  auto waited = co_await aio::deadline(services_.world.clock, needed_wait, until_running(needed),
                                       "what " + path + " needs");
  if (!waited && waited.error().code != Code::timeout) co_return waited;
  plan::Input input;
  input.application = path;
  input.config = top->description;
  for (auto& node : nodes_inside(path)) {
    input.recorded.push_back(recorded(*node));
    input.recorded.back().over = false;
  }
  auto limit = plan::instance_limit(*description_.config, record_.options.max_instances);
  if (limit) input.limits.application_instances = *limit;
  input.catalog = services_.registry.catalog();
  input.identities = &identities_;
  auto plan = CO_TRY(plan::make(input));
  co_await stop_works_taken_over(*this, plan);
  for (const plan::Item& item : plan.items) {
    if (item.change == plan::Change::remove) continue;
    if (Node* old = find(item.path); old && item.change != plan::Change::keep) {
      forget_published(*old, services_.registry.schemas());
      if (item.actions) forget_inside(item.path, false);
    }
    auto& needs = seat(item).record.needs;
    if (auto more = outside.find(item.path); more != outside.end())
      needs.insert(needs.end(), more->second.begin(), more->second.end());
  }
  StepWork work = [this](plan::Step step) { return run_step(std::move(step)); };
  StepAtOnce at_once = [this](const plan::Step& step) {
    Node* at = find(step.path);
    return at && at->at_once(step.verb);
  };
  CO_TRY(co_await execute(plan.steps, work, at_once));
  co_return co_await ledger_.flush();
}

}  // namespace croft::engine
