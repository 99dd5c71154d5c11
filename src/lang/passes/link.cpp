// The link pass: depth first, in the order of the attributes, each eager reference is replaced by
// what it stands for and each call by its result. Values are made on demand and once; a value that
// needs itself is reported with the way that leads back. Source: the language reference, 1.8
// to 1.10.
#include "lang/passes/link.h"

#include <fmt/format.h>

#include "base/text.h"
#include "lang/functions/constants.h"
#include "lang/functions/function.h"

namespace croft::lang {
namespace {

using PartKind = model::Part::Kind;

bool is_component(const Val& value) {
  return value.is(Kind::component);
}
bool is_lazy(const Val& value) {
  return value.lazy && (value.is(Kind::reference) || value.is(Kind::call));
}

std::string full_name(const Run& run, const Node* holder, Symbol attribute) {
  Blamed seen = visible_place(holder, attribute);
  std::string out = run.path(seen.component);
  if (seen.attribute == word::none) return out;
  if (!out.empty()) out += ':';
  return out + run.symbols.text(seen.attribute);
}

/// A look-up on its way along the parts of one reference.
class Walk {
 public:
  Walk(Run& run, Node* holder, const Ref& ref, Symbol attribute, Pos pos)
      : run_(run), holder_(holder), at_(holder), ref_(ref), attribute_(attribute), pos_(pos) {}

  Val result() {
    for (uint32_t i = 0; i < ref_.count; ++i) {
      if (have_ && !step_inside(ref_.parts[i - 1])) return out_;
      if (!take(ref_.parts[i], i)) return out_;
    }
    if (!have_) return run_.component(at_);
    if (run_.trace && last_.attr) {
      Blamed user = visible_place(holder_, attribute_);
      run_.trace->uses[{user.component, user.attribute}].push_back(
          {last_.holder, last_.attr->name});
    }
    if (is_lazy(value_)) return lazily();
    if (value_.is(Kind::bad))
      run_.also_blame(static_cast<size_t>(value_.number), holder_, attribute_);
    return value_;
  }

 private:
  Val lazily() const {
    Val out = reference_value(&ref_);
    out.lazy = true;
    return out;
  }
  bool end(Val value) {
    out_ = value;
    return false;
  }
  size_t blame(Code code, std::string what) {
    return run_.blame(code, std::move(what), pos_, holder_, attribute_);
  }

  /// Goes on inside the value reached so far.
  bool step_inside(const RefPart& before) {
    if (is_lazy(value_)) return end(lazily());
    if (value_.is(Kind::bad)) {
      run_.also_blame(static_cast<size_t>(value_.number), holder_, attribute_);
      return end(value_);
    }
    if (!is_component(value_)) {
      return end(run_.bad(
          blame(Code::type_mismatch,
                fmt::format("'{}' leads nowhere: '{}' is {}, not a component", run_.show(ref_),
                            run_.symbols.text(before.name), run_.show(value_)))));
    }
    at_ = value_.node;
    have_ = false;
    return true;
  }

  bool take(const RefPart& part, uint32_t index) {
    switch (part.kind) {
      case PartKind::self:
        return true;
      case PartKind::root:
        while (at_->parent) at_ = at_->parent;
        return true;
      case PartKind::parent:
        if (!at_->parent) return nothing(part, false);
        at_ = at_->parent;
        return true;
      case PartKind::here:
      case PartKind::attrib:
        return named(part, index);
      case PartKind::process:
      case PartKind::host: {
        size_t error =
            blame(Code::unresolved, fmt::format("'{}' is known only at run time", run_.show(ref_)));
        run_.error(error).hint(fmt::format("write 'LAZY {}'", run_.show(ref_)));
        return end(run_.bad(error));
      }
      case PartKind::property:
      case PartKind::iproperty:
        return outside(part, run_.options.property, "property");
      case PartKind::env_property:
      case PartKind::ienv_property:
        return outside(part, run_.options.environment, "environment variable");
      case PartKind::constant:
        return constant(part);
    }
    return true;
  }

  bool named(const RefPart& part, uint32_t index) {
    bool upward = part.kind == PartKind::attrib;
    Hit hit = upward ? search_up(run_, at_, part.name) : Hit{at_, run_.find(at_, part.name)};
    if (!hit.attr) return nothing(part, upward);
    if (index > 0 && run_.has_tag(hit.attr->tags, word::sf_local)) {
      size_t error = blame(
          Code::permission_denied,
          fmt::format(
              "'{}' is local to its component: only the first part of a reference may name it",
              run_.symbols.text(part.name)));
      run_.error(error).frame("declared sfLocal", Where(run_.place(hit.attr->pos)));
      return end(run_.bad(error));
    }
    last_ = hit;
    value_ = evaluate(run_, hit.holder, *hit.attr);
    have_ = true;
    return true;
  }

  bool nothing(const RefPart& part, bool upward) {
    if (ref_.optional) return end(ref_.fallback);
    bool above = part.kind == PartKind::parent;
    std::string whole = run_.show(ref_);
    std::string name = above ? "" : run_.symbols.text(part.name);
    std::string what =
        above ? fmt::format("'{}' leads above the top level", whole)
        : whole == name
            ? fmt::format("there is no attribute '{}' here or above", whole)
            : fmt::format("'{}' leads to nothing: there is no '{}' in {}", whole, name, searched());
    size_t error = blame(Code::unresolved, std::move(what));
    if (!above) {
      std::string hint = did_you_mean(name, names_in_reach(run_, at_, upward));
      if (!hint.empty()) run_.error(error).hint(std::move(hint));
    }
    hint_at_hidden_parent(error);
    return end(run_.bad(error));
  }

  std::string searched() const {
    const Node* at = at_;
    while (at->call != Call::none && at->parent) at = at->parent;
    std::string path = run_.path(at);
    return path.empty() ? "the top level" : "'" + path + "'";
  }

  /// Inside ( ) and [ ] PARENT is one level lower than the eye expects.
  void hint_at_hidden_parent(size_t error) {
    if (!holder_->hidden || ref_.count == 0 || ref_.parts[0].kind != PartKind::parent) return;
    std::string text = run_.show(ref_);
    run_.error(error).hint(fmt::format(
        "inside ( ), [ ] and IF the first PARENT is the component that holds the attribute: "
        "write 'PARENT:{}'",
        text));
  }

  bool outside(const RefPart& part, const Lookup& lookup, std::string_view what) {
    std::string name = run_.symbols.text(part.name);
    std::optional<std::string> found = lookup ? lookup(name) : std::nullopt;
    if (!found) {
      if (ref_.optional) return end(ref_.fallback);
      size_t error = blame(Code::unresolved, fmt::format("the {} '{}' is not set", what, name));
      if (part.kind == PartKind::property || part.kind == PartKind::iproperty)
        run_.error(error).hint(
            fmt::format("give it with -D{}=VALUE, or write OPTIONAL(\"default\") before it", name));
      return end(run_.bad(error));
    }
    bool parsed = part.kind == PartKind::iproperty || part.kind == PartKind::ienv_property;
    have_ = true;
    value_ = parsed ? parse(*found, what, name) : run_.text(*found);
    return true;
  }

  Val parse(const std::string& text, std::string_view what, const std::string& name) {
    Error error;
    auto made = value_from_text(run_, text, holder_, error);
    if (!made)
      return run_.bad(
          blame(Code::syntax, fmt::format("the {} '{}' is no value: {}", what, name, error.what)));
    if (made->is(Kind::reference) && !made->lazy && !made->ref->data)
      return resolve_reference(run_, holder_, *made->ref, attribute_, pos_);
    return *made;
  }

  bool constant(const RefPart& part) {
    std::string name = run_.symbols.text(part.name);
    auto found = constant_value(run_, name);
    if (!found) {
      if (ref_.optional) return end(ref_.fallback);
      size_t error = blame(found.error().code, found.error().what);
      for (const auto& hint : found.error().hints) run_.error(error).hint(hint);
      return end(run_.bad(error));
    }
    value_ = *found;
    have_ = true;
    return true;
  }

  Run& run_;
  Node* holder_;
  Node* at_;
  const Ref& ref_;
  Symbol attribute_;
  Pos pos_;
  Val value_;
  bool have_ = false;
  Hit last_;
  Val out_;
};

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
  bool lazy = as_it_is.lazy || flag(run, call, word::sf_function_lazy);
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

/// Another attribute of nearly that name was meant to give the value.
void hint_at_slip(Run& run, size_t error, const Node* holder, Symbol name) {
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
  if (std::string near = nearest(wanted, others); !near.empty())
    run.error(error).hint(fmt::format("is '{}' meant to be '{}'?", near, wanted));
}

Val make_value(Run& run, Node* holder, Attr& attr) {
  Val value = attr.value;
  if (value.is(Kind::tbd)) {
    size_t error =
        run.blame(Code::unresolved,
                  fmt::format("'{}' is still TBD: it needs a value", run.symbols.text(attr.name)),
                  attr.pos, holder, attr.name);
    hint_at_slip(run, error, holder, attr.name);
    return run.bad(error);
  }
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

Val resolve_reference(Run& run, Node* holder, const Ref& ref, Symbol attribute, Pos pos) {
  return Walk(run, holder, ref, attribute, pos).result();
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
