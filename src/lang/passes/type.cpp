// The type pass: inheritance. Each component's supertypes are merged under what it has, from the
// last to the first, one level deep. Source: the language reference, 1.5.
#include <fmt/format.h>

#include <cstring>

#include "lang/library.h"
#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

class TypeResolver {
 public:
  explicit TypeResolver(Run& run) : run_(run) {}

  void finish(Node* node) {
    if (node->finished != Progress::none || run_.stopped) return;
    if (run_.stack.nearly_full()) {
      if (!run_.stack.on_large_stack([&] { finish_here(node); })) too_long(node);
      return;
    }
    finish_here(node);
  }

 private:
  struct Building {
    Node* node;
    const Ref* through;  ///< the supertype that led on from it; null for a nested component
  };

  void too_long(const Node* node) {
    run_.stop(fmt::format("more than {} templates extend each other", run_.options.limits.chain),
              node->pos, node);
  }

  void finish_here(Node* node) {
    if (++run_.chain > run_.options.limits.chain) too_long(node);
    node->finished = Progress::running;
    merge_supers(node);
    for (uint32_t i = 0; i < node->count && !run_.stopped; ++i) {
      Val& value = node->attrs[i].value;
      if (value.is(Kind::component) || value.is(Kind::call))
        finish(value.node);
      else if (value.is(Kind::vector))
        finish_items(*value.vec);
    }
    node->finished = Progress::done;
    --run_.chain;
  }

  void finish_items(const Vec& vec) {
    for (uint32_t i = 0; i < vec.count; ++i)
      if (vec.items[i].is(Kind::component)) finish(vec.items[i].node);
  }

  /// Merges what `node` extends, if that has not begun yet.
  void merge_supers(Node* node) {
    if (node->merged != Progress::none || run_.stopped) return;
    node->merged = Progress::running;
    std::vector<Symbol> overriding;
    if (node->super_count > 0) overriding = names_marked_override(node);
    for (uint32_t i = node->super_count; i-- > 0 && !run_.stopped;) {
      Super super = node->supers[i];
      if (super.body) {
        adopt_body(node, super.body, overriding);
        continue;
      }
      Node* found = supertype(node, super.ref);
      if (!found) {
        overriding.clear();  // what is missing may have had them
        continue;
      }
      merge_under(node, found, overriding);
      node->origin = origin_of(*super.ref, found, node->origin);
    }
    for (Symbol name : overriding) {
      const Attr* attr = run_.find(node, name);
      run_.blame(Code::unresolved,
                 fmt::format("'{}' is tagged sfOverride, but nothing that '{}' extends has it",
                             run_.symbols.text(name), run_.path(node)),
                 attr ? attr->pos : node->pos, node, word::none);
    }
    node->merged = Progress::done;
    node->supers = nullptr;
  }

  std::vector<Symbol> names_marked_override(Node* node) {
    std::vector<Symbol> out;
    for (uint32_t i = 0; i < node->count; ++i)
      if (run_.has_tag(node->attrs[i].tags, word::sf_override)) out.push_back(node->attrs[i].name);
    return out;
  }

  const Origin* origin_of(const Ref& ref, const Node* super, const Origin* after) {
    Symbol name = ref.parts[ref.count - 1].name;
    // The chain of the supertype is shared when nothing else follows it.
    std::vector<Symbol> names{name};
    const Origin* tail = super->origin;
    if (after) {
      for (; tail && names.size() < 100; tail = tail->next) names.push_back(tail->name);
      tail = after;
    }
    for (auto each = names.rbegin(); each != names.rend(); ++each)
      tail = new (run_.arena.make<Origin>()) Origin{*each, ref.pos, tail};
    return tail;
  }

  /// An anonymous body in the list: used once, so its attributes move.
  void adopt_body(Node* node, Node* body, std::vector<Symbol>& overriding) {
    for (uint32_t i = 0; i < body->count; ++i) {
      Val& value = body->attrs[i].value;
      if (value.is(Kind::component) || value.is(Kind::call)) value.node->parent = node;
    }
    overlay(node, body->attrs, body->count, nullptr, overriding);
  }

  void merge_under(Node* node, Node* super, std::vector<Symbol>& overriding) {
    run_.attributes += super->count;
    if (run_.attributes > run_.options.limits.attributes)
      return run_.stop(
          fmt::format("the description grows beyond {} attributes", run_.options.limits.attributes),
          node->pos, node);
    overlay(node, super->attrs, super->count, super, overriding);
  }

  /// node = `under`'s attributes with node's own put over them. Components that come from a shared
  /// template (`copied_from` set) are copied.
  void overlay(Node* node, const Attr* under, uint32_t under_count, const Node* copied_from,
               std::vector<Symbol>& overriding) {
    if (under_count == 0) return;
    Node merged = *node;
    merged.attrs = nullptr;
    merged.count = merged.capacity = 0;
    merged.index = nullptr;
    run_.reserve(&merged, under_count + node->count);
    std::memcpy(static_cast<void*>(merged.attrs), under, sizeof(Attr) * under_count);
    merged.count = under_count;
    for (uint32_t i = 0; i < node->count; ++i)
      overlay_one(merged, node->attrs[i], node, overriding);
    if (copied_from) copy_children(merged, under_count, node, copied_from);
    node->attrs = merged.attrs;
    node->count = merged.count;
    node->capacity = merged.capacity;
    node->index = nullptr;
    if (copied_from) {
      node->has_paths = node->has_paths || copied_from->has_paths;
    } else {
      for (uint32_t i = 0; i < under_count; ++i)
        node->has_paths = node->has_paths || is_path(under[i].name);
    }
  }

  static bool is_path(Symbol name) { return (name & path_bit) != 0 && (name & unique_bit) == 0; }

  void overlay_one(Node& merged, const Attr& own, Node* node, std::vector<Symbol>& overriding) {
    // An index made on the way misses what is appended here; own names are distinct, so none is
    // asked for.
    Attr* slot = run_.find(&merged, own.name);
    if (!slot) {
      merged.attrs[merged.count++] = own;
      return;
    }
    std::erase(overriding, own.name);
    if (run_.has_tag(slot->tags, word::sf_final)) {
      size_t error = run_.blame(Code::conflict,
                                fmt::format("'{}' is final in what '{}' extends",
                                            run_.symbols.text(own.name), run_.path(node)),
                                own.pos, node, word::none);
      run_.error(error).frame("declared sfFinal", Where(run_.place(slot->pos)));
    }
    run_.note_replaced(own.pos, slot->pos);
    Tags tags = run_.join(slot->tags, own.tags);
    *slot = own;
    slot->tags = tags;
  }

  void copy_children(Node& merged, uint32_t under_count, Node* node, const Node* from) {
    for (uint32_t i = 0; i < under_count && !run_.stopped; ++i) {
      Val& value = merged.attrs[i].value;
      if (!value.is(Kind::component) && !value.is(Kind::call)) continue;
      // Only what is still the template's own is copied; own components have replaced the others.
      if (value.node->parent != from) continue;
      Node* copy = run_.copy(value.node, node, merged.attrs[i].name);
      if (copy) value.node = copy;
    }
  }

  // Looking a supertype up.
  /// The component that `ref` names, finished; null after an error.
  Node* supertype(Node* node, const Ref* ref) {
    Step found = walk(node, *ref, 0);
    if (!found.node) {
      if (!found.cycle.empty()) {
        run_.blame(Code::conflict, found.cycle, ref->pos, node, word::none);
        return nullptr;
      }
      size_t error =
          run_.blame(found.not_component.empty() ? Code::unresolved : Code::type_mismatch,
                     found.not_component.empty() ? nothing(*ref, found) : found.not_component,
                     ref->pos, node, word::none);
      if (found.missing != word::none) suggest(found, error);
      return nullptr;
    }
    if (found.node->finished == Progress::running || found.node->merged == Progress::running) {
      report_cycle(node, *ref, found.node);
      return nullptr;
    }
    building_.push_back({node, ref});
    finish(found.node);
    building_.pop_back();
    return run_.stopped ? nullptr : found.node;
  }

  struct Step {
    Node* node = nullptr;
    Symbol missing = word::none;
    std::vector<std::string> candidates;
    std::string not_component;
    std::string cycle;
  };

  void suggest(const Step& found, size_t error) const {
    std::string name(run_.symbols.text(found.missing));
    if (std::string file = defined_by_library(name); !file.empty())
      run_.error(error).hint(fmt::format("'{}' comes with: #include \"{}\"", name, file));
    else if (std::string hint = did_you_mean(name, found.candidates); !hint.empty())
      run_.error(error).hint(std::move(hint));
  }

  std::string nothing(const Ref& ref, const Step& found) const {
    std::string whole = run_.show(ref);
    std::string missing = found.missing == word::none ? whole : run_.symbols.text(found.missing);
    if (whole == missing) return fmt::format("there is no component '{}' to extend", whole);
    return fmt::format("there is no component '{}' to extend: nothing is named '{}' there", whole,
                       missing);
  }

  Step walk(Node* from, const Ref& ref, size_t hops) {
    using PartKind = model::Part::Kind;
    constexpr size_t most_hops = 200;
    Step out;
    if (hops > most_hops) {
      out.cycle = fmt::format("'{}' never ends: references lead to each other", run_.show(ref));
      return out;
    }
    Node* at = from;
    for (uint32_t i = 0; i < ref.count; ++i) {
      RefPart part = ref.parts[i];
      switch (part.kind) {
        case PartKind::self:
          continue;
        case PartKind::root:
          while (at->parent) at = at->parent;
          continue;
        case PartKind::parent:
          if (!at->parent) {
            out.not_component = fmt::format("'{}' leads above the top level", run_.show(ref));
            return out;
          }
          at = at->parent;
          continue;
        case PartKind::process:
        case PartKind::host:
        case PartKind::property:
        case PartKind::iproperty:
        case PartKind::env_property:
        case PartKind::ienv_property:
        case PartKind::constant:
          out.not_component =
              fmt::format("'{}' is no component of the description", run_.show(ref));
          return out;
        case PartKind::here:
        case PartKind::attrib:
          break;
      }
      if (i > 0 && at != from) merge_supers(at);
      bool upward = part.kind == PartKind::attrib;
      Hit hit = upward ? search_up(run_, at, part.name) : Hit{at, run_.find(at, part.name)};
      if (!hit.attr) {
        out.missing = part.name;
        out.candidates = names_in_reach(run_, at, upward);
        return out;
      }
      Step next = component_of(hit, part.name, hops);
      if (!next.node) return next;
      at = next.node;
    }
    out.node = at;
    return out;
  }

  Step component_of(Hit hit, Symbol name, size_t hops) {
    Step out;
    const Val& value = hit.attr->value;
    if (value.is(Kind::component)) {
      out.node = value.node;
      return out;
    }
    if (value.is(Kind::reference) && !value.ref->data)
      return walk(hit.holder, *value.ref, hops + 1);
    out.not_component =
        fmt::format("'{}' is {}, not a component", run_.symbols.text(name), run_.show(value));
    return out;
  }

  void report_cycle(Node* node, const Ref& ref, const Node* found) {
    std::string name = run_.path(found);
    bool inside = false;
    for (const Node* at = node->parent; at; at = at->parent) inside = inside || at == found;
    std::string what =
        found == node ? fmt::format("'{}' extends itself, a cycle", name)
        : inside
            ? fmt::format("'{}' extends '{}', which contains it: a cycle", run_.path(node), name)
            : fmt::format("'{}' extends '{}', which extends it: a cycle", run_.path(node), name);
    size_t error = run_.blame(Code::conflict, what, ref.pos, node, word::none);
    for (auto step = building_.rbegin(); step != building_.rend(); ++step) {
      run_.error(error).frame(
          fmt::format("'{}' extends '{}'", run_.path(step->node), run_.show(*step->through)),
          Where(run_.place(step->through->pos)));
      if (step->node == found || building_.rend() - step > 20) break;
    }
  }

  Run& run_;
  std::vector<Building> building_;
};

}  // namespace

void resolve_types(Run& run) {
  run.phase = Phase::type;
  TypeResolver(run).finish(run.root);
}

}  // namespace croft::lang
