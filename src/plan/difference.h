// What two versions of a description differ in, attribute by attribute. Pure. Values are shared
// with the descriptions that they come from.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "model/component.h"

namespace croft::plan {

/// One attribute, or a whole component, that is not the same in both.
struct Difference {
  std::string path;                           ///< of the component: "shop:web"
  std::string attribute;                      ///< empty: the component as a whole came or went
  std::optional<model::Value> before, after;  ///< absent: it is not there on that side
  bool secret = false;                        ///< what it holds is shown to nobody
};

/// From `before` to `after`, in the order of `after`, what went last; either may be null. `name`:
/// what the paths begin with. Where attributes stand in another order nothing is told.
std::vector<Difference> differences(const model::Component* before, const model::Component* after,
                                    std::string name);

}  // namespace croft::plan
