// Programs on the controller's machine, where the operator allows them. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "engine/component.h"

namespace croft::components {

/// Code::permission_denied unless `--allow-shell` was given.
Result<> may_run(const engine::Context& context);

struct Program {
  std::vector<std::string> command;
  std::vector<std::string> environment;  ///< NAME=value, beside PATH and HOME
  std::string input;                     ///< to its standard input
};

/// Runs it in the application's work folder until it ends; cancelled: it is ended first (TERM, then
/// KILL). Its output goes to OUTPUT_FILE.
aio::Task<Result<aio::ExitStatus>> run_program(engine::Context& context, Program program,
                                               std::string output_file);
std::string text_of(const aio::ExitStatus& status);

}  // namespace croft::components
