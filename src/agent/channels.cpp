#include "agent/channels.h"

#include <fmt/format.h>

#include "agent/channel_open.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr size_t channels_max = 64;
constexpr Duration slow_worker = Duration::seconds(10);

}  // namespace

aio::Task<Result<>> Channel::deliver(aio::Clock& clock, std::string bytes) {
  co_return co_await aio::deadline(clock, slow_worker, incoming_.push(std::move(bytes)),
                                   "handing on what the controller sent");
}

std::shared_ptr<Channels::Open> Channels::add() {
  auto open = std::make_shared<Open>();
  open->channel = std::make_unique<Channel>(next_++, send_);
  open_[open->channel->number()] = open;
  return open;
}

aio::Task<Result<wire::json::Object>> Channels::open(aio::Scope& scope,
                                                     wire::json::Object request) {
  std::string what = CO_TRY(wire::json::string_at(request, "what"));
  if (open_.size() >= channels_max)
    co_return fail(Code::resource_exhausted,
                   fmt::format("{} channels are open, and no more are allowed", channels_max));
  if (what == "exec") co_return co_await open_exec(scope, std::move(request));
  if (what == "logs") co_return co_await open_logs(scope, std::move(request));
  if (what == "get") co_return co_await open_get(scope, std::move(request));
  if (what == "put") co_return co_await open_put(scope, std::move(request));
  if (what == "forward") co_return co_await open_forward(scope, std::move(request));
  co_return fail(Code::unsupported, fmt::format("this agent opens no '{}'", printable(what)));
}

aio::Task<Result<>> Channels::run(std::shared_ptr<Open> open, Worker worker) {
  auto outcome = co_await aio::race(std::move(worker), open->hung_up.wait());
  protocol::Closed closed;
  closed.channel = open->channel->number();
  if (outcome.index() == 0) {
    auto result = std::get<0>(std::move(outcome));
    if (!result && result.error().code == Code::cancelled)
      co_return fail(std::move(result).error());
    if (result)
      closed.result = *std::move(result);
    else
      closed.error = std::move(result).error();
  } else {
    CO_TRY(std::get<1>(std::move(outcome)));
    closed.error = Error(Code::cancelled, "hung up");
  }
  open_.erase(closed.channel);
  open_.erase(open->companion);
  co_return co_await closed_(std::move(closed));
}

aio::Task<Result<>> Channels::deliver(uint32_t number, std::string bytes) {
  auto found = open_.find(number);
  if (found == open_.end()) co_return Result<>{};  // it ended here while this was on its way
  auto open = found->second;
  auto delivered = co_await open->channel->deliver(world_.clock, std::move(bytes));
  if (!delivered && delivered.error().code == Code::timeout) close(number);
  if (!delivered && delivered.error().code == Code::cancelled && (co_await aio::here()).cancelled())
    co_return delivered;
  co_return Result<>{};
}

Result<> Channels::resize(uint32_t number, int rows, int columns) {
  auto found = open_.find(number);
  if (found == open_.end() || !found->second->channel->resize)
    return fail(Code::not_found, fmt::format("channel {} is no open terminal", number));
  return found->second->channel->resize(rows, columns);
}

Result<> Channels::kill(uint32_t number, int signal) {
  auto found = open_.find(number);
  if (found == open_.end() || !found->second->channel->kill)
    return fail(Code::not_found, fmt::format("channel {} is no running command", number));
  return found->second->channel->kill(signal);
}

void Channels::close(uint32_t number) {
  auto found = open_.find(number);
  if (found != open_.end()) found->second->hung_up.set();
}

}  // namespace croft::agent
