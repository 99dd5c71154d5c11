// ExecuteProgram, RunShellScripts, Shell and Script: programs and shells, watched while they run.
#include <fmt/format.h>

#include "base/text.h"
#include "components/host/host_component.h"
#include "components/host/programs.h"
#include "components/shell/program.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// The commands of a RunShellScripts: `cmds`, then what is named cmd..., in order.
Result<std::string> commands_of(Context& context) {
  std::string out;
  for (const std::string& line : TRY(strings_of_list(context, "cmds"))) out += line + "\n";
  std::string pause;
  Duration between = TRY(context.duration_or("delayBetweenCmds", "ms", Duration{}));
  if (between > Duration{}) pause = fmt::format("sleep {}\n", between.s());
  if (context.description())
    for (const auto& attribute : context.description()->attributes())
      if (attribute.name.starts_with("cmd") && attribute.name != "cmds")
        out += TRY(context.string(attribute.name)) + "\n" + pause;
  return out + TRY(context.string_or("exitCmd", "")) + "\n";
}

Result<Program> described_program(Context& context, bool scripts) {
  Program out;
  out.command.push_back(TRY(context.string("shellCmd")));
  for (std::string& argument : TRY(strings_of_list(context, "shellArguments")))
    out.command.push_back(std::move(argument));
  out.environment = TRY(strings_of_list(context, "envProperties"));
  if (scripts) out.input = TRY(commands_of(context));
  return out;
}

class ExecuteProgram : public ProgramRunner {
 public:
  explicit ExecuteProgram(bool scripts) : scripts_(scripts) {}

 protected:
  aio::Task<Result<Program>> program(Context& context) const override {
    co_return described_program(context, scripts_);
  }

 private:
  bool scripts_;
};

class Script : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(may_run(context));
    for (const char* name : {"environment", "user", "group", "directory", "secrets", "creates"})
      if (CO_TRY(context.value_if(name)))
        co_return fail(Error(Code::unsupported, fmt::format("{} is for a Script on a host", name),
                             context.where(name))
                           .hint("sfProcessHost LAZY PARENT:web names the host"));
    CO_TRY(co_await end_leftovers(context));
    if (!context.ran_before()) CO_TRY(co_await run(context, "deployScript"));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (!context.ran_before()) CO_TRY(co_await run(context, "startScript"));
    if (!context.ran_before()) CO_TRY(co_await run(context, "script"));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done_as(CO_TRY(context.boolean_or("autoTerminate", false)),
                              TerminationRecord::normal(context.path(), "its scripts are done"));
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    CO_TRY(co_await end_leftovers(context));
    if (!context.ran_before()) co_return Result<>{};
    auto done = co_await run(context, "terminateScript");
    if (!done && done.error().code == Code::cancelled) co_return done;
    if (!done) context.event(protocol::event::message, done.error().line());
    co_return Result<>{};
  }
  bool must_end(const Context&) const override { return true; }

 private:
  static aio::Task<Result<>> run(Context& context, std::string name) {
    Program program;
    program.input = CO_TRY(Fields(context).lines(name));
    if (program.input.empty()) co_return Result<>{};
    std::string shell = "/bin/sh";
    for (const auto* at = context.description().get(); at; at = at->parent())
      if (auto named = at->string("shell")) {
        shell = *named;
        break;
      }
    program.command = {shell, "-e"};
    auto status = CO_TRY(co_await run_program(context, std::move(program), output_file(context)));
    if (status.code == 0 && status.signal == 0) co_return Result<>{};
    co_return fail(Error(Code::conflict, fmt::format("{} ended with {}", name, text_of(status)),
                         context.where(name))
                       .hint("its output: " + output_file(context)));
  }
};

engine::ComponentType program_type(std::string name, std::string doc, bool scripts) {
  engine::ComponentType type;
  type.works = true;
  type.schema.sf_class = "croft." + name;
  type.schema.type = std::move(name);
  type.schema.base = "croft.Prim";
  type.schema.doc = std::move(doc);
  type.schema.attributes = program_attributes(true);
  for (auto& each : {required("shellCmd", Type::string, "the program"),
                     with_default("shellArguments", Type::vector, model::Vector{}, "its arguments"),
                     attribute("exitCmd", Type::string, "the last command for a shell"),
                     time_attribute("delayBetweenCmds", "pause after each command")})
    type.schema.attributes.push_back(each);
  if (scripts)
    type.schema.attributes.push_back(
        attribute("cmds", Type::vector, "commands; those in attributes named cmd... follow"));
  type.make = [scripts] { return std::make_unique<ExecuteProgram>(scripts); };
  return on_hosts_too(std::move(type), [scripts] {
    return program_on_host(
        [scripts](Context& context) { return described_program(context, scripts); });
  });
}

}  // namespace

engine::ComponentType execute_program_type() {
  return program_type("ExecuteProgram", "Runs a program, watched while it runs.", false);
}
engine::ComponentType run_shell_scripts_type() {
  return program_type("RunShellScripts", "Feeds commands to one shell.", true);
}
engine::ComponentType shell_type() {
  engine::ComponentType type;
  type.compound = true;
  type.schema.sf_class = "croft.Shell";
  type.schema.type = "Shell";
  type.schema.base = "croft.Compound";
  type.schema.container = true;
  type.schema.doc = "The shell of the scripts in it.";
  type.schema.attributes = {with_default("shell", Type::string, "/bin/sh", "the shell's program")};
  type.make = [] { return std::make_unique<engine::Component>(); };
  return type;
}
engine::ComponentType script_type() {
  engine::ComponentType type;
  type.works = true;
  type.schema.sf_class = "croft.Script";
  type.schema.type = "Script";
  type.schema.base = "croft.Prim";
  type.schema.doc = "Commands of a shell for each step of its life.";
  auto list = [](const char* name, const char* doc) {
    return with_default(name, Type::vector, model::Vector{}, doc);
  };
  type.schema.attributes = {
      list("deployScript", "commands at deploy"),
      list("startScript", "commands at start"),
      list("terminateScript", "commands at the end"),
      with_default("autoTerminate", Type::boolean, false, "end once they are done"),
      attribute("script", Type::any, "commands at start, after startScript: a text or lines"),
      attribute("shell", Type::string, "the shell's program; else that of the Shell around it"),
      seconds("within", "5min", "on a host: it has to end within this time"),
      attribute("creates", Type::string, "on a host: it is not run where this path is there")};
  type.schema.attributes = with_program(std::move(type.schema.attributes));
  type.make = [] { return std::make_unique<Script>(); };
  return on_hosts_too(std::move(type), script_on_host);
}

}  // namespace croft::components
