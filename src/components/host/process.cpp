// Process: a program that is kept running on a host.
#include <fmt/format.h>

#include <cmath>

#include "base/digest.h"
#include "base/signals.h"
#include "components/bounds.h"
#include "components/host/host_component.h"
#include "components/host/probes.h"
#include "components/host/secrets.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::ProcessWork;
using model::Type;
using model::WorkState;

namespace {

constexpr const char* uses_variable = "CROFT_USES";
constexpr const char* signalled_note = "signalled";

Result<model::ProcessLimits> limits_of(const Fields& process) {
  model::ProcessLimits out;
  auto part = TRY(process.part("limits"));
  if (!part) return out;
  Fields fields(process.context(), part);
  TRY(fields.only({"memory", "cpu", "processes", "files", "core"}));
  out.memory = TRY(fields.bytes("memory", {}));
  if (auto cores = TRY(fields.find("cpu"))) {
    auto number = cores->as_number();
    if (!number || *number < 0.001 || *number > 1024)
      return fail(Code::invalid_argument, "cpu is a number of cores such as 0.5",
                  fields.where("cpu"));
    out.cpu_permille = static_cast<int>(std::lround(*number * 1000));
  }
  out.processes = static_cast<int>(TRY(fields.integer("processes", 0, 0, 1 << 22)));
  out.files = static_cast<int>(TRY(fields.integer("files", 0, 0, 1 << 24)));
  out.core = TRY(fields.bytes("core", {}));
  return out;
}

Result<ProcessWork::Restart> restart_of(const Fields& fields) {
  std::string word = TRY(fields.string("restart", "ALWAYS"));
  if (word == "ALWAYS") return ProcessWork::Restart::always;
  if (word == "ON_FAILURE") return ProcessWork::Restart::on_failure;
  if (word == "NEVER") return ProcessWork::Restart::never;
  return fail(Code::invalid_argument,
              fmt::format("restart is '{}'; it is ALWAYS, ON_FAILURE or NEVER", word),
              fields.where("restart"));
}

Result<std::string> signal_in(const Fields& fields, std::string_view name,
                              std::string_view fallback) {
  std::string word = TRY(fields.string(name, fallback));
  auto number = signal_number(word);
  if (number) return word;
  Error error = std::move(number).error();
  error.where = fields.where(name);
  return fail(std::move(error));
}

/// As systemd's RuntimeDirectory.
Result<std::string> runtime_directory_of(const Fields& fields) {
  std::string name = TRY(fields.string("runtimeDirectory"));
  if (name.find('/') == std::string::npos && !name.starts_with('.') && !name.starts_with("croft"))
    return name;
  return fail(
      Error(Code::invalid_argument,
            fmt::format("runtimeDirectory is '{}'; it is one name in /run, none of croft's", name),
            fields.where("runtimeDirectory"))
          .hint("write runtimeDirectory \"shop\" for /run/shop"));
}

Result<> fill_metrics(const Fields& fields, ProcessWork& out) {
  out.metrics = TRY(probe_in(fields, "metrics"));
  if (!out.metrics) return {};
  if (out.metrics->kind != model::Probe::Kind::http &&
      out.metrics->kind != model::Probe::Kind::file)
    return fail(
        Error(Code::unsupported, "metrics are read from a page or a file", fields.where("metrics"))
            .hint("write `metrics extends HttpProbe { port 9100; page \"/metrics\"; }`, or "
                  "FileProbe { filename ...; }"));
  auto part = TRY(fields.part("metrics"));
  Fields inner(fields.context(), part);
  out.metrics->period = TRY(inner.duration("period", Duration::seconds(10)));
  out.metric_names = TRY(inner.strings("names"));
  return {};
}

Result<> fill_restart(const Fields& fields, ProcessWork& out) {
  out.restart = TRY(restart_of(fields));
  out.backoff = TRY(fields.duration("backoff", out.backoff));
  out.backoff_most = TRY(fields.duration("backoffMax", out.backoff_most));
  if (out.backoff_most < out.backoff)
    return fail(Code::invalid_argument, "backoffMax is less than backoff",
                fields.where("backoffMax"));
  out.crash_loop = static_cast<int>(TRY(fields.integer("crashLoop", out.crash_loop, 1, 1000)));
  out.stop_signal = TRY(signal_in(fields, "stopSignal", out.stop_signal));
  out.stop_within = TRY(fields.duration("stopWithin", out.stop_within));
  return {};
}

Result<> fill_probes(const Fields& fields, ProcessWork& out) {
  out.ready = TRY(probe_in(fields, "ready"));
  out.ready_within = TRY(fields.duration("readyWithin", out.ready_within));
  out.alive = TRY(probe_in(fields, "alive"));
  if (!out.alive) return {};
  if (out.alive->kind != model::Probe::Kind::log && out.alive->kind != model::Probe::Kind::notify)
    return {};
  return fail(Error(Code::unsupported, "a LogProbe or NotifyProbe cannot say that it is alive",
                    fields.where("alive"))
                  .hint("HttpProbe, TcpProbe, FileProbe and CommandProbe can be asked again"));
}

/// Of what it uses, as the hosts tell it: another one where a file has another content.
Result<std::string> used(const Fields& fields) {
  std::string all;
  const auto* attribute = fields.component() ? fields.component()->find("uses") : nullptr;
  if (!attribute) return all;
  auto found = TRY(fields.find("uses"));
  const auto* list = found ? found->get<model::Vector>() : nullptr;
  for (const auto& item : list ? *list : model::Vector{}) {
    auto component = item.as_component();
    if (!component)
      return fail(
          Error(Code::type_mismatch,
                fmt::format("uses holds a {}, links to components are needed", item.kind_name()),
                fields.where("uses"))
              .hint("write uses [LAZY config]"));
    all += component->string("digest").value_or("") + ";";
  }
  return all.empty() ? all : sha256_hex(all).substr(0, 32);
}

class Process : public HostComponent {
 protected:
  Result<What> describe(Context& context) override {
    TRY(no_secrets_but_in(context, {"secrets"}));
    Fields fields(context);
    ProcessWork out;
    out.command = TRY(fields.command("command"));
    out.environment = TRY(fields.texts("environment"));
    out.user = TRY(fields.string("user"));
    out.group = TRY(fields.string("group"));
    out.directory = TRY(fields.string("directory"));
    out.runtime_directory = TRY(runtime_directory_of(fields));
    out.limits = TRY(limits_of(fields));
    TRY(fill_probes(fields, out));
    TRY(fill_metrics(fields, out));
    TRY(fill_restart(fields, out));
    TRY(signal_in(fields, "reloadSignal", "HUP"));
    out.log_most = TRY(fields.bytes("logMax", out.log_most));
    out.log_files = static_cast<int>(TRY(fields.integer("logFiles", out.log_files, 1, 100)));
    TRY(secret_names(context, "secrets"));
    std::string files = TRY(used(fields));
    if (!files.empty() && TRY(fields.string("onChange", "RESTART")) == "RESTART")
      out.environment[uses_variable] = files;
    return What(std::move(out));
  }
  aio::Task<Result<>> complete(Context& context, What& what) override {
    std::get<ProcessWork>(what).secrets = CO_TRY(co_await secret_files(context, "secrets"));
    co_return Result<>{};
  }
  bool is_kept_running() const override { return true; }
  void is_ready(Context& context, const Host& host, const WorkState&) override {
    publish_once(context, "address", host.address());
    publish_once(context, "host", host.name());
  }
  /// onChange SIGNAL: told once of each change, also across a restart of the controller.
  aio::Task<Result<>> look_after(Context& context, std::shared_ptr<Host> host,
                                 WorkState state) override {
    Fields fields(context);
    if (CO_TRY(fields.string("onChange", "RESTART")) != "SIGNAL" || state.pid <= 0)
      co_return Result<>{};
    std::string now = CO_TRY(used(fields));
    auto before = context.record().memory.find(signalled_note);
    bool first = before == context.record().memory.end();
    if (now.empty() || now == telling_ || (!first && before->second == now)) co_return Result<>{};
    if (!first) {
      model::Probe kill;
      kill.kind = model::Probe::Kind::command;
      std::string name = CO_TRY(fields.string("reloadSignal", "HUP"));
      kill.command = {"/bin/sh", "-c", "kill -s \"$0\" \"$1\"", name, fmt::format("{}", state.pid)};
      telling_ = now;
      auto told = co_await host->ask(std::move(kill));
      telling_.clear();
      if (!told && (told.error().code == Code::cancelled || !host->connected())) co_return told;
      // One that has just ended begins anew and reads what there is.
      context.event(protocol::event::message,
                    told ? fmt::format("what it uses has changed: {} was sent", name)
                         : fmt::format("{} could not be sent: {}", name, told.error().line()));
    }
    context.remember(signalled_note, now);
    co_return Result<>{};
  }

 private:
  std::string telling_;  ///< a check and the watch go on beside each other: one of them tells
};

model::AttributeSchema word(std::string name, std::string fallback,
                            std::vector<std::string> choices, std::string doc) {
  auto out = with_default(std::move(name), Type::string, model::Value(fallback), std::move(doc));
  out.choices = std::move(choices);
  return out;
}

std::vector<model::AttributeSchema> process_attributes() {
  return with_program(
      {required("command", Type::any, "program and arguments, or a text for the shell"),
       attribute("runtimeDirectory", Type::string,
                 "a folder in /run that is its user's, also after a start of the machine; "
                 "RUNTIME_DIRECTORY names it"),
       attribute("limits", Type::component, "memory, cpu (cores), processes, files, core"),
       attribute("ready", Type::component, "the probe that says it is ready; else once it runs"),
       seconds("readyWithin", "1min", "it fails when it is not ready by then"),
       attribute("alive", Type::component, "a probe asked while it runs: no restarts it"),
       attribute("metrics", Type::component,
                 "HttpProbe or FileProbe: figures that it tells of itself; `names`: only these"),
       word("restart", "ALWAYS", {"ALWAYS", "ON_FAILURE", "NEVER"}, "when it is started again"),
       seconds("backoff", "100ms", "before it starts again; doubles while it does not last"),
       seconds("backoffMax", "30s", "the longest of these pauses"),
       between(1, 1000,
               with_default("crashLoop", Type::integer, int32_t{5},
                            "so many starts in a row that did not last are a failure")),
       with_default("stopSignal", Type::string, "TERM", "how it is asked to end"),
       seconds("stopWithin", "10s", "then it is killed, with all its processes"),
       with_default("logMax", Type::bytes, "16MiB", "kept of its output, in all"),
       between(1, 100, with_default("logFiles", Type::integer, int32_t{4}, "so many files of it")),
       attribute("uses", Type::vector, "links to files, templates, artifacts that it reads"),
       word("onChange", "RESTART", {"RESTART", "SIGNAL", "NONE"}, "what a change of these means"),
       with_default("reloadSignal", Type::string, "HUP", "what is sent with onChange SIGNAL"),
       published("address", "the private address of its host"),
       published("host", "the id of the machine it runs on")});
}

}  // namespace

engine::ComponentType process_type() {
  return host_type_of("Process", "A program that is kept running on a host.", process_attributes(),
                      [] { return std::make_unique<Process>(); });
}

}  // namespace croft::components
