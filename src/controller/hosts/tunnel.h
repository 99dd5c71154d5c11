// Looking in: what goes both ways between somebody at the command line and a host (a command, logs,
// files, a port) comes over a unix socket of its own, HOME/tunnel.sock, in the frames of
// protocol/agent.h. The first frame asks: {"application","component"?,"instance"?,"request"}; the
// answer is {"answer":{"channel",...}} or {"error"}. Then data frames of these channels both ways,
// {"action":"resize"|"kill","request"} from the client, and at last {"closed":{"result"|"error"}}.
// Only this user and root are answered. Loop thread only.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "controller/hosts/remote_host.h"

namespace croft::controller {

/// HOME/tunnel.sock
std::string tunnel_socket(std::string_view home);

/// The host that is meant, by component or by instance.
using FindHost = std::function<Result<std::shared_ptr<RemoteHost>>(
    std::string_view application, std::string_view component, std::string_view instance)>;

/// Serves one connection until it ends.
aio::Task<Result<>> serve_tunnel(aio::World& world, std::unique_ptr<aio::Stream> stream,
                                 FindHost find);

}  // namespace croft::controller
