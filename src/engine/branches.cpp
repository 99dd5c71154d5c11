// Actions: parts of the tree that workflow components deploy, start and end while they run. Each is
// planned and recorded like the rest, so that another process goes on where this one stopped.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/log.h"
#include "base/text.h"
#include "engine/application.h"
#include "engine/branch.h"
#include "model/limits.h"
#include "plan/plan.h"
#include "protocol/events.h"

namespace croft::engine {

namespace {

constexpr size_t returned_kept = 1000;  // what forgotten actions had rented, for the proof
constexpr const char* made_tag = "croftMade";
const std::string put_note = "put:";  // with a child's name: who put it there while it ran

Result<> check_name(const std::string& path, const std::string& name) {
  if (auto problem = model::name_problem(name))
    return fail(Code::invalid_argument,
                fmt::format("'{}' cannot be a component's name: {}", printable(name), *problem));
  if (path.size() <= model::path_bytes_max) return {};
  return fail(Code::resource_exhausted,
              fmt::format("the path of a component would have {} bytes, at most {} are taken",
                          path.size(), model::path_bytes_max));
}

bool finished(const Node& node) {
  return node.record.state == model::State::terminated && !node.record.holds();
}

}  // namespace

bool keeps_its_actions(const ComponentType& type) {
  return type.actions && type.rents;
}

bool is_made(const model::Attribute& attribute) {
  return std::ranges::find(attribute.tags, made_tag) != attribute.tags.end();
}

aio::Task<void> stop_works_taken_over(const Application& application, const plan::Plan& plan) {
  for (const plan::Item& item : plan.items) {
    if (item.left_out || item.change == plan::Change::keep || item.change == plan::Change::remove)
      continue;
    auto found = application.all_nodes().find(item.path);
    if (found == application.all_nodes().end()) continue;
    std::shared_ptr<Node> node = found->second;
    co_await node->stop_work();
  }
}

namespace {
/// The description of a made action, as an attribute of its parent.
model::ComponentPtr set_made(Node& parent, const std::string& name,
                             const model::Component& pattern) {
  auto copy = model::copy_of(pattern);
  copy->eager = true;
  model::Attribute& attribute = parent.description->set(name, copy, pattern.where);
  attribute.tags = {made_tag};
  return copy;
}
}  // namespace

model::ComponentPtr Application::describe_action(Node& parent, const std::string& name,
                                                 const std::string& from) {
  if (!parent.description) return nullptr;
  auto pattern = parent.description->component(from);
  // Old descriptions hold them in one child, which is no component itself.
  if (auto held = parent.description->component("actions");
      !pattern && held && !held->find("sfClass"))
    pattern = held->component(from);
  else if (name == from)
    return pattern;
  return pattern ? set_made(parent, name, *pattern) : nullptr;
}

void Application::note_identity(const model::ComponentPtr& component) {
  if (!component) return;
  auto facts = services_.registry.catalog()(*component);
  if (facts && facts->actions)
    identities_.try_emplace(component.get(), component, plan::identity_of(*component, *facts));
}

/// Descriptions of what was made at run time, found again in a description that was read anew.
void Application::describe_branches() {
  for (auto& [path, node] : nodes_) {
    Node* parent = find(plan::parent_path(path));
    if (!parent || !parent->description) continue;
    std::string name = path.substr(path.rfind(':') + 1);
    model::ComponentPtr found;
    bool stays = parent->type && keeps_its_actions(*parent->type) && node->description &&
                 node->record.version != record_.version;
    if (!node->record.made_from.empty() && stays)
      found = set_made(*parent, name, *node->description);
    else if (!node->record.made_from.empty())
      found = describe_action(*parent, name, node->record.made_from);
    else if (in_branch(path))
      found = parent->description->component(name);
    note_identity(found);
    if (found) node->describe(found);
  }
}

bool Application::in_branch(std::string_view path) const {
  for (auto at = path; !at.empty(); at = plan::parent_path(at))
    if (Node* node = find(at); node && !node->record.made_from.empty()) return true;
  return false;
}

std::vector<std::shared_ptr<Node>> Application::nodes_inside(std::string_view top) const {
  std::vector<std::shared_ptr<Node>> out;
  for (auto at = nodes_.lower_bound(top);
       at != nodes_.end() && std::string_view(at->first).starts_with(top); ++at)
    if (plan::inside(at->first, top)) out.push_back(at->second);
  return out;
}

std::vector<std::shared_ptr<Node>> Application::attached_inside(std::string_view top) const {
  auto out = nodes_inside(top);
  std::vector<std::string> left;
  for (const auto& node : out)
    if (node->record.detached && node->record.path != top) left.push_back(node->record.path);
  if (!left.empty())
    std::erase_if(out, [&](const auto& node) {
      return std::ranges::any_of(
          left, [&](const auto& path) { return plan::inside(node->record.path, path); });
    });
  return out;
}

void Application::detach(const std::string& path) {
  Node* node = find(path);
  if (!node || node->record.detached || path == name()) return;
  node->record.detached = true;
  node->context.event(protocol::event::detached, "");
  ledger_.put(node->record);
}

void Application::end_quietly(const std::string& path, model::TerminationRecord record) {
  Node* node = find(path);
  if (!node || !background_) return;
  if (!node->record.record) node->record.record = record;
  node->record.quiet = true;
  ledger_.put(node->record);
  background_->spawn(remove_alone(path, std::move(record)));
}

aio::Task<Result<>> Application::remove_alone(std::string path, model::TerminationRecord record) {
  auto done = co_await remove_branch(path, record);
  if (!done && done.error().code != Code::cancelled)
    log::warn("engine", "{}: {}", path, done.error().line());
  Node* root = find(name());
  if (done && root && root->ended() && root->record.record && !anything_detached()) {
    // It was the last that lived. A root without a record only waits to be made again, after a
    // crash.
    ended_.push_back({name(), *root->record.record});
    wake_.notify();
  }
  co_return Result<>{};
}

bool Application::anything_detached() const {
  return std::ranges::any_of(nodes_, [](const auto& item) {
    const Node& node = *item.second;
    return node.record.detached && !node.ended();
  });
}

/// Who has the record of its end is not made again after another process died over that end: it
/// goes on ending. Actions are left to the workflows that run them.
void Application::resume_ends() {
  using protocol::ApplicationState;
  if (record_.state != ApplicationState::up && record_.state != ApplicationState::going_up) return;
  auto nodes = nodes_inside(name());
  std::ranges::stable_sort(nodes, {}, [](const auto& node) { return node->record.end_order; });
  for (const auto& node : nodes) {
    const std::string& path = node->record.path;
    if (!node->record.record || node->ended() || in_branch(path)) continue;
    const Node* above = find(plan::parent_path(path));
    bool with_parent = above && above->record.record && !above->ended() && !node->record.detached;
    if (with_parent) continue;
    if (node->record.quiet)
      end_quietly(path, *node->record.record);
    else
      node_ended(path, *node->record.record);
  }
}

/// It lives on by itself, and nobody else takes it over from another process: its maker is over.
bool Application::left_alone(const std::string& path, const Node& node) const {
  if (!node.record.detached || node.ended()) return false;
  if (node.branch && node.live) return false;  // one that does not live was cut off as it started
  if (!node.record.made_from.empty()) return true;
  // Inside an action that goes on, the workflow that runs it takes it over with the rest.
  const Node* action = nullptr;
  for (auto at = plan::parent_path(path); !at.empty() && !action; at = plan::parent_path(at))
    if (const Node* above = find(at); above && !above->record.made_from.empty()) action = above;
  return action && !node.live && (action->ended() || action->record.record);
}

aio::Task<Result<>> Application::resume_detached() {
  std::vector<std::string> paths;
  for (const auto& [path, node] : nodes_)
    if (left_alone(path, *node)) paths.push_back(path);
  for (const std::string& path : paths) {
    Node* node = find(path);
    Node* parent = find(plan::parent_path(path));
    if (!node || !parent) continue;
    std::string name = path.substr(path.rfind(':') + 1);
    std::string from = node->record.made_from.empty() ? name : node->record.made_from;
    CO_TRY(co_await deploy_branch(*parent, name, from));
    CO_TRY(co_await start_branch(path));
    if (node = find(path); node && node->branch && node->branch->end)
      end_quietly(path, *node->branch->end);
  }
  Node* root = find(name());
  if (root && root->ended() && root->record.record && !anything_detached())
    ended_.push_back({name(), *root->record.record});
  co_return Result<>{};
}

/// Works that start others stop first: nothing new may come into what is being ended.
aio::Task<void> Application::quiesce(std::string top) {
  for (auto& node : attached_inside(top))
    if (node->type && (node->type->actions || node->type->supervises)) co_await node->stop_work();
}

void Application::forget_inside(std::string_view top, bool itself) {
  // From the innermost outward: what each had rented goes up step by step.
  auto inside = nodes_inside(top);
  for (auto& node : std::views::reverse(inside)) {
    const std::string& path = node->record.path;
    if ((path == top && !itself) || !node->ended()) continue;
    if (Node* above = find(plan::parent_path(path));
        above && itself && !node->record.rented.empty()) {
      for (const Rented& thing : node->record.rented)
        if (above->record.rented.size() < returned_kept) above->record.rented.push_back(thing);
      ledger_.put(above->record);  // before the part that had it is erased
    }
    if (itself && node->description) identities_.erase(node->description.get());
    ledger_.erase_component(path);
    nodes_.erase(path);
  }
}

aio::Task<Result<>> Application::deploy_branch(Node& parent, std::string name, std::string from) {
  std::string path = parent.record.path + ":" + name;
  CO_TRY(check_name(path, name));
  std::shared_ptr<Node> known;
  if (auto found = nodes_.find(path); found != nodes_.end()) known = found->second;
  if (known && known->record.record && known->record.state != model::State::described) {
    // An earlier process saw its end; what is left to do is its removal.
    if (!known->branch) known->branch = std::make_shared<Branch>();
    known->branch->end = known->record.record;
    co_return Result<>{};
  }
  if (known && known->branch && known->live && !known->branch->failed) co_return Result<>{};
  auto description = known && known->description && known->record.made_from == from
                         ? known->description
                         : describe_action(parent, name, from);
  if (!description)
    co_return fail(Error(Code::unresolved,
                         fmt::format("{} has no '{}' to run", parent.record.path, from),
                         parent.description ? Where(parent.description->where) : Where{}));
  if (!known) CO_TRY(services_.registry.may_deploy(*description));
  plan::Input input;
  input.application = path;
  input.config = description;
  for (auto& node : nodes_inside(path)) input.recorded.push_back(recorded(*node));
  auto limit = plan::instance_limit(*description_.config, record_.options.max_instances);
  if (limit) input.limits.application_instances = *limit;
  input.catalog = services_.registry.catalog();
  input.identities = &identities_;
  auto branch = std::make_shared<Branch>();
  branch->plan = CO_TRY(plan::make(input));
  co_await stop_works_taken_over(*this, branch->plan);
  for (const plan::Item& item : branch->plan.items) {
    if (item.change == plan::Change::remove) continue;
    if (item.change == plan::Change::create || item.change == plan::Change::replace)
      forget_inside(item.path, false);
    seat(item);
    if (item.change != plan::Change::keep) ++branch->deploys;
  }
  std::shared_ptr<Node> node = nodes_[path];
  node->record.made_from = from;
  // "each@3": the part as version 3 had it.
  if (auto version = cut(from, '@'))
    if (auto number = parse_u64(version->second)) node->record.version = *number;
  node->branch = branch;
  ledger_.put(node->record);
  for (size_t i = 0; i < branch->deploys && !branch->end; ++i) {
    auto step = branch->plan.steps.take();
    CHECK(step, "deploy steps follow each other");
    auto done = co_await run_step(branch->plan.steps.step(*step));
    branch->plan.steps.finished(*step, done.has_value());
    if (!done) {
      branch->failed = true;
      co_return done;
    }
  }
  co_return Result<>{};
}

/// What was put into a Compound and did not come up leaves it.
void Application::take_out(Node& parent, const std::string& name) {
  forget_branch(parent.record.path + ":" + name);
  parent.record.published.erase(name);
  parent.record.memory.erase(put_note + name);
  parent.description->remove(name);
  ledger_.put(parent.record);
}

aio::Task<Result<>> Application::deploy_into(Node& parent, std::string name,
                                             model::ComponentPtr what, std::string by) {
  std::string inside = parent.record.path + ":" + name;
  CO_TRY(check_name(inside, name));
  if (!parent.type || !parent.type->compound || parent.type->actions)
    co_return fail(
        Error(Code::invalid_argument, fmt::format("{} takes no components in", parent.record.path))
            .hint("the parent must be a Compound that runs"));
  // It comes up beside whoever asks; what has ended never will.
  while (parent.record.state < model::State::running) CO_TRY(co_await changed_.wait());
  if (parent.record.state != model::State::running || !parent.description)
    co_return fail(Code::conflict, fmt::format("{} does not run", parent.record.path));
  auto put_by = parent.record.memory.find(put_note + name);
  bool again = put_by != parent.record.memory.end() && put_by->second == by;
  if (again && parent.record.published.contains(name)) {
    // An earlier process put it there: the application brings it up with the rest.
    for (Node* node = find(inside); node && !node->live && !node->ended(); node = find(inside))
      CO_TRY(co_await changed_.wait());
    Node* node = find(inside);
    if (node && node->ended() && node->record.record && !node->record.made_from.empty()) {
      Error why(Code::conflict, node->record.record->cause);  // it never came up there either
      take_out(parent, name);
      co_return fail(std::move(why));
    }
    if (node) node->record.made_from.clear();
    co_return Result<>{};
  }
  if (parent.description->find(name))
    co_return fail(Code::conflict, fmt::format("{} has a '{}' already", parent.record.path, name));
  auto copy = model::copy_of(*what);
  copy->eager = true;
  parent.context.publish(name, model::Value(copy));
  parent.context.remember(put_note + name, std::move(by));
  Result<> up = co_await deploy_branch(parent, name, name);
  if (up) up = co_await start_branch(inside);
  if (!up) {
    if (up.error().code == Code::cancelled) co_return up;
    auto why =
        model::TerminationRecord::abnormal(inside, "it could not be brought up", up.error().line());
    CO_TRY(co_await remove_branch(inside, std::move(why)));
    take_out(parent, name);
    co_return up;
  }
  // From now on it is a part like any other: its end is told to its parent.
  Node* node = find(inside);
  auto branch = node ? std::exchange(node->branch, nullptr) : nullptr;
  if (!node) co_return Result<>{};
  node->record.made_from.clear();
  ledger_.put(node->record);
  if (branch && branch->end) node_ended(inside, *branch->end);
  co_return co_await ledger_.flush();
}

namespace {
aio::Task<Result<>> until_end(std::shared_ptr<Branch> branch) {
  while (!branch->end) CO_TRY(co_await branch->changed.wait());
  co_return Result<>{};
}
}  // namespace

aio::Task<Result<>> Application::start_branch(std::string path) {
  Node* node = find(path);
  if (!node || !node->branch) co_return fail(Code::conflict, path + " was not deployed");
  std::shared_ptr<Branch> branch = node->branch;
  if (branch->end) co_return Result<>{};
  StepWork work = [this](plan::Step step) { return run_step(std::move(step)); };
  StepAtOnce at_once = [this](const plan::Step& step) {
    Node* at = find(step.path);
    return at && at->at_once(step.verb);
  };
  auto winner = co_await aio::race(execute(branch->plan.steps, work, at_once), until_end(branch));
  auto done = winner.index() == 0 ? std::get<0>(std::move(winner)) : std::get<1>(std::move(winner));
  if (!done && done.error().code != Code::cancelled) branch->failed = true;
  co_return done;
}

aio::Task<Result<model::TerminationRecord>> Application::end_of_branch(std::string path) {
  auto found = nodes_.find(path);
  if (found == nodes_.end() || !found->second->branch)
    co_return fail(Code::not_found, path + " does not run");
  std::shared_ptr<Node> node = found->second;
  CO_TRY(co_await until_end(node->branch));
  model::TerminationRecord record = *node->branch->end;
  CO_TRY(co_await remove_branch(path, record));
  co_return record;
}

namespace {
/// One at a time takes a branch down: its own quiet end and the workflow that waits for it may both
/// want to.
class Leaving {
 public:
  explicit Leaving(std::shared_ptr<Branch> branch) : branch_(std::move(branch)) {
    if (branch_) branch_->leaving = true;
  }
  ~Leaving() {
    if (!branch_) return;
    branch_->leaving = false;
    branch_->changed.notify();
  }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  std::shared_ptr<Branch> branch_;
};
}  // namespace

aio::Task<Result<>> Application::remove_branch(std::string path, model::TerminationRecord record) {
  auto found = nodes_.find(path);
  if (found == nodes_.end() || finished(*found->second)) co_return Result<>{};
  std::shared_ptr<Node> top = found->second;
  while (top->branch && top->branch->leaving) {
    CO_TRY(co_await top->branch->changed.wait());
    if (finished(*top)) co_return Result<>{};
  }
  Leaving leaving(top->branch);
  if (top->branch && !top->branch->end) {
    top->branch->end = record;
    top->branch->changed.notify();
  }
  co_await quiesce(path);
  for (auto& node : attached_inside(path))
    if (!node->record.record && !node->ended()) node->record.record = record;
  ledger_.put(top->record);
  // Who ended by itself is over first, then the rest in order.
  if (record.culprit != path && plan::inside(record.culprit, path))
    if (Node* culprit = find(record.culprit);
        culprit && !culprit->ended() && !culprit->at_once(plan::Verb::terminate))
      CO_TRY(co_await run_step({record.culprit, plan::Verb::terminate}));
  CO_TRY(co_await remove_parts({path}));
  co_return co_await ledger_.flush();
}

void Application::forget_branch(const std::string& path) {
  for (auto& node : nodes_inside(path))
    if (!node->ended()) return;  // something detached lives on below it
  forget_inside(path, true);
  if (Node* parent = find(plan::parent_path(path))) {
    if (parent->description) {
      std::string name = path.substr(path.rfind(':') + 1);
      const auto* attribute = parent->description->find(name);
      if (attribute && std::ranges::find(attribute->tags, made_tag) != attribute->tags.end())
        parent->description->remove(name);
    }
    ledger_.put(parent->record);
  }
}

std::string Application::path_in_description(const model::Component& component) const {
  std::vector<std::string> names;
  const model::Component* at = &component;
  while (at && at != description_.config.get()) {
    names.push_back(at->name());
    at = at->parent();
  }
  if (!at) return "";
  std::string path = record_.name;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path += ":" + *name;
  return path;
}

Node* Application::node_of(const model::Component& component) const {
  if (auto path = path_in_description(component); !path.empty()) return find(path);
  // Not below sfConfig as the file has it now: an older description, or one made elsewhere.
  for (const auto& [path, node] : nodes_)
    if (node->description.get() == &component) return node.get();
  return nullptr;
}

}  // namespace croft::engine
