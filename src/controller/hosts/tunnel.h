// Looking in: what goes both ways between somebody at the command line and a host (a command, logs,
// files, a port) comes over a unix socket of its own, HOME/tunnel.sock, or over what POST
// /v1/tunnel/... is upgraded to, in the frames of protocol/agent.h. The first frame asks:
// {"application","component"?,"instance"?,"request"}; the answer is {"answer":{"channel",...}} or
// {"error"}. Then data frames of these channels both ways,
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

/// Where somebody looks in, and what for: "exec", "logs", "read", "write", "forward" and so on.
struct TunnelTarget {
  std::string application, component, instance, what;
  bool operator==(const TunnelTarget&) const = default;
};
/// The host that is meant, by component or by instance; or why it is not for the one who asks.
using FindHost = std::function<Result<std::shared_ptr<RemoteHost>>(const TunnelTarget& target)>;
/// What an operator elsewhere upgrades to.
inline constexpr const char* tunnel_protocol = "croft-tunnel";

/// Serves one connection until it ends.
aio::Task<Result<>> serve_tunnel(aio::World& world, std::unique_ptr<aio::Stream> stream,
                                 FindHost find);

}  // namespace croft::controller
