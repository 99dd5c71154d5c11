// Checking a component against the schema of its type. Pure.
#pragma once
#include <string>

#include "base/error.h"
#include "model/schema.h"

namespace croft::lang {

struct CheckOptions {
  bool strict = false;  ///< unknown attributes are errors
};

/// One component against one schema: missing, TBD, wrong type, out of range, wrong unit, not one of
/// the choices, deprecated; unknown attributes within edit distance of a known name are warnings.
/// Marks the attributes that the schema calls secret.
void check_component(model::Component& component, const model::ComponentSchema& schema,
                     const model::SchemaSet& schemas, const CheckOptions& options,
                     model::Findings& findings);

/// Components and lists in each other, those of templates included: all of it is kept.
void check_levels(const model::Component& root, model::Findings& findings);

}  // namespace croft::lang
