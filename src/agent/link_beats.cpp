// What the link does by itself: heartbeats, renewing its certificate, looking controllers up,
// taking another program in its own place.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/item.h"
#include "agent/link_session.h"
#include "agent/stats.h"
#include "aio/scope.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "net/http_client.h"

namespace croft::agent {
namespace {

constexpr int unanswered_beats = 5;
constexpr Duration beat_pause = Duration::seconds(1);
constexpr uint64_t beats_unanswered_max =
    2 * protocol::heartbeats_an_answer;  // then over the connection too
constexpr Duration renew_retry = Duration::minutes(1);
constexpr Duration look_most = Duration::minutes(10);  // at the clock, which may be set meanwhile
constexpr Bytes rendezvous_most = Bytes::kib(64);
constexpr Bytes program_most = Bytes::mib(64);
constexpr Duration reach_patience = Duration::milliseconds(400);

}  // namespace

aio::Task<Result<>> Link::beat(Session& session) {
  Secret key = beat_key_;
  Duration period = std::max(session.welcome.period, Duration::milliseconds(10));
  aio::Address to = session.stream->peer();
  to.port = session.welcome.heartbeat_port;
  for (;;) {
    ++beats_;
    if (session.beats_pass) {
      protocol::Heartbeat heartbeat{session.node, beats_,
                                    static_cast<uint64_t>(world_.clock.now().ns), changes_};
      ++session.beats;
      auto sent = co_await datagrams_->send(to, protocol::sealed(heartbeat, key));
      if (!sent && sent.error().code == Code::cancelled) co_return sent;
    }
    // Where no answer comes, datagrams may be lost on the way.
    if (session.beats - session.answered > beats_unanswered_max || !session.beats_pass)
      CO_TRY(co_await session.say(protocol::Alive{beats_, changes_}));
    CO_TRY(co_await supervisor_.tend_logs());
    // With a beat, so that an idle host is not woken for it.
    if (report_due(session)) session.scope->spawn(report(session));
    CO_TRY(co_await world_.clock.sleep(period));
    // What a burst of calls needed goes back to the machine.
    if (std::exchange(busy_, false)) malloc_trim(0);
    Duration quiet = world_.clock.now() - session.heard;
    if (session.moved)
      co_return fail(Code::timeout,
                     fmt::format("nothing was heard for {}, and others lead", quiet.text()));
    if (quiet > period * unanswered_beats && !session.looking) {
      session.looking = true;
      session.scope->spawn(look_elsewhere(session));
    }
    if (quiet > std::max(limits_.silence, period * unanswered_beats))
      co_return fail(Code::timeout, fmt::format("nothing was heard for {}", quiet.text()));
  }
}

aio::Task<Result<>> Link::look_elsewhere(Session& session) {
  // Many may have lost the same controller.
  CO_TRY(co_await world_.clock.sleep(
      Duration::seconds_f(limits_.look_elsewhere.s() * world_.random.unit())));
  CO_TRY(co_await rendezvous());
  const auto& leading = identity_.controllers;
  session.moved = std::ranges::find(leading, session.controller) == leading.end();
  session.looking = false;
  co_return Result<>{};
}

bool Link::report_due(const Session& session) const {
  Duration every = session.welcome.report;
  if (every <= Duration() || session.reporting) return false;
  for (const Item* item : supervisor_.tellers())
    every = std::min(every, std::get<model::ProcessWork>(item->work().what).metrics->period);
  // The beat that is nearest to it.
  return world_.clock.now() - session.reported + session.welcome.period / 2 >= every;
}

aio::Task<Result<>> Link::report(Session& session) {
  struct Asked {
    std::string name;
    Result<std::map<std::string, double>> figures;
  };
  session.reporting = true;
  session.reported = world_.clock.now();
  auto workloads = supervisor_.workloads();
  auto usages = CO_TRY(co_await aio::blocking(
      world_, aio::Pool::disk, [&workloads]() -> Result<Usages> { return measure(workloads); }));
  std::vector<Asked> answers;
  for (const Item* item : supervisor_.tellers())
    if (usages.items.contains(item->work().name))  // else it began meanwhile: the next time
      answers.push_back({item->work().name, std::map<std::string, double>{}});
  aio::Scope asking(co_await aio::here());
  auto ask = [](Link& self, Asked& into) -> aio::Task<Result<>> {
    auto item = self.supervisor_.find(into.name);
    if (!item) co_return Result<>{};
    const auto& process = std::get<model::ProcessWork>((*item)->work().what);
    into.figures = co_await figures_at(self.world_, *process.metrics, process.metric_names);
    if (!into.figures && into.figures.error().code == Code::cancelled)
      co_return fail(into.figures.error());
    co_return Result<>{};
  };
  for (Asked& each : answers) asking.spawn(ask(*this, each));
  CO_TRY(co_await asking.join());
  for (Asked& each : answers) {
    if (each.figures)
      usages.items[each.name].metrics = *std::move(each.figures);
    else
      log::warn("agent", "{} tells no metrics: {}", each.name, each.figures.error().line());
  }
  protocol::Report changed;
  if (session.told.agent != usages.agent) changed.agent = usages.agent;
  for (const auto& [name, usage] : usages.items) {
    auto before = session.told.items.find(name);
    if (before == session.told.items.end() || before->second != usage) changed.items[name] = usage;
  }
  session.told = {usages.agent, std::move(usages.items)};
  session.reporting = false;
  if (changed.agent || !changed.items.empty()) CO_TRY(co_await session.say(std::move(changed)));
  co_return Result<>{};
}

/// One socket for all connections, so that peers find us where the controller last heard us.
bool Link::open_datagrams(const Session& session) {
  beat_key_ = Secret(unhex(session.welcome.heartbeat_key).value_or(""));
  beats_host_ = session.stream->peer().host;
  bool six = beats_host_.find(':') != std::string::npos;
  if (datagrams_ && six == (datagrams_->local().host.find(':') != std::string::npos)) return true;
  auto socket = world_.net.datagrams({six ? "::" : "0.0.0.0", 0, ""});
  if (!socket) return false;
  if (datagrams_) datagrams_->close();
  datagrams_ = *std::move(socket);
  opened_.notify();
  return true;
}

aio::Task<Result<>> Link::hear_beats() {
  std::array<char, 512> buffer;
  for (;;) {
    std::shared_ptr<aio::Datagrams> datagrams = datagrams_;
    if (!datagrams) {
      CO_TRY(co_await opened_.wait());
      continue;
    }
    auto got = co_await datagrams->receive(buffer);
    if (!got && got.error().code == Code::cancelled) co_return fail(std::move(got).error());
    if (!got) {
      // Nobody at that port now: the next beat tries again.
      CO_TRY(co_await world_.clock.sleep(beat_pause));
      continue;
    }
    auto heartbeat = protocol::open_heartbeat({buffer.data(), got->size}, beat_key_);
    if (!heartbeat) continue;
    if (got->from.host != beats_host_) {
      // Sealed by our controller and brought by another host: it asks whether we live.
      std::string_view question(buffer.data(), got->size);
      auto sent = co_await datagrams->send(got->from, question);
      if (!sent && sent.error().code == Code::cancelled) co_return sent;
    } else if (session_) {
      session_->heard = world_.clock.now();
      session_->answered = session_->beats;
    }
  }
}

namespace {

/// Until the same datagram comes back from there.
aio::Task<Result<>> given_back(aio::Datagrams& datagrams, aio::Address from, std::string question) {
  std::array<char, 512> buffer;
  for (;;) {
    auto got = CO_TRY(co_await datagrams.receive(buffer));
    if (got.from == from && std::string_view(buffer.data(), got.size) == question)
      co_return Result<>{};
  }
}

}  // namespace

aio::Task<Result<>> Link::reach(const wire::json::Object& request) {
  auto to = CO_TRY(aio::Address::parse(CO_TRY(wire::json::string_at(request, "to"))));
  auto question = unhex(CO_TRY(wire::json::string_at(request, "datagram")));
  if (!question) co_return fail(Code::syntax, "'datagram' is not hexadecimal");
  auto datagrams = CO_TRY(world_.net.datagrams({"0.0.0.0", 0, ""}));
  CO_TRY(co_await datagrams->send(to, *question));
  co_return co_await aio::deadline(world_.clock, reach_patience,
                                   given_back(*datagrams, to, *question),
                                   "waiting for " + to.text());
}

aio::Task<Result<>> Link::renew(Session& session) {
  for (;;) {
    auto certificate = CO_TRY(trust::read_certificate(keys_.certificate));
    Duration life = certificate.until - certificate.from;
    WallTime due = certificate.from + Duration::nanoseconds(life.ns() / 3 * 2);
    while (world_.clock.wall() < due)
      CO_TRY(co_await world_.clock.sleep(std::min(due - world_.clock.wall(), look_most)));
    session.coming = CO_TRY(trust::make_key(session.node));
    CO_TRY(co_await session.say(protocol::Renew{session.coming->request_pem}));
    CO_TRY(
        co_await world_.clock.sleep(std::min(Duration::nanoseconds(life.ns() / 30), renew_retry)));
  }
}

Result<protocol::Rendezvous> Link::believed(const std::string& text) const {
  auto object = TRY(wire::json::parse_object(text, "the rendezvous object"));
  auto out = TRY(protocol::rendezvous_from(object));
  TRY(trust::check_statement(protocol::statement_of(out), out.signature, out.authority,
                             identity_.pin));
  // An older one is a replay, or a server that lags.
  if (out.epoch < identity_.epoch)
    return fail(Code::conflict, fmt::format("its epoch is {}, and {} was seen already", out.epoch,
                                            identity_.epoch));
  return out;
}

aio::Task<Result<>> Link::look_there(std::string url) {
  CO_TRY(net::Url::parse(url));
  if (url == identity_.rendezvous) co_return Result<>{};
  identity_.rendezvous = std::move(url);
  auto lock = CO_TRY(co_await saving_.lock());
  co_return co_await folder_.save(identity_);
}

aio::Task<Result<>> Link::rendezvous() {
  if (identity_.rendezvous.empty()) co_return Result<>{};
  net::ClientRequest request;
  request.url = CO_TRY(net::Url::parse(identity_.rendezvous));
  request.deadline = limits_.greeting;
  request.answer_limit = rendezvous_most;
  net::HttpClient client(world_, {.idle_per_host = 0});
  auto response = co_await client.send(std::move(request));
  if (!response && response.error().code == Code::cancelled)
    co_return fail(std::move(response).error());
  if (!response || response->status != 200) {
    log::warn("agent", "the rendezvous does not answer: {}",
              response ? fmt::format("status {}", response->status) : response.error().line());
    co_return Result<>{};
  }
  auto checked = believed(response->body);
  if (!checked) {
    log::warn("agent", "the rendezvous object is not believed: {}", checked.error().line());
    co_return Result<>{};
  }
  bool same = identity_.controllers == checked->controllers;
  identity_.controllers = std::move(checked->controllers);
  identity_.epoch = checked->epoch;
  if (same) co_return Result<>{};
  log::info("agent", "controllers are now {}", croft::join(identity_.controllers, ", "));
  auto lock = CO_TRY(co_await saving_.lock());
  co_return co_await folder_.save(identity_);
}

aio::Task<Result<wire::json::Object>> Link::upgrade(wire::json::Object request) {
  std::string path = CO_TRY(wire::json::string_or(request, "path", ""));
  std::string url = CO_TRY(wire::json::string_or(request, "url", ""));
  if (path.empty() == url.empty())
    co_return fail(Code::invalid_argument, "an upgrade needs either a path or a url");
  if (!url.empty()) {
    std::string sha256 = CO_TRY(wire::json::string_at(request, "sha256"));
    net::ClientRequest get;
    get.url = CO_TRY(net::Url::parse(url));
    get.answer_limit = program_most;
    net::HttpClient client(world_, {.idle_per_host = 0});
    auto response = CO_TRY(co_await client.send(std::move(get)));
    if (response.status != 200)
      co_return fail(Code::unavailable,
                     fmt::format("the program's URL answers {}", response.status));
    if (sha256_hex(response.body) != to_lower(sha256))
      co_return fail(Code::corrupt, "the program fetched has another digest than it should");
    path = program.empty() ? folder_.path() + "/croft-agent" : program;
    CO_TRY(co_await world_.disk.write_file(path, std::move(response.body), 0755));
  }
  struct stat info{};
  if (!path.starts_with('/') || stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode) ||
      access(path.c_str(), X_OK) != 0)
    co_return fail(Code::invalid_argument, fmt::format("'{}' is no program", printable(path)));
  successor_ = path;
  co_return wire::json::Object{};
}

}  // namespace croft::agent
