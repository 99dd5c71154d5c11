#include "engine/node.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/application.h"
#include "engine/placement.h"
#include "engine/updating.h"
#include "protocol/events.h"
#include "store/store.h"

namespace croft::engine {
namespace {

constexpr const char* started_note = "started";
constexpr int terminate_attempts = 3;
constexpr Duration farm_patience = Duration::seconds(60);
constexpr Duration first_patience = Duration::milliseconds(500);
constexpr Duration slowest_patience = Duration::seconds(5);
constexpr Duration terminate_pause = Duration::seconds(2);

const char* event_of(model::State state) {
  switch (state) {
    case model::State::described:
      return "DESCRIBED";
    case model::State::deploying:
      return protocol::event::deploying;
    case model::State::deployed:
      return protocol::event::deployed;
    case model::State::starting:
      return protocol::event::starting;
    case model::State::running:
      return protocol::event::running;
    case model::State::terminating:
      return protocol::event::terminating;
    case model::State::terminated:
      return protocol::event::terminated;
  }
  return "";
}

constexpr Duration record_pause = Duration::seconds(1);

/// A record that cannot be written is no end of the component: it goes on once it can.
aio::Task<Result<>> work_on(Node& node) {
  for (;;) {
    auto result = co_await node.object->work(node.context);
    while (!result && is_of_record(result.error())) {
      if (store::is_broken(result.error())) co_return Result<>{};  // this controller ends of it
      node.context.waits(result.error().line());
      CO_TRY(co_await node.application.services().world.clock.sleep(record_pause));
      auto taken = co_await node.application.ledger().flush();
      if (taken) break;
      result = std::move(taken);
    }
    if (result || !is_of_record(result.error())) co_return result;
    node.context.waits("");
  }
}

aio::Task<Result<>> run_work(Node& node) {
  auto result = co_await work_on(node);
  node.work_over = true;
  if (!result && result.error().code != Code::cancelled)
    node.application.node_ended(
        node.record.path, model::TerminationRecord::abnormal(node.record.path, "its work failed",
                                                             result.error().line()));
  co_return Result<>{};
}

}  // namespace

bool is_outage(Code code) {
  return code == Code::unavailable || code == Code::timeout || code == Code::throttled;
}

Node::Node(Application& owner, ComponentRecord known, model::ComponentPtr text,
           const ComponentType* kind)
    : application(owner),
      record(std::move(known)),
      description(std::move(text)),
      type(kind),
      context(*this) {
  if (description) describe(description);
}

void Node::describe(model::ComponentPtr text) {
  description = std::move(text);
  drop_what_cannot_be();
  for (const auto& [name, value] : record.published)
    if (value.is(model::Value::Kind::null))
      description->remove(name);  // it was taken away while it ran
    else
      description->set(name, value);
  if (type && !object) object = type->make();
}

/// A record may hold what no component of its type can have: the description's own value counts.
void Node::drop_what_cannot_be() {
  if (!type) return;
  const Registry& registry = application.services().registry;
  std::vector<std::string> bad;
  for (const auto& [name, value] : record.published) {
    const auto* schema = registry.schemas().attribute(type->schema, name);
    if (!schema || schema->published) continue;
    bool removed = value.is(model::Value::Kind::null);
    auto good = name == "sfClass"
                    ? Result<>(fail(Code::invalid_argument, "its class never changes"))
                    : registry.may_become(*description, name,
                                          removed ? std::nullopt : std::optional(value));
    if (good) continue;
    context.event(protocol::event::message,
                  fmt::format("the value that '{}' was given while it ran is passed over: {}", name,
                              good.error().line()));
    bad.push_back(name);
  }
  for (const std::string& name : bad) record.published.erase(name);
  if (!bad.empty()) application.ledger().put(record);
}

Node::~Node() = default;

bool Node::enter(model::LifeEvent event, std::string why) {
  auto next = model::next(record.state, event);
  if (!next) return false;
  bool told = *next != model::State::deployed && *next != record.state;
  record.state = *next;
  bool ran_on = *next == model::State::running && taken_from == model::State::running;
  record.since = ran_on ? running_since : application.services().world.clock.wall();
  if (*next == model::State::terminated) {
    waits.clear();
    silence.clear();
  }
  record.why = std::move(why);
  if (!told) return true;
  protocol::Event line;
  line.component = record.path;
  line.event = event_of(*next);
  line.why = record.why;
  if (*next == model::State::terminated) line.record = record.record;
  application.ledger().event(std::move(line));
  application.ledger().put(record);
  application.node_changed();
  return true;
}

bool Node::ran_before() const {
  return record.memory.contains(started_note);
}

void Node::fail_with(const Error& error) {
  record.why = error.line();
  waits.clear();
  protocol::Event line;
  line.component = record.path;
  line.event = protocol::event::failed;
  line.why = record.why;
  application.ledger().event(std::move(line));
  application.ledger().put(record);
  application.node_changed();
}

bool Node::at_once(plan::Verb verb) {
  bool plain = type && type->compound && !type->works && !type->coded && record.rented.empty() &&
               !record.intent;
  switch (verb) {
    case plan::Verb::deploy:
      return false;
    case plan::Verb::start:
      enter(model::LifeEvent::start);  // here, so that siblings are told in the description's order
      return plain;
    case plan::Verb::live:
      enter(model::LifeEvent::start_done);
      live = true;
      next_ping = application.services().world.clock.now() + delay;
      application.watch(application.all_nodes().at(record.path));
      return true;
    case plan::Verb::terminate:
      if (ended()) return true;
      if (!plain) return false;
      enter(model::LifeEvent::terminate);
      live = false;
      if (application.stuck_inside(record.path)) {
        record.why = "something inside it is not gone";
        return true;
      }
      if (!record.record) record.record = application.record().record;
      enter(model::LifeEvent::terminate_done);
      return true;
  }
  return false;
}

aio::Task<Result<>> Node::deploy() {
  enter(model::LifeEvent::deploy);
  if (!object)
    co_return fail(Code::unresolved,
                   fmt::format("{}: no component type '{}' is known", record.path, record.type));
  Result<> done = check_placement(context);
  if (done)
    done = co_await aio::deadline(application.services().world.clock, type->timeouts.deploy,
                                  object->deploy(context), "deploying " + record.path);
  if (!done) {
    if (done.error().code != Code::cancelled) fail_with(done.error());
    co_return fail(
        std::move(done).error().frame("deploying " + record.path).fact("component", record.path));
  }
  enter(model::LifeEvent::deploy_done);
  co_return Result<>{};
}

/// A farm that answered before and now is silent is waited for: it may be starting again. One that
/// never answered is a wrong address, and said at once.
aio::Task<Result<>> Node::start_patiently() {
  aio::Clock& clock = application.services().world.clock;
  Moment give_up = clock.now() + farm_patience;
  Duration pause = first_patience;
  for (;;) {
    auto done = co_await aio::deadline(clock, type->timeouts.start, object->start(context),
                                       "starting " + record.path);
    if (done || !is_outage(done.error().code) || !application.has_made_anything() ||
        clock.now() >= give_up)
      co_return done;
    context.waits(fmt::format("{}; tries again, gives up in {}", done.error().line(),
                              Duration::seconds((give_up - clock.now()).ms() / 1000 + 1).text()));
    if (auto slept = co_await clock.sleep(pause); !slept) co_return slept;
    pause = std::min(pause * 2, slowest_patience);
  }
}

aio::Task<Result<>> Node::start() {
  enter(model::LifeEvent::start);
  aio::World& world = application.services().world;
  auto done = co_await start_patiently();
  if (!done && done.error().code == Code::cancelled) record.why = waits;
  waits.clear();
  if (!done) {
    if (done.error().code != Code::cancelled) fail_with(done.error());
    co_return fail(
        std::move(done).error().frame("starting " + record.path).fact("component", record.path));
  }
  if (!type->compound) {
    enter(model::LifeEvent::start_done);
    live = true;
  }
  missed = 0;
  record.memory[started_note] = "yes";
  record.memory.erase(updating_note);
  for (std::string& event : application.take_events(*this))
    CO_TRY(co_await object->receive(context, std::move(event)));
  next_ping = world.clock.now() + delay;
  application.watch(application.all_nodes().at(record.path));
  application.ledger().put(record);
  if (auto flushed = co_await application.ledger().flush(); !flushed) {
    live = false;  // cut off before its work: it is taken over, not kept
    co_return flushed;
  }
  // Where there is no work, it is done with the start.
  if (!type->works && !type->compound && !record.record) CO_TRY(context.done_with_start());
  start_work();
  co_return Result<>{};
}

void Node::start_work() {
  if (!type->works || work_) return;
  work_over = false;
  work_ =
      std::make_unique<aio::Scope>(aio::Context{&application.services().world.executor, nullptr});
  work_->spawn(run_work(*this));
}

aio::Task<Result<>> Node::ping() {
  if (!object) co_return Result<>{};
  Duration bound = std::min(type->timeouts.ping, std::max(delay * factor, Duration::seconds(1)));
  co_return co_await aio::deadline(application.services().world.clock, bound, object->ping(context),
                                   "the liveness check of " + record.path);
}

aio::Task<void> Node::stop_work() {
  if (!work_) co_return;
  work_->cancel();
  auto ignored = co_await work_->join();
  static_cast<void>(ignored);
  work_.reset();
}

bool Node::protects() const {
  bool held = std::ranges::any_of(
      record.rented, [](const Rented& thing) { return !thing.returned && !thing.adopted; });
  return held && description && plan::is_protected(*description);
}

/// Nobody asked for its end (a neighbour failed, its lifetime is over): what it holds stays.
void Node::keep_protected() {
  if (!protects()) return;
  for (Rented& thing : record.rented) {
    if (!thing.open()) continue;
    thing.kept = true;
    context.event(protocol::event::kept, fmt::format("{} {} is protected", thing.kind, thing.id));
  }
  application.ledger().put(record);
}

aio::Task<Result<>> Node::terminate() {
  if (ended()) co_return Result<>{};
  stuck_by.reset();
  keep_protected();
  enter(model::LifeEvent::terminate);
  live = false;
  if (!record.record) record.record = application.record().record;
  co_await stop_work();
  aio::World& world = application.services().world;
  Result<> done = Result<>{};
  for (int attempt = 1; attempt <= terminate_attempts; ++attempt) {
    if (object) done = co_await application.finish_own_intent(*this);
    if (object && done) {
      auto why = record.record.value_or(model::TerminationRecord::normal(record.path));
      done = co_await aio::deadline(world.clock, type->timeouts.terminate,
                                    object->terminate(context, why), "terminating " + record.path);
    }
    if (done && record.holds())
      done = fail(
          Code::conflict,
          object ? "something of it is still there"
                 : "its description or type is unknown: nobody can end it but the farm's owner");
    if (done || done.error().code == Code::cancelled || !object || attempt == terminate_attempts)
      break;
    record.why = done.error().line();
    waits = fmt::format("{}; try {} of {}", record.why, attempt + 1, terminate_attempts);
    application.node_changed();
    if (auto slept = co_await world.clock.sleep(terminate_pause * attempt); !slept)
      done = fail(std::move(slept).error());
  }
  waits.clear();
  if (!done) {
    if (done.error().code == Code::cancelled) co_return done;
    bool held = !object || record.holds() || object->must_end(context);
    if (held) {
      stuck_by = done.error().code;
      fail_with(done.error());
      application.got_stuck(record.path);
      co_return co_await application.ledger().flush();
    }
    // Nothing of it is outside: what it could not do keeps nobody from ending.
    context.event(protocol::event::message,
                  fmt::format("its end failed {} times and is passed over: {}", terminate_attempts,
                              done.error().line()));
  }
  if (record.state == model::State::terminated) {  // it had ended with something left: gone now
    record.why.clear();
    application.ledger().put(record);
  } else {
    if (!record.record) record.record = model::TerminationRecord::normal(record.path);
    enter(model::LifeEvent::terminate_done);
  }
  co_return co_await application.ledger().flush();
}

aio::Task<Result<>> Node::remove_kept() {
  if (!object) co_return Result<>{};
  for (Rented& thing : record.rented)
    if (thing.kept && !thing.returned && !thing.adopted) thing.kept = false;
  application.ledger().put(record);
  co_return co_await terminate();
}

}  // namespace croft::engine
