// Who may ask this controller over the network: operators with a role and a token, and the trail of
// what they asked for. A token is shown once and kept as its digest. Loop thread only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "aio/world.h"
#include "base/secret.h"
#include "store/store.h"
#include "wire/json.h"

namespace croft::controller {

/// Each may do what those before it may.
enum class Role {
  read,     ///< look
  operate,  ///< change applications
  own,      ///< secrets, operators, the controller itself
};
std::string_view name_of(Role role);
/// Code::invalid_argument with the names there are.
Result<Role> role_from_name(std::string_view name);

struct Operator {
  std::string name;
  Role role = Role::read;
  WallTime created;
  std::optional<WallTime> expires;
  bool removed = false;  ///< since it asked for what is under way
};

/// Whose token was made before there was a controller: `croft controller rent`.
inline constexpr const char* owner_name = "owner";

/// One thing that was asked for and might have changed something.
struct TrailEntry {
  uint64_t seq = 0;
  WallTime time;
  std::string by, role, from;  ///< operator, and the address it came from
  std::string method, target;
  bool refused = false;  ///< its role was too small
};
wire::json::Object to_json(const TrailEntry& entry);

class Operators {
 public:
  Operators(aio::World& world, store::Store& store) : world_(world), store_(store) {}

  /// The new operator's token: "NAME.64 hex digits". Code::already_exists.
  aio::Task<Result<Secret>> add(std::string name, Role role, std::optional<Duration> lasts);
  /// The operator `owner`, whose token has that digest (hex); the one that there is stays.
  aio::Task<Result<>> keep_owner(std::string digest);
  aio::Task<Result<std::vector<Operator>>> list();
  /// Its token opens nothing from now on. Code::not_found.
  aio::Task<Result<>> remove(std::string name);
  /// Whose token it is. Code::unauthenticated, the same for all reasons but an expired one's.
  aio::Task<Result<Operator>> who(Secret token);

  /// Durable before what is asked for is done.
  aio::Task<Result<>> note(TrailEntry entry);
  static constexpr size_t trail_page = 500;
  aio::Task<Result<std::vector<TrailEntry>>> trail(uint64_t from);

 private:
  aio::World& world_;
  store::Store& store_;
  std::optional<uint64_t> last_;  // of the trail
};

}  // namespace croft::controller
