#include "farm/ec2/faults.h"

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "base/text.h"
#include "farm/topology/topology.h"

namespace croft::farm::ec2 {

namespace {

/// The status that EC2 gives a code.
int status_of(std::string_view code) {
  if (code == "RequestLimitExceeded" || code == "Unavailable" || code == "ServiceUnavailable")
    return 503;
  if (code == "InternalError" || code == "InternalFailure" ||
      code == "InsufficientInstanceCapacity")
    return 500;
  if (code == "UnauthorizedOperation") return 403;
  return 400;
}

std::string message_of(std::string_view code) {
  if (code == "RequestLimitExceeded") return "Request limit exceeded.";
  if (code == "InsufficientInstanceCapacity")
    return "We currently do not have sufficient capacity in the Availability Zone you requested.";
  return "An internal error has occurred (on purpose: a fault of this farm)";
}

/// What has to be taken back; the others are simply over.
bool has_effect(Fault::Kind kind) {
  return kind == Fault::Kind::freeze || kind == Fault::Kind::link || kind == Fault::Kind::auth ||
         kind == Fault::Kind::disk;
}

bool of_machines(Fault::Kind kind) {
  return kind == Fault::Kind::freeze || kind == Fault::Kind::kill || kind == Fault::Kind::interrupt;
}

constexpr size_t most_buckets = 10'000;

}  // namespace

std::string_view name_of(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::refuse:
      return "refuse";
    case Fault::Kind::throttle:
      return "throttle";
    case Fault::Kind::lag:
      return "lag";
    case Fault::Kind::freeze:
      return "freeze";
    case Fault::Kind::kill:
      return "kill";
    case Fault::Kind::link:
      return "link";
    case Fault::Kind::dns:
      return "dns";
    case Fault::Kind::auth:
      return "auth";
    case Fault::Kind::disk:
      return "disk";
    case Fault::Kind::interrupt:
      return "interrupt";
    case Fault::Kind::spot_price:
      return "spot-price";
  }
  return "refuse";
}

std::vector<Fault> Faults::all() {
  WallTime now = context_.world.clock.wall();
  std::erase_if(faults_, [&](const Fault& fault) {
    // What has an effect is ended by run().
    bool over = fault.until <= now && !has_effect(fault.kind);
    if (over && fault.kind == Fault::Kind::throttle)
      std::erase_if(buckets_, [&](const auto& b) { return b.first.starts_with(fault.id + "/"); });
    return over;
  });
  return faults_;
}

// ---- what calls meet

bool Faults::takes_token(const Fault& fault, std::string_view action, std::string_view account) {
  Moment now = context_.world.clock.now();
  if (buckets_.size() >= most_buckets) buckets_.clear();
  auto [at, fresh] = buckets_.try_emplace(fmt::format("{}/{}/{}", fault.id, account, action),
                                          Bucket{fault.burst, now});
  Bucket& bucket = at->second;
  double seconds = static_cast<double>((now - bucket.at).ns()) / 1e9;
  bucket.tokens = std::min(fault.burst, bucket.tokens + seconds * fault.rate);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

Result<> Faults::meet(std::string_view action, std::string_view account) {
  if (faults_.empty()) return {};
  for (const Fault& fault : all()) {
    if (!wildcard_match(fault.action, action)) continue;
    if (fault.kind == Fault::Kind::throttle && !takes_token(fault, action, account))
      return fail(aws_error("RequestLimitExceeded", 503, message_of("RequestLimitExceeded")));
    if (fault.kind != Fault::Kind::refuse) continue;
    if (static_cast<int>(context_.world.random.below(100)) >= fault.percent) continue;
    return fail(aws_error(fault.code, status_of(fault.code), message_of(fault.code)));
  }
  return {};
}

WallTime Faults::seen_until() const {
  WallTime now = context_.world.clock.wall();
  WallTime out = now;
  for (const Fault& fault : faults_)
    if (fault.kind == Fault::Kind::lag && fault.until > now)
      out = std::min(out, now + (Duration() - fault.lag));
  return out;
}

int Faults::spot_percent() const {
  WallTime now = context_.world.clock.wall();
  int out = 100;
  for (const Fault& fault : faults_)
    if (fault.kind == Fault::Kind::spot_price && fault.until > now) out = fault.percent;
  return out;
}

// ---- whom it meets

bool Faults::covers(std::string_view where, const Instance& instance) const {
  if (where.empty() || where == instance.id || where == instance.zone) return true;
  const Topology* topology = context_.topology.get();
  const Host* host = topology ? topology->find(instance.host) : nullptr;
  return host && (host->name == where || host->rack == where);
}

Result<> Faults::check_where(const std::string& where, bool gateway) const {
  if (where.empty() || (gateway && where == "gateway")) return {};
  if (std::ranges::find(context_.zones, where) != context_.zones.end()) return {};
  if (state_.instances().contains(where)) return {};
  const Topology* topology = context_.topology.get();
  if (topology && topology->part_of(where) != Topology::Part::none) return {};
  Error error(Code::not_found, fmt::format("'{}' is no instance, host, rack or zone of this farm",
                                           printable(where)));
  if (std::string hint = topology ? topology->hint(where) : ""; !hint.empty())
    error.hint(hint);
  else if (!topology)
    error.hint("hosts and racks come with 'croft farm serve --topology FILE'");
  return fail(std::move(error));
}

Result<std::vector<std::string>> Faults::running_at(const Fault& fault) const {
  std::vector<std::string> out;
  for (const auto& [id, one] : state_.instances())
    if (one.state == InstanceState::running && covers(fault.where, one)) out.push_back(id);
  bool one_instance = fault.where.starts_with("i-");
  if (!out.empty() || !one_instance) return out;
  return fail(Code::not_found,
              fmt::format("no instance runs that is '{}'", printable(fault.where)));
}

std::vector<std::string> Faults::addresses_of(std::string_view where) const {
  if (where == "gateway") return {std::string(sandbox::MachinesOptions().gateway)};
  std::vector<std::string> out;
  for (const auto& [id, one] : state_.instances())
    if (is_live(one.state) && covers(where, one)) out.push_back(one.private_address);
  return out;
}

bool Faults::is_frozen(const Instance& instance) const {
  WallTime now = context_.world.clock.wall();
  return std::ranges::any_of(faults_, [&](const Fault& fault) {
    return fault.kind == Fault::Kind::freeze && fault.until > now && covers(fault.where, instance);
  });
}

bool Faults::is_down(std::string_view host) const {
  const Topology* topology = context_.topology.get();
  const Host* found = topology ? topology->find(host) : nullptr;
  if (!found) return false;
  WallTime now = context_.world.clock.wall();
  return std::ranges::any_of(faults_, [&](const Fault& fault) {
    bool kind = fault.kind == Fault::Kind::kill || fault.kind == Fault::Kind::freeze;
    return kind && fault.until > now &&
           (fault.where == found->name || fault.where == found->rack || fault.where == found->zone);
  });
}

bool Faults::dns_silent(std::string_view instance) const {
  if (faults_.empty()) return false;
  WallTime now = context_.world.clock.wall();
  auto at = state_.instances().find(instance);
  if (at == state_.instances().end()) return false;
  return std::ranges::any_of(faults_, [&](const Fault& fault) {
    return fault.kind == Fault::Kind::dns && fault.until > now && covers(fault.where, at->second);
  });
}

// ---- beginning and ending

aio::Task<Result<>> Faults::signal_all(std::vector<std::string> instances, int signal) {
  Result<> first;
  for (const std::string& id : instances) {
    auto done = co_await machines_.signal(id, signal);
    if (!done && first) first = std::move(done);
  }
  co_return first;
}

/// All links as the faults of now have them.
aio::Task<Result<>> Faults::tell_links() {
  stale_links_ = false;
  std::vector<sandbox::LinkFault> links;
  for (const Fault& fault : faults_) {
    if (fault.kind != Fault::Kind::link) continue;
    sandbox::LinkFault there;
    there.percent = fault.percent;
    there.bytes_per_second = fault.bytes_per_second;
    if (!fault.where.empty()) there.from = addresses_of(fault.where);
    if (!fault.to.empty()) there.to = addresses_of(fault.to);
    // Nobody is there, which is not everybody.
    if ((!fault.where.empty() && there.from.empty()) || (!fault.to.empty() && there.to.empty()))
      continue;
    sandbox::LinkFault back = there;
    std::swap(back.from, back.to);
    links.push_back(std::move(there));
    if (!fault.one_way) links.push_back(std::move(back));
  }
  co_return co_await machines_.set_links(std::move(links));
}

/// Makes it so, or takes it back.
aio::Task<Result<>> Faults::apply(const Fault& given, bool on) {
  const Fault fault = given;
  switch (fault.kind) {
    case Fault::Kind::freeze:
      co_return co_await signal_all(fault.instances, on ? SIGSTOP : SIGCONT);
    case Fault::Kind::kill:
      if (on) co_return co_await signal_all(fault.instances, SIGKILL);
      break;
    case Fault::Kind::link:
      co_return co_await tell_links();
    case Fault::Kind::auth:
      if (context_.slow_keys) context_.slow_keys(on ? fault.time : Duration(), on && fault.down);
      break;
    case Fault::Kind::disk: {
      if (fault.where.empty()) context_.disk_full = on;
      Result<> first;
      for (const std::string& id : fault.instances) {
        auto done = co_await machines_.fill_disk(id, on);
        // What has ended meanwhile has no disk to give back.
        if (!done && on && first) first = std::move(done);
      }
      co_return first;
    }
    case Fault::Kind::interrupt:
      for (const std::string& id : fault.instances) {
        auto at = state_.instances().find(id);
        bool spot = at != state_.instances().end() && !at->second.spot_request.empty();
        // Of a place those that can be taken; who is named must be one.
        if (on && interrupt && (spot || fault.where == id))
          CO_TRY(co_await interrupt(id, fault.time));
      }
      break;
    case Fault::Kind::refuse:
    case Fault::Kind::throttle:
    case Fault::Kind::lag:
    case Fault::Kind::dns:
    case Fault::Kind::spot_price:
      break;
  }
  co_return Result<>{};
}

aio::Task<Result<std::string>> Faults::begin(Fault fault, Duration length) {
  if (length > Fault::longest || length <= Duration())
    co_return fail(Code::invalid_argument,
                   fmt::format("a fault lasts up to {}", Fault::longest.text()));
  if (all().size() >= most)
    co_return fail(Code::resource_exhausted, fmt::format("{} faults are under way", most));
  CO_TRY(check_where(fault.where, false));
  CO_TRY(check_where(fault.to, true));
  bool named = of_machines(fault.kind) || (fault.kind == Fault::Kind::disk && !fault.where.empty());
  if (of_machines(fault.kind) && fault.where.empty() && fault.instances.empty())
    co_return fail(Code::invalid_argument, "name an instance, a host, a rack or a zone");
  if (named && fault.instances.empty()) fault.instances = CO_TRY(running_at(fault));
  fault.id = fmt::format("fault-{}", ++last_);
  fault.until = context_.world.clock.wall() + length;
  faults_.push_back(fault);
  std::string id = fault.id;
  log::info("faults", "{}: {} {} begins, for {}", id, name_of(fault.kind), fault.where,
            length.text());
  auto done = co_await apply(fault, true);
  begun_.notify();
  if (done) co_return id;
  // Half a fault is worse than none.
  auto undone = co_await undo(id);
  if (!undone) log::warn("faults", "ending {}: {}", id, undone.error().line());
  co_return fail(std::move(done).error());
}

aio::Task<Result<>> Faults::run() {
  constexpr Duration look = Duration::milliseconds(100);
  for (;;) {
    bool any = std::ranges::any_of(faults_, has_effect, &Fault::kind);
    if (!any) {
      stale_links_ = false;
      CO_TRY(co_await begun_.wait());
      continue;
    }
    if (stale_links_ &&
        std::ranges::find(faults_, Fault::Kind::link, &Fault::kind) != faults_.end())
      if (auto done = co_await tell_links(); !done)
        log::warn("faults", "hindering links: {}", done.error().line());
    CO_TRY(co_await context_.world.clock.sleep(look));
    WallTime now = context_.world.clock.wall();
    std::vector<std::string> over;
    for (const Fault& fault : faults_)
      if (has_effect(fault.kind) && fault.until <= now) over.push_back(fault.id);
    for (const std::string& id : over)
      if (auto done = co_await undo(id); !done)
        log::warn("faults", "ending {}: {}", id, done.error().line());
  }
}

aio::Task<Result<>> Faults::undo(std::string id) {
  auto at = std::ranges::find(faults_, id, &Fault::id);
  if (at == faults_.end())
    co_return fail(Code::not_found, fmt::format("no fault '{}' is under way", printable(id)));
  Fault fault = *at;
  faults_.erase(at);
  std::erase_if(buckets_, [&](const auto& b) { return b.first.starts_with(fault.id + "/"); });
  co_return co_await apply(fault, false);
}

}  // namespace croft::farm::ec2
