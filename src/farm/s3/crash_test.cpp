// The farm's S3 killed, and its machine's power cut, at every crash point and before every change
// of the disk: what was acknowledged is there whole; what was not is the old or the new, whole;
// after a kill no file lies about that no object names.
#include <gtest/gtest.h>

#include "aio/sim/crash_points.h"
#include "farm/s3/local_farm.h"

namespace croft::farm::s3 {
namespace {

/// What a key may hold: nullopt for "no such object".
using Content = std::optional<std::string>;

/// What the client knows: acknowledged contents, and those of the request on its way.
struct Memory {
  std::map<std::string, Content> acked;
  std::map<std::string, Content> pending;
  bool bucket = false;
};

std::string bytes(char with, size_t count) {
  return std::string(count, with);
}

aio::Task<Result<>> step(LocalFarm& farm, Memory& memory, std::string method, std::string key,
                         Content after, std::string target, std::string body = {},
                         wire::Headers headers = {}) {
  memory.pending[key] = after;
  Reply reply = CO_TRY(
      co_await farm.ask(std::move(method), std::move(target), std::move(body), std::move(headers)));
  if (reply.status / 100 != 2)
    co_return fail(Code::internal, fmt::format("{} {}: {}", key, reply.status, reply.body));
  memory.acked[key] = std::move(after);
  memory.pending.erase(key);
  co_return Result<>{};
}

aio::Task<Result<>> multipart(LocalFarm& farm, Memory& memory, std::string key) {
  Reply made = CO_TRY(co_await farm.ask("POST", "/bucket/" + key + "?uploads"));
  auto document = CO_TRY(wire::xml::Document::parse(made.body));
  std::string id = CO_TRY(document.root().required("UploadId"));
  std::string list;
  for (int number : {1, 2, 3}) {
    std::string target = fmt::format("/bucket/{}?partNumber={}&uploadId={}", key, number, id);
    Reply part =
        CO_TRY(co_await farm.ask("PUT", target, bytes(static_cast<char>('0' + number), 3000)));
    if (part.status != 200) co_return fail(Code::internal, part.body);
    if (number == 2) continue;  // one part stays unused
    list += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number,
                        part.headers.value("ETag"));
  }
  std::string body = "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>";
  co_return co_await step(farm, memory, "POST", key, bytes('1', 3000) + bytes('3', 3000),
                          fmt::format("/bucket/{}?uploadId={}", key, id), std::move(body));
}

aio::Task<Result<>> scenario(LocalFarm& farm, Memory& memory) {
  if (!memory.bucket) {
    Reply made = CO_TRY(co_await farm.ask("PUT", "/bucket"));
    if (made.status != 200) co_return fail(Code::internal, made.body);
    memory.bucket = true;
  }
  std::string small = bytes('s', 500), large = bytes('l', 6000), other = bytes('o', 3000);
  CO_TRY(co_await step(farm, memory, "PUT", "a", small, "/bucket/a", small));
  CO_TRY(co_await step(farm, memory, "PUT", "b", large, "/bucket/b", large));
  CO_TRY(co_await step(farm, memory, "PUT", "a", other, "/bucket/a", other));
  CO_TRY(co_await step(farm, memory, "PUT", "b", small, "/bucket/b", small));
  CO_TRY(co_await step(farm, memory, "PUT", "c", other, "/bucket/c", "",
                       {{"x-amz-copy-source", "/bucket/a"}}));
  CO_TRY(co_await step(farm, memory, "DELETE", "a", std::nullopt, "/bucket/a"));
  CO_TRY(co_await multipart(farm, memory, "b"));
  CO_TRY(co_await step(farm, memory, "PUT", "b", other, "/bucket/b", other));
  co_return Result<>{};
}

aio::Task<Result<>> live(aio::World& world, Memory& memory, std::unique_ptr<LocalFarm>& farm,
                         std::function<void()> armed) {
  farm = CO_TRY(co_await LocalFarm::open(world));
  armed();
  aio::Scope scope(co_await aio::here());
  scope.spawn(farm->run());
  auto done = co_await scenario(*farm, memory);
  // Some time for the background to clear what was replaced.
  if (done) done = co_await world.clock.sleep(Duration::seconds(1));
  scope.cancel();
  auto ended = co_await scope.join();
  if (!done) co_return done;
  if (!ended && ended.error().code != Code::cancelled) co_return ended;
  co_return co_await farm->close();
}

aio::Task<Result<>> check(aio::World& world, const Memory& memory, bool count_files) {
  auto farm = CO_TRY(co_await LocalFarm::open(world));
  size_t files = 0;
  for (const std::string key : {"a", "b", "c"}) {
    Reply reply = CO_TRY(co_await farm->ask("GET", "/bucket/" + key));
    Content now = reply.status == 200 ? Content(reply.body) : std::nullopt;
    if (now && now->size() > 1024) files += 1 + (now->starts_with('1') ? 1 : 0);
    auto acked = memory.acked.find(key);
    auto pending = memory.pending.find(key);
    bool good = (acked == memory.acked.end() ? now == std::nullopt : now == acked->second) ||
                (pending != memory.pending.end() && now == pending->second);
    EXPECT_TRUE(good) << key << ": " << (now ? now->size() : 0) << " bytes, status " << reply.status
                      << " " << reply.code;
  }
  Reply uploads = CO_TRY(co_await farm->ask("GET", "/bucket?uploads"));
  bool open_upload = uploads.body.find("<Upload>") != std::string::npos;
  if (count_files && !open_upload) {
    std::set<std::string> found;
    auto fresh = CO_TRY(co_await world.disk.list("/farm/s3/new"));
    auto shelves = co_await world.disk.list("/farm/s3/data");
    for (const std::string& shelf : shelves.value_or(std::vector<std::string>{}))
      for (const std::string& name : CO_TRY(co_await world.disk.list("/farm/s3/data/" + shelf)))
        found.insert(name);
    EXPECT_TRUE(fresh.empty());
    EXPECT_EQ(found.size(), files);
  }
  co_return co_await farm->close();
}

enum class Where { crash_point, disk_change };

bool crash_once(uint64_t number, Where where, bool power_cut) {
  aio::SimWorld sim(number * 2 + power_cut);
  Memory memory;
  std::unique_ptr<LocalFarm> farm;
  aio::SimProcess& first = sim.main();
  auto arm = [&] {
    if (where == Where::crash_point) first.crash_at(number);
    if (where == Where::disk_change) first.crash_at_disk(number);
  };
  auto lived = sim.run(live(first.world(), memory, farm, arm));
  bool crashed = first.dead();
  std::string reason = first.reason();
  first.crash_at(0);
  first.crash_at_disk(0);
  if (!crashed) EXPECT_TRUE(lived) << lived.error().render();
  farm.reset();
  if (crashed) sim.restart(power_cut);
  auto checked = sim.run(check(sim.world(), memory, !power_cut));
  EXPECT_TRUE(checked) << checked.error().render();
  EXPECT_FALSE(testing::Test::HasFailure())
      << "killed at: " << reason << (power_cut ? ", power cut" : "");
  return crashed;
}

void crash_everywhere(Where where, bool power_cut, uint64_t at_least) {
  // Every fourth, a kill and a power cut at different ones; ./test.sh --long tries all.
  uint64_t step = aio::long_tests() ? 1 : 4;
  uint64_t number = power_cut && step > 1 ? 3 : 1;
  while (crash_once(number, where, power_cut)) {
    if (testing::Test::HasFailure()) return;
    number += step;
    ASSERT_LT(number, 5000u);
  }
  EXPECT_GT(number, at_least);
}

TEST(S3Crash, kill_at_every_crash_point) {
  crash_everywhere(Where::crash_point, false, 20);
}
TEST(S3Crash, power_cut_at_every_crash_point) {
  crash_everywhere(Where::crash_point, true, 20);
}
TEST(S3Crash, kill_before_every_change_of_the_disk) {
  crash_everywhere(Where::disk_change, false, 60);
}
TEST(S3Crash, power_cut_before_every_change_of_the_disk) {
  crash_everywhere(Where::disk_change, true, 60);
}

TEST(S3Faults, a_full_disk_refuses_and_loses_nothing) {
  aio::SimWorld sim(5);
  auto run = [](aio::SimWorld& world) -> aio::Task<Result<>> {
    auto farm = CO_TRY(co_await LocalFarm::open(world.world()));
    CO_TRY(co_await farm->ask("PUT", "/bucket"));
    CO_TRY(co_await farm->ask("PUT", "/bucket/a", bytes('a', 5000)));
    world.disk().full = true;
    for (size_t size : {100, 5000}) {
      Reply reply = CO_TRY(co_await farm->ask("PUT", "/bucket/a", bytes('b', size)));
      EXPECT_EQ(reply.status, 503) << reply.body;
      EXPECT_EQ(reply.code, "ServiceUnavailable");
    }
    world.disk().full = false;
    Reply reply = CO_TRY(co_await farm->ask("GET", "/bucket/a"));
    EXPECT_EQ(reply.body, bytes('a', 5000));
    reply = CO_TRY(co_await farm->ask("PUT", "/bucket/a", bytes('c', 6000)));
    EXPECT_EQ(reply.status, 200);
    auto fresh = CO_TRY(co_await world.world().disk.list("/farm/s3/new"));
    EXPECT_EQ(fresh.size(), 2u)
        << "the replaced one, not yet removed, and the new one; no failed drafts";
    co_return co_await farm->close();
  };
  auto done = sim.run(run(sim));
  EXPECT_TRUE(done) << done.error().render();
}

TEST(S3Faults, the_storage_quota_holds_and_is_given_back) {
  aio::SimWorld sim(6);
  auto run = [](aio::SimWorld& world) -> aio::Task<Result<>> {
    auto farm =
        CO_TRY(co_await LocalFarm::open(world.world(), {.buckets = 1, .storage = Bytes(10'000)}));
    CO_TRY(co_await farm->ask("PUT", "/bucket"));
    EXPECT_EQ(CO_TRY(co_await farm->ask("PUT", "/second")).code, "TooManyBuckets");
    EXPECT_EQ(CO_TRY(co_await farm->ask("PUT", "/bucket/a", bytes('a', 6000))).status, 200);
    EXPECT_EQ(CO_TRY(co_await farm->ask("PUT", "/bucket/b", bytes('b', 6000))).code,
              "QuotaExceeded");
    EXPECT_EQ(CO_TRY(co_await farm->ask("PUT", "/bucket/a", bytes('c', 9000))).status, 200);
    EXPECT_EQ(CO_TRY(co_await farm->ask("DELETE", "/bucket/a")).status, 204);
    EXPECT_EQ(CO_TRY(co_await farm->ask("PUT", "/bucket/b", bytes('b', 6000))).status, 200);
    EXPECT_EQ(farm->s3().index().stored("111122223333"), 6000u);
    co_return co_await farm->close();
  };
  auto done = sim.run(run(sim));
  EXPECT_TRUE(done) << done.error().render();
}

}  // namespace
}  // namespace croft::farm::s3
