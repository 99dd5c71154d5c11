// The instance metadata service, v2 and (where allowed) v1, as an instance sees it at
// 169.254.169.254. Who asks is known by the listener the request came in on, never by an address.
// Tokens need no table: expiry and instance under a MAC of this process. Loop thread only.
// Source: "Use the Instance Metadata Service to access instance metadata".
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aio/world.h"
#include "base/secret.h"
#include "net/http_server.h"

namespace croft::farm::imds {

/// What one instance may know of itself.
struct Facts {
  std::string instance_id;
  std::string account;
  std::string region;
  std::string zone;
  std::string image;
  std::string type;
  std::string reservation;
  std::string private_address;
  std::string hostname;  ///< "ip-10-77-0-5.ec2.internal"
  std::string mac;
  std::string subnet_id;
  std::string subnet_cidr;
  std::string vpc_id;
  std::string vpc_cidr;
  std::string interface_id;
  std::vector<std::pair<std::string, std::string>> groups;  ///< id, name
  std::string public_address;                               ///< empty: none
  std::string public_hostname;
  std::string role;  ///< of its instance profile; empty: none
  std::string profile_arn, profile_id;
  std::string access_key, token;  ///< temporary, of the role
  Secret secret;
  WallTime keys_from, keys_until;
  std::string key_name;  ///< empty: none
  std::string public_key;
  std::string user_data;  ///< raw; empty: none
  int launch_index = 0;
  WallTime launched;
  std::map<std::string, std::string> tags;  ///< shown only when tags_shown
  bool tags_shown = false;
  bool spot = false;
  WallTime interrupted;     ///< when it will be taken away; 0: not announced
  std::string spot_action;  ///< terminate | stop
  bool enabled = true;
  bool tokens_required = false;
};

/// "/latest/..." without the version: {"meta-data/ami-id", "ami-1"}, ..., "dynamic/...",
/// "user-data".
std::map<std::string, std::string> tree_of(const Facts& facts);

/// What a GET of `path` (with its version directory) gives; nullopt: 404.
std::optional<std::string> look_up(const Facts& facts, std::string_view path);

class Metadata {
 public:
  static constexpr int64_t longest_token = 21600;  ///< seconds

  /// `facts` gives nullopt for an instance that is gone.
  Metadata(aio::World& world,
           std::function<std::optional<Facts>(const std::string& instance)> facts);

  /// One request of one instance.
  aio::Task<Result<>> handle(net::Exchange& exchange, std::string instance);

  struct Reply {
    int status = 200;
    std::string body;
    wire::Headers headers;
  };
  /// The same without I/O.
  Reply answer(const wire::RequestHead& request, const std::string& instance);

 private:
  Reply make_token(const wire::RequestHead& request, const std::string& instance);
  bool good_token(std::string_view token, const std::string& instance);
  std::string seal(std::string_view expiry, const std::string& instance);

  aio::World& world_;
  std::function<std::optional<Facts>(const std::string&)> facts_;
  std::string secret_;
};

}  // namespace croft::farm::imds
