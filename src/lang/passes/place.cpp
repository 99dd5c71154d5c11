// The place pass: `a:b:c value` is moved from where it is written into the component that `a:b` is.
// Source: the language reference, 1.6.
#include <fmt/format.h>

#include <map>
#include <set>

#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

struct Pending {
  Node* holder;
  Symbol key;
  bool done = false;
};

struct Target {
  Node* node = nullptr;
  enum class Why { found, no_name, no_component, reference_to_nothing } why = Why::found;
  Node* holder = nullptr;  ///< where the look-up ended
  Symbol name = word::none;
  const Ref* ref = nullptr;  ///< the reference that leads to nothing
};

class Placer {
 public:
  explicit Placer(Run& run) : run_(run) {}

  /// In rounds, each in the order of the text: what can be placed is; what waits for a name that a
  /// placement made is tried again, in this round when its turn is still to come.
  void run() {
    if (!run_.symbols.has_paths()) return;
    collect(run_.root);
    std::set<size_t> round;
    for (size_t i = 0; i < pending_.size(); ++i) round.insert(round.end(), i);
    while (!round.empty() && !run_.stopped) {
      std::set<size_t> next;
      bool moved = false;
      while (!round.empty() && !run_.stopped) {
        size_t at = *round.begin();
        round.erase(round.begin());
        if (!attempt(at, round, next)) continue;
        moved = true;
      }
      if (moved) next.insert(restless_.begin(), restless_.end());
      restless_.clear();
      std::erase_if(next, [&](size_t at) { return pending_[at].done; });
      round = std::move(next);
    }
    for (const auto& item : pending_)
      if (!item.done && !run_.stopped) report(item);
    for (Node* node : holders_)
      run_.remove_if(node, [](const Attr& attr) { return is_path(attr.name); });
  }

 private:
  static bool is_path(Symbol name) { return (name & path_bit) != 0 && (name & unique_bit) == 0; }

  void collect(Node* node) {
    if (node->has_paths) holders_.push_back(node);
    for (uint32_t i = 0; i < node->count; ++i) {
      const Attr& attr = node->attrs[i];
      if (is_path(attr.name)) pending_.push_back({node, attr.name});
      if (attr.value.is(Kind::component) || attr.value.is(Kind::call)) collect(attr.value.node);
    }
  }

  /// Tries one placement. What waited for the name it made is put into `round` or `next`.
  bool attempt(size_t index, std::set<size_t>& round, std::set<size_t>& next) {
    Pending& item = pending_[index];
    if (item.done) return false;
    Target to = target(item.holder, item.key);
    if (!to.node) {
      if (to.why == Target::Why::no_name)
        waiting_[{to.holder, to.name}].push_back(index);
      else
        restless_.push_back(index);
      return false;
    }
    item.done = true;
    Symbol name = run_.symbols.names_of(item.key).back();
    bool replaces = run_.find(to.node, name) != nullptr;
    put(item, to.node);
    auto wake = [&](const std::vector<size_t>& indexes) {
      for (size_t each : indexes) (each > index ? round : next).insert(each);
    };
    if (auto woken = waiting_.extract({to.node, name})) wake(woken.mapped());
    if (replaces) {  // ways that led through what stood here lead elsewhere now
      for (const auto& [place, indexes] : waiting_) wake(indexes);
      run_.work(pending_.size());
      waiting_.clear();
    }
    return true;
  }

  /// The component that all names of the path but the last lead to, from `holder` inward.
  Target target(Node* holder, Symbol key) {
    const auto& names = run_.symbols.names_of(key);
    Node* at = holder;
    run_.work(names.size());
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      Attr* attr = run_.find(at, names[i]);
      if (!attr) return {nullptr, Target::Why::no_name, at, names[i], nullptr};
      Target next = component_of(at, *attr, 0);
      if (!next.node) return next;
      at = next.node;
    }
    return {at, Target::Why::found, at, word::none, nullptr};
  }

  std::string where(const Node* node) const {
    std::string path = run_.path(node);
    return path.empty() ? "the top level" : "'" + path + "'";
  }

  Target component_of(Node* holder, const Attr& attr, size_t hops) {
    constexpr size_t most_hops = 200;
    Target found{attr.value.node, Target::Why::found, holder, attr.name, nullptr};
    if (attr.value.is(Kind::component)) return found;
    // What `extends` a function is a call by now only in name: it can still be placed into.
    if (attr.value.is(Kind::call) && !attr.value.node->hidden) return found;
    if (attr.value.is(Kind::reference) && !attr.value.lazy && !attr.value.ref->data &&
        hops < most_hops)
      return follow(holder, *attr.value.ref, hops);
    return {nullptr, Target::Why::no_component, holder, attr.name, nullptr};
  }

  Target follow(Node* from, const Ref& ref, size_t hops) {
    using PartKind = model::Part::Kind;
    Node* at = from;
    run_.work(ref.count);
    for (uint32_t i = 0; i < ref.count; ++i) {
      RefPart part = ref.parts[i];
      if (part.kind == PartKind::self) continue;
      if (part.kind == PartKind::root) {
        while (at->parent) at = at->parent;
        continue;
      }
      if (part.kind == PartKind::parent && at->parent) {
        at = at->parent;
        continue;
      }
      bool named = part.kind == PartKind::attrib || part.kind == PartKind::here;
      Hit hit;
      if (named)
        hit = part.kind == PartKind::attrib ? search_up(run_, at, part.name)
                                            : Hit{at, run_.find(at, part.name)};
      if (!hit.attr) return {nullptr, Target::Why::reference_to_nothing, from, word::none, &ref};
      Target next = component_of(hit.holder, *hit.attr, hops + 1);
      if (!next.node) {
        if (next.why == Target::Why::no_name) next.why = Target::Why::reference_to_nothing;
        return next;
      }
      at = next.node;
    }
    return {at, Target::Why::found, at, word::none, nullptr};
  }

  void put(const Pending& item, Node* to) {
    Symbol name = run_.symbols.names_of(item.key).back();
    const Attr* from = run_.find(item.holder, item.key);
    if (!from) return;
    Attr moved = *from;
    const Attr* old = run_.find(to, name);
    if (old && run_.has_tag(old->tags, word::sf_final)) {
      size_t error = run_.blame(
          Code::conflict,
          fmt::format("'{}' is final: nothing can be placed over it", run_.symbols.text(name)),
          moved.pos, item.holder, word::none);
      run_.error(error).frame("declared sfFinal", Where(run_.place(old->pos)));
      return;
    }
    if (is_component(moved.value) && holds(moved.value.node, to)) {
      run_.blame(Code::conflict,
                 fmt::format("'{}' would be placed inside itself", run_.symbols.text(item.key)),
                 moved.pos, item.holder, word::none);
      return;
    }
    if (old) run_.note_replaced(moved.pos, old->pos);
    Tags tags = run_.join(old ? old->tags : 0, moved.tags);
    run_.put(to, name, moved.value, tags, moved.pos);
    if (is_component(moved.value)) deepen(moved.value.node, to->depth + 1);
  }

  static bool is_component(const Val& value) {
    return value.is(Kind::component) || value.is(Kind::call);
  }

  static bool holds(const Node* outer, const Node* inner) {
    for (; inner; inner = inner->parent)
      if (inner == outer) return true;
    return false;
  }

  void deepen(Node* node, uint32_t depth) {
    if (run_.stopped || node->depth == depth) return;
    node->depth = depth;
    if (depth > run_.options.limits.nesting)
      return run_.stop(
          fmt::format("components are nested deeper than {} levels", run_.options.limits.nesting),
          node->pos, nullptr);
    for (uint32_t i = 0; i < node->count; ++i)
      if (is_component(node->attrs[i].value) && node->attrs[i].value.node->parent == node)
        deepen(node->attrs[i].value.node, depth + 1);
  }

  std::string reason(const Target& to) const {
    switch (to.why) {
      case Target::Why::found:
        return "it waits for itself";
      case Target::Why::no_name:
        return fmt::format("there is no '{}' in {} to place it in", run_.symbols.text(to.name),
                           where(to.holder));
      case Target::Why::no_component:
        break;
      case Target::Why::reference_to_nothing:
        return to.ref ? fmt::format("'{}' leads to no component", run_.show(*to.ref))
                      : "a reference leads to no component";
    }
    const Attr* attr = run_.find(to.holder, to.name);
    return fmt::format("'{}' is {}, not a component to place something in",
                       run_.symbols.text(to.name), attr ? run_.show(attr->value) : "missing");
  }

  void report(const Pending& item) {
    Target to = target(item.holder, item.key);
    const Attr* attr = run_.find(item.holder, item.key);
    size_t error = run_.blame(
        Code::unresolved,
        fmt::format("'{}' cannot be placed: {}", run_.symbols.text(item.key), reason(to)),
        attr ? attr->pos : item.holder->pos, item.holder, word::none);
    if (to.why != Target::Why::no_name) return;
    std::string hint =
        did_you_mean(run_.symbols.text(to.name), names_in_reach(run_, to.holder, false));
    if (!hint.empty()) run_.error(error).hint(std::move(hint));
  }

  Run& run_;
  std::vector<Pending> pending_;
  std::map<std::pair<Node*, Symbol>, std::vector<size_t>> waiting_;  // for a name in a component
  std::vector<size_t> restless_;  // for something else: tried again after each round that moved
  std::vector<Node*> holders_;
};

}  // namespace

void place(Run& run) {
  run.phase = Phase::place;
  Placer(run).run();
}

}  // namespace croft::lang
