// JSON values written as YAML (the 1.2 core schema), for `--yaml`.
#pragma once
#include <string>

#include "wire/json.h"

namespace croft::cli {

/// Block style, two spaces an indent; texts that could be read as something else are quoted.
std::string yaml(const wire::json::Value& value);

}  // namespace croft::cli
