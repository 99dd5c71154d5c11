// The store on etcd where lines break and members die: what was committed happens once, watches
// lose nothing without saying so, a leader that was replaced writes nothing more.
#include "store/etcd/etcd.h"

#include <algorithm>

#include "aio/scope.h"
#include "base/text.h"
#include "store/etcd/testing.h"
#include "store/leadership.h"

namespace croft::store {
namespace {

using aio::Task;
using testing::ask_etcd;
using testing::EtcdCluster;
using wire::json::Object;

template <class F, class... Args>
void run(F body, Args... arguments) {
  auto real = aio::RealWorld::open().value();
  aio::World& world = real->world();
  Result<> done = real->run(
      aio::deadline(world.clock, testing::patience, body(world, arguments...), "the test"));
  EXPECT_TRUE(done) << done.error().render();
}

std::vector<Change> put(std::string key, std::string value, uint64_t lease = 0) {
  return {{std::move(key), std::move(value), lease}};
}

/// A line to a member that loses requests or answers on demand.
class Line {
 public:
  enum class Mode { whole, no_requests, no_answers };
  Mode mode = Mode::whole;
  int lost = 0;

  static Result<std::shared_ptr<Line>> open(aio::World& world, std::string to) {
    auto line = std::make_shared<Line>();
    line->to_ = TRY(aio::Address::parse(to.substr(to.find("//") + 2)));
    line->listener_ = TRY(world.net.listen({"127.0.0.1", 0, ""}));
    aio::detach(world.executor, accept(world, line));
    return line;
  }
  std::string url() const { return "http://" + listener_->local().text(); }
  /// All connections, now; new ones may be made.
  void cut() {
    for (auto& weak : pairs_)
      if (auto pair = weak.lock()) pair->close();
    pairs_.clear();
  }
  void close() {
    cut();
    listener_->close();
  }

 private:
  struct Pair {
    std::unique_ptr<aio::Stream> client, server;
    void close() {
      client->close();
      server->close();
    }
  };
  static Task<void> accept(aio::World& world, std::shared_ptr<Line> self) {
    for (;;) {
      auto client = co_await self->listener_->accept();
      if (!client) co_return;
      auto server = co_await world.net.connect(self->to_);
      if (!server) continue;
      auto pair = std::make_shared<Pair>(std::move(*client), std::move(*server));
      self->pairs_.push_back(pair);
      aio::detach(world.executor, pump(self, pair, true));
      aio::detach(world.executor, pump(self, pair, false));
    }
  }
  static Task<void> pump(std::shared_ptr<Line> self, std::shared_ptr<Pair> pair, bool requests) {
    std::array<char, 16 << 10> buffer;
    aio::Stream& from = requests ? *pair->client : *pair->server;
    aio::Stream& into = requests ? *pair->server : *pair->client;
    for (;;) {
      auto got = co_await from.read(buffer);
      bool drop = self->mode == (requests ? Mode::no_requests : Mode::no_answers);
      if (drop && got && *got > 0) ++self->lost;
      if (!got || *got == 0 || drop) break;
      auto written = co_await into.write({std::string_view(buffer.data(), *got)});
      if (!written) break;
    }
    pair->close();
  }

  aio::Address to_;
  std::unique_ptr<aio::Listener> listener_;
  std::vector<std::weak_ptr<Pair>> pairs_;
};

Task<Result<>> lose_answers(aio::World& world, Line::Mode mode) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto line = CO_TRY(Line::open(world, options.endpoints[0]));
  options.endpoints.insert(options.endpoints.begin(), line->url());
  auto store = CO_TRY(co_await open_etcd(world, options));
  CO_TRY(co_await store->commit({}, put("other", "x")));
  uint64_t base = store->revision();
  // Asked for again at the other address: the key exists then, by this very commit.
  line->mode = mode;
  uint64_t made = CO_TRY(co_await store->commit({{"new", 0}}, put("new", "1")));
  EXPECT_EQ(line->lost, 1);
  EXPECT_EQ(made, base + 1);
  auto entry = CO_TRY(co_await store->get("new"));
  EXPECT_TRUE(entry && entry->modified == made && entry->created == made);
  // The other address goes on: nothing is lost there. Conditions count as they should.
  auto again = co_await store->commit({{"new", 0}}, put("new", "2"));
  EXPECT_EQ(again.error().code, Code::conflict);
  CO_TRY(co_await store->commit({{"new", made}}, put("new", "3")));
  CO_TRY(co_await store->close());
  line->close();
  co_return Result<>{};
}

TEST(EtcdStore, DoesACommitOnceWhoseAnswerIsLost) {
  run(lose_answers, Line::Mode::no_answers);
}

TEST(EtcdStore, DoesACommitWhoseRequestIsLost) {
  run(lose_answers, Line::Mode::no_requests);
}

Task<Result<>> conflict_after_loss(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto line = CO_TRY(Line::open(world, options.endpoints[0]));
  options.endpoints.insert(options.endpoints.begin(), line->url());
  auto store = CO_TRY(co_await open_etcd(world, options));
  CO_TRY(co_await store->commit({}, put("lock", "theirs")));
  line->mode = Line::Mode::no_answers;
  // Lost, and refused: the repeat has to tell both apart from "done before".
  auto refused = co_await store->commit({{"lock", 0}}, put("lock", "ours"));
  EXPECT_EQ(refused.error().code, Code::conflict) << refused.error().render();
  EXPECT_EQ(refused.error().where.path, "lock");
  EXPECT_EQ(line->lost, 1);
  EXPECT_EQ(CO_TRY(co_await store->get("lock"))->value, "theirs");
  // A repeated deletion finds nothing to delete, and is done all the same.
  for (std::string key : {"absent", "lock"}) {
    line->mode = Line::Mode::whole;
    line->lost = 0;
    auto other = CO_TRY(co_await open_etcd(world, options));
    line->mode = Line::Mode::no_answers;
    CO_TRY(co_await other->commit({}, {{key, std::nullopt, 0}}));
    EXPECT_EQ(line->lost, 1);
    CO_TRY(co_await other->close());
  }
  EXPECT_FALSE(CO_TRY(co_await store->get("lock")));
  CO_TRY(co_await store->close());
  line->close();
  co_return Result<>{};
}

TEST(EtcdStore, TellsAConflictFromALostAnswer) {
  run(conflict_after_loss);
}

Task<Result<>> unknown_outcome(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto line = CO_TRY(Line::open(world, options.endpoints[0]));
  options.endpoints = {line->url()};
  options.attempt = Duration::milliseconds(200);
  options.deadline = Duration::milliseconds(400);
  // Opening and reading may take their time on a loaded machine.
  auto patient = options;
  patient.deadline = Duration::seconds(20);
  patient.attempt = Duration::seconds(5);
  auto other = CO_TRY(co_await open_etcd(world, patient));
  auto store = co_await open_etcd(world, options);
  while (!store) store = co_await open_etcd(world, options);
  line->mode = Line::Mode::no_answers;
  auto lost = co_await (*store)->commit({}, put("k", "v"));
  EXPECT_EQ(lost.error().fact("outcome"), "unknown") << lost.error().render();
  line->mode = Line::Mode::whole;
  // The first call that succeeds sees how it ended.
  auto seen = co_await (*store)->get("k");
  while (!seen) seen = co_await (*store)->get("k");
  auto truth = CO_TRY(co_await other->get("k"));
  EXPECT_EQ(seen->has_value(), truth.has_value());
  if (*seen && truth) EXPECT_EQ((*seen)->modified, truth->modified);
  CO_TRY(co_await (*store)->close());
  CO_TRY(co_await other->close());
  line->close();
  co_return Result<>{};
}

TEST(EtcdStore, SettlesAnUnknownOutcomeBeforeItReads) {
  run(unknown_outcome);
}

Task<Result<>> large_values(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto store = CO_TRY(co_await open_etcd(world, options));
  std::string body(1'100'001, 'b');
  body[1'000'000] = '\0';
  auto cold = [](std::string key, std::optional<std::string> value) {
    return std::vector<Change>{{.key = std::move(key), .value = std::move(value), .cold = true}};
  };
  CO_TRY(co_await store->commit({}, cold("big", body)));
  EXPECT_EQ(CO_TRY(co_await store->get_cold("big")), body);
  body[0] = 'B';
  CO_TRY(co_await store->commit({}, cold("big", body)));
  EXPECT_EQ(CO_TRY(co_await store->get_cold("big")), body);
  CO_TRY(co_await store->commit({}, cold("big", "small")));
  EXPECT_EQ(CO_TRY(co_await store->get_cold("big")), "small");
  CO_TRY(co_await store->commit({}, cold("big", std::nullopt)));
  EXPECT_FALSE(CO_TRY(co_await store->get_cold("big")));
  CO_TRY(co_await store->commit({}, cold("gone", body)));
  CO_TRY(co_await store->commit({}, cold("gone", std::nullopt)));
  EXPECT_FALSE(CO_TRY(co_await store->get_cold("gone")));
  // A commit that is refused leaves no pieces.
  std::vector<Condition> wrong{{"absent", 7}};
  EXPECT_FALSE(co_await store->commit(wrong, cold("big", body)));
  auto warm = co_await store->commit({}, put("warm", std::string(1'600'000, 'w')));
  EXPECT_EQ(warm.error().code, Code::invalid_argument);
  EXPECT_EQ(warm.error().hints, std::vector<std::string>{
                                    "start the members of etcd with a larger --max-request-bytes"});
  CO_TRY(co_await store->close());
  // Nothing is left of it, pieces and lanes included.
  Object request{{"key", base64(options.prefix)},
                 {"range_end", base64(options.prefix + "\xff")},
                 {"keys_only", true}};
  Object left = CO_TRY(co_await ask_etcd(world, options.endpoints[0], "kv/range", request));
  EXPECT_FALSE(left.contains("kvs")) << wire::json::compact(left);
  co_return Result<>{};
}

TEST(EtcdStore, CutsLargeColdValuesAndLeavesNoPieces) {
  run(large_values);
}

Task<Result<>> read_pages(aio::World& world) {
  auto store = CO_TRY(co_await open_etcd(world, EtcdCluster::shared().options()));
  std::vector<Change> many;
  for (int i = 0; i < 1'700; ++i) many.push_back({fmt::format("p/{:05}", i), "v", 0});
  CO_TRY(co_await store->commit({}, many));
  auto all = CO_TRY(co_await store->range(prefix("p/", 10'000)));
  EXPECT_EQ(all.size(), 1'700u);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &Entry::key));
  EXPECT_EQ(CO_TRY(co_await store->range(prefix("p/", 1'201))).size(), 1'201u);
  co_return co_await store->close();
}

TEST(EtcdStore, ReadsLargeRangesInPages) {
  run(read_pages);
}

Task<Result<>> leases(aio::World& world) {
  auto store = CO_TRY(co_await open_etcd(world, EtcdCluster::shared().options()));
  auto watch = CO_TRY(store->watch(prefix("l/")));
  uint64_t lease = CO_TRY(co_await store->grant(Duration::seconds(2)));
  CO_TRY(co_await store->commit({}, {{"l/1", "a", lease}, {"l/2", "b", lease}}));
  auto bound = CO_TRY(co_await store->get("l/1"));
  EXPECT_EQ(bound->lease, lease);
  CO_TRY(co_await store->commit({}, put("l/2", "unbound")));
  Moment sent = world.clock.now();
  CO_TRY(co_await store->renew(lease));
  // From here on nobody renews: never before its time, and some time it goes.
  bool gone = false;
  while (!gone)
    for (const Watched& one : CO_TRY(co_await watch->next())) gone |= one.deleted;
  EXPECT_GE(world.clock.now() - sent, Duration::seconds(2));
  EXPECT_FALSE(CO_TRY(co_await store->get("l/1")));
  EXPECT_TRUE(CO_TRY(co_await store->get("l/2")));
  EXPECT_EQ((co_await store->renew(lease)).error().code, Code::not_found);
  EXPECT_EQ((co_await store->revoke(lease)).error().code, Code::not_found);
  EXPECT_EQ((co_await store->commit({}, put("l/3", "x", lease))).error().code, Code::not_found);
  uint64_t other = CO_TRY(co_await store->grant(Duration::hours(1)));
  CO_TRY(co_await store->commit({}, put("l/3", "x", other)));
  CO_TRY(co_await store->revoke(other));
  EXPECT_FALSE(CO_TRY(co_await store->get("l/3")));
  co_return co_await store->close();
}

TEST(EtcdStore, EndsLeasesWithTheirKeys) {
  run(leases);
}

Task<Result<>> lost_session(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto store = CO_TRY(co_await open_etcd(world, options));
  CO_TRY(co_await store->commit({}, put("k", "1")));
  // As after a pause of minutes: the session has ended, and its lanes with it.
  Object all = CO_TRY(co_await ask_etcd(world, options.endpoints[0], "lease/leases", {}));
  for (auto& lease : *CO_TRY(wire::json::array_at(all, "leases"))) {
    Object one{{"ID", lease.as_object().at("ID")}};
    CO_TRY(co_await ask_etcd(world, options.endpoints[0], "lease/revoke", one));
  }
  CO_TRY(co_await store->commit({}, put("k", "2")));
  EXPECT_EQ(CO_TRY(co_await store->get("k"))->value, "2");
  co_return co_await store->close();
}

TEST(EtcdStore, BeginsANewSessionWhenItsOwnHasEnded) {
  run(lost_session);
}

Task<Result<>> compacted_watch(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  std::string direct = options.endpoints[0];
  auto line = CO_TRY(Line::open(world, direct));
  auto writer = CO_TRY(co_await open_etcd(world, options));
  options.endpoints = {line->url()};
  auto store = CO_TRY(co_await open_etcd(world, options));
  auto watch = CO_TRY(store->watch(prefix("w/")));
  CO_TRY(co_await writer->commit({}, put("w/1", "a")));
  EXPECT_EQ(CO_TRY(co_await watch->next()).size(), 1u);
  // A short break loses nothing.
  line->mode = Line::Mode::no_requests;
  line->cut();
  CO_TRY(co_await writer->commit({}, put("w/2", "b")));
  line->mode = Line::Mode::whole;
  auto second = CO_TRY(co_await watch->next());
  EXPECT_TRUE(second.size() == 1 && second[0].entry.value == "b");
  // One during which the history goes is told.
  line->mode = Line::Mode::no_requests;
  line->cut();
  CO_TRY(co_await writer->commit({}, put("w/3", "c")));
  uint64_t last = CO_TRY(co_await writer->commit({}, put("w/3", "d")));
  Object compaction{{"revision", std::to_string(last)}};
  CO_TRY(co_await ask_etcd(world, direct, "kv/compaction", compaction));
  line->mode = Line::Mode::whole;
  auto told = co_await watch->next();
  EXPECT_EQ(told.error().code, Code::resource_exhausted);
  EXPECT_EQ(CO_TRY(co_await store->range(prefix("w/"))).size(), 3u);
  CO_TRY(co_await writer->commit({}, put("w/4", "e")));
  auto next = CO_TRY(co_await watch->next());
  EXPECT_EQ(next.back().entry.key, "w/4");
  CO_TRY(co_await store->close());
  CO_TRY(co_await writer->close());
  line->close();
  co_return Result<>{};
}

TEST(EtcdStore, WatchesOnAfterABreakAndTellsWhenTheHistoryIsGone) {
  run(compacted_watch);
}

Task<Result<>> silent_watch(aio::World& world) {
  EtcdOptions options = EtcdCluster::shared().options();
  auto line = CO_TRY(Line::open(world, options.endpoints[0]));
  auto writer = CO_TRY(co_await open_etcd(world, options));
  options.endpoints.insert(options.endpoints.begin(), line->url());
  options.watch_check = Duration::milliseconds(200);
  options.attempt = Duration::milliseconds(300);
  auto store = CO_TRY(co_await open_etcd(world, options));
  auto watch = CO_TRY(store->watch(prefix("w/")));
  CO_TRY(co_await writer->commit({}, put("w/1", "a")));
  CO_TRY(co_await watch->next());
  // The member goes silent without a word; what it owes comes from elsewhere.
  line->mode = Line::Mode::no_answers;
  CO_TRY(co_await writer->commit({}, put("w/2", "b")));
  auto next = CO_TRY(co_await watch->next());
  EXPECT_EQ(next[0].entry.key, "w/2");
  CO_TRY(co_await store->close());
  CO_TRY(co_await writer->close());
  line->close();
  co_return Result<>{};
}

TEST(EtcdStore, LeavesAMemberWhoseWatchFallsSilent) {
  run(silent_watch);
}

Task<Result<>> nobody_there(aio::World& world) {
  EtcdOptions options;
  auto none = co_await open_etcd(world, options);
  EXPECT_EQ(none.error().what, "no address of an etcd member is given");
  // A port that refuses: bound, and closed again.
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
  options.endpoints = {"http://" + listener->local().text()};
  listener.reset();
  options.deadline = Duration::milliseconds(200);
  auto refused = co_await open_etcd(world, options);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  options.endpoints = {"etcd.example:2379:x"};
  EXPECT_FALSE(co_await open_etcd(world, options));
  co_return Result<>{};
}

TEST(EtcdStore, SaysThatNobodyAnswers) {
  run(nobody_there);
}

}  // namespace
}  // namespace croft::store
