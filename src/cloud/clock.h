// The farm's clock, where ours is off: a request signed with a time that the farm does not take is
// refused, and the refusal's Date says what time it is there. Requests are signed with that time
// from then on, as the SDKs of AWS do ("clock skew correction"). Loop thread only.
#pragma once
#include "base/error.h"
#include "cloud/connection.h"

namespace croft::cloud {

/// Now, as the farm behind `url` has it, as far as it ever told.
WallTime time_at(const Connection& connection, const net::Url& url);

/// A refusal that may come of the time the request was signed with: learns the farm's, and makes
/// the error one that is tried again, since nothing was done.
void learn_time(const Connection& connection, const net::Url& url, const net::Response& answer,
                Error& refusal);

}  // namespace croft::cloud
