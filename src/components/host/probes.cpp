#include "components/host/probes.h"

#include <fmt/format.h>

#include "base/pattern.h"
#include "base/text.h"
#include "components/bounds.h"
#include "components/conditions/condition.h"
#include "components/host/host_component.h"

namespace croft::components {

using engine::Context;
using model::Probe;
using model::Type;

namespace {

constexpr int64_t port_max = 65535;
constexpr int64_t failures_max = 1000;

struct Kind {
  const char* type;
  Probe::Kind kind;
};
constexpr Kind kinds[] = {
    {"HttpProbe", Probe::Kind::http},       {"TcpProbe", Probe::Kind::port},
    {"FileProbe", Probe::Kind::file},       {"LogProbe", Probe::Kind::log},
    {"CommandProbe", Probe::Kind::command}, {"NotifyProbe", Probe::Kind::notify}};

Result<Probe::Kind> kind_of(const Fields& fields) {
  std::string name = TRY(fields.string("sfClass"));
  std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
  for (const Kind& each : kinds)
    if (last == each.type) return each.kind;
  return fail(Error(Code::type_mismatch, fmt::format("{} is no probe", name.empty() ? "it" : name),
                    fields.where("sfClass"))
                  .hint("write `extends HttpProbe { port 8080; }`, or TcpProbe, FileProbe, "
                        "CommandProbe, LogProbe, NotifyProbe"));
}

Result<> fill_http(const Fields& fields, Probe& probe) {
  probe.url = TRY(fields.string("url"));
  if (probe.url.empty()) {
    std::string page = TRY(fields.string("page", "/"));
    probe.url = fmt::format("{}://{}:{}{}{}", TRY(fields.string("protocol", "http")),
                            TRY(fields.string("host", probe.host)),
                            TRY(fields.integer("port", 80, 1, port_max)),
                            page.starts_with('/') ? "" : "/", page);
  }
  if (!probe.url.starts_with("http://") && !probe.url.starts_with("https://"))
    return fail(Code::invalid_argument, fmt::format("'{}' is no http address", probe.url),
                fields.where("url"));
  probe.least = static_cast<int>(TRY(fields.integer("minimumResponseCode", 200, 100, 599)));
  probe.most = static_cast<int>(TRY(fields.integer("maximumResponseCode", 399, 100, 599)));
  return {};
}

Result<> fill_pattern(const Fields& fields, Probe& probe, bool is_needed) {
  probe.pattern = TRY(is_needed ? fields.needed("pattern") : fields.string("pattern"));
  if (probe.pattern.empty()) return {};
  auto pattern = Pattern::compile(probe.pattern);
  if (!pattern) return fail(std::move(pattern).error().at(fields.where("pattern")));
  return {};
}

}  // namespace

Result<Probe> probe_of(const Fields& fields) {
  Probe out;
  out.kind = TRY(kind_of(fields));
  switch (out.kind) {
    case Probe::Kind::http:
      TRY(fill_http(fields, out));
      TRY(fill_pattern(fields, out, false));
      break;
    case Probe::Kind::port:
      out.host = TRY(fields.string("host", out.host));
      out.port = static_cast<uint16_t>(TRY(fields.integer("port", 0, 1, port_max)));
      if (out.port == 0) TRY(fields.needed("port"));
      break;
    case Probe::Kind::file:
      out.path = TRY(fields.needed("filename"));
      break;
    case Probe::Kind::command:
      out.command = TRY(fields.command("command"));
      break;
    case Probe::Kind::log:
      TRY(fill_pattern(fields, out, true));
      break;
    case Probe::Kind::notify:
      break;
  }
  out.timeout = TRY(fields.duration("timeout", out.timeout));
  out.period = TRY(fields.duration("period", out.period));
  out.failures = static_cast<int>(TRY(fields.integer("failures", out.failures, 1, failures_max)));
  return out;
}

Result<std::optional<Probe>> probe_in(const Fields& fields, std::string_view name) {
  auto part = TRY(fields.part(name));
  if (!part) return std::optional<Probe>{};
  return std::optional(TRY(probe_of(Fields(fields.context(), part))));
}

namespace {

/// Asked from its host when somebody wants to know; watched from there where evaluateOnLiveness
/// says so.
class ProbeComponent : public HostComponent {
 public:
  aio::Task<Result<>> start(Context& context) override {
    for (const char* name : {"checkOnStartup", "evaluateOnStartup"}) {
      if (!CO_TRY(context.boolean_or(name, false))) continue;
      if (auto why = CO_TRY(co_await why_not(context)))
        co_return fail(std::move(*why).frame("asking " + context.path()));
    }
    if (CO_TRY(watched(context))) CO_TRY(co_await HostComponent::start(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (CO_TRY(watched(context))) CO_TRY(co_await HostComponent::ping(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    if (CO_TRY(watched(context))) co_return co_await HostComponent::work(context);
    bool checked = CO_TRY(context.boolean_or("checkOnStartup", false)) ||
                   CO_TRY(context.boolean_or("evaluateOnStartup", false));
    if (!checked) co_return Result<>{};  // it is there to be asked
    co_return context.done(model::TerminationRecord::normal(context.path(), "it holds"), false);
  }
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto why = CO_TRY(co_await why_not(context));
    co_return !why.has_value();
  }

 protected:
  Result<What> describe(Context& context) override {
    Probe probe = TRY(probe_of(Fields(context)));
    if (probe.kind == Probe::Kind::log || probe.kind == Probe::Kind::notify)
      return fail(Error(Code::unsupported,
                        fmt::format("{} asks about a process: it stands alone", context.path()),
                        context.place())
                      .hint("write it as `ready` of a Process"));
    return What(model::ProbeWork{std::move(probe)});
  }

 private:
  static Result<bool> watched(Context& context) {
    return context.boolean_or("evaluateOnLiveness", false);
  }
  /// nullopt: it holds. The error of the call: nobody could be asked.
  static aio::Task<Result<std::optional<Error>>> why_not(Context& context) {
    Probe probe = CO_TRY(probe_of(Fields(context)));
    auto host = CO_TRY(co_await asked_host(context));
    auto answer = co_await host->ask(std::move(probe));
    if (answer) co_return std::optional<Error>{};
    if (!host->connected() || answer.error().code == Code::cancelled)
      co_return fail(std::move(answer).error());
    co_return std::optional<Error>(std::move(answer).error());
  }
};

engine::ComponentType probe_type(std::string name, std::string doc,
                                 std::vector<model::AttributeSchema> attributes) {
  auto timeout = with_default("timeout", Type::duration, "5s", "of one try");
  auto period = with_default("period", Type::duration, "1s", "between tries");
  timeout.bare_unit = period.bare_unit = "s";
  auto failures = with_default("failures", Type::integer, int32_t{3}, "so many in a row mean no");
  failures.least = 1;
  attributes.insert(attributes.end(), {timeout, period, failures});
  for (auto& each : attributes) each.change = model::Change::replace;
  auto type = condition_type_of(std::move(name), std::move(doc), std::move(attributes),
                                [] { return std::make_unique<ProbeComponent>(); });
  return type;
}

model::AttributeSchema port(bool is_needed, const char* doc) {
  auto out = is_needed ? required("port", Type::integer, doc)
                       : with_default("port", Type::integer, int32_t{80}, doc);
  out.least = 1;
  out.most = port_max;
  return out;
}

}  // namespace

engine::ComponentType http_probe_type() {
  return probe_type(
      "HttpProbe", "Holds while a page answers, asked from the host.",
      {attribute("url", Type::string, "the address; else made of host, port and page"),
       with_default("protocol", Type::string, "http", "or https"),
       with_default("host", Type::string, "127.0.0.1", "as seen from the host"),
       port(false, "the port"), with_default("page", Type::string, "/", "the page"),
       between(100, 599,
               with_default("minimumResponseCode", Type::integer, int32_t{200},
                            "least status that is good")),
       between(100, 599,
               with_default("maximumResponseCode", Type::integer, int32_t{399},
                            "most status that is good")),
       attribute("pattern", Type::string, "regular expression that the body matches")});
}
engine::ComponentType tcp_probe_type() {
  return probe_type("TcpProbe", "Holds while a port accepts connections, asked from the host.",
                    {with_default("host", Type::string, "127.0.0.1", "as seen from the host"),
                     port(true, "the port")});
}
engine::ComponentType file_probe_type() {
  return probe_type("FileProbe", "Holds while a file is there on the host.",
                    {required("filename", Type::string, "its absolute path")});
}
engine::ComponentType command_probe_type() {
  return probe_type("CommandProbe", "Holds while a command ends with 0 on the host.",
                    {required("command", Type::any, "program and arguments, or text for a shell")});
}
engine::ComponentType log_probe_type() {
  return probe_type("LogProbe", "For `ready` of a Process: a line of its output that matches.",
                    {required("pattern", Type::string, "the regular expression")});
}
engine::ComponentType notify_probe_type() {
  return probe_type("NotifyProbe", "For `ready` of a Process: it says so itself (sd_notify).", {});
}

}  // namespace croft::components
