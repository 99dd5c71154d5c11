// What Script, ExecuteProgram and RunShellScripts do on a host.
#include "components/host/programs.h"

#include <fmt/format.h>

#include "components/host/host_component.h"
#include "components/host/secrets.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::ProcessWork;
using model::RunWork;
using model::TerminationRecord;
using model::WorkState;

namespace {

std::string shell_of(const Context& context) {
  for (const auto* at = context.description().get(); at; at = at->parent())
    if (auto named = at->string("shell")) return *named;
  return "/bin/sh";
}

/// Runs once to its end at start; its end script when it goes.
class Script : public HostComponent {
 public:
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(context.boolean_or("autoTerminate", false)))
      CO_TRY(
          context.done_as(true, TerminationRecord::normal(context.path(), "its scripts are done")));
    co_return co_await HostComponent::work(context);
  }

 protected:
  Result<What> describe(Context& context) override {
    Fields fields(context);
    RunWork out = TRY(run_of(fields));
    std::string shell = shell_of(context);
    out.command = {shell, "-e"};
    for (const char* name : {"deployScript", "startScript", "script"})
      out.input += TRY(fields.lines(name));
    if (out.input.empty()) out.input = ":\n";
    std::string last = TRY(fields.lines("terminateScript"));
    if (!last.empty()) out.undo = {shell, "-e", "-c", last};
    return What(std::move(out));
  }
  aio::Task<Result<>> complete(Context& context, What& what) override {
    std::get<RunWork>(what).secrets = CO_TRY(co_await secret_files(context, "secrets"));
    co_return Result<>{};
  }
};

/// A program that is watched, and not started again.
class Watched : public HostComponent {
 public:
  explicit Watched(ProgramOf program) : program_(std::move(program)) {}

 protected:
  Result<What> describe(Context& context) override {
    TRY(no_secrets_but_in(context, {}));
    auto program = TRY(program_(context));
    ProcessWork out;
    out.command = std::move(program.command);
    if (!program.input.empty()) {
      std::vector<std::string> fed = {
          "/bin/sh", "-c", "text=$1; shift; printf %s \"$text\" | \"$@\"", "sh", program.input};
      fed.insert(fed.end(), out.command.begin(), out.command.end());
      out.command = std::move(fed);
    }
    for (const std::string& entry : program.environment) {
      size_t split = entry.find('=');
      if (split == std::string::npos)
        return fail(Code::invalid_argument, fmt::format("'{}' is not NAME=value", entry),
                    context.where("envProperties"));
      out.environment[entry.substr(0, split)] = entry.substr(split + 1);
    }
    out.restart = ProcessWork::Restart::never;
    return What(std::move(out));
  }
  Result<std::optional<TerminationRecord>> end_of(Context& context, const Host& host,
                                                  const WorkState& state) override {
    if (state.phase == model::WorkState::Phase::failing)
      return HostComponent::end_of(context, host, state);
    int code = state.exit_code.value_or(0);
    if (!context.record().published.contains("exitCode"))
      context.publish("exitCode", model::Value(static_cast<int32_t>(code)));
    bool good = code == 0 && !state.exit_signal;
    if (!good && TRY(context.boolean_or("terminateOnFailure", true)))
      return std::optional(
          TerminationRecord::abnormal(context.path(), "the program has failed", told(state, host)));
    if (TRY(context.boolean_or("shouldTerminate", true)))
      return std::optional(TerminationRecord::normal(context.path(), "the program has ended"));
    return std::optional<TerminationRecord>{};
  }

 private:
  ProgramOf program_;
};

}  // namespace

Result<RunWork> run_of(const Fields& fields) {
  TRY(no_secrets_but_in(fields.context(), {"secrets"}));
  TRY(secret_names(fields.context(), "secrets"));
  RunWork out;
  out.environment = TRY(fields.texts("environment"));
  out.user = TRY(fields.string("user"));
  out.group = TRY(fields.string("group"));
  out.directory = TRY(fields.string("directory"));
  out.within = TRY(fields.duration("within", out.within));
  out.creates = TRY(fields.string("creates"));
  return out;
}

std::unique_ptr<engine::Component> script_on_host() {
  return std::make_unique<Script>();
}
std::unique_ptr<engine::Component> program_on_host(ProgramOf program) {
  return std::make_unique<Watched>(std::move(program));
}

}  // namespace croft::components
