#include "store/etcd/messages.h"

#include <gtest/gtest.h>

#include "aio/scope.h"
#include "aio/sim/sim_world.h"
#include "store/etcd/key_order.h"

namespace croft::store::etcd {
namespace {

struct Saying {
  int status;
  const char* body;
  Code code;
  const char* hint;  ///< empty: none
};

TEST(EtcdMessages, TellWhatAMemberRefuses) {
  const Saying sayings[] = {
      {400, R"({"error":"etcdserver: too many operations in txn request","code":3})",
       Code::invalid_argument, "start the members of etcd with a larger --max-txn-ops (16500"},
      {400, R"({"error":"etcdserver: request is too large","code":3})", Code::invalid_argument,
       "start the members of etcd with a larger --max-request-bytes"},
      {429, R"({"error":"etcdserver: mvcc: database space exceeded","code":8})",
       Code::resource_exhausted, "compact and defragment etcd"},
      {429, R"({"error":"etcdserver: too many requests","code":8})", Code::throttled, ""},
      {404, R"({"error":"etcdserver: requested lease not found","code":5})", Code::not_found, ""},
      {412, R"({"error":"etcdserver: lease already exists","code":9})", Code::already_exists, ""},
      {400, R"({"error":"etcdserver: mvcc: required revision has been compacted","code":11})",
       Code::corrupt, ""},
      {401, R"({"error":"etcdserver: invalid auth token","code":16})", Code::unauthenticated, ""},
      {400,
       R"({"error":"etcdserver: authentication failed, invalid user ID or password","code":3})",
       Code::permission_denied, ""},
      {503, R"({"error":"etcdserver: leader changed","code":14})", Code::unavailable, ""},
      {504, R"({"error":"etcdserver: request timed out","code":14})", Code::unavailable, ""},
      {502, "<html>a proxy\n</html>", Code::unavailable, ""},
      {400, "no JSON", Code::corrupt, ""},
  };
  for (const Saying& saying : sayings) {
    Error error = refusal(saying.status, saying.body);
    EXPECT_EQ(error.code, saying.code) << saying.body;
    EXPECT_EQ(error.what.find('\n'), std::string::npos);
    std::string hint = error.hints.empty() ? "" : error.hints[0];
    EXPECT_TRUE(*saying.hint ? hint.starts_with(saying.hint) : hint.empty()) << hint;
  }
}

TEST(EtcdMessages, AreReadFromAWatch) {
  auto news = watch_news(
      R"({"result":{"header":{"revision":"7"},"events":[{"kv":{"key":"YWI=","create_revision":"6",)"
      R"("mod_revision":"7","value":"eA==","lease":"5"}},{"type":"DELETE","kv":{"key":"YWM=",)"
      R"("mod_revision":"7"}}]}})",
      1);
  ASSERT_TRUE(news) << news.error().render();
  ASSERT_EQ(news->changes.size(), 2u);
  const Entry& put = news->changes[0].entry;
  EXPECT_TRUE(put.key == "b" && put.value == "x" && put.created == 6 && put.modified == 7);
  EXPECT_EQ(put.lease, 5u);
  EXPECT_TRUE(news->changes[1].deleted && news->changes[1].entry.key == "c");
  auto gone = watch_news(R"({"result":{"canceled":true,"compact_revision":"9"}})", 0);
  EXPECT_TRUE(gone && gone->cancelled && gone->compacted == 9);
  auto error = watch_news(R"({"error":{"grpc_code":14,"message":"no leader"}})", 0);
  EXPECT_EQ(error.error().code, Code::unavailable);
  EXPECT_EQ(watch_news(R"({"result":{"events":[{"kv":{"key":"!"}}]}})", 0).error().code,
            Code::corrupt);
  EXPECT_FALSE(watch_news("{", 0));
}

using aio::Task;

Task<Result<>> step(aio::World& world, KeyOrder& order, std::string keys, Duration lasts,
                    std::string& log, char name) {
  std::vector<Change> changes;
  for (char key : keys) changes.push_back({std::string(1, key), "x", 0});
  KeyOrder::TurnPtr turn = order.enter({}, changes);
  auto waited = co_await KeyOrder::wait(turn);
  if (waited) {
    log += name;
    waited = co_await world.clock.sleep(lasts);
  }
  order.leave(turn);
  co_return waited;
}

Task<Result<>> take_one_back(aio::World& world, std::string& log) {
  KeyOrder order;
  aio::Scope scope(co_await aio::here());
  Duration second = Duration::seconds(1), moment = Duration::milliseconds(1);
  scope.spawn(step(world, order, "a", second, log, '1'));
  CO_TRY(co_await world.clock.sleep(moment));
  // Waits for 1, is taken back; who waits for it still waits for 1. Another key waits for nobody.
  auto second_one = aio::deadline(world.clock, moment * 5,
                                  step(world, order, "ab", second, log, '2'), "the second");
  scope.spawn([](Task<Result<>> task) -> Task<Result<>> {
    auto late = co_await task;
    EXPECT_EQ(late.error().code, Code::timeout);
    co_return Result<>{};
  }(std::move(second_one)));
  CO_TRY(co_await world.clock.sleep(moment));
  scope.spawn(step(world, order, "b", moment, log, '3'));
  scope.spawn(step(world, order, "c", moment, log, '4'));
  CO_TRY(co_await world.clock.sleep(moment * 100));
  EXPECT_EQ(log, "14");
  CO_TRY(co_await scope.join());
  EXPECT_EQ(log, "143");
  EXPECT_EQ(order.waiting(), 0u);
  co_return Result<>{};
}

TEST(EtcdKeyOrder, IsKeptByThoseWhoWaitForOneThatIsTakenBack) {
  aio::SimWorld sim(1);
  std::string log;
  Result<> done = sim.run(take_one_back(sim.world(), log));
  EXPECT_TRUE(done) << done.error().render();
}

}  // namespace
}  // namespace croft::store::etcd
