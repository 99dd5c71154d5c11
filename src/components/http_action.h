// HTTP actions as data: [verb, minCode, maxCode], as in the talk. Pure.
#pragma once
#include <string>
#include <vector>

#include "engine/context.h"

namespace croft::components {

struct HttpAction {
  std::string verb;  ///< upper case
  int least = 200;
  int most = 299;
  bool accepts(int status) const { return status >= least && status <= most; }
  std::string wanted() const;  ///< "200 to 299"
};

/// The actions of a list attribute; absent: none. Code::type_mismatch or Code::invalid_argument
/// with the attribute's place: not a triple, "Unknown verb: " with the nearest one, a range that is
/// none.
Result<std::vector<HttpAction>> actions_of(const engine::Context& context,
                                           std::string_view attribute);

/// The same over a schema's check.
void check_actions(const model::Component& component, std::string_view attribute,
                   std::vector<Error>& errors);

/// Whether its start has a PUT, as far as its text says.
bool starts_with_put(const model::Component& component);
/// The class of an answer outside the wanted range: 404 not_found, 5xx unavailable, ...
Code code_of_status(int status);
/// Whether a call that ended with this error may have been carried out all the same.
bool outcome_unknown(const Error& error);

}  // namespace croft::components
