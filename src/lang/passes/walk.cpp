// References on their way: part by part from the component that holds one to what it stands for.
// Source: the language reference, 1.9.
#include <fmt/format.h>

#include "base/text.h"
#include "lang/functions/constants.h"
#include "lang/passes/link.h"

namespace croft::lang {
namespace {

using PartKind = model::Part::Kind;

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
    if (!value_.is(Kind::component)) {
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
    if (made->is(Kind::component) && made->node->super_count > 0)
      return run_.bad(blame(Code::unsupported,
                            fmt::format("the {} '{}' is a component that extends another: what "
                                        "comes from outside has a body and extends nothing",
                                        what, name)));
    // As if it stood here: it may be an expression, or name what gives it again.
    Attr as_written;
    as_written.name = attribute_;
    as_written.value = *made;
    as_written.pos = pos_;
    return evaluate(run_, holder_, as_written);
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

}  // namespace

std::string full_name(const Run& run, const Node* holder, Symbol attribute) {
  Blamed seen = visible_place(holder, attribute);
  std::string out = run.path(seen.component);
  if (seen.attribute == word::none) return out;
  if (!out.empty()) out += ':';
  return out + run.symbols.text(seen.attribute);
}

Val resolve_reference(Run& run, Node* holder, const Ref& ref, Symbol attribute, Pos pos) {
  return Walk(run, holder, ref, attribute, pos).result();
}

}  // namespace croft::lang
