// What agent and workloads use of the machine, from /proc: memory in bytes, CPU in nanoseconds.
#pragma once
#include <vector>

#include "model/host_work.h"
#include "wire/json.h"

namespace croft::agent {

/// Of each process and all that share its session.
wire::json::Object stats_of(const std::vector<model::WorkState>& states);

}  // namespace croft::agent
