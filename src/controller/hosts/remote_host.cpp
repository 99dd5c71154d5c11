#include "controller/hosts/remote_host.h"

#include <fmt/format.h>

#include "aio/cancel.h"
#include "aio/scope.h"
#include "base/log.h"

namespace croft::controller {

namespace json = wire::json;

namespace {
constexpr size_t read_bytes = 64 << 10;
constexpr Duration write_limit = Duration::seconds(20);
constexpr Duration slow_reader = Duration::seconds(10);
constexpr Duration silent_limit = Duration::seconds(10);  // beats come every second
constexpr Duration second_look = Duration::seconds(1);
constexpr Duration call_limit = Duration::seconds(30);
/// A process may need its grace to end.
constexpr Duration remove_limit = Duration::minutes(5);
}  // namespace

aio::Task<Result<model::WorkState>> RemoteHost::apply(model::HostWork work) {
  work.digest = protocol::digest_of(work, digest_key_);
  auto known = state(work.name);
  if (known && known->digest == work.digest && known->phase != model::WorkState::Phase::gone &&
      known->phase != model::WorkState::Phase::stopping)
    co_return *known;
  std::string name = work.name;
  auto answer = CO_TRY(co_await call("apply", {{"work", protocol::to_json(work)}}));
  if (const auto* given = CO_TRY(json::object_if(answer, "state"))) {
    auto told = CO_TRY(protocol::work_state_from(*given));
    // It may have said more since it answered.
    auto newer = states_.find(name);
    if (newer == states_.end() || newer->second.digest != told.digest) states_[name] = told;
  }
  auto now = state(name);
  if (!now) co_return fail(Code::internal, "the agent took an item and does not know it");
  co_return *now;
}

aio::Task<Result<>> RemoteHost::remove(std::string name) {
  auto done = co_await call("remove", {{"name", name}}, remove_limit);
  if (!done && done.error().code != Code::not_found) co_return fail(std::move(done).error());
  states_.erase(name);
  usages_.erase(name);
  changed_.notify();
  co_return Result<>{};
}

std::optional<model::WorkUsage> RemoteHost::usage(const std::string& name) const {
  auto found = usages_.find(name);
  if (found == usages_.end()) return std::nullopt;
  return found->second;
}

std::optional<model::WorkState> RemoteHost::state(const std::string& name) const {
  auto found = states_.find(name);
  if (found == states_.end()) return std::nullopt;
  return found->second;
}

aio::Task<Result<>> RemoteHost::ask(model::Probe probe) {
  Duration limit = probe.timeout + Duration::seconds(5);
  CO_TRY(co_await call("probe", {{"probe", protocol::to_json(probe)}}, limit));
  co_return Result<>{};
}

aio::Task<Result<>> RemoteHost::write(std::string frame) {
  auto lock = CO_TRY(co_await writing_.lock());
  std::shared_ptr<aio::Stream> stream = stream_;
  if (!stream)
    co_return fail(Code::unavailable,
                   fmt::format("{} is not connected: its agent is away", machine_.instance));
  std::vector<std::string_view> pieces{frame};
  auto written = co_await aio::deadline(world_.clock, write_limit, stream->write(std::move(pieces)),
                                        "writing to the agent of " + machine_.instance);
  // Half a frame may be on its way: nothing can follow it.
  if (!written) stream->close();
  co_return written;
}

aio::Task<Result<>> RemoteHost::until_answered(Pending& pending) {
  for (bool looked = false; !pending.result;) {
    Duration silent = world_.clock.now() - last_heard_;
    if (silent < silent_limit) looked = false;
    if (looked) {
      hang_up();
      co_return fail(Code::unavailable, fmt::format("nothing has been heard of {} for {}",
                                                    machine_.instance, silent.text()));
    }
    // It may be us who stood still: then what it said meanwhile is about to be read.
    looked = silent >= silent_limit;
    auto woken = co_await aio::race(
        pending.done.wait(), world_.clock.sleep(looked ? second_look : silent_limit - silent));
    CO_TRY(woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken)));
  }
  co_return Result<>{};
}

aio::Task<Result<std::shared_ptr<RemoteHost::Pending>>> RemoteHost::ask_agent(std::string action,
                                                                              json::Object request,
                                                                              Duration limit) {
  uint64_t id = next_call_++;
  auto pending = std::make_shared<Pending>();
  pending_[id] = pending;
  Result<> done =
      co_await write(protocol::frame_of(protocol::Call{id, fence_, action, std::move(request)}));
  std::string what = fmt::format("'{}' at the agent of {}", action, machine_.instance);
  if (done) done = co_await aio::deadline(world_.clock, limit, until_answered(*pending), what);
  pending_.erase(id);
  if (!done) co_return fail(std::move(done).error());
  if (!*pending->result) co_return fail(std::move(*pending->result).error().frame(what));
  co_return pending;
}

aio::Task<Result<json::Object>> RemoteHost::call(std::string action, json::Object request,
                                                 Duration limit) {
  auto pending = CO_TRY(co_await ask_agent(std::move(action), std::move(request), limit));
  co_return std::move(**pending->result);
}

aio::Task<Result<RemoteHost::Opened>> RemoteHost::open(json::Object request) {
  auto pending = CO_TRY(co_await ask_agent("open", std::move(request), call_limit));
  Opened out;
  out.answer = std::move(**pending->result);
  out.number = static_cast<uint32_t>(CO_TRY(json::int_at(out.answer, "channel")));
  out.channels = std::move(pending->channels);
  if (!out.channels.contains(out.number))
    co_return fail(Code::corrupt, "the agent named no channel");
  co_return out;
}

aio::Task<Result<>> RemoteHost::send(uint32_t channel, std::string bytes) {
  co_return co_await write(protocol::frame_text({'D', channel, std::move(bytes)}));
}

aio::Task<Result<>> RemoteHost::close(uint32_t channel) {
  auto found = channels_.find(channel);
  if (found == channels_.end()) co_return Result<>{};
  end_channel(channel);
  co_return co_await write(protocol::frame_of(protocol::Closed{channel, {}, std::nullopt}));
}

void RemoteHost::end_channel(uint32_t number) {
  auto found = channels_.find(number);
  if (found == channels_.end()) return;
  std::shared_ptr<Channel> channel = found->second;
  channels_.erase(found);
  channel->data.close();
  end_channel(channel->errors);
}

void RemoteHost::beat(uint64_t sequence, aio::Address from) {
  if (from.port != 0) beats_from_ = std::move(from);
  last_sequence_ = sequence;
  last_heard_ = world_.clock.now();
}

void RemoteHost::hang_up() {
  if (stream_) stream_->close();
}

void RemoteHost::disconnected(const std::string& why) {
  stream_.reset();
  std::string told =
      fmt::format("the connection to the agent of {} ended: {}", machine_.instance, why);
  for (auto& [id, call] : std::exchange(pending_, {})) {
    call->result = fail(Code::unavailable, told);
    call->done.set();
  }
  for (auto& [number, channel] : std::exchange(channels_, {})) {
    if (!channel->closed)
      channel->closed = protocol::Closed{number, {}, Error(Code::unavailable, told)};
    channel->data.close();
  }
  changed_.notify();
}

aio::Task<Result<>> RemoteHost::serve(std::unique_ptr<aio::Stream> stream,
                                      protocol::FrameReader reader, protocol::Hello hello,
                                      protocol::Welcome welcome) {
  hang_up();
  if (stream_) disconnected("the agent connected anew");
  std::shared_ptr<aio::Stream> mine = std::move(stream);
  stream_ = mine;
  leaving_ = false;
  last_heard_ = world_.clock.now();
  last_sequence_ = 0;
  agent_version_ = hello.agent_version;
  states_.clear();
  usages_.clear();
  agent_usage_.reset();
  for (model::WorkState& state : hello.works) {
    std::string name = state.name;
    states_[name] = std::move(state);
  }
  auto greeted = co_await write(protocol::frame_of(std::move(welcome)));
  changed_.notify();
  std::string why = greeted ? "the agent hung up" : greeted.error().line();
  std::vector<char> buffer(read_bytes);
  while (greeted && stream_ == mine) {
    auto frame = reader.next();
    Result<> taken;
    if (!frame) {
      taken = fail(std::move(frame).error());
    } else if (*frame) {
      taken = co_await take(std::move(**frame));
    } else {
      auto got = co_await mine->read(buffer);
      if (got && *got == 0) break;
      if (got)
        reader.add({buffer.data(), *got});
      else
        taken = fail(std::move(got).error());
      last_heard_ = world_.clock.now();
    }
    if (!taken) {
      why = taken.error().line();
      break;
    }
  }
  mine->close();
  if (stream_ == mine) disconnected(why);
  co_return Result<>{};
}

aio::Task<Result<>> RemoteHost::take(protocol::Frame frame) {
  if (frame.kind == 'J') co_return co_await take(CO_TRY(protocol::agent_message_from(frame.bytes)));
  auto found = channels_.find(frame.channel);
  if (found == channels_.end()) co_return Result<>{};  // closed here while it was on its way
  std::shared_ptr<Channel> channel = found->second;
  auto pushed =
      co_await aio::deadline(world_.clock, slow_reader, channel->data.push(std::move(frame.bytes)),
                             "handing on what a machine sent");
  if (pushed || (pushed.error().code == Code::cancelled && !(co_await aio::here()).cancelled()))
    co_return Result<>{};
  if (pushed.error().code != Code::timeout) co_return pushed;
  // All that the controller has to say to that machine goes the same way: it does not wait for one.
  log::warn("hosts", "{}: what channel {} sends is not read for {}: it is closed",
            machine_.instance, frame.channel, slow_reader.text());
  protocol::Closed closed;
  closed.channel = frame.channel;
  closed.error =
      Error(Code::resource_exhausted, fmt::format("it was not read for {}", slow_reader.text()));
  channel->closed = std::move(closed);
  co_return co_await close(frame.channel);
}

aio::Task<Result<>> RemoteHost::take(protocol::AgentMessage message) {
  if (auto* changed = std::get_if<protocol::Changed>(&message)) {
    std::string name = changed->state.name;
    if (changed->state.pid == 0) usages_.erase(name);
    if (changed->state.phase == model::WorkState::Phase::gone)
      states_.erase(name);
    else
      states_[name] = std::move(changed->state);
    changed_.notify();
  } else if (auto* report = std::get_if<protocol::Report>(&message)) {
    if (report->agent) agent_usage_ = std::move(report->agent);
    for (auto& [name, usage] : report->items)
      if (states_.contains(name)) usages_[name] = std::move(usage);
  } else if (auto* answer = std::get_if<protocol::Answer>(&message)) {
    auto found = pending_.find(answer->id);
    if (found == pending_.end()) co_return Result<>{};  // whoever asked has given up
    // A channel is there before its first bytes, which follow at once.
    auto number = static_cast<uint32_t>(CO_TRY(json::int_or(answer->result, "channel", 0)));
    auto errors = static_cast<uint32_t>(CO_TRY(json::int_or(answer->result, "errors", 0)));
    // Whoever asked gets them even if their end comes in the same breath.
    for (uint32_t each : {number, errors})
      if (each != 0) {
        auto channel = std::make_shared<Channel>();
        channels_[each] = channel;
        found->second->channels[each] = std::move(channel);
      }
    if (number != 0) channels_[number]->errors = errors;
    if (answer->error)
      found->second->result = fail(std::move(*answer->error));
    else
      found->second->result = std::move(answer->result);
    found->second->done.set();
  } else if (auto* closed = std::get_if<protocol::Closed>(&message)) {
    auto found = channels_.find(closed->channel);
    if (found == channels_.end()) co_return Result<>{};
    std::shared_ptr<Channel> channel = found->second;
    channel->closed = std::move(*closed);
    end_channel(channel->closed->channel);
  } else if (std::holds_alternative<protocol::Leaving>(message)) {
    leaving_ = true;
  } else if (auto* alive = std::get_if<protocol::Alive>(&message)) {
    beat(alive->sequence);
    co_return co_await write(protocol::frame_of(*alive));
  } else if (auto* renew = std::get_if<protocol::Renew>(&message); renew && renew_) {
    auto certificate = CO_TRY(co_await renew_(machine_, std::move(renew->request)));
    co_return co_await write(protocol::frame_of(protocol::Joined{std::move(certificate)}));
  } else {
    co_return fail(Code::syntax, "a message that an agent does not send now");
  }
  co_return Result<>{};
}

}  // namespace croft::controller
