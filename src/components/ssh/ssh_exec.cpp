// SSHExec: commands at another machine, one after another.
#include <fmt/format.h>

#include "components/bounds.h"
#include "components/ssh/session.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr int ssh_failed = 255;  // the exit code of ssh where the login itself failed

class SshExec : public SshSteps {
 protected:
  aio::Task<Result<size_t>> count(Context& context) override {
    int64_t least = CO_TRY(context.integer_or("exitCodeMin", 0));
    int64_t most = CO_TRY(context.integer_or("exitCodeMax", 0));
    if (least > most)
      co_return fail(Code::invalid_argument,
                     fmt::format("{} to {} is no range of exit codes", least, most),
                     context.where("exitCodeMin"));
    co_return CO_TRY(strings_of_list(context, "commands")).size();
  }
  aio::Task<Result<>> step(Context& context, size_t number) override {
    SshLogin login = CO_TRY(ssh_login(context));
    auto commands = CO_TRY(strings_of_list(context, "commands"));
    if (number >= commands.size())
      co_return fail(Code::conflict, "the commands have changed", context.where("commands"));
    SshCommand command;
    command.program = "ssh";
    command.options = {"-T"};
    // The command itself goes in by its input: command lines are read by everybody.
    command.operands = {login.target(), "/bin/sh -s"};
    command.input = commands[number] + "\n";
    auto status = CO_TRY(co_await run_ssh(context, std::move(command)));
    context.publish("exitCode", model::Value(static_cast<int32_t>(status.code)));
    int64_t least = CO_TRY(context.integer_or("exitCodeMin", 0));
    int64_t most = CO_TRY(context.integer_or("exitCodeMax", 0));
    if (status.signal == 0 && status.code >= least && status.code <= most) co_return Result<>{};
    if (status.code == ssh_failed)
      co_return fail(Code::unavailable,
                     fmt::format("ssh cannot log in at {}:{}", login.target(), login.port));
    co_return fail(Code::conflict, fmt::format("command {} of {} ended with {} at {}", number + 1,
                                               commands.size(), text_of(status), login.host));
  }
  std::string done_text(size_t count) const override { return fmt::format("{} commands", count); }
};

}  // namespace

engine::ComponentType ssh_exec_type() {
  auto code = attribute("exitCode", Type::integer, "of the last command");
  code.published = true;
  auto type = ssh_type(
      "SSHExec", "Runs `commands` at another machine, one after another.",
      {with_default("commands", Type::vector, model::Vector{}, "for its shell"),
       between(
           0, 255,
           with_default("exitCodeMin", Type::integer, int32_t{0}, "least exit code that is good")),
       between(0, 255,
               with_default("exitCodeMax", Type::integer, int32_t{0}, "greatest one that is")),
       attribute("logFile", Type::any, "kept for old descriptions: see outputFile"), code},
      [] { return std::make_unique<SshExec>(); });
  type.aliases = {"org.smartfrog.services.ssh.SSHExecImpl"};
  return type;
}

}  // namespace croft::components
