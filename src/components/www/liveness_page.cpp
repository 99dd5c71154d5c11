// LivenessPage, WaitForPage, IsPagePresent and HostExists: pages and hosts that must answer.
#include <fmt/format.h>

#include "components/bounds.h"
#include "components/conditions/condition.h"
#include "components/host/host_component.h"
#include "components/http_exchange.h"
#include "components/remote_resource.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class LivenessPage : public RemoteResource {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(action(context));
    if (CO_TRY(is_placed_away(context))) CO_TRY(question(context));
    co_return check_expected(context);
  }
  bool silence_ends() const override { return !on_host_; }
  aio::Task<Result<>> start(Context& context) override {
    if (!CO_TRY(context.boolean_or("checkOnStartup", false))) co_return Result<>{};
    co_return co_await look(context);
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (!CO_TRY(context.boolean_or("checkOnLiveness", true))) co_return Result<>{};
    int64_t every = std::max<int64_t>(1, CO_TRY(context.integer_or("checkFrequency", 1)));
    if (pings_++ % every != 0) co_return Result<>{};
    auto looked = co_await look(context);
    // A wrong answer is one: it is not waited for until silence counts.
    if (!looked && !looked.error().fact("http_status").empty())
      looked.error().code = Code::conflict;
    co_return looked;
  }
  aio::Task<Result<>> terminate(Context&, const TerminationRecord&) override {
    co_return Result<>{};
  }
  aio::Task<Result<bool>> evaluate(Context& context) override {
    auto looked = co_await look(context);
    if (!looked && looked.error().code == Code::cancelled) co_return fail(looked.error());
    co_return looked.has_value();
  }

 protected:
  /// One look at the page.
  aio::Task<Result<>> look(Context& context) {
    on_host_ = CO_TRY(is_placed_away(context));
    if (on_host_) {
      auto probe = CO_TRY(question(context));
      auto host = CO_TRY(co_await asked_host(context));
      auto answer = co_await host->ask(std::move(probe));
      // What the host says is an answer; that it cannot be asked is none.
      if (!answer && host->connected() && answer.error().code != Code::cancelled)
        answer = fail(Code::conflict, answer.error().line(), context.where("url"));
      co_return answer;
    }
    co_return co_await act(context, CO_TRY(action(context)));
  }
  Result<std::string> signature_way(Context& context) const override {
    return TRY(context.string_or("username", "")).empty() ? "" : "HTTP_BASIC";
  }

 private:
  /// Asked from the host that it is placed on.
  Result<model::Probe> question(Context& context) const {
    for (const char* name : {"username", "resultXPath"})
      if (!TRY(context.string_or(name, "")).empty())
        return fail(Error(Code::unsupported, fmt::format("{} does nothing on a host", name),
                          context.where(name))
                        .hint("a CommandProbe asks whatever a program can"));
    model::Probe probe;
    probe.kind = model::Probe::Kind::http;
    probe.url = TRY(url_text(context));
    HttpAction wanted = TRY(action(context));
    probe.least = wanted.least;
    probe.most = wanted.most;
    probe.pattern = TRY(context.string_or("responseRegexp", ""));
    return probe;
  }
  static Result<HttpAction> action(Context& context) {
    HttpAction out{"GET", 200, 299};
    int64_t least = TRY(context.integer_or("minimumResponseCode", 200));
    int64_t most = TRY(context.integer_or("maximumResponseCode", 299));
    if (least < 100 || most > 599 || least > most)
      return fail(Code::invalid_argument,
                  fmt::format("{} to {} is no range of status codes", least, most),
                  context.where("minimumResponseCode"));
    out.least = static_cast<int>(least);
    out.most = static_cast<int>(most);
    return out;
  }
  int64_t pings_ = 0;
  bool on_host_ = false;
};

class WaitForPage : public LivenessPage {
 public:
  aio::Task<Result<>> work(Context& context) override {
    Duration timeout = CO_TRY(context.duration_or("timeout", "ms", Duration::seconds(60)));
    Duration pause =
        std::max(Duration::milliseconds(10),
                 CO_TRY(context.duration_or("checkFrequency", "ms", Duration::milliseconds(500))));
    for (;;) {
      auto looked = co_await look(context);
      if (looked) {
        context.waits("");
        co_return context.done(TerminationRecord::normal(context.path(), "the page answers"));
      }
      if (looked.error().code == Code::cancelled) co_return looked;
      Duration left = timeout >= Duration::forever() ? pause : time_left(context, "began", timeout);
      if (left <= Duration{}) {
        context.end(TerminationRecord::abnormal(context.path(), "the page did not answer in time",
                                                looked.error().line()));
        co_return Result<>{};
      }
      context.waits(fmt::format("{}; gives up in {}", looked.error().line(), left.text()));
      CO_TRY(co_await context.world().clock.sleep(std::min(left, pause)));
    }
  }
};

/// Says once who it is: such services refuse those who repeat themselves.
class DynDnsRegistration : public LivenessPage {
 public:
  aio::Task<Result<>> start(Context& context) override {
    if (context.record().memory.contains("registered")) co_return Result<>{};
    auto done = co_await look(context);
    if (!done)
      co_return fail(std::move(done).error().frame(
          "registering " + CO_TRY(context.string_or("hostname", "the host"))));
    context.remember("registered", "yes");
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (!CO_TRY(context.boolean_or("checkOnLiveness", false))) co_return Result<>{};
    co_return co_await LivenessPage::ping(context);
  }
};

class HostExists : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    CO_TRY(must_be_here(context));
    auto found = co_await context.world().net.resolve(CO_TRY(context.string("hostname")));
    if (!found && found.error().code == Code::cancelled) co_return fail(found.error());
    co_return found && !found->empty();
  }
};

model::ComponentSchema page_schema(std::string name, std::string doc) {
  auto schema = remote_resource_schema();
  for (auto& attribute : schema.attributes) {
    if (attribute.name == "minimumResponseCode")
      attribute = between(100, 599,
                          with_default("minimumResponseCode", Type::integer, int32_t{200},
                                       "least status that is an answer"));
    if (attribute.name == "maximumResponseCode")
      attribute = between(100, 599,
                          with_default("maximumResponseCode", Type::integer, int32_t{299},
                                       "greatest status that is one"));
    if (attribute.name == "port") {
      attribute.fallback.reset();
    }
  }
  schema.sf_class = "croft." + name;
  schema.type = std::move(name);
  schema.doc = std::move(doc);
  schema.attributes.push_back(at_least(
      1, attribute("checkFrequency", Type::integer, "looks at the page at every n-th check")));
  schema.attributes.push_back(
      with_default("checkOnStartup", Type::boolean, false, "the page must answer at start"));
  schema.attributes.push_back(attribute("checkOnLiveness", Type::boolean,
                                        "the page must answer at liveness checks; default: true"));
  schema.attributes.push_back(attribute("enabled", Type::boolean, "kept for old descriptions"));
  schema.attributes.push_back(attribute("logResponse", Type::boolean, "kept for old descriptions"));
  return schema;
}

}  // namespace

engine::ComponentType liveness_page_type() {
  engine::ComponentType type;
  type.aliases = {"org.smartfrog.services.www.LivenessPageComponent",
                  "croft.LivenessPageCondition"};
  type.schema = page_schema("LivenessPage", "A page that must answer, asked at liveness checks.");
  type.make = [] { return std::make_unique<LivenessPage>(); };
  return type;
}

engine::ComponentType wait_for_page_type() {
  engine::ComponentType type;
  type.works = true;
  type.aliases = {"org.smartfrog.services.www.WaitForPageImpl"};
  type.schema = page_schema("WaitForPage", "Waits until a page answers.");
  for (auto& each : type.schema.attributes)
    if (each.name == "checkFrequency")
      each = time_attribute("checkFrequency", 500, "between two looks at the page");
  type.schema.attributes.push_back(
      or_for_ever(time_attribute("timeout", 60000, "how long it waits; negative: for ever")));
  type.schema.attributes.push_back(
      with_default("sfShouldTerminate", Type::boolean, true, "end once the page answers"));
  type.make = [] { return std::make_unique<WaitForPage>(); };
  return type;
}

engine::ComponentType dyn_dns_registration_type() {
  engine::ComponentType type;
  type.schema = page_schema("DynDnsRegistration",
                            "Registers `hostname` with a service of names, once, when it starts.");
  type.schema.attributes.push_back(
      required("hostname", Type::string, "the name that is registered"));
  type.schema.attributes.push_back(attribute("userAgent", Type::string, "who asks"));
  type.schema.attributes.push_back(attribute("NOCHG", Type::string, "a constant for queries"));
  type.make = [] { return std::make_unique<DynDnsRegistration>(); };
  return type;
}

engine::ComponentType host_exists_type() {
  return condition_type_of("HostExists", "Holds when the name of a host has an address.",
                           {required("hostname", Type::string, "its name")},
                           [] { return std::make_unique<HostExists>(); });
}

}  // namespace croft::components
