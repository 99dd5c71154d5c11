// Starting a program with a clean slate. Loop thread only.
#pragma once
#include "aio/world.h"

namespace croft::aio {

struct Spawned {
  int pid = 0;
  int input = -1;   ///< writes to its stdin, where pipe_input was asked for
  int output = -1;  ///< reads its stdout, where pipe_output was asked for
};

/// The program runs (its exec has succeeded) when this returns.
Result<Spawned> spawn(const ProcessOptions& options);

}  // namespace croft::aio
