// NodeDeploymentOverSSHFactory: descriptions onto the machines of a farm, over ssh; there a program
// (croft) brings them up.
#include <fmt/format.h>

#include "base/text.h"
#include "components/bounds.h"
#include "components/cloudfarmer/farmer.h"
#include "components/filesystem/work_folder.h"
#include "components/ssh/session.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

/// What stands in commands for a shell must be plain words.
Result<std::string> plain(const Context& own, const char* attribute, std::string text) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/";
  if (!text.empty() && text.find_first_not_of(letters) == std::string::npos &&
      !text.starts_with('-'))
    return text;
  return fail(Code::invalid_argument,
              fmt::format("{} is '{}': letters, digits, _ . - and / are expected", attribute,
                          printable(text)),
              own.where(attribute));
}

class NodeDeploymentOverSsh : public NodeDeployment {
 public:
  aio::Task<Result<>> deploy(Context& own) override {
    CO_TRY(program(own));
    CO_TRY(may_run(own));
    for (const char* name : {"ssh", "scp"}) {
      std::string attribute = std::string(name) + "Program";
      CO_TRY(
          co_await must_exist(own, CO_TRY(own.string_or(attribute, name)), own.where(attribute)));
    }
    co_return Result<>{};
  }
  bool puts() const override { return true; }

  aio::Task<Result<>> put(Context& own, std::string host, std::string name,
                          std::string text) override {
    CO_TRY(plain(own, "host", name));
    CO_TRY(co_await wait_for_port(own, host));
    std::string file = CO_TRY(remote_file(own, name));
    CO_TRY(co_await send(own, host, file, std::move(text)));
    std::string tool = CO_TRY(program(own));
    CO_TRY(co_await locate(own, host, tool));
    CO_TRY(co_await command(own, host, fmt::format("{} up {} --name {}", tool, file, name)));
    if (!CO_TRY(own.boolean_or("keepFiles", false)))
      CO_TRY(co_await command(own, host, "rm -f " + file));
    co_return Result<>{};
  }
  aio::Task<Result<>> take_back(Context& own, std::string host, std::string name) override {
    CO_TRY(plain(own, "host", name));
    co_return co_await command(own, host, fmt::format("{} down {}", CO_TRY(program(own)), name));
  }

 private:
  static Result<std::string> program(Context& own) {
    return plain(own, "program", TRY(own.string_or("program", "croft")));
  }
  static Result<std::string> remote_file(Context& own, const std::string& name) {
    std::string folder = TRY(plain(own, "destDir", TRY(own.string_or("destDir", "/tmp"))));
    std::string prefix = TRY(own.string_or("tempfilePrefix", "sf_over_ssh_"));
    return fmt::format("{}/{}{}.sf", folder, TRY(plain(own, "tempfilePrefix", prefix)), name);
  }
  static Result<SshLogin> login(Context& own, const std::string& host) {
    SshLogin out = TRY(ssh_login_at(own, host));
    return out;
  }

  /// A machine that starts may not listen yet.
  static aio::Task<Result<>> wait_for_port(Context& own, std::string host) {
    SshLogin there = CO_TRY(login(own, host));
    auto limit = CO_TRY(own.duration_or("portConnectTimeout", "ms", Duration::seconds(60)));
    constexpr Duration pause = Duration::seconds(1), patience = Duration::seconds(5);
    aio::World& world = own.world();
    Moment give_up = world.clock.now() + limit;
    for (;;) {
      auto found = co_await world.net.resolve(host);
      Result<> open = found && !found->empty() ? Result<>{} : fail(Code::not_found, "no address");
      if (open) {
        aio::Address to{found->front(), static_cast<uint16_t>(there.port), ""};
        auto stream =
            co_await aio::deadline(world.clock, patience, world.net.connect(to), "connecting");
        if (stream) co_return Result<>{};
        open = fail(std::move(stream).error());
      }
      if (open.error().code == Code::cancelled) co_return open;
      if (world.clock.now() >= give_up)
        co_return fail(Code::unavailable, fmt::format("{}:{} does not answer: {}", host, there.port,
                                                      open.error().what));
      CO_TRY(co_await world.clock.sleep(pause));
    }
  }
  static aio::Task<Result<>> send(Context& own, std::string host, std::string file,
                                  std::string text) {
    std::string local =
        fmt::format("{}/{}-{}", own.work_folder(), host, file.substr(file.rfind('/') + 1));
    auto& disk = own.world().disk;
    CO_TRY(co_await disk.make_dirs(own.work_folder()));
    CO_TRY(co_await disk.write_file(local, std::move(text), 0600));
    SshLogin there = CO_TRY(login(own, host));
    SshCommand copy{"scp", {"-q"}, {local, fmt::format("{}:{}", there.target(), file)}, ""};
    auto status = co_await run_ssh_at(own, there, std::move(copy));
    if (!CO_TRY(own.boolean_or("keepFiles", false)))
      CO_TRY(co_await remove_if_there(own, Removal::file, local));
    if (!status) co_return fail(std::move(status).error());
    if (status->code == 0 && status->signal == 0) co_return Result<>{};
    co_return fail(Code::unavailable, fmt::format("the description cannot be copied to {}: scp "
                                                  "ended with {}",
                                                  host, text_of(*status)));
  }
  static aio::Task<Result<aio::ExitStatus>> shell(Context& own, std::string host,
                                                  std::string line) {
    SshLogin there = CO_TRY(login(own, host));
    SshCommand run{"ssh", {"-T"}, {there.target(), "/bin/sh -s"}, line + "\n"};
    co_return co_await run_ssh_at(own, there, std::move(run));
  }
  static aio::Task<Result<>> command(Context& own, std::string host, std::string line) {
    auto status = CO_TRY(co_await shell(own, host, line));
    if (status.code == 0 && status.signal == 0) co_return Result<>{};
    co_return fail(Code::conflict, fmt::format("'{}' ended with {} at {}; its output: {}", line,
                                               text_of(status), host, output_file(own)));
  }
  /// A machine that is still being set up gets its program later.
  static aio::Task<Result<>> locate(Context& own, std::string host, std::string tool) {
    int64_t attempts = CO_TRY(own.integer_or("startupLocateAttempts", 20));
    auto pause = CO_TRY(own.duration_or("startupSleepTime", "ms", Duration::seconds(5)));
    for (int64_t i = 0;; ++i) {
      auto status = CO_TRY(co_await shell(own, host, "command -v " + tool));
      if (status.code == 0 && status.signal == 0) co_return Result<>{};
      if (i + 1 >= attempts)
        co_return fail(Error(Code::not_found, fmt::format("{} has no program '{}'", host, tool))
                           .hint("looked for " + fmt::format("{} times", attempts)));
      CO_TRY(co_await own.world().clock.sleep(pause));
    }
  }
};

}  // namespace

engine::ComponentType node_deployment_over_ssh_type() {
  auto type = ssh_type(
      "NodeDeploymentOverSSHFactory",
      "Copies the description to each machine over ssh, and has `program` bring it up there.",
      {with_default("program", Type::string, "croft", "there: `up FILE --name NAME`, `down NAME`"),
       with_default("destDir", Type::string, "/tmp", "the folder there for descriptions"),
       with_default("tempfilePrefix", Type::string, "sf_over_ssh_", "how their names begin"),
       with_default("keepFiles", Type::boolean, false, "leave them there"),
       time_attribute("portConnectTimeout", 60000, "a machine may take so long to listen"),
       at_least(1, with_default("startupLocateAttempts", Type::integer, int32_t{20},
                                "how often the program is looked for")),
       time_attribute("startupSleepTime", 5000, "between two looks"),
       attribute("startupPingAttempts", Type::integer, "kept for old descriptions"),
       attribute("startupPingSleepTime", Type::any, "kept for old descriptions"),
       attribute("sleepTime", Type::any, "kept for old descriptions"),
       attribute("logLevel", Type::any, "kept for old descriptions")},
      [] { return std::make_unique<NodeDeploymentOverSsh>(); });
  type.schema.sf_class = "croft.NodeDeploymentOverSSH";
  type.works = false;
  for (auto& each : type.schema.attributes) {
    if (each.name == "host") each.required = false;
    if (each.name == "timeout") each.fallback = model::Value(int32_t{120000});
  }
  return type;
}

}  // namespace croft::components
