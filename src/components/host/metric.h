// Metric: a number that a program on a host finds out, for others to link to.
#pragma once
#include "engine/component.h"

namespace croft::components {

engine::ComponentType metric_type();

}  // namespace croft::components
