// Calls that wait for run time because an operand is LAZY: `url ("http://" ++ LAZY db:address)`.
// The language makes their values; whoever reads attributes at run time is given the function.
// Thread-compatible.
#pragma once
#include <functional>

#include "model/component.h"

namespace croft::model {

/// The value of `call`, an attribute of `holder` or an operand in a call that `holder` has.
/// Code::unresolved while something that it needs is not there yet.
using Compute = std::function<Result<Value>(const Component& holder, const Call& call)>;

/// As follow() of component.h; calls that are met on the way are computed.
Result<Value> follow(const Component& from, const Reference& link, const Compute& compute);

}  // namespace croft::model
