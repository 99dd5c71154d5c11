// The accounts' secrets under the key file of the farm's folder: trust/encryption behind Sealer.
#pragma once
#include <memory>
#include <string>

#include "aio/world.h"
#include "farm/api/accounts.h"

namespace croft::farm {

/// Reads the key, or makes one. Errors as trust::Encryption::open.
aio::Task<Result<std::unique_ptr<Sealer>>> open_file_sealer(aio::World& world,
                                                            std::string key_file);

}  // namespace croft::farm
