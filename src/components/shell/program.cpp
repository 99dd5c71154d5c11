#include "components/shell/program.h"

#include <fmt/format.h>

#include <csignal>

#include "base/text.h"
#include "components/host/host_component.h"
#include "components/shell/marked.h"

namespace croft::components {

using engine::Context;

namespace {
constexpr std::string_view runs = "program:";  // with its mark: what is remembered while it runs
const std::vector<std::string> usual_folders = {"/usr/local/bin", "/usr/bin", "/bin"};

Result<> shell_allowed(const Context& context) {
  if (context.options().allow_shell) return {};
  return fail(
      Error(Code::permission_denied,
            fmt::format("{} wants to run a program on the controller's machine", context.path()),
            context.place())
          .hint("--allow-shell lets the components of the application do so"));
}

}  // namespace

Result<> may_run(const Context& context) {
  TRY(must_be_here(context));
  return shell_allowed(context);
}

std::string text_of(const aio::ExitStatus& status) {
  return status.signal ? fmt::format("signal {}", status.signal)
                       : fmt::format("exit code {}", status.code);
}

aio::Task<Result<>> end_leftovers(Context& context) {
  std::vector<std::string> notes;
  for (const auto& [note, text] : context.record().memory)
    if (note.starts_with(runs)) notes.push_back(note);
  for (const std::string& note : notes) {
    CO_TRY(co_await end_marked(context.world(), note.substr(runs.size())));
    context.forget(note);
  }
  co_return Result<>{};
}

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
  if (!path) options.environment.push_back("PATH=" + join(usual_folders, ":"));
  options.environment.push_back("HOME=" + folder);
  options.directory = folder;
  options.output_file = std::move(output_file);
  options.pipe_input = true;
  options.new_session = true;
  std::string mark = context.world().random.hex_id(16);
  options.environment.push_back(mark_entry(mark));
  context.remember(std::string(runs) + mark, "yes");
  CO_TRY(co_await context.make_durable());
  auto child = CO_TRY(context.world().processes.start(std::move(options)));
  if (!program.input.empty()) {
    auto written = co_await child->write(std::move(program.input));
    static_cast<void>(written);  // one that does not read its input may still do its work
  }
  child->close_input();
  auto status = co_await child->wait();
  bool cut_off = !status && status.error().code == Code::cancelled;
  // What does not go is tried again at the component's end.
  bool gone = !cut_off || co_await aio::shield(end_marked(context.world(), mark));
  if (gone) context.forget(std::string(runs) + mark);
  co_return status;
}

aio::Task<Result<Secret>> secret_of_command(Context& context, std::string command, Where where) {
  constexpr size_t most = 64 << 10;
  CO_TRY(shell_allowed(context));
  aio::ProcessOptions options;
  options.command = {"/bin/sh", "-c", std::move(command)};
  options.environment = {"PATH=" + join(usual_folders, ":")};
  options.directory = "/";
  options.pipe_output = options.new_session = true;
  auto child = CO_TRY(context.world().processes.start(std::move(options)));
  std::string text;
  std::vector<char> piece(4096);
  for (;;) {
    auto read = co_await child->read(piece);
    if (read && *read > 0) text.append(piece.data(), *read);
    if (read && *read > 0 && text.size() <= most) continue;
    if (!read || text.size() > most) static_cast<void>(child->kill(SIGKILL));
    if (!read) co_return fail(std::move(read).error());
    break;
  }
  auto status = CO_TRY(co_await child->wait());
  if (text.size() > most)
    co_return fail(Code::resource_exhausted, "the command writes more than a secret may have",
                   where);
  if (status.code != 0 || status.signal != 0)
    co_return fail(Code::conflict,
                   fmt::format("the command that gives the secret ended with {}", text_of(status)),
                   where);
  if (text.ends_with('\n')) text.pop_back();
  co_return Secret(std::move(text));
}

std::string output_file(const Context& context) {
  std::string name = context.path();
  for (char& c : name)
    if (c == ':' || c == '/') c = '_';
  return fmt::format("{}/{}.log", context.work_folder(), name);
}

Result<std::vector<std::string>> strings_of_list(const Context& context, std::string_view name) {
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

aio::Task<Result<>> must_exist(Context& context, std::string program, Where where) {
  if (program.find('/') != std::string::npos) {
    if (auto info = co_await context.world().disk.info(program); info && !info->is_directory)
      co_return Result<>{};
  } else {
    for (const std::string& folder : usual_folders)
      if (auto info = co_await context.world().disk.info(folder + "/" + program);
          info && !info->is_directory)
        co_return Result<>{};
  }
  co_return fail(Error(Code::not_found,
                       fmt::format("there is no program '{}' on the controller's machine", program),
                       std::move(where))
                     .hint("looked for in " + join(usual_folders, ", ")));
}

aio::Task<Result<>> ProgramRunner::deploy(Context& context) {
  CO_TRY(may_run(context));
  CO_TRY(co_await program(context));
  context.publish("outputFile", model::Value(output_file(context)));
  co_return Result<>{};
}

aio::Task<Result<>> ProgramRunner::work(Context& context) {
  CO_TRY(co_await end_leftovers(context));
  auto status = CO_TRY(
      co_await run_program(context, CO_TRY(co_await program(context)), output_file(context)));
  context.publish("exitCode", model::Value(static_cast<int32_t>(status.code)));
  bool good = status.code == 0 && status.signal == 0;
  if (!good && CO_TRY(context.boolean_or("terminateOnFailure", true))) {
    context.end(model::TerminationRecord::abnormal(
        context.path(), fmt::format("the program ended with {}", text_of(status)),
        "its output: " + output_file(context)));
    co_return Result<>{};
  }
  co_return context.done_as(
      CO_TRY(context.boolean_or("shouldTerminate", true)),
      model::TerminationRecord::normal(context.path(), "the program has ended"));
}

aio::Task<Result<>> ProgramRunner::terminate(Context& context, const model::TerminationRecord&) {
  co_return co_await end_leftovers(context);
}

std::vector<model::AttributeSchema> program_attributes(bool ends) {
  using model::Type;
  auto output = attribute("outputFile", Type::string, "where its output goes");
  auto exit_code = attribute("exitCode", Type::integer, "how it ended");
  output.published = exit_code.published = true;
  return {
      with_default("envProperties", Type::vector, model::Vector{}, "its environment: NAME=value"),
      attribute("processName", Type::string, "for people"),
      with_default("startEarly", Type::boolean, false, "kept for old descriptions"),
      with_default("shouldTerminate", Type::boolean, ends, "end when the program ends"),
      with_default("terminateOnFailure", Type::boolean, true,
                   "end abnormally when the program fails"),
      output,
      exit_code};
}

}  // namespace croft::components
