// ExecuteProgram, RunShellScripts, Shell and Script: programs and shells, watched while they run.
#include <fmt/format.h>

#include "base/text.h"
#include "components/shell/program.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

Result<std::vector<std::string>> strings_of(Context& context, std::string_view name) {
  std::vector<std::string> out;
  for (const auto& item : TRY(context.vector_or_empty(name))) {
    if (auto* text = item.get<std::string>())
      out.push_back(*text);
    else if (auto number = item.as_integer())
      out.push_back(fmt::format("{}", *number));
    else
      return fail(Code::type_mismatch,
                  fmt::format("{} holds a {}, strings are needed", name, item.kind_name()),
                  context.where(name));
  }
  return out;
}

std::string output_file(const Context& context) {
  std::string name = context.path();
  for (char& c : name)
    if (c == ':' || c == '/') c = '_';
  return fmt::format("{}/{}.log", context.work_folder(), name);
}

/// The commands of a RunShellScripts: `cmds`, then what is named cmd..., in order.
Result<std::string> commands_of(Context& context) {
  std::string out;
  for (const std::string& line : TRY(strings_of(context, "cmds"))) out += line + "\n";
  std::string pause;
  Duration between = TRY(context.duration_or("delayBetweenCmds", "ms", Duration{}));
  if (between > Duration{}) pause = fmt::format("sleep {}\n", between.s());
  if (context.description())
    for (const auto& attribute : context.description()->attributes())
      if (attribute.name.starts_with("cmd") && attribute.name != "cmds")
        out += TRY(context.string(attribute.name)) + "\n" + pause;
  return out + TRY(context.string_or("exitCmd", "")) + "\n";
}

class ExecuteProgram : public engine::Component {
 public:
  explicit ExecuteProgram(bool scripts) : scripts_(scripts) {}

  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(may_run(context));
    CO_TRY(program(context));
    context.publish("outputFile", model::Value(output_file(context)));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    auto status =
        CO_TRY(co_await run_program(context, CO_TRY(program(context)), output_file(context)));
    context.publish("exitCode", model::Value(static_cast<int32_t>(status.code)));
    bool good = status.code == 0 && status.signal == 0;
    if (!good && CO_TRY(context.boolean_or("terminateOnFailure", true))) {
      context.end(TerminationRecord::abnormal(
          context.path(), fmt::format("the program ended with {}", text_of(status)),
          "its output: " + output_file(context)));
      co_return Result<>{};
    }
    if (CO_TRY(context.boolean_or("shouldTerminate", true)))
      context.end(TerminationRecord::normal(context.path(), "the program has ended"));
    co_return Result<>{};
  }

 private:
  Result<Program> program(Context& context) const {
    Program out;
    out.command.push_back(TRY(context.string("shellCmd")));
    for (std::string& argument : TRY(strings_of(context, "shellArguments")))
      out.command.push_back(std::move(argument));
    out.environment = TRY(strings_of(context, "envProperties"));
    if (scripts_) out.input = TRY(commands_of(context));
    return out;
  }
  bool scripts_;
};

class Script : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(may_run(context));
    if (!context.ran_before()) CO_TRY(co_await run(context, "deployScript"));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (!context.ran_before()) CO_TRY(co_await run(context, "startScript"));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.boolean_or("autoTerminate", false)))
      context.end(TerminationRecord::normal(context.path(), "its scripts are done"));
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!context.ran_before()) co_return Result<>{};
    auto done = co_await run(context, "terminateScript");
    if (!done && done.error().code == Code::cancelled) co_return done;
    if (!done) context.event(protocol::event::message, done.error().line());
    co_return Result<>{};
  }

 private:
  static aio::Task<Result<>> run(Context& context, std::string name) {
    Program program;
    for (const std::string& line : CO_TRY(strings_of(context, name))) program.input += line + "\n";
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
  auto output = attribute("outputFile", Type::string, "where its output goes");
  output.published = true;
  auto exit_code = attribute("exitCode", Type::integer, "how it ended");
  exit_code.published = true;
  type.schema.attributes = {
      required("shellCmd", Type::string, "the program"),
      with_default("shellArguments", Type::vector, model::Vector{}, "its arguments"),
      with_default("envProperties", Type::vector, model::Vector{}, "its environment: NAME=value"),
      attribute("processName", Type::string, "for people"),
      attribute("exitCmd", Type::string, "the last command for a shell"),
      with_default("startEarly", Type::boolean, false, "kept for old descriptions"),
      with_default("shouldTerminate", Type::boolean, true, "end when the program ends"),
      with_default("terminateOnFailure", Type::boolean, true,
                   "end abnormally when the program fails"),
      time_attribute("delayBetweenCmds", "pause after each command"),
      output,
      exit_code};
  if (scripts)
    type.schema.attributes.push_back(
        attribute("cmds", Type::vector, "commands; those in attributes named cmd... follow"));
  type.make = [scripts] { return std::make_unique<ExecuteProgram>(scripts); };
  return type;
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
      list("deployScript", "commands at deploy"), list("startScript", "commands at start"),
      list("terminateScript", "commands at the end"),
      with_default("autoTerminate", Type::boolean, false, "end once they are done"),
      attribute("shell", Type::string, "the shell's program; else that of the Shell around it")};
  type.make = [] { return std::make_unique<Script>(); };
  return type;
}

}  // namespace croft::components
