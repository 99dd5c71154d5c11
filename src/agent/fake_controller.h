// A controller for the tests of agents: an authority, a TLS server on loopback, and one agent at a
// time. Tests only.
#pragma once
#include <deque>
#include <memory>

#include "aio/scope.h"
#include "aio/sync.h"
#include "net/tls.h"
#include "protocol/agent.h"
#include "trust/authority.h"

namespace croft::agent::testing {

class FakeController {
 public:
  static aio::Task<Result<std::unique_ptr<FakeController>>> open(aio::World& world,
                                                                 std::string folder) {
    auto authority = CO_TRY(co_await trust::Authority::open(world, folder));
    auto key = CO_TRY(trust::make_key("controller"));
    net::TlsOptions options;
    options.certificate_pem = CO_TRY(authority.sign(
        key.request_pem,
        {.name = "controller", .uri = "", .addresses = {"127.0.0.1"}, .server = true}));
    options.key_pem = key.key_pem;
    options.verify_peer = false;
    auto context = CO_TRY(net::TlsContext::server(options));
    auto inner = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
    uint16_t port = inner->local().port;
    co_return std::unique_ptr<FakeController>(new FakeController(
        std::move(authority), net::tls_listener(context, std::move(inner)), port));
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string pin() const { return authority_.pin(); }

  /// The next agent that says hello; joins are answered on the way. Its Hello is kept.
  aio::Task<Result<>> meet() {
    for (;;) {
      stream_ = CO_TRY(co_await listener_->accept());
      reader_ = {};
      auto message = co_await receive();
      if (!message) continue;  // it hung up, or does not trust us
      if (auto* join = std::get_if<protocol::Join>(&*message)) {
        joins.push_back(*join);
        if (joins.size() <= lost_joins) continue;
        if (join->token != token) {
          protocol::Closed refused;
          refused.error = Error(Code::unauthenticated, "the token is not known");
          CO_TRY(co_await send(refused));
          continue;
        }
        CO_TRY(co_await send(protocol::Joined{CO_TRY(sign(join->request))}));
        continue;
      }
      hello = std::get<protocol::Hello>(*message);
      CO_TRY(co_await send(welcome));
      co_return Result<>{};
    }
  }
  Result<std::string> sign(const std::string& request) const {
    return authority_.sign(request, {.name = "i-1", .uri = "croft://app/web/i-1", .lasts = lasts});
  }

  /// Where it is, signed.
  Result<protocol::Rendezvous> rendezvous(uint64_t epoch) const {
    protocol::Rendezvous out{{address()}, epoch, authority_.certificate_pem(), ""};
    out.signature = TRY(authority_.sign_statement(protocol::statement_of(out)));
    return out;
  }

  /// Its answer; what else comes meanwhile is kept in `changes`, `data`, `ended`.
  aio::Task<Result<wire::json::Object>> call(std::string action, wire::json::Object request) {
    protocol::Call out{++calls_, fence, std::move(action), std::move(request)};
    CO_TRY(co_await send(out));
    for (;;) {
      auto message = CO_TRY(co_await receive());
      auto* answer = std::get_if<protocol::Answer>(&message);
      if (!answer) {
        keep(std::move(message));
        continue;
      }
      if (answer->error) co_return fail(*answer->error);
      co_return answer->result;
    }
  }
  aio::Task<Result<>> send(protocol::AgentMessage message) {
    co_return co_await write(protocol::frame_of(message));
  }
  aio::Task<Result<>> send_data(uint32_t channel, std::string bytes) {
    co_return co_await write(protocol::frame_text({'D', channel, std::move(bytes)}));
  }
  /// Waits until the channel is closed: what came over it is in `data`.
  aio::Task<Result<protocol::Closed>> until_closed(uint32_t channel) {
    while (!ended.contains(channel)) keep(CO_TRY(co_await receive()));
    co_return ended[channel];
  }
  /// Waits for the item to be in this phase, as told.
  aio::Task<Result<model::WorkState>> until(std::string name, model::WorkState::Phase phase) {
    while (!states.contains(name) || states[name].phase != phase) keep(CO_TRY(co_await receive()));
    co_return states[name];
  }
  aio::Task<Result<protocol::AgentMessage>> receive() {
    std::string buffer(16 << 10, '\0');
    for (;;) {
      while (auto frame = CO_TRY(reader_.next())) {
        if (frame->kind == 'D') {
          data[frame->channel] += frame->bytes;
          continue;
        }
        co_return protocol::agent_message_from(frame->bytes);
      }
      size_t got = CO_TRY(co_await stream_->read(buffer));
      if (got == 0) co_return fail(Code::unavailable, "the agent hung up");
      reader_.add(std::string_view(buffer).substr(0, got));
    }
  }
  void keep(protocol::AgentMessage message) {
    if (auto* changed = std::get_if<protocol::Changed>(&message))
      states[changed->state.name] = changed->state;
    if (auto* closed = std::get_if<protocol::Closed>(&message)) ended[closed->channel] = *closed;
    if (auto* alive = std::get_if<protocol::Alive>(&message)) alives.push_back(*alive);
    if (auto* report = std::get_if<protocol::Report>(&message)) reports.push_back(*report);
    if (auto* renew = std::get_if<protocol::Renew>(&message)) renewals.push_back(*renew);
  }
  void hang_up() { stream_.reset(); }

  std::string token = "token";
  size_t lost_joins = 0;  ///< so many of the first are not answered
  uint64_t fence = 1;
  Duration lasts = Duration::hours(24);
  protocol::Welcome welcome{1, Duration::milliseconds(50), 0, ""};
  protocol::Hello hello;
  std::vector<protocol::Join> joins;
  std::map<std::string, model::WorkState> states;
  std::map<uint32_t, std::string> data;
  std::map<uint32_t, protocol::Closed> ended;
  std::vector<protocol::Alive> alives;
  std::vector<protocol::Renew> renewals;
  std::vector<protocol::Report> reports;

 private:
  FakeController(trust::Authority authority, std::unique_ptr<aio::Listener> listener, uint16_t port)
      : authority_(std::move(authority)), listener_(std::move(listener)), port_(port) {}
  aio::Task<Result<>> write(std::string text) {
    std::vector<std::string_view> pieces{text};
    co_return co_await stream_->write(std::move(pieces));
  }

  trust::Authority authority_;
  std::unique_ptr<aio::Listener> listener_;
  uint16_t port_;
  std::unique_ptr<aio::Stream> stream_;
  protocol::FrameReader reader_;
  uint64_t calls_ = 0;
};

}  // namespace croft::agent::testing
