// Masks what a description's schema calls secret in errors that quote its text. Pure.
#pragma once
#include <set>
#include <string>

#include "base/error.h"
#include "model/component.h"
#include "model/schema.h"

namespace croft::engine {

/// Every secret string of the tree becomes "***" wherever the error holds it. Strings below four
/// characters stay: masking "a" everywhere would hide nothing.
void redact(Error& error, const model::Component& root);
/// Those strings, for other texts (base/mask.h): an event's words.
std::set<std::string> secrets_of(const model::Component& root);
/// The same for source lines, where there may be no tree yet: strings that stand behind the name of
/// an attribute which any schema calls secret. Columns keep their places.
void redact_sources(Error& error, const model::SchemaSet& schemas);

}  // namespace croft::engine
