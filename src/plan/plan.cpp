#include "plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "model/limits.h"
#include "plan/checks.h"
#include "plan/links.h"

namespace croft::plan {
namespace {

constexpr int depth_limit = model::deployed_levels_max;

using Names = std::vector<std::string>;

/// The components to deploy, in the description's order, and who needs whom.
class Walk {
 public:
  explicit Walk(const Input& input) : input_(input) {}

  Result<> run() {
    visit(input_.config, input_.application, 0);
    for (size_t i = 0; i < found_.size() && errors_.size() < error_limit; ++i) find_needs(i);
    for (const auto& [index, thing] : uses_) find_maker(index, thing);
    if (errors_.empty()) return {};
    Error first = std::move(errors_.front());
    errors_.erase(errors_.begin());
    first.others = std::move(errors_);
    return fail(std::move(first));
  }
  std::vector<Item>& items() {
    by_path_.clear();
    return found_;
  }

 private:
  static constexpr size_t error_limit = 20;

  void visit(const model::ComponentPtr& component, const std::string& path, int depth) {
    if (errors_.size() >= error_limit) return;
    if (depth > depth_limit || found_.size() >= input_.limits.components) {
      errors_.push_back(Error(Code::resource_exhausted,
                              fmt::format("{} is too deep or too large: at most {} levels "
                                          "and {} components",
                                          path, depth_limit, input_.limits.components),
                              component->where));
      return;
    }
    if (path.size() > model::path_bytes_max) {
      errors_.push_back(Error(Code::resource_exhausted,
                              fmt::format("the path of a component has {} bytes, at most {} are "
                                          "taken",
                                          path.size(), model::path_bytes_max),
                              component->where));
      return;
    }
    auto facts = input_.catalog(*component);
    if (!facts) {
      Error error = std::move(facts).error();
      if (!error.where.known()) error.where = component->where;
      if (error.where.path.empty()) error.where.path = path;
      errors_.push_back(std::move(error));
      return;
    }
    Item item;
    item.path = path;
    item.type = facts->name;
    item.rents = facts->rents;
    item.compound = facts->compound;
    item.actions = facts->actions;
    item.ordered_end = component->boolean("sfSyncTerminate").value_or(false);
    item.identity = first_identity_of(*component, *facts);
    item.position = found_.size();
    item.component = component;
    by_component_.emplace(component.get(), found_.size());
    for (const Outside& thing : facts->uses) uses_.emplace_back(found_.size(), thing);
    for (const Outside& thing : facts->makes) makers_[thing].push_back(found_.size());
    found_.push_back(std::move(item));
    unordered_.push_back(std::move(facts->unordered));
    if (facts->actions) use_what_actions_use(found_.size() - 1, *component, depth + 1);
    if (!facts->compound || facts->actions) return;
    for (const auto& attribute : component->attributes())
      if (auto child = attribute.value.as_component(); child && child->eager)
        visit(child, path + ":" + attribute.name, depth + 1);
  }

  /// Its first action may begin with its start: what that works on has to be there.
  void use_what_actions_use(size_t index, const model::Component& component, int depth) {
    if (depth > depth_limit) return;
    for (const auto& attribute : component.attributes()) {
      auto child = attribute.value.as_component();
      if (!child || !child->eager) continue;
      if (auto facts = input_.catalog(*child))
        for (Outside& thing : facts->uses) uses_.emplace_back(index, std::move(thing));
      use_what_actions_use(index, *child, depth + 1);
    }
  }

  void find_needs(size_t index) {
    const model::Component& component = *found_[index].component;
    for (const Link& link : links_of(component, !found_[index].compound)) {
      const auto& free = unordered_[index];
      if (std::ranges::find(free, link.attribute) != free.end()) continue;
      bool explicitly = link.attribute == "dependsOn";
      auto target = locate(*link.home, *link.reference);
      if (!target) {
        if (!explicitly) continue;  // what it leads to is found, or missed, when it is read
        Error error = std::move(target).error();
        if (!error.where.known()) error.where = place_of(component, link.attribute);
        errors_.push_back(std::move(error).frame("dependsOn of " + found_[index].path));
        continue;
      }
      auto other = deployed_above(target->component);
      if (!other) continue;
      const std::string& theirs = found_[*other].path;
      const std::string& mine = found_[index].path;
      if (inside(mine, theirs) || inside(theirs, mine)) {
        if (explicitly && inside(mine, theirs))
          errors_.push_back(Error(Code::invalid_argument,
                                  fmt::format("{} depends on {}, which contains it", mine, theirs),
                                  place_of(component, "dependsOn"))
                                .hint("what encloses a component always starts before it"));
        continue;
      }
      auto& needs = found_[index].needs;
      if (std::ranges::find(needs, theirs) == needs.end()) needs.push_back(theirs);
    }
  }

  /// Who works on a bucket waits for the component further up in the text that makes it, as old
  /// descriptions count on: there, children start one after another.
  void find_maker(size_t index, const Outside& thing) {
    auto all = makers_.find(thing);
    if (all == makers_.end()) return;
    auto behind = std::ranges::lower_bound(all->second, index);
    if (behind == all->second.begin()) return;
    size_t maker = *std::prev(behind);
    const std::string& theirs = found_[maker].path;
    const std::string& mine = found_[index].path;
    auto& needs = found_[index].needs;
    bool known = std::ranges::find(needs, theirs) != needs.end();
    if (!known && !inside(mine, theirs) && !waits_for(maker, mine)) needs.push_back(theirs);
  }

  /// Whether the start of `from` waits, over whomever, for something in which `path` is: what the
  /// text says outright is stronger than what is concluded.
  bool waits_for(size_t from, std::string_view path) const {
    std::set<std::string_view> seen;
    std::vector<std::string_view> open{found_[from].path};
    while (!open.empty()) {
      std::string_view at = open.back();
      open.pop_back();
      for (; !at.empty() && seen.insert(at).second; at = parent_path(at)) {
        if (at == path) return true;
        auto item = std::ranges::lower_bound(by_path(), at, {}, &PathIndex::first);
        if (item == by_path().end() || item->first != at) continue;
        for (const std::string& need : found_[item->second].needs) {
          if (inside(path, need)) return true;
          // All of it has to live: what is in it waits for things of its own.
          for (auto part = std::ranges::lower_bound(by_path(), std::string_view(need), {},
                                                    &PathIndex::first);
               part != by_path().end() && part->first.starts_with(need); ++part)
            if (inside(part->first, need)) open.push_back(part->first);
        }
      }
    }
    return false;
  }

  using PathIndex = std::pair<std::string_view, size_t>;
  const std::vector<PathIndex>& by_path() const {
    if (by_path_.empty()) {
      for (size_t i = 0; i < found_.size(); ++i) by_path_.emplace_back(found_[i].path, i);
      std::ranges::sort(by_path_);
    }
    return by_path_;
  }

  std::optional<size_t> deployed_above(const model::Component* at) const {
    for (; at; at = at->parent())
      if (auto found = by_component_.find(at); found != by_component_.end()) return found->second;
    return std::nullopt;
  }
  static Where place_of(const model::Component& component, std::string_view name) {
    const auto* attribute = component.find(name);
    return attribute && attribute->where.known() ? attribute->where : component.where;
  }
  std::string first_identity_of(const model::Component& component, const TypeFacts& facts) {
    if (!facts.actions || !input_.identities) return identity_of(component, facts);
    auto known = input_.identities->find(&component);
    if (known != input_.identities->end()) return known->second.second;
    std::string identity = identity_of(component, facts);
    input_.identities->try_emplace(&component, component.shared_from_this(), identity);
    return identity;
  }

  const Input& input_;
  std::vector<Item> found_;
  std::vector<std::vector<std::string>>
      unordered_;  ///< of each: attributes whose links order nothing
  std::unordered_map<const model::Component*, size_t> by_component_;
  std::vector<std::pair<size_t, Outside>> uses_;
  std::map<Outside, std::vector<size_t>> makers_;  ///< in the description's order
  mutable std::vector<PathIndex> by_path_;         ///< made when it is first asked for
  std::vector<Error> errors_;
};

std::string what_changed(const Item& item, const Recorded& old, const Catalog& catalog) {
  std::string names;
  auto facts = item.component ? catalog(*item.component) : Result<TypeFacts>{TypeFacts{}};
  for (const std::string& name : facts&& old.description ? facts->identity : Names{}) {
    const auto *before = old.description->find(name), *after = item.component->find(name);
    bool same =
        before && after ? digest_of(before->value) == digest_of(after->value) : before == after;
    if (!same) names += (names.empty() ? "" : ", ") + name;
  }
  if (!names.empty()) return fmt::format("{} changed, which cannot change in place", names);
  return item.actions ? "what it does changed" : "an attribute changed that cannot change in place";
}

/// create, adopt, keep or replace, from the record.
void judge(Item& item, const Recorded* old, const Catalog& catalog) {
  using model::State;
  bool untouched =
      old && (old->state == State::described || old->state == State::terminated) && !old->holds;
  bool goes_on = old && old->state != State::terminating && old->state != State::terminated;
  if (old && old->over && old->type == item.type && old->identity == item.identity) {
    item.change = Change::keep;
  } else if (!old || untouched) {
    item.change = Change::create;
  } else if (old->type != item.type) {
    item.change = Change::replace;
    item.why = fmt::format("its type changed from {}", old->type);
  } else if (old->identity != item.identity && goes_on && item.component &&
             item.component->boolean("sfUpdatable").value_or(false)) {
    item.change = old->state == State::running ? Change::keep : Change::adopt;
    item.updates = true;
    item.why = "takes its changed attributes while it runs";
  } else if (old->identity != item.identity) {
    item.change = Change::replace;
    item.why = what_changed(item, *old, catalog);
  } else if (old->state == State::terminating || old->state == State::terminated) {
    item.change = Change::replace;
    item.why = fmt::format("it is {}", name_of(old->state));
  } else {
    item.change = old->state == State::running ? Change::keep : Change::adopt;
  }
}

/// Deploy in the description's order; start below the parent, after what is needed; live when all
/// inside live. Kept components take no step.
Result<> build_steps(Plan& plan) {
  std::map<std::string_view, StepId> start,
      end;  // end: the step after which the whole subtree runs
  std::optional<StepId> previous;
  std::vector<StepId> deploys;
  auto active = [](const Item& item) {
    if (item.left_out) return item.resumes;
    return item.change != Change::keep && item.change != Change::remove;
  };
  for (const Item& item : plan.items) {
    if (!active(item)) continue;
    StepId deploy = plan.steps.add({item.path, Verb::deploy});
    if (previous) plan.steps.order(*previous, deploy);
    previous = deploy;
  }
  std::optional<StepId> barrier = previous;
  for (const Item& item : plan.items)
    if (active(item)) end[item.path] = start[item.path] = plan.steps.add({item.path, Verb::start});
  for (const Item& item : plan.items)
    if (active(item) && item.compound) end[item.path] = plan.steps.add({item.path, Verb::live});
  for (const Item& item : plan.items) {
    if (!active(item)) continue;
    StepId mine = start[item.path];
    if (barrier) plan.steps.order(*barrier, mine);
    if (item.compound) plan.steps.order(mine, end[item.path]);
    auto above = parent_path(item.path);
    if (auto parent = start.find(above); parent != start.end()) {
      plan.steps.order(parent->second, mine);
      plan.steps.order(end[item.path], end[above]);
    }
    for (const std::string& need : item.needs)
      if (auto other = end.find(need); other != end.end()) plan.steps.order(other->second, mine);
  }
  return plan.steps.seal();
}

}  // namespace

Result<Plan> make(const Input& input) {
  CHECK(input.config, "a plan needs a description");
  Plan plan;
  plan.application = input.application;
  Walk walk(input);
  TRY(walk.run());
  plan.items = std::move(walk.items());

  std::unordered_map<std::string_view, const Recorded*> recorded;
  for (const Recorded& old : input.recorded) recorded.emplace(old.path, &old);
  TRY(find_moved(plan, input));
  std::set<std::string_view> replaced;
  std::set<std::string> moved;  // items that are added below may move the others in memory
  for (Item& item : plan.items) {
    auto old = recorded.find(item.moved_from.empty() ? item.path : item.moved_from);
    if (!item.moved_from.empty() && old == recorded.end()) item.moved_from.clear();
    if (!item.moved_from.empty()) moved.insert(item.moved_from);
    judge(item, old == recorded.end() ? nullptr : old->second, input.catalog);
    // What encloses a replaced component ends all inside it.
    if (replaced.contains(parent_path(item.path)) && old != recorded.end() &&
        item.change != Change::create) {
      item.change = Change::replace;
      item.why = "what contains it is replaced";
    }
    if (item.change == Change::replace) replaced.insert(item.path);
    if (item.change == Change::keep && old != recorded.end()) {
      item.drift = old->second->drift;
      item.repairs = old->second->repairs;
    }
    for (const Rent& rent : item.rents)
      if (rent.kind == "instance") {
        plan.instances_min += rent.min;
        plan.instances_max += rent.max;
      }
  }
  for (size_t i = 0; i < plan.items.size(); ++i) plan.index.emplace(plan.items[i].path, i);
  auto made_at_run_time = [&](std::string_view path) {
    for (auto at = parent_path(path); !at.empty(); at = parent_path(at))
      if (const Item* above = plan.find(at)) return above->actions;
    return false;
  };
  for (const Recorded& old : input.recorded) {
    if (plan.index.contains(old.path) || moved.contains(old.path) || made_at_run_time(old.path))
      continue;
    if (!old.holds &&
        (old.state == model::State::terminated || old.state == model::State::described))
      continue;
    Item item;
    item.path = old.path;
    item.type = old.type;
    item.change = Change::remove;
    item.why = "the description has it no longer";
    item.position = old.position;
    plan.index.emplace(item.path, plan.items.size());
    plan.items.push_back(std::move(item));
  }
  TRY(narrow(plan, input));
  for (Item& item : plan.items) {
    auto old = recorded.find(item.path);
    if (old == recorded.end() || !old->second->ran_elsewhere) continue;
    item.resumes = item.change == Change::adopt || (item.left_out && old->second->description);
    if (item.left_out) item.compound = old->second->compound;
  }
  TRY(check_limits(plan, input));
  TRY(check_names(plan));
  TRY(check_protected(plan, input));
  TRY(build_steps(plan));
  return plan;
}

namespace {

/// `recorded` comes latest first. A component that others need waits for them, and its children
/// wait with it; where siblings are ordered the whole of a later one ends before anything of an
/// earlier.
Result<Graph> removal_graph(const std::vector<const Recorded*>& recorded, bool by_needs,
                            bool by_siblings) {
  Graph graph;
  std::map<std::string_view, StepId> steps;
  std::map<std::string_view, bool> ordered;
  std::map<std::string_view, std::vector<StepId>> needed_by;
  for (auto* item : recorded) {
    steps[item->path] = graph.add({item->path, Verb::terminate});
    ordered[item->path] = item->ordered_end && by_siblings;
  }
  for (auto* item : recorded)
    for (const std::string& need : item->needs)
      if (by_needs && steps.contains(need)) needed_by[need].push_back(steps[item->path]);
  std::map<std::string_view, StepId> last_sibling;
  for (auto* item : recorded) {
    StepId mine = steps[item->path];
    for (std::string_view at = item->path; !at.empty(); at = parent_path(at)) {
      if (auto found = needed_by.find(at); found != needed_by.end())
        for (StepId earlier : found->second)
          if (!inside(graph.step(earlier).path, at)) graph.order(earlier, mine);
      auto last = last_sibling.find(parent_path(at));
      if (last != last_sibling.end() && graph.step(last->second).path != at)
        graph.order(last->second, mine);
    }
    auto above = parent_path(item->path);
    auto parent = steps.find(above);
    if (parent == steps.end()) continue;
    graph.order(mine, parent->second);
    if (ordered[above]) last_sibling[above] = mine;
  }
  TRY(graph.seal());
  return graph;
}

}  // namespace

Graph removal(const std::vector<Recorded>& recorded, const std::vector<std::string>& only) {
  std::vector<const Recorded*> chosen;
  for (const Recorded& item : recorded)
    if (only.empty() ||
        std::ranges::any_of(only, [&](const auto& top) { return inside(item.path, top); }))
      chosen.push_back(&item);
  std::ranges::sort(chosen, [](auto* a, auto* b) { return a->position > b->position; });
  // An earlier sibling that needs a later one contradicts sfSyncTerminate: the need wins. A circle
  // of needs was refused by make(); should a damaged record hold one, containment still ends
  // everything.
  for (auto [by_needs, by_siblings] : {std::pair{true, true}, {true, false}, {false, false}})
    if (auto graph = removal_graph(chosen, by_needs, by_siblings)) return *std::move(graph);
  CHECK(false, "containment cannot form a circle");
}

}  // namespace croft::plan
