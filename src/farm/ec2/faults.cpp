#include "farm/ec2/faults.h"

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>

#include "base/log.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::farm::ec2 {

namespace {

namespace json = wire::json;

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

}  // namespace

std::string_view name_of(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::refuse:
      return "refuse";
    case Fault::Kind::lag:
      return "lag";
    case Fault::Kind::freeze:
      return "freeze";
    case Fault::Kind::kill:
      return "kill";
  }
  return "refuse";
}

std::vector<Fault> Faults::all() {
  WallTime now = context_.world.clock.wall();
  // What stands still is let go by run().
  std::erase_if(faults_, [&](const Fault& fault) {
    return fault.until <= now && fault.kind != Fault::Kind::freeze;
  });
  return faults_;
}

Result<> Faults::meet(std::string_view action) {
  if (faults_.empty()) return {};
  for (const Fault& fault : all()) {
    if (fault.kind != Fault::Kind::refuse || !wildcard_match(fault.action, action)) continue;
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

aio::Task<Result<>> Faults::signal_all(std::vector<std::string> instances, int signal) {
  Result<> first;
  for (const std::string& id : instances) {
    auto done = co_await machines_.signal(id, signal);
    if (!done && first) first = std::move(done);
  }
  co_return first;
}

aio::Task<Result<std::string>> Faults::begin(Fault fault, Duration length) {
  if (length > Fault::longest || length <= Duration())
    co_return fail(Code::invalid_argument,
                   fmt::format("a fault lasts up to {}", Fault::longest.text()));
  if (all().size() >= most)
    co_return fail(Code::resource_exhausted, fmt::format("{} faults are under way", most));
  fault.id = fmt::format("fault-{}", ++last_);
  fault.until = context_.world.clock.wall() + length;
  faults_.push_back(fault);
  std::string id = fault.id;
  if (fault.kind == Fault::Kind::kill) CO_TRY(co_await signal_all(fault.instances, SIGKILL));
  if (fault.kind == Fault::Kind::freeze) {
    CO_TRY(co_await signal_all(fault.instances, SIGSTOP));
    begun_.notify();
  }
  log::info("faults", "{}: {} begins, for {}", id, name_of(fault.kind), length.text());
  co_return id;
}

aio::Task<Result<>> Faults::run() {
  constexpr Duration look = Duration::milliseconds(100);
  for (;;) {
    auto frozen = std::ranges::find(faults_, Fault::Kind::freeze, &Fault::kind);
    if (frozen == faults_.end()) {
      CO_TRY(co_await begun_.wait());
      continue;
    }
    CO_TRY(co_await context_.world.clock.sleep(look));
    WallTime now = context_.world.clock.wall();
    std::vector<std::string> over;
    for (const Fault& fault : faults_)
      if (fault.kind == Fault::Kind::freeze && fault.until <= now) over.push_back(fault.id);
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
  if (fault.kind == Fault::Kind::freeze) co_return co_await signal_all(fault.instances, SIGCONT);
  co_return Result<>{};
}

Result<std::vector<std::string>> Faults::targets(const std::string& instance,
                                                 const std::string& zone) const {
  std::vector<std::string> out;
  for (const auto& [id, one] : state_.instances())
    if (one.state == InstanceState::running && (instance.empty() || id == instance) &&
        (zone.empty() || one.zone == zone))
      out.push_back(id);
  if (!out.empty()) return out;
  return fail(Code::not_found, fmt::format("no instance runs that is '{}'",
                                           printable(instance.empty() ? zone : instance)));
}

aio::Task<Result<std::string>> Faults::post(std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the fault"));
  Fault fault;
  std::string kind = CO_TRY(json::string_at(object, "kind"));
  bool known = false;
  for (auto one : {Fault::Kind::refuse, Fault::Kind::lag, Fault::Kind::freeze, Fault::Kind::kill})
    if (name_of(one) == kind) fault.kind = one, known = true;
  if (!known)
    co_return fail(
        Code::invalid_argument,
        fmt::format("'{}' is no kind of fault: refuse, lag, freeze or kill", printable(kind)));
  fault.action = CO_TRY(json::string_or(object, "action", "*"));
  fault.code = CO_TRY(json::string_or(object, "code", "InternalError"));
  fault.percent = static_cast<int>(CO_TRY(json::int_or(object, "percent", 100)));
  fault.lag = Duration::milliseconds(CO_TRY(json::int_or(object, "lagMs", 1000)));
  bool of_machines = fault.kind == Fault::Kind::freeze || fault.kind == Fault::Kind::kill;
  if (of_machines) {
    std::string instance = CO_TRY(json::string_or(object, "instance", ""));
    std::string zone = CO_TRY(json::string_or(object, "zone", ""));
    if (instance.empty() == zone.empty())
      co_return fail(Code::invalid_argument, "name one instance or one zone");
    fault.instances = CO_TRY(targets(instance, zone));
  }
  Duration length = Duration::milliseconds(CO_TRY(json::int_or(object, "lengthMs", 60'000)));
  std::string id = CO_TRY(co_await begin(std::move(fault), length));
  co_return boost::json::serialize(boost::json::object{{"id", id}});
}

std::string Faults::list() {
  boost::json::array out;
  for (const Fault& fault : all()) {
    boost::json::object one{{"id", fault.id},
                            {"kind", std::string(name_of(fault.kind))},
                            {"until", fault.until.iso8601()}};
    if (fault.kind == Fault::Kind::refuse) {
      one["action"] = fault.action;
      one["code"] = fault.code;
      one["percent"] = fault.percent;
    }
    if (!fault.instances.empty())
      one["instances"] = boost::json::array(fault.instances.begin(), fault.instances.end());
    out.push_back(std::move(one));
  }
  return boost::json::serialize(boost::json::object{{"faults", std::move(out)}});
}

namespace {

aio::Task<Result<std::string>> answer_list(std::string text) {
  co_return text;
}

aio::Task<Result<std::string>> undo_one(Faults& faults, std::string body) {
  auto object = CO_TRY(json::parse_object(body, "the fault"));
  std::string id = CO_TRY(json::string_at(object, "id"));
  CO_TRY(co_await faults.undo(id));
  co_return std::string("{}");
}

}  // namespace

void Faults::add_routes() {
  context_.admin.route("GET", "/faults", [this](std::string) { return answer_list(list()); });
  context_.admin.route("POST", "/faults",
                       [this](std::string body) { return post(std::move(body)); });
  context_.admin.route("POST", "/faults/undo",
                       [this](std::string body) { return undo_one(*this, std::move(body)); });
}

}  // namespace croft::farm::ec2
