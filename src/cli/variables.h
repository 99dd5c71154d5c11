// The environment variables that a description names for run time: LAZY ENVPROPERTY, and secrets
// from "ENV". They travel with it to whoever deploys it; no others do.
#pragma once
#include <map>
#include <string>

#include "model/component.h"

namespace croft::cli {

/// Those of `root` and all below it that are set, with their values.
std::map<std::string, std::string> named_variables(const model::Component& root);

}  // namespace croft::cli
