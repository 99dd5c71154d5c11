// Unpacking an archive with the machine's own tar or unzip, into a fresh folder that takes the old
// one's place only when all of it is good. Loop thread only.
#pragma once
#include <string>

#include "agent/launch.h"
#include "aio/world.h"

namespace croft::agent {

struct Unpacking {
  std::string archive;  ///< a file: tar in any form that the machine's tar reads, or zip
  std::string into;     ///< the folder; one that is there is replaced
  int strip = 0;
  User owner;
  Duration within = Duration::minutes(15);
  Bytes most;  ///< of all files together, once unpacked, 16 times this
};
/// Refuses names that are absolute or go up, links that lead out of the folder, devices, programs
/// that would run as their owner.
aio::Task<Result<>> unpack(aio::World& world, Unpacking order);

/// Why a name of an archive is not acceptable; empty: it is.
std::string unsafe_name(std::string_view name);
/// Would a link at `at` (relative to the folder) with this target lead out of the folder?
bool leads_out(std::string_view at, std::string_view target);

}  // namespace croft::agent
