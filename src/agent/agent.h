// The agent as a program: `croft-agent run` and `croft-agent keep`.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace croft::agent {

struct RunOptions {
  std::string folder = "/var/lib/croft";
  std::vector<std::string> controllers;  ///< empty: as kept
  std::string pin, instance, address, rendezvous_file, token_file;
  int keeper = 0;  ///< process id of its keeper, which says so itself
  std::string
      program;  ///< of this agent: what is executed again after SIGUSR1 or when its keeper died
};

/// Until SIGTERM or SIGINT; workloads run on. An error when it cannot begin.
Result<> run_agent(RunOptions options);

/// Starts `run`, starts it again when it ends (not when it was told to), reaps what is left to it
/// and keeps how it ended. Does not return but with an error.
Result<> keep_agent(const RunOptions& options, const std::vector<std::string>& run_arguments);

/// The command line: what `main` does. The exit code.
int main_of_agent(int count, char** arguments);

}  // namespace croft::agent
