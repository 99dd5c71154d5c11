// A bucket's web site, as its configuration says: index, error page, redirections and routing
// rules. Pure. Limits: max_routing_rules. Source: "Configuring advanced conditional redirects".
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace croft::farm::s3 {

inline constexpr size_t max_routing_rules = 50;

struct Website {
  /// What a rule changes of the address asked for; what is empty stays.
  struct Route {
    std::string prefix;          ///< of the keys it is about
    std::optional<int> error;    ///< it is about answers with this status; else about requests
    std::string protocol, host;  ///< empty: as asked
    std::optional<std::string> whole_key;   ///< in the key's place
    std::optional<std::string> new_prefix;  ///< in the prefix's place
    int status = 301;
  };
  std::string index;
  std::string error;          ///< key of the error page; empty: none
  std::string redirect_host;  ///< everything goes there; empty: no
  std::string redirect_protocol;
  std::vector<Route> routes;
};

/// MalformedXML, InvalidArgument, InvalidRequest.
Result<Website> website_from(std::string_view xml);

/// The first rule about that key, and that status of an answer; `error` absent: before there is
/// one.
const Website::Route* route_of(const Website& site, std::string_view key, std::optional<int> error);
/// The Location that a rule makes of a request for `key` at `host`.
std::string location_of(const Website::Route& route, std::string_view host, std::string_view key);

}  // namespace croft::farm::s3
