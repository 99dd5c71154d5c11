// The place pass: `a:b:c value` is moved from where it is written into the component that `a:b` is.
// Source: the language reference, 1.6.
#include <fmt/format.h>

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
  std::string why;  ///< when there is none
  std::vector<std::string> candidates;
  Symbol missing = word::none;
};

class Placer {
 public:
  explicit Placer(Run& run) : run_(run) {}

  void run() {
    if (!run_.symbols.has_paths()) return;
    collect(run_.root);
    size_t left = pending_.size();
    bool moved = true;
    while (left > 0 && moved && !run_.stopped) {
      moved = false;
      for (auto& item : pending_) {
        if (item.done || run_.stopped || !try_place(item)) continue;
        moved = true;
        --left;
      }
      std::erase_if(pending_, [](const Pending& item) { return item.done; });
    }
    for (const auto& item : pending_)
      if (!run_.stopped) report(item);
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

  /// The component that all names of the path but the last lead to, from `holder` inward.
  Target target(Node* holder, Symbol key) {
    const auto& names = run_.symbols.names_of(key);
    Node* at = holder;
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      Attr* attr = run_.find(at, names[i]);
      if (!attr) {
        return {nullptr,
                fmt::format("there is no '{}' in {} to place it in", run_.symbols.text(names[i]),
                            where(at)),
                names_in_reach(run_, at, false), names[i]};
      }
      Target next = component_of(at, *attr, 0);
      if (!next.node) return next;
      at = next.node;
    }
    return {at, "", {}, word::none};
  }

  std::string where(const Node* node) const {
    std::string path = run_.path(node);
    return path.empty() ? "the top level" : "'" + path + "'";
  }

  Target component_of(Node* holder, const Attr& attr, size_t hops) {
    constexpr size_t most_hops = 200;
    if (attr.value.is(Kind::component)) return {attr.value.node, "", {}, word::none};
    // What `extends` a function is a call by now only in name: it can still be placed into.
    if (attr.value.is(Kind::call) && !attr.value.node->hidden)
      return {attr.value.node, "", {}, word::none};
    if (attr.value.is(Kind::reference) && !attr.value.lazy && !attr.value.ref->data &&
        hops < most_hops)
      return follow(holder, *attr.value.ref, hops);
    return {nullptr,
            fmt::format("'{}' is {}, not a component to place something in",
                        run_.symbols.text(attr.name), run_.show(attr.value)),
            {},
            word::none};
  }

  Target follow(Node* from, const Ref& ref, size_t hops) {
    using PartKind = model::Part::Kind;
    Node* at = from;
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
      if (!hit.attr)
        return {nullptr, fmt::format("'{}' leads to no component", run_.show(ref)), {}, word::none};
      Target next = component_of(hit.holder, *hit.attr, hops + 1);
      if (!next.node) return next;
      at = next.node;
    }
    return {at, "", {}, word::none};
  }

  bool try_place(Pending& item) {
    Attr* from = run_.find(item.holder, item.key);
    if (!from) {
      item.done = true;
      return true;
    }
    Target to = target(item.holder, item.key);
    if (!to.node) return false;
    item.done = true;
    Symbol name = run_.symbols.names_of(item.key).back();
    Attr moved = *from;
    if (const Attr* old = run_.find(to.node, name);
        old && run_.has_tag(old->tags, word::sf_final)) {
      size_t error = run_.blame(
          Code::conflict,
          fmt::format("'{}' is final: nothing can be placed over it", run_.symbols.text(name)),
          moved.pos, item.holder, word::none);
      run_.error(error).frame("declared sfFinal", Where(run_.place(old->pos)));
      return true;
    }
    if (is_component(moved.value) && holds(moved.value.node, to.node)) {
      run_.blame(Code::conflict,
                 fmt::format("'{}' would be placed inside itself", run_.symbols.text(item.key)),
                 moved.pos, item.holder, word::none);
      return true;
    }
    const Attr* old = run_.find(to.node, name);
    Tags tags = run_.join(old ? old->tags : 0, moved.tags);
    run_.put(to.node, name, moved.value, tags, moved.pos);
    if (is_component(moved.value)) deepen(moved.value.node, to.node->depth + 1);
    return true;
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

  void report(const Pending& item) {
    Target to = target(item.holder, item.key);
    const Attr* attr = run_.find(item.holder, item.key);
    size_t error =
        run_.blame(Code::unresolved,
                   fmt::format("'{}' cannot be placed: {}", run_.symbols.text(item.key), to.why),
                   attr ? attr->pos : item.holder->pos, item.holder, word::none);
    if (to.missing == word::none) return;
    std::string hint = did_you_mean(run_.symbols.text(to.missing), to.candidates);
    if (!hint.empty()) run_.error(error).hint(std::move(hint));
  }

  Run& run_;
  std::vector<Pending> pending_;
  std::vector<Node*> holders_;
};

}  // namespace

void place(Run& run) {
  run.phase = Phase::place;
  Placer(run).run();
}

}  // namespace croft::lang
