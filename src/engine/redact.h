// Masks what a description's schema calls secret in errors that quote its text. Pure.
#pragma once
#include "base/error.h"
#include "model/component.h"

namespace croft::engine {

/// Every secret string of the tree becomes as many '*' wherever the error holds it.
void redact(Error& error, const model::Component& root);

}  // namespace croft::engine
