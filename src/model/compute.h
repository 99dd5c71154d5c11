// What the tree itself does not say at run time: the values of calls that wait because an operand
// is LAZY (`url ("http://" ++ LAZY db:address)`) and of what is named outside (LAZY PROPERTY x).
// The language makes them; whoever reads attributes at run time is given this. Thread-compatible.
#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include "model/component.h"

namespace croft::model {

/// What lies outside the tree; null: such references cannot be followed.
struct Outside {
  using Lookup = std::function<std::optional<std::string>(std::string_view)>;
  Lookup property, environment;
  /// A text as the value that it would be in a description: of IPROPERTY and IENVPROPERTY.
  std::function<Result<Value>(std::string_view)> parse;
};

struct Compute {
  /// The value of `call`, an attribute of `holder` or an operand in a call that `holder` has.
  /// Code::unresolved while something that it needs is not there yet.
  std::function<Result<Value>(const Component& holder, const Call& call, const Outside& outside)>
      call;
  Outside outside;

  explicit operator bool() const { return static_cast<bool>(call); }
  Result<Value> operator()(const Component& holder, const Call& waiting) const {
    return call(holder, waiting, outside);
  }
};

/// As follow() of component.h; calls that are met on the way are computed.
Result<Value> follow(const Component& from, const Reference& link, const Compute& compute);

}  // namespace croft::model
