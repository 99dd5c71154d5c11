// The link pass as the functions of the language need it: values on demand.
#pragma once
#include "lang/passes/graph.h"

namespace croft::lang {

/// The value of an attribute: references followed, calls made. Components are not descended into.
/// Kind::bad after an error (which is recorded).
Val evaluate(Run& run, Node* holder, Attr& attr);
/// What `ref`, written in `holder` as the value of `attribute`, stands for.
Val resolve_reference(Run& run, Node* holder, const Ref& ref, Symbol attribute, Pos pos);
/// "web:server:port", as a user names it: operands are those of the attribute around them.
std::string full_name(const Run& run, const Node* holder, Symbol attribute);
/// A reference or call that stays what it is until run time.
inline bool is_lazy(const Val& value) {
  return value.lazy && (value.is(Kind::reference) || value.is(Kind::call));
}
/// Resolves everything in `node` and below.
void link_tree(Run& run, Node* node);

}  // namespace croft::lang
