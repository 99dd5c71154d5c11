#include "components/host/host_component.h"

#include <fmt/format.h>

#include <algorithm>

#include "aio/scope.h"
#include "base/text.h"
#include "engine/placement.h"
#include "protocol/agent.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::TerminationRecord;
using model::WorkState;
using Phase = model::WorkState::Phase;

namespace {

constexpr const char* host_note = "host";  // in memory: where it was applied
constexpr const char* digest_note = "digest";
constexpr const char* fingerprint_note = "fingerprint";
constexpr const char* apply_intent = "apply";
constexpr Duration joining = Duration::minutes(10);
constexpr Duration leaving = Duration::seconds(10);  // an agent that is away may come back
constexpr Duration longest_start = Duration::hours(1);

std::string noted(const Context& context, const char* note) {
  auto found = context.record().memory.find(note);
  return found == context.record().memory.end() ? std::string() : found->second;
}
std::string noted_host(const Context& context) {
  return noted(context, host_note);
}

Error placed_nowhere(const Context& context) {
  return Error(Code::unsupported,
               fmt::format("{} runs on a host, and none is named", context.path()), context.place())
      .hint("sfProcessHost LAZY PARENT:web, in it or in what encloses it, names the machine");
}

Error failing(const Context& context, const WorkState& state, const Host& host) {
  Error error(Code::conflict, told(state, host), context.place());
  std::string text;
  for (const std::string& line : split(trim(state.output), '\n'))
    text += "\n    " + printable(trim(line));
  if (!trim(text).empty()) error.hint("it wrote:" + text);
  return error;
}

/// Until that host, or any, has something new.
aio::Task<Result<>> news(Context& context, std::shared_ptr<Host> host) {
  engine::Hosts* all = CO_TRY(context.hosts());
  if (!host) co_return co_await all->changed().wait();
  auto first = co_await aio::race(host->changed().wait(), all->changed().wait());
  co_return first.index() == 0 ? std::get<0>(std::move(first)) : std::get<1>(std::move(first));
}

aio::Task<Result<>> until_connected(Context& context, std::shared_ptr<Host> host) {
  while (!host->connected()) {
    context.waits(fmt::format("the agent of {} is away", host->name()));
    CO_TRY(co_await news(context, host));
    engine::Hosts* all = CO_TRY(context.hosts());
    if (!all->find(context.application(), host->name()))
      co_return fail(Code::unavailable, fmt::format("{} is gone", host->name()));
  }
  co_return Result<>{};
}

aio::Task<Result<>> until_connected_or_lost(Context& context, std::shared_ptr<Host> host) {
  while (!host->connected() && !host->lost()) {
    context.waits(fmt::format("the agent of {} is away", host->name()));
    CO_TRY(co_await news(context, host));
  }
  co_return Result<>{};
}

/// Its machine started anew, and only we have its secrets.
bool lacks_secrets(const std::optional<WorkState>& state) {
  return state && state->digest.empty();
}

}  // namespace

std::string told(const WorkState& state, const Host& host) {
  std::string_view text = trim(state.output);
  std::string_view last = text.substr(text.rfind('\n') + 1);
  return fmt::format("on {}: {}{}{}", host.name(),
                     state.why.empty() ? name_of(state.phase) : std::string_view(state.why),
                     last.empty() ? "" : ": ", printable(last));
}

aio::Task<Result<>> HostComponent::complete(Context&, What&) {
  co_return Result<>{};
}
void HostComponent::is_ready(Context&, const Host&, const WorkState&) {}
aio::Task<Result<>> HostComponent::look_after(Context&, HostPtr, WorkState) {
  co_return Result<>{};
}

aio::Task<Result<>> HostComponent::deploy(Context& context) {
  auto place = engine::placement_of(context);
  if (place && place->here()) co_return fail(placed_nowhere(context));
  if (!place && place.error().code != Code::unresolved) co_return fail(std::move(place).error());
  // What can be known to be wrong is said before anything is rented.
  auto what = describe(context);
  if (!what && what.error().code != Code::unresolved) co_return fail(std::move(what).error());
  co_return Result<>{};
}

Result<std::optional<TerminationRecord>> HostComponent::end_of(Context& context, const Host& host,
                                                               const WorkState& state) {
  if (state.phase == Phase::failing)
    return std::optional(
        TerminationRecord::abnormal(context.path(), "it fails", told(state, host)));
  // One that the agent had to end, since it was never ready, may have ended with 0, too.
  bool by_itself = state.why.empty() || state.why == "exit status 0";
  bool good = by_itself && !state.exit_signal && state.exit_code.value_or(0) == 0;
  if (good) return std::optional(TerminationRecord::normal(context.path(), "it has ended"));
  return std::optional(
      TerminationRecord::abnormal(context.path(), "it has ended", told(state, host)));
}

bool HostComponent::has_begun(const WorkState& state) const {
  return state.phase == Phase::ready || state.phase == Phase::ended;
}
bool HostComponent::is_fleeting(Context&) const {
  return false;
}

/// The host has it, as this or an earlier process applied it.
bool HostComponent::stays(Context& context, const Host& host, const std::string& fingerprint) {
  if (!is_fleeting(context) || noted_host(context) != host.name() ||
      noted(context, fingerprint_note) != fingerprint)
    return false;
  auto state = host.state(context.path());
  if (!state || state->digest != noted(context, digest_note) || state->phase == Phase::failing)
    return false;
  digest_ = state->digest;
  fingerprint_ = fingerprint;
  return true;
}

Result<model::HostWork> HostComponent::described(Context& context) {
  model::HostWork work;
  work.name = context.path();
  work.what = TRY(describe(context));
  return work;
}

aio::Task<Result<>> HostComponent::apply(Context& context, HostPtr host) {
  for (;;) {
    CO_TRY(co_await until_connected(context, host));
    model::HostWork work = CO_TRY(described(context));
    std::string fingerprint = protocol::digest_of(work, Secret());
    if (stays(context, *host, fingerprint)) co_return Result<>{};
    CO_TRY(co_await complete(context, work.what));
    if (ending_) co_return fail(Code::unavailable, "it is being removed");
    if (noted_host(context) != host->name()) {
      context.remember(host_note, host->name());
      CO_TRY(co_await context.intend(apply_intent, {{"host", host->name()}}));
    }
    auto state = co_await context.outside(apply_intent, host->apply(std::move(work)));
    if (!state && state.error().code == Code::unavailable) {
      if (!host->connected()) continue;
      co_return fail(std::move(state).error());
    }
    if (state && is_fleeting(context)) {
      context.remember(digest_note, state->digest);
      context.remember(fingerprint_note, fingerprint);
    }
    if (context.record().intent)
      CO_TRY(co_await context.settle({}, {},
                                     state ? std::nullopt : std::optional<Error>(state.error())));
    if (!state) co_return fail(std::move(state).error());
    digest_ = state->digest;
    fingerprint_ = std::move(fingerprint);
    co_return Result<>{};
  }
}

/// False: the component runs elsewhere now.
aio::Task<Result<bool>> HostComponent::until_ready(Context& context, HostPtr host) {
  for (;;) {
    auto now = context.host_now();
    if (!now || now->name() != host->name()) co_return false;
    auto state = host->state(context.path());
    if (!host->connected()) {
      context.waits(fmt::format("the agent of {} is away", host->name()));
    } else if (!state || state->digest != digest_) {
      context.waits(fmt::format("{} has not begun", host->name()));
    } else if (has_begun(*state)) {
      if (state->phase == Phase::ready) is_ready(context, *host, *state);
      co_return true;
    } else if (state->phase == Phase::failing) {
      co_return fail(failing(context, *state, *host));
    } else {
      context.waits(told(*state, *host));
    }
    CO_TRY(co_await news(context, host));
  }
}

aio::Task<Result<>> HostComponent::remove_from(Context& context, std::string id) {
  engine::Hosts* all = CO_TRY(context.hosts());
  // Open until it is gone: the application is not down before that.
  if (!context.record().intent) CO_TRY(co_await context.intend("remove", {{"host", id}}));
  auto host = all->find(context.application(), id);
  if (host && !host->connected() && !host->lost()) {
    // What has been away for long is waited for no more: each thing on it would wait anew.
    Duration away = host->away_for();
    if (away >= leaving)
      co_return fail(Code::unavailable,
                     fmt::format("the agent of {} has been away for {}", id, away.text()));
    auto come =
        co_await aio::deadline(context.world().clock, leaving - away,
                               until_connected_or_lost(context, host), "the agent of " + id);
    host = all->find(context.application(), id);
    if (!come && host) co_return come;
  }
  if (host && !host->lost()) {
    auto gone = co_await context.outside("remove", host->remove(context.path()));
    bool there = all->find(context.application(), id) && !host->lost();
    if (!gone && gone.error().code != Code::not_found && there) co_return gone;
  }
  // A host that is gone for good took it along; one that was declared dead is ended with all on it.
  context.remember(host_note, "");
  co_return co_await context.settle({});
}

aio::Task<Result<>> HostComponent::leave_old_host(Context& context, std::string now) {
  std::string before = noted_host(context);
  if (before.empty() || before == now) co_return Result<>{};
  co_return co_await remove_from(context, before);
}

aio::Task<Result<>> HostComponent::bring(Context& context) {
  for (;;) {
    auto host = CO_TRY(co_await aio::deadline(context.world().clock, joining, context.host(),
                                              "the host of " + context.path()));
    if (!host) co_return fail(placed_nowhere(context));
    CO_TRY(co_await leave_old_host(context, host->name()));
    CO_TRY(co_await apply(context, host));
    if (!CO_TRY(co_await until_ready(context, host))) continue;
    context.waits("");
    co_return Result<>{};
  }
}

/// What failed as it started is tried again when it is started again: its host would only say once
/// more how that went.
aio::Task<Result<>> HostComponent::begin_anew(Context& context) {
  auto host = context.host_now();
  if (context.ran_before() || !host || !host->connected() || noted_host(context) != host->name())
    co_return Result<>{};
  auto state = host->state(context.path());
  bool failed =
      state &&
      (state->phase == Phase::failing ||
       (state->phase == Phase::ended && (state->exit_signal || state->exit_code.value_or(0) != 0)));
  if (failed) CO_TRY(co_await remove_from(context, host->name()));
  co_return Result<>{};
}

aio::Task<Result<>> HostComponent::start(Context& context) {
  ending_ = false;
  auto done = co_await begin_anew(context);
  if (done) done = co_await bring(context);
  context.waits("");
  co_return done;
}

aio::Task<Result<>> HostComponent::ping(Context& context) {
  auto host = context.host_now();
  if (!host || host->name() != noted_host(context))
    co_return fail(Code::unavailable, "its host has not joined yet");
  if (!host->connected())
    co_return fail(Code::unavailable, fmt::format("the agent of {} is away", host->name()));
  // What its links lead to may have changed.
  model::HostWork work = CO_TRY(described(context));
  auto held = host->state(context.path());
  if (protocol::digest_of(work, Secret()) != fingerprint_ || !held || lacks_secrets(held))
    CO_TRY(co_await apply(context, host));
  auto state = host->state(context.path());
  if (!state || state->digest != digest_) co_return Result<>{};  // under way
  if (state->phase == Phase::failing && CO_TRY(end_of(context, *host, *state)))
    co_return fail(failing(context, *state, *host));
  if (state->phase == Phase::ready) {
    is_ready(context, *host, *state);
    CO_TRY(co_await look_after(context, host, *state));
  }
  co_return Result<>{};
}

void HostComponent::tell_restarts(Context& context, const Host& host, const WorkState& state) {
  int64_t before = std::exchange(restarts_, state.restarts);
  if (state.restarts <= before || !is_kept_running()) return;
  std::string how = state.exit_signal
                        ? fmt::format("it was killed by signal {}", *state.exit_signal)
                        : fmt::format("it ended with {}", state.exit_code.value_or(0));
  context.event(protocol::event::restarting,
                fmt::format("on {}: {}, and was started again there; {} times so far", host.name(),
                            how, state.restarts));
}

/// What its host says is heard at once, not at the next liveness check.
aio::Task<Result<>> HostComponent::watch(Context& context) {
  if (auto host = context.host_now())
    if (auto state = host->state(context.path())) restarts_ = state->restarts;
  for (;;) {
    auto host = context.host_now();
    if (host && host->name() != noted_host(context)) {
      CO_TRY(co_await bring(context));
      context.event(protocol::event::message, fmt::format("it runs on {} now", host->name()));
      restarts_ = 0;
    }
    auto state = host ? host->state(context.path()) : std::nullopt;
    if (host && host->connected() && lacks_secrets(state)) {
      CO_TRY(co_await apply(context, host));
      continue;
    }
    if (host && host->connected() && state && state->digest == digest_) {
      tell_restarts(context, *host, *state);
      std::optional<TerminationRecord> end;
      if (state->phase == Phase::ended || state->phase == Phase::failing)
        end = CO_TRY(end_of(context, *host, *state));
      if (end) {
        context.end(*end);
        co_return Result<>{};
      }
      if (state->phase == Phase::ready) {
        context.waits("");
        CO_TRY(co_await look_after(context, host, *state));
      }
    }
    CO_TRY(co_await news(context, host));
  }
}

aio::Task<Result<>> HostComponent::work(Context& context) {
  CO_TRY(context.done(TerminationRecord::normal(context.path()), false));
  co_return co_await watch(context);
}

aio::Task<Result<>> HostComponent::terminate(Context& context, const TerminationRecord&) {
  ending_ = true;
  std::string id = noted_host(context);
  if (!id.empty()) CO_TRY(co_await remove_from(context, id));
  context.waits("");
  if (context.record().intent) CO_TRY(co_await context.settle({}));
  co_return Result<>{};
}

engine::ComponentType host_type_of(std::string name, std::string doc,
                                   std::vector<model::AttributeSchema> attributes,
                                   std::function<std::unique_ptr<engine::Component>()> make) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make));
  type.works = true;
  type.timeouts.start = longest_start;
  return type;
}

model::AttributeSchema seconds(std::string name, std::string fallback, std::string doc) {
  auto out = with_default(std::move(name), model::Type::duration, model::Value(std::move(fallback)),
                          std::move(doc));
  out.bare_unit = "s";
  return out;
}

model::AttributeSchema published(std::string name, std::string doc) {
  auto out = attribute(std::move(name), model::Type::string, std::move(doc));
  out.published = true;
  return out;
}

void publish_once(Context& context, const std::string& name, const std::string& text) {
  auto before = context.record().published.find(name);
  if (before != context.record().published.end() && before->second == model::Value(text)) return;
  context.publish(name, model::Value(text));
}

std::vector<model::AttributeSchema> with_program(std::vector<model::AttributeSchema> attributes) {
  auto secrets = attribute("secrets", model::Type::component,
                           "each entry becomes a file that only it can read, in the folder "
                           "CREDENTIALS_DIRECTORY; texts, links to secrets");
  secrets.secret = true;
  attributes.insert(
      attributes.begin(),
      {attribute("environment", model::Type::component, "its variables"),
       attribute("user", model::Type::string, "who it runs as; else the agent's user"),
       attribute("group", model::Type::string, "its group"),
       attribute("directory", model::Type::string, "where it runs; else a folder of its own"),
       secrets});
  return attributes;
}

namespace {

/// Two objects for one type; the placement says which of them acts.
class HereOrThere : public engine::Component {
 public:
  using Ptr = std::unique_ptr<engine::Component>;
  HereOrThere(Ptr here, Ptr there) : here_(std::move(here)), there_(std::move(there)) {}

  aio::Task<Result<>> deploy(Context& context) override { return at(context).deploy(context); }
  aio::Task<Result<>> start(Context& context) override { return at(context).start(context); }
  aio::Task<Result<>> ping(Context& context) override { return at(context).ping(context); }
  aio::Task<Result<>> work(Context& context) override { return at(context).work(context); }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord& record) override {
    return at(context).terminate(context, record);
  }
  aio::Task<Result<bool>> evaluate(Context& context) override {
    return at(context).evaluate(context);
  }
  bool silence_ends() const override { return last_->silence_ends(); }
  bool must_end(const Context& context) const override { return last_->must_end(context); }

 private:
  engine::Component& at(Context& context) {
    auto placed = is_placed_away(context);
    bool away = !noted_host(context).empty() || (placed && *placed);
    last_ = away ? there_.get() : here_.get();
    return *last_;
  }

  Ptr here_, there_;
  engine::Component* last_ = here_.get();
};

}  // namespace

engine::ComponentType on_hosts_too(engine::ComponentType type,
                                   std::function<std::unique_ptr<engine::Component>()> there) {
  type.make = [here = std::move(type.make), there = std::move(there)] {
    return std::make_unique<HereOrThere>(here(), there());
  };
  type.works = true;
  type.timeouts.start = std::max(type.timeouts.start, longest_start);
  return type;
}

Result<bool> is_placed_away(const Context& context) {
  if (!context.description()) return false;
  auto place = engine::placement_of(context);
  // A link to a machine that is not there yet is no place here.
  if (!place && place.error().code == Code::unresolved) return true;
  if (!place) return fail(std::move(place).error());
  return !place->here();
}

Result<> must_be_here(const Context& context) {
  if (!TRY(is_placed_away(context))) return {};
  return fail(
      Error(Code::unsupported,
            fmt::format("{} works on the controller's machine only, and is placed on a host",
                        context.path()),
            context.where("sfProcessHost"))
          .hint("on hosts there are File, Directory, TextFile, Mkdir, Script, RunShellScripts, "
                "ExecuteProgram, Process, Package, Artifact, HttpProbe and the like "
                "(croft/hosts.sf)"));
}

aio::Task<Result<std::shared_ptr<Host>>> asked_host(Context& context) {
  auto host = CO_TRY(co_await context.host());
  if (!host) co_return fail(placed_nowhere(context));
  if (!host->connected())
    co_return fail(Code::unavailable, fmt::format("the agent of {} is away", host->name()));
  co_return host;
}

}  // namespace croft::components
