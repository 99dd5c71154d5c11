#include "model/host_work.h"

#include "base/digest.h"
#include "base/text.h"
#include "protocol/agent.h"
#include "protocol/fields.h"

namespace croft::protocol {

template <>
struct Words<model::Probe::Kind> {
  static constexpr std::string_view all[] = {"port", "http", "file", "command", "log", "notify"};
};
template <>
struct Words<model::ProcessWork::Restart> {
  static constexpr std::string_view all[] = {"always", "onFailure", "never"};
};
template <>
struct Words<model::FileWork::Kind> {
  static constexpr std::string_view all[] = {"file", "directory"};
};
template <>
struct Words<model::WorkState::Phase> {
  static constexpr std::string_view all[] = {"waiting", "starting", "ready",    "backoff",
                                             "failing", "ended",    "stopping", "gone"};
};

}  // namespace croft::protocol

// Beside the shapes, so that the visitors find them.
namespace croft::model {

template <class F>
void members(F& f, Probe& probe) {
  f.always("kind", probe.kind);
  f("host", probe.host);
  f("port", probe.port);
  f("url", probe.url);
  f.always("least", probe.least);
  f.always("most", probe.most);
  f("path", probe.path);
  f("command", probe.command);
  f("pattern", probe.pattern);
  f.always("timeout", probe.timeout);
  f.always("period", probe.period);
  f.always("failures", probe.failures);
}

template <class F>
void members(F& f, ProcessLimits& limits) {
  f("memory", limits.memory);
  f("cpuPermille", limits.cpu_permille);
  f("processes", limits.processes);
  f("files", limits.files);
  f("core", limits.core);
}

template <class F>
void members(F& f, SecretFile& file) {
  f.always("name", file.name);
  f("value", file.value);
}

template <class F>
void members(F& f, ProcessWork& work) {
  f.always("command", work.command);
  f("environment", work.environment);
  f("user", work.user);
  f("group", work.group);
  f("directory", work.directory);
  f("runtimeDirectory", work.runtime_directory);
  f("limits", work.limits);
  f("secrets", work.secrets);
  f("ready", work.ready);
  f.always("readyWithin", work.ready_within);
  f("alive", work.alive);
  f.always("restart", work.restart);
  f.always("backoff", work.backoff);
  f.always("backoffMost", work.backoff_most);
  f.always("crashLoop", work.crash_loop);
  f.always("stopSignal", work.stop_signal);
  f.always("stopWithin", work.stop_within);
  f.always("logMost", work.log_most);
  f.always("logFiles", work.log_files);
  f("metrics", work.metrics);
  f("metricNames", work.metric_names);
}

template <class F>
void members(F& f, RunWork& work) {
  f.always("command", work.command);
  f("input", work.input);
  f("environment", work.environment);
  f("user", work.user);
  f("group", work.group);
  f("directory", work.directory);
  f("secrets", work.secrets);
  f.always("within", work.within);
  f("creates", work.creates);
  f("undo", work.undo);
  f("schedule", work.schedule);
}

template <class F>
void members(F& f, FileWork& work) {
  f.always("kind", work.kind);
  f.always("path", work.path);
  f("content", work.content);
  f("secret", work.secret);
  f.always("mode", work.mode);
  f("owner", work.owner);
  f("group", work.group);
  f("keep", work.keep);
}

template <class F>
void members(F& f, FetchWork& work) {
  f.always("url", work.url);
  f("sha256", work.sha256);
  f.always("path", work.path);
  f("unpack", work.unpack);
  f("strip", work.strip);
  f.always("mode", work.mode);
  f("owner", work.owner);
  f("group", work.group);
  f.always("most", work.most);
  f.always("within", work.within);
}

template <class F>
void members(F& f, ProbeWork& work) {
  f.always("probe", work.probe);
}

template <class F>
void members(F& f, WorkState& state) {
  f.always("name", state.name);
  f("digest", state.digest);
  f.always("phase", state.phase);
  f("why", state.why);
  f("pid", state.pid);
  f("restarts", state.restarts);
  f("exitCode", state.exit_code);
  f("exitSignal", state.exit_signal);
  f("since", state.since);
  f("output", state.output);
}

template <class F>
void members(F& f, WorkUsage& usage) {
  f.always("cpu", usage.cpu);
  f.always("memory", usage.memory);
  f("files", usage.files);
  f("processes", usage.processes);
  f("metrics", usage.metrics);
}

}  // namespace croft::model

namespace croft::protocol {
namespace {

constexpr std::string_view kinds[] = {"process", "run", "file", "fetch", "probe"};

}  // namespace

wire::json::Object to_json(const model::HostWork& work) {
  wire::json::Object out;
  out["name"] = work.name;
  out["digest"] = work.digest;
  out["kind"] = kinds[work.what.index()];
  out["what"] = std::visit([](const auto& what) { return written(what); }, work.what);
  return out;
}

Result<model::HostWork> host_work_from(const wire::json::Object& object) {
  model::HostWork out;
  out.name = TRY(wire::json::string_at(object, "name"));
  out.digest = TRY(wire::json::string_at(object, "digest"));
  std::string kind = TRY(wire::json::string_at(object, "kind"));
  const wire::json::Object& what = *TRY(wire::json::object_at(object, "what"));
  if (kind == "process")
    out.what = TRY(read<model::ProcessWork>(what));
  else if (kind == "run")
    out.what = TRY(read<model::RunWork>(what));
  else if (kind == "file")
    out.what = TRY(read<model::FileWork>(what));
  else if (kind == "fetch")
    out.what = TRY(read<model::FetchWork>(what));
  else if (kind == "probe")
    out.what = TRY(read<model::ProbeWork>(what));
  else
    return fail(Code::unsupported, fmt::format("host work of unknown kind '{}'", printable(kind)));
  return out;
}

std::string digest_of(const model::HostWork& work, const Secret& key) {
  wire::json::Object object = to_json(work);
  object.erase("digest");
  return hex(hmac(Hash::sha256, key.reveal(), wire::json::compact(object)));
}

wire::json::Object to_json(const model::Probe& probe) {
  return written(probe);
}
Result<model::Probe> probe_from(const wire::json::Object& object) {
  return read<model::Probe>(object);
}
wire::json::Object to_json(const model::WorkState& state) {
  return written(state);
}
Result<model::WorkState> work_state_from(const wire::json::Object& object) {
  return read<model::WorkState>(object);
}
wire::json::Object to_json(const model::WorkUsage& usage) {
  return written(usage);
}
Result<model::WorkUsage> work_usage_from(const wire::json::Object& object) {
  return read<model::WorkUsage>(object);
}

}  // namespace croft::protocol
