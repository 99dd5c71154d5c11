// Where a LAZY reference of a resolved description leads: which component, which attribute. What an
// attribute will be worth may only be known at run time; whom it belongs to is known before.
// Pure. Source: language reference 1.9.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/component.h"

namespace croft::plan {

/// The end of a reference: `component` holds, or at run time will publish, `attribute`.
struct Target {
  const model::Component* component = nullptr;
  std::string attribute;  ///< empty: the component itself is meant
  const model::Attribute* found =
      nullptr;  ///< null: not in the description, perhaps published later
};

/// Errors: Code::unresolved naming the part that leads nowhere. A first WORD that nobody above
/// `from` has belongs to `from` itself (it may be published).
Result<Target> locate(const model::Component& from, const model::Reference& link);

/// All LAZY references in the value, those in vectors and in data components included.
struct Link {
  const model::Component* home;  ///< where it resolves from
  std::string attribute;         ///< of the component, that holds it
  std::shared_ptr<const model::Reference> reference;
};
/// `parts`: eager components in it are parts of it, not deployed for themselves.
std::vector<Link> links_of(const model::Component& component, bool parts = false);

}  // namespace croft::plan
