// Temporary credentials: keys that AssumeRole and the metadata service give out. Nothing is kept of
// them: the token says whose session it is and until when, under a MAC of the farm's own key, and
// key id and secret follow from it. So they hold over restarts and end by themselves. What a
// session may use is its role's scope, as it was when the session began. Loop thread only.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aio/world.h"
#include "base/secret.h"
#include "base/units.h"
#include "farm/api/accounts.h"
#include "store/store.h"

namespace croft::farm {

/// What a role lets its sessions use.
struct Scope {
  std::vector<std::string> services;  ///< "ec2", "s3"; empty: both
  std::vector<std::string> buckets;   ///< patterns with * and ?; empty: all of the account
};

struct Session {
  std::string account_id;
  std::string role;      ///< its name
  std::string name;      ///< RoleSessionName; of an instance: its id
  std::string instance;  ///< empty: not of an instance
  Scope scope;
  WallTime expires;
};

class Sessions {
 public:
  /// Reads the farm's key, or makes one.
  static aio::Task<Result<std::unique_ptr<Sessions>>> open(aio::World& world, store::Store& store,
                                                           Sealer& sealer);

  struct Keys {
    std::string access_key;  ///< "ASIA..."
    Secret secret;
    std::string token;
    WallTime expires;
  };
  Keys issue(const Session& session) const;

  struct Checked {
    Session session;
    Secret secret;
  };
  /// Code::permission_denied for a token that this farm did not make or that belongs to another
  /// key; Code::timeout for one that has expired.
  Result<Checked> check(std::string_view access_key, std::string_view token) const;

 private:
  explicit Sessions(aio::World& world) : world_(world) {}
  std::string mac(std::string_view purpose, std::string_view text) const;
  std::string key_of(std::string_view payload) const;
  Secret secret_of(std::string_view payload) const;

  aio::World& world_;
  std::string master_;
};

}  // namespace croft::farm
