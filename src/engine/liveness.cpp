// How an application is watched while it runs: pings flow down the tree, each bounded and beside
// the others, so that a slow one delays nobody; a lifetime ends it.
#include <fmt/format.h>

#include "engine/application.h"
#include "protocol/api.h"
#include "protocol/events.h"

namespace croft::engine {
namespace {

constexpr size_t pings_at_once = 256;
constexpr Duration longest_nap = Duration::minutes(10);

bool tells_nothing(Code code) {
  // A farm without room for what is missing has it later, perhaps; what there is goes on.
  return code == Code::unavailable || code == Code::timeout || code == Code::throttled ||
         code == Code::resource_exhausted;
}

bool worth_a_ping(const Node& node) {
  return node.live && node.object && node.delay > Duration{} &&
         !(node.type->compound && !node.type->works && !node.type->coded);
}

}  // namespace

aio::Task<Result<>> Application::watch_over() {
  aio::Scope scope(co_await aio::here());
  scope.spawn(liveness_loop());
  scope.spawn(lifetime_wait());
  scope.spawn(refresh_loop());
  auto interrupted = co_await until_interrupted();
  scope.cancel();
  auto joined = co_await scope.join();
  static_cast<void>(joined);
  co_return interrupted;
}

aio::Task<Result<>> Application::lifetime_wait() {
  if (!record_.ends) co_return Result<>{};
  aio::Clock& clock = services_.world.clock;
  while (clock.wall() < *record_.ends)
    CO_TRY(co_await clock.sleep(std::min(*record_.ends - clock.wall(), longest_nap)));
  node_ended(name(), model::TerminationRecord::normal(name(), protocol::lifetime_is_over));
  co_return Result<>{};
}

void Application::watch(const std::shared_ptr<Node>& node) {
  if (!worth_a_ping(*node)) return;
  bool first = due_.empty() || node->next_ping < due_.begin()->first;
  due_.emplace(node->next_ping, node);
  if (first) due_changed_.notify();
}

/// A queue by moments: a look at it costs what is due, however many live.
aio::Task<Result<>> Application::liveness_loop() {
  aio::Clock& clock = services_.world.clock;
  aio::Semaphore places(pings_at_once);
  aio::Scope pings(co_await aio::here());
  due_.clear();
  for (auto& [path, node] : nodes_) watch(node);
  Result<> slept = Result<>{};
  while (slept) {
    Moment now = clock.now();
    while (!due_.empty() && due_.begin()->first <= now) {
      auto node = due_.begin()->second.lock();
      bool stale = !node || due_.begin()->first != node->next_ping;
      due_.erase(due_.begin());
      if (stale || !worth_a_ping(*node)) continue;
      node->next_ping = now + node->delay;
      watch(node);
      if (node->pinging) continue;
      node->pinging = true;
      pings.spawn(ping_one(node, places));
    }
    Duration nap = due_.empty() ? longest_nap : std::min(longest_nap, due_.begin()->first - now);
    auto woken = co_await aio::race(clock.sleep(nap), due_changed_.wait());
    slept = woken.index() == 0 ? std::get<0>(std::move(woken)) : std::get<1>(std::move(woken));
  }
  pings.cancel();
  auto joined = co_await pings.join();
  static_cast<void>(joined);
  co_return slept;
}

aio::Task<Result<>> Application::ping_one(std::shared_ptr<Node> node, aio::Semaphore& places) {
  Result<> result = co_await places.acquire();
  if (result) {
    result = co_await node->ping();
    places.release();
  }
  node->pinging = false;
  judge_ping(*node, std::move(result));
  co_return Result<>{};
}

void Application::judge_ping(Node& node, Result<> result) {
  if (result) {
    if (node.missed > 0) node_changed();
    node.silence.clear();
    node.missed = 0;
    node.proven = true;
    return;
  }
  const Error& error = result.error();
  if (error.code == Code::cancelled || node.record.state != model::State::running) return;
  if (is_of_record(error)) return;  // nothing is wrong with what was asked
  bool patient = node.object && !node.object->silence_ends();
  if (tells_nothing(error.code) && (++node.missed <= node.factor || patient)) {
    std::string text =
        patient ? fmt::format("it cannot be asked, so it is left as it is: {}", error.line())
                : fmt::format("no answer to liveness check {} of {}: {}", node.missed,
                              node.factor + 1, error.line());
    if (node.missed == 1) node.context.event(protocol::event::waiting, text);
    node.silence = std::move(text);
    node_changed();
    return;
  }
  for (auto at = plan::parent_path(node.record.path); !at.empty(); at = plan::parent_path(at))
    if (Node* above = find(at); above && above->object && !node.proven &&
                                above->object->forgives(above->context, node.record.path, error)) {
      node.context.waits(fmt::format("its first checks may fail: {}", error.line()));
      return;
    }
  node.context.event(protocol::event::liveness_failed, error.line());
  node_ended(node.record.path, model::TerminationRecord::abnormal(
                                   node.record.path, "liveness check failed", error.line()));
}

namespace {
struct PingRound {
  std::vector<std::pair<std::string, Error>> failed;
};
aio::Task<Result<>> ping_for(std::shared_ptr<Node> node, PingRound& round) {
  auto result = co_await node->ping();
  if (!result) round.failed.emplace_back(node->record.path, std::move(result).error());
  co_return Result<>{};
}
}  // namespace

aio::Task<Result<std::vector<std::pair<std::string, Error>>>> Application::ping_all() {
  if (record_.state != protocol::ApplicationState::up)
    co_return fail(Code::conflict, fmt::format("{} is {}: only a running application is pinged",
                                               name(), protocol::name_of(record_.state)));
  PingRound round;
  aio::Scope scope(co_await aio::here());
  for (auto& [path, node] : nodes_)
    if (worth_a_ping(*node)) scope.spawn(ping_for(node, round));
  CO_TRY(co_await scope.join());
  for (const auto& [path, error] : round.failed)
    if (Node* node = find(path)) judge_ping(*node, fail(error));
  co_return std::move(round.failed);
}

}  // namespace croft::engine
