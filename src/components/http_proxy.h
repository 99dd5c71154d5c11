// The HTTP proxy that a component's requests go through, from its attributes, the properties and
// the variables of the caller. Loop thread only.
#pragma once
#include <memory>
#include <string_view>

#include "engine/context.h"
#include "net/http_client.h"

namespace croft::components {

/// proxyHost and proxyPort; else, unless useSystemProxySettings is false, the properties
/// http.proxyHost, http.proxyPort, http.nonProxyHosts (https. for https), then the variables
/// http_proxy, https_proxy and no_proxy. Null: none. Hosts of this machine are asked directly
/// unless proxyHost says otherwise.
Result<std::shared_ptr<const net::Proxy>> proxy_for(const engine::Context& context,
                                                    const net::Url& url);

/// Whether one of the hosts in `list`, separated by commas or '|', means `host`: "*",
/// ".example.org", "example.org" (and all below it), "10.*".
bool named_in(std::string_view list, std::string_view host);

}  // namespace croft::components
