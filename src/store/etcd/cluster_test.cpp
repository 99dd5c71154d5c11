// Three members: killed, stopped and gone on; users and certificates; leaders that are replaced.
#include "aio/scope.h"
#include "store/etcd/etcd.h"
#include "store/etcd/testing.h"
#include "store/leadership.h"

namespace croft::store {
namespace {

using aio::Task;
using testing::ask_etcd;
using testing::EtcdCluster;
using wire::json::Object;

template <class F, class... Args>
void run(F body, Args&&... arguments) {
  auto real = aio::RealWorld::open().value();
  aio::World& world = real->world();
  Result<> done = real->run(
      aio::deadline(world.clock, testing::patience, body(world, arguments...), "the test"));
  EXPECT_TRUE(done) << done.error().render();
}

Task<Result<size_t>> leading_member(aio::World& world, EtcdCluster& cluster) {
  for (;;) {
    for (size_t i = 0; i < cluster.size(); ++i) {
      auto asked = co_await aio::deadline(
          world.clock, Duration::seconds(1),
          ask_etcd(world, cluster.endpoint(i), "maintenance/status", {}), "a member's answer");
      if (!asked || !asked->contains("leader")) continue;
      const Object* header = CO_TRY(wire::json::object_at(*asked, "header"));
      if (header->at("member_id") == asked->at("leader")) co_return i;
    }
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(20)));
  }
}

/// Counts up, each commit on the condition that the one before is the last: what was done twice, or
/// not at all, would be a conflict.
Task<Result<>> count_to(Store& store, uint64_t& last, int& counted, int target) {
  while (counted < target) {
    std::vector<Condition> conditions{{"count", last}};
    std::vector<Change> changes{{"count", std::to_string(counted + 1), 0}};
    last = CO_TRY(co_await store.commit(std::move(conditions), std::move(changes)));
    ++counted;
  }
  co_return Result<>{};
}

Task<Result<>> lose_members(aio::World& world, EtcdCluster& cluster) {
  EtcdOptions options = cluster.options();
  options.attempt = Duration::milliseconds(500);
  auto store = CO_TRY(co_await open_etcd(world, options));
  auto watch = CO_TRY(store->watch(prefix("count")));
  uint64_t last = 0;
  int counted = 0;
  CO_TRY(co_await count_to(*store, last, counted, 20));
  size_t stopped = CO_TRY(co_await leading_member(world, cluster));
  cluster.signal(stopped, SIGSTOP);
  CO_TRY(co_await count_to(*store, last, counted, 40));
  cluster.signal(stopped, SIGCONT);
  size_t killed = CO_TRY(co_await leading_member(world, cluster));
  cluster.signal(killed, SIGKILL);
  CO_TRY(co_await count_to(*store, last, counted, 60));
  EXPECT_EQ(CO_TRY(co_await store->get("count"))->value, "60");
  // Whoever watched saw each number once, in order.
  int seen = 0;
  while (seen < 60)
    for (const Watched& one : CO_TRY(co_await watch->next()))
      EXPECT_EQ(one.entry.value, std::to_string(++seen));
  co_return co_await store->close();
}

/// The store as a paused process has it: nothing goes out.
class Paused final : public Store {
 public:
  explicit Paused(Store& store) : store_(store) {}
  bool paused = false;
  Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                std::vector<Change> changes) override {
    return store_.commit(std::move(conditions), std::move(changes));
  }
  Task<Result<std::optional<Entry>>> get(std::string key) override {
    return store_.get(std::move(key));
  }
  Task<Result<std::vector<Entry>>> range(Range range) override { return store_.range(range); }
  Result<std::unique_ptr<Watch>> watch(Range range) override { return store_.watch(range); }
  Task<Result<uint64_t>> grant(Duration ttl) override { return store_.grant(ttl); }
  Task<Result<>> renew(uint64_t lease) override {
    if (paused) co_return fail(Code::unavailable, "paused");
    co_return co_await store_.renew(lease);
  }
  Task<Result<>> revoke(uint64_t lease) override { return store_.revoke(lease); }
  uint64_t revision() const override { return store_.revision(); }
  Task<Result<>> close() override { return store_.close(); }

 private:
  Store& store_;
};

Candidacy quick(std::string who, int ttl_s) {
  Duration ttl = Duration::seconds(ttl_s);
  return {"leader", std::move(who), ttl, ttl / 4, ttl / 5};
}

Task<Result<>> replace_a_leader(aio::World& world, EtcdCluster& cluster) {
  EtcdOptions options = cluster.options();
  auto one = CO_TRY(co_await open_etcd(world, options));
  auto two = CO_TRY(co_await open_etcd(world, options));
  Paused line(*one);
  auto old = CO_TRY(co_await campaign(world, line, quick("one", 4)));
  CO_TRY(co_await one->commit({old->condition()}, {{"work", "by one", 0}}));
  EXPECT_EQ(CO_TRY(co_await present_leader(*two, "leader")), (Leader{"one", old->fencing()}));
  line.paused = true;
  auto now = CO_TRY(co_await campaign(world, *two, quick("two", 4)));
  EXPECT_GT(now->fencing(), old->fencing());
  EXPECT_FALSE(old->may_act());
  // The old one goes on where it was stopped, past its check.
  std::vector<Change> late{{"work", "late", 0}};
  auto refused = co_await one->commit({old->condition()}, late);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(refused.error().where.path, "leader");
  EXPECT_FALSE(co_await old->commit({}, late));
  EXPECT_EQ(CO_TRY(co_await one->get("work"))->value, "by one");
  line.paused = false;
  CO_TRY(co_await old->lost());
  // By hand-over.
  CO_TRY(co_await now->resign());
  auto third = CO_TRY(co_await campaign(world, *one, quick("three", 4)));
  EXPECT_GT(third->fencing(), now->fencing());
  CO_TRY(co_await third->resign());
  CO_TRY(co_await one->close());
  co_return co_await two->close();
}

/// A commit as leader, whatever it takes: machines under load may cost it the leadership.
Task<Result<>> work(aio::World& world, Store& store, std::unique_ptr<Leadership>& leads,
                    std::string value) {
  for (;;) {
    if (!leads) leads = CO_TRY(co_await campaign(world, store, quick("one", 2)));
    auto done = co_await leads->commit({}, {{"work", value, 0}});
    if (done) co_return Result<>{};
    Code why = done.error().code;
    if (why != Code::unavailable && why != Code::timeout && why != Code::conflict)
      co_return fail(std::move(done).error());
    if (why == Code::conflict) leads.reset();
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(20)));
  }
}

Task<Result<>> stop_the_majority(aio::World& world, EtcdCluster& cluster) {
  EtcdOptions options = cluster.options();
  options.attempt = Duration::milliseconds(300);
  auto store = CO_TRY(co_await open_etcd(world, options));
  std::unique_ptr<Leadership> leads;
  CO_TRY(co_await work(world, *store, leads, "1"));
  for (size_t i : {0, 1}) cluster.signal(i, SIGSTOP);
  // Nobody tells it; it stops by itself.
  while (leads->may_act()) CO_TRY(co_await world.clock.sleep(Duration::milliseconds(20)));
  EXPECT_FALSE(co_await leads->commit({}, {{"work", "2", 0}}));
  for (size_t i : {0, 1}) cluster.signal(i, SIGCONT);
  EXPECT_EQ(CO_TRY(co_await store->get("work"))->value, "1");
  CO_TRY(co_await work(world, *store, leads, "3"));
  CO_TRY(co_await leads->resign());
  co_return co_await store->close();
}

TEST(EtcdCluster, FencesALeaderThatWasReplaced) {
  run(replace_a_leader, EtcdCluster::shared());
}

TEST(EtcdCluster, DoesNothingWithoutAMajorityAndCountsOnWhileOneStopsOrDies) {
  EtcdCluster three(3, {"--heartbeat-interval", "50", "--election-timeout", "500"});
  run(stop_the_majority, three);
  run(lose_members, three);
}

Task<Result<>> with_users(aio::World& world, EtcdCluster& cluster) {
  std::string at = cluster.endpoint(0);
  Object root{{"name", "root"}, {"password", "secret"}};
  CO_TRY(co_await ask_etcd(world, at, "auth/user/add", root));
  Object role{{"name", "root"}};
  CO_TRY(co_await ask_etcd(world, at, "auth/role/add", role));
  Object grant{{"user", "root"}, {"role", "root"}};
  CO_TRY(co_await ask_etcd(world, at, "auth/user/grant", grant));
  CO_TRY(co_await ask_etcd(world, at, "auth/enable", {}));
  EtcdOptions options = cluster.options();
  auto unknown = co_await open_etcd(world, options);
  EXPECT_EQ(unknown.error().code, Code::unauthenticated) << unknown.error().render();
  options.user = "root";
  options.password = Secret("wrong");
  auto wrong = co_await open_etcd(world, options);
  EXPECT_EQ(wrong.error().code, Code::permission_denied) << wrong.error().render();
  options.password = Secret("secret");
  auto store = CO_TRY(co_await open_etcd(world, options));
  auto watch = CO_TRY(store->watch(prefix("k")));
  CO_TRY(co_await store->commit({}, {{"k", "v", 0}}));
  EXPECT_EQ(CO_TRY(co_await watch->next())[0].entry.value, "v");
  co_return co_await store->close();
}

TEST(EtcdCluster, SignsIn) {
  EtcdCluster one(1);
  run(with_users, one);
}

Task<Result<>> with_certificates(aio::World& world, EtcdCluster& cluster, std::string files) {
  EtcdOptions options = cluster.options();
  options.ca_file = files + "/cert.pem";
  options.certificate_file = files + "/cert.pem";
  options.key_file = files + "/key.pem";
  auto store = CO_TRY(co_await open_etcd(world, options));
  CO_TRY(co_await store->commit({}, {{"k", "v", 0}}));
  EXPECT_EQ(CO_TRY(co_await store->get("k"))->value, "v");
  CO_TRY(co_await store->close());
  options.certificate_file.clear();
  options.deadline = Duration::milliseconds(300);
  EXPECT_FALSE(co_await open_etcd(world, options));
  co_return Result<>{};
}

TEST(EtcdCluster, ShowsACertificate) {
  char files[] = "/tmp/croft-etcd-tls-XXXXXX";
  ASSERT_TRUE(mkdtemp(files));
  std::string make = fmt::format(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=root "
      "-addext subjectAltName=IP:127.0.0.1 -keyout {0}/key.pem -out {0}/cert.pem 2>{0}/log",
      files);
  ASSERT_EQ(::system(make.c_str()), 0);
  std::string cert = fmt::format("{}/cert.pem", files), key = fmt::format("{}/key.pem", files);
  {
    EtcdCluster one(
        1,
        {"--cert-file", cert, "--key-file", key, "--client-cert-auth", "--trusted-ca-file", cert},
        true);
    run(with_certificates, one, std::string(files));
  }
  std::filesystem::remove_all(files);
}

}  // namespace
}  // namespace croft::store
