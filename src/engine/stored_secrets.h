// Secrets that people gave the controller to keep: by name, sealed in its store, each with its name
// inside, so that one that was moved to another name does not open. Loop thread only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "aio/task.h"
#include "base/secret.h"
#include "base/units.h"
#include "protocol/json_model.h"
#include "store/store.h"

namespace croft::engine {

inline constexpr size_t stored_secret_max = 64 << 10;

struct StoredSecret {
  std::string name;
  WallTime since;  ///< when it was set last
};

/// 1 to 128 of letters, digits, '-', '_', '.' and '/'.
Result<> check_secret_name(std::string_view name);

/// Durable on return; one of this name is replaced.
aio::Task<Result<>> store_secret(store::Store& store, const protocol::SecretSealer& sealer,
                                 std::string name, Secret value, WallTime now);
/// Nullopt: there is none. Code::corrupt: it is another's, or damaged.
aio::Task<Result<std::optional<Secret>>> stored_secret(store::Store& store,
                                                       const protocol::SecretSealer& sealer,
                                                       std::string name);
/// By name.
aio::Task<Result<std::vector<StoredSecret>>> stored_secrets(store::Store& store);
/// Code::not_found.
aio::Task<Result<>> remove_secret(store::Store& store, std::string name);

}  // namespace croft::engine
