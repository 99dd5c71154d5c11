// Files of a real machine below one folder, however symbolic links lead. In the simulation, whose
// disks have no links and no modes, both have nothing to do. Loop thread only; the system calls run
// on the disk pool.
#pragma once
#include <cstdint>
#include <string>

#include "aio/scope.h"
#include "aio/world.h"

namespace croft::aio {

/// Whether `path`, a plain path below `folder`, stays below it when links are followed, as far as
/// it exists. Code::permission_denied where one leads out, or leads to nothing.
Task<Result<>> stays_below(World& world, std::string folder, std::string path);

/// Bits to add to and take from the mode of a file; those in neither stay.
struct ModeChange {
  uint32_t add = 0;
  uint32_t remove = 0;
};
/// Changes the mode of a file or folder, and of all that is in it where `recursively`. Links are
/// not followed. Code::not_found.
Task<Result<>> change_mode(World& world, std::string path, ModeChange change, bool recursively);
/// When it was changed last, from now on. A link is not followed. Code::not_found.
Task<Result<>> change_time(World& world, std::string path, WallTime modified);

}  // namespace croft::aio
