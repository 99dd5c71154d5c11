#include "components/shell/program.h"

#include <fmt/format.h>

#include <csignal>

#include "base/text.h"

namespace croft::components {

using engine::Context;

namespace {
constexpr Duration grace = Duration::seconds(5);
}

Result<> may_run(const Context& context) {
  if (context.options().allow_shell) return {};
  return fail(
      Error(Code::permission_denied,
            fmt::format("{} wants to run a program on the controller's machine", context.path()),
            context.where("sfClass"))
          .hint("--allow-shell lets the components of the application do so"));
}

std::string text_of(const aio::ExitStatus& status) {
  return status.signal ? fmt::format("signal {}", status.signal)
                       : fmt::format("exit code {}", status.code);
}

namespace {

aio::Task<Result<>> kill_later(Context& context, aio::Child& child) {
  CO_TRY(co_await context.world().clock.sleep(grace));
  co_return child.kill(SIGKILL);
}

aio::Task<Result<>> wait_deaf(aio::Child& child) {
  auto ended = co_await aio::shield(child.wait());
  if (!ended) co_return fail(std::move(ended).error());
  co_return Result<>{};
}

/// TERM, then KILL after a while; until it is gone.
aio::Task<Result<>> end_program(Context& context, aio::Child& child) {
  auto asked = child.kill(SIGTERM);
  if (!asked) co_return Result<>{};  // it is gone already
  auto first = co_await aio::race(wait_deaf(child), kill_later(context, child));
  co_return first.index() == 0 ? std::get<0>(first) : Result<>{};
}

}  // namespace

aio::Task<Result<aio::ExitStatus>> run_program(Context& context, Program program,
                                               std::string output_file) {
  CO_TRY(may_run(context));
  std::string folder = context.work_folder();
  CO_TRY(co_await context.world().disk.make_dirs(folder));
  aio::ProcessOptions options;
  options.command = std::move(program.command);
  options.environment = std::move(program.environment);
  bool path = false;
  for (const auto& entry : options.environment) path |= entry.starts_with("PATH=");
  if (!path) options.environment.push_back("PATH=/usr/local/bin:/usr/bin:/bin");
  options.environment.push_back("HOME=" + folder);
  options.directory = folder;
  options.output_file = std::move(output_file);
  options.pipe_input = true;
  options.new_session = true;
  auto child = CO_TRY(context.world().processes.start(std::move(options)));
  if (!program.input.empty()) {
    auto written = co_await child->write(std::move(program.input));
    static_cast<void>(written);  // one that does not read its input may still do its work
  }
  child->close_input();
  auto status = co_await child->wait();
  if (status || status.error().code != Code::cancelled) co_return status;
  auto ended = co_await aio::shield(end_program(context, *child));
  static_cast<void>(ended);
  co_return status;
}

}  // namespace croft::components
