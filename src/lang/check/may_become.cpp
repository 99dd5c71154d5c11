// What a component may become while it runs: its schema is asked before and after.
#include <algorithm>

#include "lang/check/schema.h"
#include "lang/lang.h"

namespace croft::lang {

Result<> may_become(const model::SchemaSet& schemas, const model::Component& component,
                    const std::string& name, const std::optional<model::Value>& value) {
  const auto* schema = schemas.find(component.string("sfClass").value_or(""));
  if (!schema) return {};
  auto copy = model::copy_of(component);
  model::Findings before, after;
  check_component(*copy, *schema, schemas, {}, before);
  if (value)
    copy->set(name, *value);
  else
    copy->remove(name);
  check_component(*copy, *schema, schemas, {}, after);
  for (Error& error : after.errors) {
    bool known = std::ranges::any_of(before.errors,
                                     [&](const Error& old) { return old.what == error.what; });
    if (!known) return fail(std::move(error));
  }
  return {};
}

}  // namespace croft::lang
