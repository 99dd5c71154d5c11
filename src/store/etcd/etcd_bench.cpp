// A cluster of etcd as croft uses it: what a commit takes, and how long nobody leads after a leader
// was killed or has handed over.
//   etcd_bench URL[,URL...]
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "aio/real/real_world.h"
#include "base/text.h"
#include "store/etcd/etcd.h"
#include "store/leadership.h"

namespace croft::store {
namespace {

using aio::Task;

constexpr int commits_alone = 500;
constexpr int writers = 32;
constexpr int commits_grouped = 6'400;
constexpr int kills = 9;
constexpr int hand_overs = 21;

void report(std::string_view what, std::vector<double> ms) {
  std::ranges::sort(ms);
  fmt::print("{:40} p50 {:8.2f} ms   p99 {:8.2f} ms   max {:8.2f} ms   n = {}\n", what,
             ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back(), ms.size());
}

double ms_since(aio::World& world, Moment begin) {
  return (world.clock.now() - begin).s() * 1000;
}

Task<Result<>> write_some(Store& store, int writer) {
  for (int i = 0; i < commits_grouped / writers; ++i) {
    std::vector<Change> changes{{fmt::format("w/{}/{}", writer, i % 10), std::string(300, 'v'), 0}};
    CO_TRY(co_await store.commit({}, std::move(changes)));
  }
  co_return Result<>{};
}

Task<Result<>> measure_commits(aio::World& world, Store& store) {
  std::vector<double> commits, gets;
  for (int i = 0; i < commits_alone; ++i) {
    Moment begin = world.clock.now();
    CO_TRY(co_await store.commit({}, {{fmt::format("k/{}", i % 10), std::string(300, 'v'), 0}}));
    commits.push_back(ms_since(world, begin));
    begin = world.clock.now();
    CO_TRY(co_await store.get("k/0"));
    gets.push_back(ms_since(world, begin));
  }
  report("commit of 300 bytes, alone", commits);
  report("get", gets);
  Moment begin = world.clock.now();
  aio::Scope scope(co_await aio::here());
  for (int i = 0; i < writers; ++i) scope.spawn(write_some(store, i));
  CO_TRY(co_await scope.join());
  fmt::print("{:40} {:.0f} /s\n", fmt::format("commits, {} writers", writers),
             commits_grouped / (ms_since(world, begin) / 1000));
  co_return Result<>{};
}

/// Another process that leads; returns once it does.
pid_t start_leader(const std::string& urls) {
  int pipes[2];
  if (::pipe2(pipes, O_CLOEXEC) != 0) return -1;
  pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipes[1], 1);
    ::execl("/proc/self/exe", "etcd_bench", urls.c_str(), "lead", nullptr);
    _exit(127);
  }
  ::close(pipes[1]);
  char byte = 0;
  ssize_t got = ::read(pipes[0], &byte, 1);
  ::close(pipes[0]);
  return got == 1 ? pid : -1;
}

Task<Result<>> lead(aio::World& world, EtcdOptions options) {
  auto store = CO_TRY(co_await open_etcd(world, std::move(options)));
  auto leadership = CO_TRY(co_await campaign(world, *store, {"leader", "killed"}));
  if (::write(1, "L", 1) != 1) co_return fail(Code::io, "nobody listens");
  co_return co_await leadership->lost();
}

Task<Result<>> measure_kills(aio::World& world, Store& store, std::string urls) {
  std::vector<double> took;
  for (int i = 0; i < kills; ++i) {
    pid_t pid = start_leader(urls);
    if (pid < 0) co_return fail(Code::internal, "the other process did not lead");
    Moment begin;
    aio::Scope scope(co_await aio::here());
    scope.spawn([](aio::World& w, Store& s, std::vector<double>& out,
                   const Moment& killed) -> Task<Result<>> {
      auto leadership = CO_TRY(co_await campaign(w, s, {"leader", "next"}));
      out.push_back(ms_since(w, killed));
      co_return co_await leadership->resign();
    }(world, store, took, begin));
    // At different points of its renewals.
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(300 + i * 170)));
    begin = world.clock.now();
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    CO_TRY(co_await scope.join());
  }
  report("leader kill -9 until the next leads", took);
  co_return Result<>{};
}

Task<Result<>> measure_hand_overs(aio::World& world, Store& one, Store& two) {
  std::vector<double> took;
  auto leads = CO_TRY(co_await campaign(world, one, {"leader", "one"}));
  for (int i = 0; i < hand_overs; ++i) {
    std::unique_ptr<Leadership> next;
    Store& store = i % 2 ? one : two;
    aio::Scope scope(co_await aio::here());
    scope.spawn([](aio::World& w, Store& s, std::unique_ptr<Leadership>& out) -> Task<Result<>> {
      out = CO_TRY(co_await campaign(w, s, {"leader", "next"}));
      co_return Result<>{};
    }(world, store, next));
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(200)));
    Moment begin = world.clock.now();
    CO_TRY(co_await leads->resign());
    CO_TRY(co_await scope.join());
    took.push_back(ms_since(world, begin));
    leads = std::move(next);
  }
  CO_TRY(co_await leads->resign());
  report("hand-over until the next leads", took);
  co_return Result<>{};
}

Task<Result<>> measure(aio::World& world, EtcdOptions options, std::string urls) {
  auto one = CO_TRY(co_await open_etcd(world, options));
  auto two = CO_TRY(co_await open_etcd(world, options));
  CO_TRY(co_await measure_commits(world, *one));
  CO_TRY(co_await measure_hand_overs(world, *one, *two));
  CO_TRY(co_await measure_kills(world, *one, urls));
  CO_TRY(co_await two->close());
  co_return co_await one->close();
}

}  // namespace
}  // namespace croft::store

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: etcd_bench URL[,URL...]\n");
    return 64;
  }
  croft::store::EtcdOptions options;
  options.endpoints = croft::split(argv[1], ',');
  options.prefix = "/croft-bench/";
  auto real = croft::aio::RealWorld::open();
  if (!real) return 1;
  croft::aio::World& world = (*real)->world();
  auto done = (*real)->run(argc > 2 ? croft::store::lead(world, options)
                                    : croft::store::measure(world, options, argv[1]));
  if (!done) fmt::print(stderr, "{}\n", done.error().render());
  return done ? 0 : 1;
}
