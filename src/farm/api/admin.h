// The farm's admin socket: JSON over HTTP on a unix socket in the data folder, for this user and
// root. Routes come from the farm's parts. Loop thread only.
#pragma once
#include "farm/api/context.h"
#include "net/http_server.h"

namespace croft::farm {

/// Answers one admin request from the routes. 404 for an unknown one, 403 for another user.
aio::Task<Result<>> serve_admin(const AdminRoutes& routes, net::Exchange& exchange);

}  // namespace croft::farm
