// Programs on hosts: what the old types of programs do there, and what those that run once share.
#pragma once
#include <functional>
#include <memory>

#include "components/host/fields.h"
#include "components/shell/program.h"
#include "model/host_work.h"

namespace croft::components {

/// user, group, directory, environment, within and creates, as with_program() has them.
Result<model::RunWork> run_of(const Fields& fields);

/// What a Script is where it is placed on a host.
std::unique_ptr<engine::Component> script_on_host();
using ProgramOf = std::function<Result<Program>(engine::Context&)>;
/// What ExecuteProgram and RunShellScripts are there.
std::unique_ptr<engine::Component> program_on_host(ProgramOf program);

}  // namespace croft::components
