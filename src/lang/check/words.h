// Words of the errors of a check: values, types and near names as people read them. Pure.
#pragma once
#include <string>
#include <string_view>

#include "model/schema.h"
#include "model/value.h"

namespace croft::lang {

/// The value as it is written, cut after 60 characters; "a component" and "a call" for those.
std::string shown(const model::Value& value);
/// "an integer", "a string".
std::string with_article(std::string_view noun);
/// What a value of that attribute looks like, for hints.
std::string sample_of(const model::AttributeSchema& wanted);
/// Is `word` so near to `known` that it is likely a slip?
bool likely_slip(std::string_view word, std::string_view known);

}  // namespace croft::lang
