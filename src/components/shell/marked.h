// Processes of this machine that carry a mark in their environment: what a program is and all that
// it started, found again by whoever knows the mark, in whichever process it was given.
#pragma once
#include <string>

#include "aio/world.h"

namespace croft::components {

/// The entry of the environment that marks a process.
std::string mark_entry(std::string_view mark);
/// Sends `signal` (0: none) to every process that carries the mark; how many there are. Those of
/// other users cannot be looked into and do not count.
aio::Task<Result<size_t>> signal_marked(aio::World& world, std::string mark, int signal);
/// TERM, KILL after a while; until none is left. Code::unavailable where some do not go.
aio::Task<Result<>> end_marked(aio::World& world, std::string mark);

}  // namespace croft::components
