// Bounds of attributes, for schemas.
#pragma once
#include "components/registry.h"

namespace croft::components {

/// A number that is never less: counts above all.
inline model::AttributeSchema at_least(double least, model::AttributeSchema attribute) {
  attribute.least = least;
  return attribute;
}
inline model::AttributeSchema between(double least, double most, model::AttributeSchema attribute) {
  attribute.least = least;
  attribute.most = most;
  return attribute;
}

}  // namespace croft::components
