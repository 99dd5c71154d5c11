#include "agent/link.h"

#include <fmt/format.h>

#include "agent/backoff.h"
#include "agent/link_session.h"
#include "base/log.h"
#include "base/text.h"
#include "net/tls.h"
#include "probe/probe.h"
#include "trust/authority.h"

namespace croft::agent {
namespace {

constexpr size_t read_bytes = 16 << 10;

Result<std::pair<std::string, uint16_t>> host_and_port(const std::string& text) {
  size_t colon = text.rfind(':');
  auto port = colon == std::string::npos ? std::nullopt : parse_u64(text.substr(colon + 1));
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  if (host.empty() || !port || *port == 0 || *port > 65535)
    return fail(
        Code::invalid_argument,
        fmt::format("'{}' is no address of a controller: HOST:PORT is wanted", printable(text)));
  return std::pair(host, static_cast<uint16_t>(*port));
}

/// Reads frames until there is one whole message.
aio::Task<Result<protocol::AgentMessage>> next_message(aio::Stream& stream,
                                                       protocol::FrameReader& reader) {
  std::string buffer(read_bytes, '\0');
  for (;;) {
    if (auto frame = CO_TRY(reader.next())) co_return protocol::agent_message_from(frame->bytes);
    size_t got = CO_TRY(co_await stream.read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "the controller hung up");
    reader.add(std::string_view(buffer).substr(0, got));
  }
}

aio::Task<Result<>> write_text(aio::Stream& stream, std::string text) {
  std::vector<std::string_view> pieces{text};
  co_return co_await stream.write(std::move(pieces));
}

}  // namespace

Link::Link(aio::World& world, Folder& folder, Supervisor& supervisor, Launcher& launcher,
           Identity identity, LinkLimits limits)
    : world_(world),
      folder_(folder),
      supervisor_(supervisor),
      launcher_(launcher),
      identity_(std::move(identity)),
      limits_(limits) {}
Link::~Link() = default;

aio::Task<Result<std::unique_ptr<aio::Stream>>> Link::dial(std::string controller, bool with_key) {
  auto [host, port] = CO_TRY(host_and_port(controller));
  net::TlsOptions options;
  options.pin = identity_.pin;
  options.check_name = false;  // addresses change; the authority does not
  options.clock = &world_.clock;
  if (with_key) {
    options.certificate_pem = keys_.certificate;
    options.key_pem = keys_.key;
  }
  auto context = CO_TRY(net::TlsContext::client(options));
  auto addresses = CO_TRY(co_await world_.net.resolve(host));
  Result<std::unique_ptr<aio::Stream>> stream =
      fail(Code::not_found, fmt::format("'{}' has no address", host));
  for (const std::string& address : addresses) {
    stream = co_await aio::deadline(world_.clock, limits_.connect,
                                    world_.net.connect({address, port, ""}),
                                    fmt::format("connecting to {}", controller));
    if (stream) break;
  }
  co_return net::tls_client(std::move(context), CO_TRY(std::move(stream)), host);
}

aio::Task<Result<std::string>> Link::join_at(std::string controller, Secret token,
                                             std::string request) {
  auto stream = CO_TRY(co_await dial(controller, false));
  protocol::Join join;
  join.token = token.reveal();
  join.instance = identity_.instance;
  join.address = identity_.address;
  join.request = std::move(request);
  CO_TRY(co_await write_text(*stream, protocol::frame_of(join)));
  protocol::FrameReader reader;
  auto message = CO_TRY(co_await next_message(*stream, reader));
  if (auto* joined = std::get_if<protocol::Joined>(&message)) co_return joined->certificate;
  if (auto* closed = std::get_if<protocol::Closed>(&message); closed && closed->error)
    co_return fail(*closed->error);
  co_return fail(Code::syntax, "the controller answers a join with something else");
}

aio::Task<Result<>> Link::join(Secret token, std::function<void()> used) {
  auto kept = co_await folder_.load_keys();
  if (kept) {
    keys_ = *std::move(kept);
    used();
    co_return Result<>{};
  }
  trust::KeyPair pair = CO_TRY(co_await folder_.joining_key(identity_.instance));
  Backoff backoff(limits_.pause, limits_.pause_most);
  for (;;) {
    for (const std::string& controller : identity_.controllers) {
      auto joined = co_await aio::deadline(world_.clock, limits_.greeting,
                                           join_at(controller, token, pair.request_pem),
                                           fmt::format("joining at {}", controller));
      if (joined) {
        keys_ = {*std::move(joined), pair.key_pem};
        CO_TRY(co_await folder_.save_keys(keys_));
        used();
        co_return Result<>{};
      }
      const Error& error = joined.error();
      log::warn("agent", "cannot join at {}: {}", controller, error.line());
      bool final = error.code == Code::unauthenticated || error.code == Code::permission_denied ||
                   error.code == Code::cancelled;
      if (error.code != Code::cancelled && final) used();
      if (final) co_return fail(Error(error));
    }
    CO_TRY(co_await rendezvous());
    CO_TRY(co_await world_.clock.sleep(backoff.next(world_.random)));
  }
}

protocol::Hello Link::hello() const {
  protocol::Hello out;
  out.instance = identity_.instance;
  out.address = identity_.address;
  out.boot = folder_.boot();
  out.agent_version = CROFT_VERSION;
  out.fence = identity_.fence;
  out.works = supervisor_.states();
  return out;
}

aio::Task<Result<>> Link::run() {
  if (keys_.certificate.empty()) {
    auto kept = co_await folder_.load_keys();
    if (!kept && kept.error().code == Code::not_found)
      co_return fail(
          Error(Code::invalid_argument, "this machine has not joined: there is no certificate")
              .hint("--token-file names a file with a token that was not used yet"));
    keys_ = CO_TRY(std::move(kept));
  }
  auto outcome = co_await aio::race(keep_connected(), hear_beats());
  co_return outcome.index() == 0 ? std::get<0>(std::move(outcome))
                                 : std::get<1>(std::move(outcome));
}

aio::Task<Result<>> Link::say_leaving() {
  if (!session_) co_return Result<>{};
  Session& session = *session_;
  CO_TRY(co_await session.say(protocol::Leaving{}));
  while (session_ == &session && session.outgoing.size() > 0)
    CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(1)));
  co_return co_await world_.clock.sleep(Duration::milliseconds(5));  // the last one is under way
}

aio::Task<Result<>> Link::keep_connected() {
  Backoff backoff(limits_.pause, limits_.pause_most);
  Moment ended = world_.clock.now();
  bool silent = false;  // a machine that is gone does not even refuse
  while (successor_.empty()) {
    for (const std::string& controller : std::vector<std::string>(identity_.controllers)) {
      Moment began = world_.clock.now();
      auto served = co_await serve(controller);
      if (!successor_.empty()) break;
      if (!served && served.error().code == Code::cancelled) co_return served;
      log::warn("agent", "{}: {}", controller, served ? "hung up" : served.error().line());
      silent = !served && served.error().code == Code::timeout;
      if (world_.clock.now() - began <= limits_.pause_most) continue;
      backoff.reset();
      ended = world_.clock.now();
    }
    if (!successor_.empty()) break;
    if (backoff.count() > 0 || silent) CO_TRY(co_await rendezvous());
    CO_TRY(co_await supervisor_.tend_logs());
    Duration pause = backoff.next(world_.random);
    if (world_.clock.now() - ended < limits_.fresh) pause = std::min(pause, limits_.pause_fresh);
    CO_TRY(co_await world_.clock.sleep(pause));
  }
  co_return Result<>{};
}

/// From dialling to the end of the connection; how it ended.
aio::Task<Result<>> Link::serve(std::string controller) {
  Session session;
  session.controller = controller;
  session.stream = CO_TRY(co_await dial(controller, true));
  session.node = CO_TRY(trust::read_certificate(keys_.certificate)).subject;
  auto greeting = [](Link& self, Session& current) -> aio::Task<Result<>> {
    CO_TRY(co_await write_text(*current.stream, protocol::frame_of(self.hello())));
    auto message = CO_TRY(co_await next_message(*current.stream, current.reader));
    if (auto* closed = std::get_if<protocol::Closed>(&message); closed && closed->error)
      co_return fail(*closed->error);
    auto* welcome = std::get_if<protocol::Welcome>(&message);
    if (!welcome)
      co_return fail(Code::syntax, "the controller answers a hello with something else");
    current.welcome = *welcome;
    co_return Result<>{};
  };
  CO_TRY(co_await aio::deadline(world_.clock, limits_.greeting, greeting(*this, session),
                                fmt::format("the greeting of {}", controller)));
  CO_TRY(co_await check_fence(session.welcome.fence));
  if (!session.welcome.rendezvous.empty()) CO_TRY(co_await look_there(session.welcome.rendezvous));
  log::info("agent", "connected to {}", controller);
  session.heard = world_.clock.now();
  session_ = &session;
  auto result = co_await converse(session);
  session_ = nullptr;
  co_return result;
}

aio::Task<Result<>> Link::converse(Session& session) {
  aio::Scope scope(co_await aio::here());
  session.scope = &scope;
  session.channels.emplace(
      world_, folder_, supervisor_, launcher_,
      [&session](protocol::Frame frame) { return session.outgoing.push(std::move(frame)); },
      [&session](protocol::Closed closed) { return session.say(std::move(closed)); });
  // What changed between hello and now: the last words of all, once more.
  for (const auto& state : supervisor_.states()) session.unsent[state.name] = state;
  scope.spawn(read_all(session));
  scope.spawn(write_all(session));
  scope.spawn(beat(session));
  if (session.welcome.heartbeat_port != 0) session.beats_pass = open_datagrams(session);
  scope.spawn(renew(session));
  co_return co_await scope.join();
}

aio::Task<Result<>> Link::read_all(Session& session) {
  std::string buffer(read_bytes, '\0');
  for (;;) {
    while (auto frame = CO_TRY(session.reader.next())) {
      if (frame->kind == 'D')
        CO_TRY(co_await session.channels->deliver(frame->channel, std::move(frame->bytes)));
      else
        CO_TRY(co_await take(session, CO_TRY(protocol::agent_message_from(frame->bytes))));
    }
    size_t got = CO_TRY(co_await session.stream->read(buffer));
    if (got == 0) co_return fail(Code::unavailable, "the controller hung up");
    session.heard = world_.clock.now();
    session.reader.add(std::string_view(buffer).substr(0, got));
  }
}

void Link::changed(const model::WorkState& state) {
  ++changes_;
  if (!session_) return;
  session_->unsent[state.name] = state;
  session_->something.notify();
}

aio::Task<Result<>> Link::write_all(Session& session) {
  // States wait in a table of their own: one that changes quickly is told once, as it is.
  auto tell = [](Session& current) -> aio::Task<Result<>> {
    for (;;) {
      while (!current.unsent.empty()) {
        auto first = current.unsent.extract(current.unsent.begin());
        CO_TRY(co_await current.say(protocol::Changed{std::move(first.mapped())}));
      }
      CO_TRY(co_await current.something.wait());
    }
  };
  session.scope->spawn(tell(session));
  for (;;) {
    protocol::Frame frame = CO_TRY(co_await session.outgoing.pop());
    CO_TRY(co_await write_text(*session.stream, protocol::frame_text(frame)));
  }
}

aio::Task<Result<>> Link::check_fence(uint64_t fence) {
  if (fence < identity_.fence)
    co_return fail(Code::conflict,
                   fmt::format("the controller's fencing number is {}, and {} was seen already",
                               fence, identity_.fence));
  if (fence == identity_.fence) co_return Result<>{};
  identity_.fence = fence;  // at once: nothing older is obeyed while it is written
  auto lock = CO_TRY(co_await saving_.lock());
  co_return co_await folder_.save(identity_);
}

aio::Task<Result<>> Link::take(Session& session, protocol::AgentMessage message) {
  if (auto* call = std::get_if<protocol::Call>(&message)) {
    session.scope->spawn(answer(session, std::move(*call)));
  } else if (auto* closed = std::get_if<protocol::Closed>(&message)) {
    session.channels->close(closed->channel);
  } else if (std::holds_alternative<protocol::Alive>(message)) {
    co_return Result<>{};  // that it came is what it says
  } else if (auto* joined = std::get_if<protocol::Joined>(&message); joined && session.coming) {
    keys_ = {joined->certificate, session.coming->key_pem};
    session.coming.reset();
    CO_TRY(co_await folder_.save_keys(keys_));
  } else {
    co_return fail(Code::syntax, "the controller sent a message that only agents send");
  }
  co_return Result<>{};
}

aio::Task<Result<>> Link::answer(Session& session, protocol::Call call) {
  busy_ = true;
  protocol::Answer out;
  out.id = call.id;
  auto result = co_await act(session, std::move(call));
  if (!result && result.error().code == Code::cancelled) co_return fail(std::move(result).error());
  if (result)
    out.result = *std::move(result);
  else
    out.error = std::move(result).error();
  CO_TRY(co_await session.say(std::move(out)));
  if (successor_.empty()) co_return Result<>{};
  // Let the answer out, then end this program.
  while (session.outgoing.size() > 0)
    CO_TRY(co_await world_.clock.sleep(Duration::milliseconds(1)));
  co_return fail(Code::cancelled, "another agent takes over");
}

aio::Task<Result<wire::json::Object>> Link::act(Session& session, protocol::Call call) {
  CO_TRY(co_await check_fence(call.fence));
  const wire::json::Object& request = call.request;
  wire::json::Object out;
  if (call.action == "apply") {
    auto work = CO_TRY(protocol::host_work_from(*CO_TRY(wire::json::object_at(request, "work"))));
    out["state"] =
        protocol::to_json(CO_TRY(co_await aio::shield(supervisor_.apply(std::move(work)))));
  } else if (call.action == "remove") {
    CO_TRY(co_await supervisor_.remove(CO_TRY(wire::json::string_at(request, "name"))));
  } else if (call.action == "list") {
    wire::json::Array states;
    for (const auto& state : supervisor_.states()) states.push_back(protocol::to_json(state));
    out["states"] = std::move(states);
  } else if (call.action == "probe") {
    auto question = CO_TRY(protocol::probe_from(*CO_TRY(wire::json::object_at(request, "probe"))));
    CO_TRY(co_await probe::ask(world_, std::move(question)));
  } else if (call.action == "signal") {
    int number = CO_TRY(signal_number(CO_TRY(wire::json::string_at(request, "signal"))));
    CO_TRY(supervisor_.signal(CO_TRY(wire::json::string_at(request, "name")), number));
  } else if (call.action == "stats") {
    out = stats_of(supervisor_.workloads());
  } else if (call.action == "reach") {
    CO_TRY(co_await reach(request));
  } else if (call.action == "rendezvous") {
    CO_TRY(co_await look_there(CO_TRY(wire::json::string_at(request, "url"))));
  } else if (call.action == "ping") {
    out["wall"] = world_.clock.wall().ns;
  } else if (call.action == "open") {
    out = CO_TRY(co_await session.channels->open(*session.scope, request));
  } else if (call.action == "resize") {
    auto channel = static_cast<uint32_t>(CO_TRY(wire::json::int_at(request, "channel")));
    CO_TRY(session.channels->resize(
        channel, static_cast<int>(CO_TRY(wire::json::int_at(request, "rows"))),
        static_cast<int>(CO_TRY(wire::json::int_at(request, "columns")))));
  } else if (call.action == "kill") {
    auto channel = static_cast<uint32_t>(CO_TRY(wire::json::int_at(request, "channel")));
    int number = CO_TRY(signal_number(CO_TRY(wire::json::string_at(request, "signal"))));
    CO_TRY(session.channels->kill(channel, number));
  } else if (call.action == "upgrade") {
    co_return co_await upgrade(request);
  } else {
    co_return fail(Code::unsupported,
                   fmt::format("this agent knows no action '{}'", printable(call.action)));
  }
  co_return out;
}

}  // namespace croft::agent
