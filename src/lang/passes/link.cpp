// The link pass: depth first, in the order of the attributes, each eager reference is replaced by
// what it stands for and each call by its result. Values are made on demand and once; a value that
// needs itself is reported with the way that leads back. Source: the language reference, 1.8
// to 1.10.
#include "lang/passes/link.h"

#include <fmt/format.h>

#include "base/text.h"
#include "lang/functions/function.h"

namespace croft::lang {
namespace {

/// The way from an attribute back to itself.
Val report_cycle(Run& run, Node* holder, Attr& attr) {
  std::string way;
  size_t from = run.evaluating.size();
  while (from > 0 && run.evaluating[from - 1].second != &attr) --from;
  constexpr size_t most_shown = 12;
  std::string last;
  size_t shown = 0;
  for (size_t i = from == 0 ? 0 : from - 1; i < run.evaluating.size(); ++i) {
    std::string name = full_name(run, run.evaluating[i].first, run.evaluating[i].second->name);
    if (name == last) continue;
    last = name;
    if (++shown > most_shown) continue;
    way += way.empty() ? name : " -> " + name;
  }
  if (shown > most_shown) way += fmt::format(" -> ({} more)", shown - most_shown);
  way += " -> " + full_name(run, holder, attr.name);
  Pos pos = attr.value.is(Kind::reference) ? attr.value.ref->pos : attr.pos;
  size_t error = run.blame(
      Code::conflict,
      fmt::format("'{}' needs its own value, a cycle: {}", full_name(run, holder, attr.name), way),
      pos, holder, attr.name);
  if (attr.value.is(Kind::reference) && attr.value.ref->count == 1 &&
      attr.value.ref->parts[0].name == attr.name)
    run.error(error).hint(fmt::format("the value of an outer '{0}' is written 'PARENT:{0}'",
                                      run.symbols.text(attr.name)));
  return run.bad(error);
}

const Function* function_of(Run& run, Node* call, Attr& attr, Node* holder, size_t& error) {
  if (call->function) return call->function;
  Attr* named = run.find(call, word::sf_function_class);
  if (!named) {
    error = run.blame(Code::unresolved,
                      "this call has no sfFunctionClass: nothing says which function it is",
                      attr.pos, holder, attr.name);
    return nullptr;
  }
  Val value = evaluate(run, call, *named);
  if (value.is(Kind::bad)) {
    error = static_cast<size_t>(value.number);
    return nullptr;
  }
  const Function* found = value.is(Kind::string) ? find_function(class_name(*value.text)) : nullptr;
  if (found) return call->function = found;
  error = run.blame(Code::unresolved, fmt::format("there is no function {}", run.show(value)),
                    named->pos, holder, attr.name);
  if (value.is(Kind::string)) {
    std::string hint = did_you_mean(class_name(*value.text), function_names());
    if (!hint.empty()) run.error(error).hint(std::move(hint));
  }
  return nullptr;
}

bool is_operand(Symbol name) {
  return name < word::sf_function_class || name > word::sf_schema_description;
}

bool flag(Run& run, Node* node, Symbol name) {
  Attr* attr = run.find(node, name);
  if (!attr) return false;
  Val value = evaluate(run, node, *attr);
  return value.is(Kind::boolean) && value.flag;
}

/// Calls the function of `call`. A lazy call stays a call.
Val make_call(Run& run, Node* holder, Attr& attr, Node* call, Val as_it_is) {
  size_t error = 0;
  const Function* function = function_of(run, call, attr, holder, error);
  if (!function) return run.bad(error);
  std::vector<Operand> operands;
  operands.reserve(call->count);
  // Checks that are kept for run time keep what they check, not that it held once.
  bool keeps_calls = call->call == Call::assertion;
  bool lazy = as_it_is.lazy || flag(run, call, word::sf_function_lazy) ||
              (function->asks_names && !run.options.machine.address_of);
  std::optional<Val> failed;
  for (uint32_t i = 0; i < call->count && !run.stopped; ++i) {
    Attr& operand = call->attrs[i];
    if (!is_operand(operand.name)) continue;
    Val before = operand.value;
    Val value = evaluate(run, call, operand);
    if (keeps_calls && before.is(Kind::call)) operand.value = before;
    if (value.is(Kind::bad) && !failed) failed = value;
    lazy = lazy || (is_lazy(value) && !function->takes_lazy);
    operands.push_back({operand.name, value, operand.pos});
  }
  if (run.stopped) return run.bad(0);
  if (failed) return *failed;
  if (lazy) {
    as_it_is.lazy = true;
    return as_it_is;
  }
  Calling calling{run, call, operands};
  auto result = function->call(calling);
  if (result) return *result;
  // A function that has reported everything itself says so with an empty text.
  if (result.error().what.empty() && !run.errors.empty()) return run.bad(run.errors.size() - 1);
  error = run.blame(result.error().code, result.error().what, call->hidden ? call->pos : attr.pos,
                    holder, attr.name);
  for (const auto& hint : result.error().hints) run.error(error).hint(hint);
  return run.bad(error);
}

enum class AssertionPhase { checked_once, if_possible, always };

AssertionPhase assertion_phase(Run& run, Node* node) {
  Attr* attr = run.find(node, word::sf_assertion_phase);
  if (!attr) return AssertionPhase::always;
  Val value = evaluate(run, node, *attr);
  if (value.is(Kind::string) && *value.text == "static") return AssertionPhase::checked_once;
  if (value.is(Kind::string) && *value.text == "staticLazy") return AssertionPhase::if_possible;
  return AssertionPhase::always;
}

Val check_assertion(Run& run, Node* holder, Attr& attr, Node* call, Val as_it_is) {
  AssertionPhase when = assertion_phase(run, call);
  Val result = make_call(run, holder, attr, call, as_it_is);
  if (result.is(Kind::bad)) return result;
  if (when != AssertionPhase::always) attr.dropped = true;
  if (is_lazy(result)) {
    if (when != AssertionPhase::checked_once || as_it_is.lazy) return result;
    return run.bad(run.blame(Code::unresolved,
                             fmt::format("the assertion '{}' is to be checked at once, but needs a "
                                         "value that is known only at run time",
                                         run.symbols.text(attr.name)),
                             attr.pos, holder, attr.name));
  }
  if (!result.is(Kind::boolean) || !result.flag)
    return run.bad(run.blame(Code::invalid_argument,
                             fmt::format("the assertion '{}' does not hold: it is {}",
                                         run.symbols.text(attr.name), run.show(result)),
                             attr.pos, holder, attr.name));
  as_it_is.lazy = true;
  return as_it_is;
}

/// Another attribute of nearly that name was meant to give the value. False: there is none.
bool hint_at_slip(Run& run, size_t error, const Node* holder, Symbol name) {
  constexpr size_t long_enough = 6;  // of short names too many are near each other
  std::string wanted = run.symbols.text(name);
  std::vector<std::string> others;
  for (auto& other : names_in_reach(run, holder, false)) {
    bool same = equals_ignore_case(other, wanted);
    size_t difference =
        std::max(other.size(), wanted.size()) - std::min(other.size(), wanted.size());
    if (other != wanted && (same || (wanted.size() >= long_enough && difference <= 1)))
      others.push_back(std::move(other));
  }
  std::string near = nearest(wanted, others);
  if (near.empty()) return false;
  run.error(error).hint(fmt::format("is '{}' meant to be '{}'?", near, wanted));
  return true;
}

/// A TBD that nobody has filled in: told where the component is used, not where the template is.
Val report_open(Run& run, Node* holder, const Attr& attr) {
  std::string name = run.symbols.text(attr.name);
  bool inherited = !contains(holder->pos, attr.pos) && holder->pos.known();
  Pos pos = inherited ? holder->pos : attr.pos;
  size_t error =
      run.blame(Code::unresolved, fmt::format("'{}' is still TBD: it needs a value", name), pos,
                holder, attr.name);
  if (inherited) {
    model::Place declared = run.place(attr.pos);
    run.error(error).frame("declared TBD", Where(declared));
    run.error(error).where.length = 0;
  }
  if (hint_at_slip(run, error, holder, attr.name)) return run.bad(error);
  std::string path = run.path(visible_place(holder, attr.name).component);
  run.error(error).hint(fmt::format("write '{} VALUE;' in {}", name,
                                    path.empty() ? "its component" : "'" + path + "'"));
  return run.bad(error);
}

Val make_value(Run& run, Node* holder, Attr& attr) {
  Val value = attr.value;
  if (value.is(Kind::tbd)) return report_open(run, holder, attr);
  if (value.is(Kind::reference))
    return resolve_reference(run, holder, *value.ref, attr.name, value.ref->pos);
  if (value.node->call == Call::assertion)
    return check_assertion(run, holder, attr, value.node, value);
  Val result = make_call(run, holder, attr, value.node, value);
  // A function may give a reference; it is followed from where the call stands.
  if (result.is(Kind::reference) && !result.lazy && !result.ref->data && !result.ref->variable)
    return resolve_reference(run, holder, *result.ref, attr.name, result.ref->pos);
  return result;
}

Val evaluate_here(Run& run, Node* holder, Attr& attr) {
  if (++run.chain > run.options.limits.chain)
    run.stop(fmt::format("more than {} references lead to each other", run.options.limits.chain),
             attr.pos, holder);
  if (run.stopped) return run.bad(0);
  attr.linked = Progress::running;
  run.evaluating.emplace_back(holder, &attr);
  Val value = make_value(run, holder, attr);
  run.evaluating.pop_back();
  --run.chain;
  attr.linked = Progress::done;
  attr.value = value;
  return value;
}

bool settled(const Val& value) {
  switch (value.kind) {
    case Kind::tbd:
      return false;
    case Kind::reference:
      return value.lazy || value.ref->data || value.ref->variable;
    case Kind::call:
      return false;
    case Kind::null:
    case Kind::boolean:
    case Kind::integer:
    case Kind::long_integer:
    case Kind::single:
    case Kind::real:
    case Kind::string:
    case Kind::bytes:
    case Kind::vector:
    case Kind::component:
    case Kind::bad:
      return true;
  }
  return true;
}

void link_node(Run& run, Node* node);

/// A component reached through a reference or given by a function: is it one that is being linked?
void link_component(Run& run, Node* holder, Attr& attr, Node* node) {
  if (node->linked == Progress::done) return;
  if (node->linked == Progress::none) return link_node(run, node);
  std::string name = run.path(node);
  size_t error =
      run.blame(Code::conflict,
                fmt::format("'{}' stands for {}, which contains it: the tree would never end",
                            full_name(run, holder, attr.name),
                            name.empty() ? "the whole description" : "'" + name + "'"),
                attr.pos, holder, attr.name);
  run.error(error).hint("a link to a component that exists at run time is written with LAZY");
  attr.value = run.bad(error);
}

void link_items(Run& run, Node* holder, Attr& attr, const Vec& vec) {
  if (!vec.holds_nodes) return;
  run.work(vec.count);
  for (uint32_t i = 0; i < vec.count && !run.stopped; ++i) {
    if (vec.items[i].is(Kind::component))
      link_component(run, holder, attr, vec.items[i].node);
    else if (vec.items[i].is(Kind::vector))
      link_items(run, holder, attr, *vec.items[i].vec);
  }
}

void link_here(Run& run, Node* node) {
  if (++run.chain > run.options.limits.chain)
    run.stop(fmt::format("more than {} components lead to each other", run.options.limits.chain),
             node->pos, node);
  node->linked = Progress::running;
  for (uint32_t i = 0; i < node->count && !run.stopped; ++i) {
    Attr& attr = node->attrs[i];
    if (run.has_tag(attr.tags, word::sf_ignore_link)) continue;
    Val value = evaluate(run, node, attr);
    if (value.is(Kind::component))
      link_component(run, node, attr, value.node);
    else if (value.is(Kind::vector))
      link_items(run, node, attr, *value.vec);
  }
  node->linked = Progress::done;
  --run.chain;
}

void link_node(Run& run, Node* node) {
  if (!run.stack.nearly_full()) return link_here(run, node);
  if (!run.stack.on_large_stack([&] { link_here(run, node); }))
    run.stop("components lead to each other too deep", node->pos, node);
}

}  // namespace

Val evaluate(Run& run, Node* holder, Attr& attr) {
  if (attr.linked == Progress::done) return attr.value;
  if (attr.linked == Progress::running) return report_cycle(run, holder, attr);
  if (settled(attr.value)) {
    attr.linked = Progress::done;
    return attr.value;
  }
  if (!run.stack.nearly_full()) return evaluate_here(run, holder, attr);
  Val out = run.bad(0);
  if (!run.stack.on_large_stack([&] { out = evaluate_here(run, holder, attr); }))
    run.stop("references lead to each other too deep", attr.pos, holder);
  return out;
}

void link_tree(Run& run, Node* node) {
  link_node(run, node);
}

void link(Run& run) {
  run.phase = Phase::link;
  if (run.config) link_tree(run, run.config);
  Attr* farm = run.find(run.root, word::farm);
  if (!farm || !farm->value.is(Kind::component)) return;
  // Any other component may be named farm too: only croft's own type is read at the top level.
  for (const Origin* origin = farm->value.node->origin; origin; origin = origin->next)
    if (run.symbols.text(origin->name) == "EmbeddedFarm") return link_tree(run, farm->value.node);
}

}  // namespace croft::lang
