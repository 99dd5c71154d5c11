// Reading what others are about to rely on. Loop thread only.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::aio {

/// World::disk.read_file, and what was read is durable on return, its name too: whoever wrote it
/// may have died before it was, and what is made with it now (a sealed text, a certificate) must
/// not outlive it.
Task<Result<std::string>> read_durable(World& world, std::string path, Bytes limit);

}  // namespace croft::aio
