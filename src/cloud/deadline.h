// Tells a farm until when the caller waits, so that a call whose time is over is dropped before
// work is spent on it (x-croft-deadline-ms, docs/farm.md). Pure.
#pragma once
#include "base/units.h"
#include "net/http_client.h"

namespace croft::cloud {

/// Adds the header by the request's own deadline; only for a farm on this machine, since the two
/// clocks must be one: a farm whose clock runs ahead would drop every call.
void tell_deadline(net::ClientRequest& request, WallTime now);

}  // namespace croft::cloud
