// Programs on the controller's machine, where the operator allows them. Loop thread only.
#pragma once
#include <string>
#include <vector>

#include "components/registry.h"
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
/// KILL), with all that it started. Its output goes to OUTPUT_FILE. That it runs is durable before
/// it does, so that end_leftovers() of another process finds it.
aio::Task<Result<aio::ExitStatus>> run_program(engine::Context& context, Program program,
                                               std::string output_file);
/// What a command for sh writes, without the line break at its end. Up to 64 KiB; --allow-shell.
aio::Task<Result<Secret>> secret_of_command(engine::Context& context, std::string command,
                                            Where where);
/// Ends what programs of the component, started by a process that died, have left running. Not
/// while one of its programs runs.
aio::Task<Result<>> end_leftovers(engine::Context& context);
std::string text_of(const aio::ExitStatus& status);
/// Where the output of the component's programs goes: a file of the work folder.
std::string output_file(const engine::Context& context);
/// The strings of a vector; integers become their digits.
Result<std::vector<std::string>> strings_of_list(const engine::Context& context,
                                                 std::string_view name);
/// Code::not_found, at `where`, for a program that no folder of the usual PATH has.
aio::Task<Result<>> must_exist(engine::Context& context, std::string program, Where where);

/// A component that runs one program, and ends with it as it is told to.
class ProgramRunner : public engine::Component {
 public:
  aio::Task<Result<>> deploy(engine::Context& context) override;
  aio::Task<Result<>> work(engine::Context& context) override;
  aio::Task<Result<>> terminate(engine::Context& context,
                                const model::TerminationRecord& record) override;
  bool must_end(const engine::Context&) const override { return true; }

 protected:
  virtual aio::Task<Result<Program>> program(engine::Context& context) const = 0;
};
/// The attributes of all of them; `ends`: the default of shouldTerminate.
std::vector<model::AttributeSchema> program_attributes(bool ends);

}  // namespace croft::components
