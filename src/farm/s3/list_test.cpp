// Lists read about what they tell, however much lies in the groups they fold, and others have a
// turn meanwhile. What the pages hold is checked from outside, in test/farm.
#include <gtest/gtest.h>

#include "farm/s3/local_farm.h"

namespace croft::farm::s3 {
namespace {

constexpr int groups = 30;
constexpr int in_each = 10;

aio::Task<Result<>> tell(LocalFarm& farm, std::string method, std::string target,
                         std::string body = {}) {
  Reply reply = CO_TRY(co_await farm.ask(std::move(method), std::move(target), std::move(body)));
  EXPECT_EQ(reply.status / 100, 2) << reply.body;
  co_return Result<>{};
}

/// `groups` folders with `in_each` keys, and as many keys beside them, before and behind.
aio::Task<Result<>> fill(LocalFarm& farm) {
  CO_TRY(co_await tell(farm, "PUT", "/bucket"));
  for (int i = 0; i < groups; ++i) {
    for (int j = 0; j < in_each; ++j)
      CO_TRY(co_await tell(farm, "PUT", fmt::format("/bucket/m{:02}/{}", i, j)));
    CO_TRY(co_await tell(farm, "PUT", fmt::format("/bucket/{}{:02}", i % 2 ? "a" : "z", i)));
  }
  co_return Result<>{};
}

void with_farm(std::function<aio::Task<Result<>>(LocalFarm&)> body) {
  aio::SimWorld sim(5);
  auto run = [](aio::World& world, auto inner) -> aio::Task<Result<>> {
    auto farm = CO_TRY(co_await LocalFarm::open(world));
    CO_TRY(co_await fill(*farm));
    CO_TRY(co_await inner(*farm));
    co_return co_await farm->close();
  };
  auto done = sim.run(run(sim.world(), body));
  EXPECT_TRUE(done) << done.error().render();
}

size_t count(std::string_view text, std::string_view what) {
  size_t found = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

/// Asks for a list that tells of all groups; returns how many records were read for it.
aio::Task<Result<uint64_t>> cost_of(LocalFarm& farm, std::string query, size_t others) {
  uint64_t before = farm.s3().index().scanned();
  Reply reply = CO_TRY(co_await farm.ask("GET", "/bucket?" + query));
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(count(reply.body, "<CommonPrefixes>"), static_cast<size_t>(groups)) << reply.body;
  EXPECT_EQ(count(reply.body, "<Key>"), others) << reply.body;
  co_return farm.s3().index().scanned() - before;
}

TEST(S3Lists, the_rest_of_a_group_is_not_read) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    constexpr uint64_t told = 2 * groups;
    EXPECT_LE(CO_TRY(co_await cost_of(farm, "delimiter=%2F&list-type=2", groups)), 2 * told);
    EXPECT_LE(CO_TRY(co_await cost_of(farm, "delimiter=%2F", groups)), 2 * told);
    EXPECT_LE(CO_TRY(co_await cost_of(farm, "delimiter=%2F&versions", groups)), 2 * told);
    // Behind a page the next one goes on where it ended.
    uint64_t before = farm.s3().index().scanned();
    Reply page = CO_TRY(co_await farm.ask("GET",
                                          "/bucket?delimiter=%2F&list-type=2&max-keys=5"
                                          "&start-after=m10%2F"));
    EXPECT_EQ(count(page.body, "<CommonPrefixes>"), 5u) << page.body;
    EXPECT_NE(page.body.find("<CommonPrefixes><Prefix>m11/"), std::string::npos) << page.body;
    EXPECT_LE(farm.s3().index().scanned() - before, 10u);
    co_return Result<>{};
  });
}

TEST(S3Lists, nor_are_the_older_versions_in_it) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    CO_TRY(co_await tell(farm, "PUT", "/bucket?versioning",
                         "<VersioningConfiguration><Status>Enabled</Status>"
                         "</VersioningConfiguration>"));
    for (int again = 0; again < 2; ++again)
      for (int i = 0; i < groups; ++i)
        for (int j = 0; j < 3; ++j)
          CO_TRY(co_await tell(farm, "PUT", fmt::format("/bucket/m{:02}/{}", i, j)));
    EXPECT_LE(CO_TRY(co_await cost_of(farm, "delimiter=%2F&versions", groups)), 5u * groups);
    co_return Result<>{};
  });
}

TEST(S3Lists, nor_are_the_uploads_in_it) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    for (int i = 0; i < groups; ++i)
      for (int j = 0; j < 5; ++j)
        CO_TRY(co_await tell(farm, "POST", fmt::format("/bucket/u{:02}/{}?uploads", i, j)));
    EXPECT_LE(CO_TRY(co_await cost_of(farm, "delimiter=%2F&uploads", 0)), 2u * groups);
    co_return Result<>{};
  });
}

TEST(S3Lists, others_have_a_turn_while_much_is_read) {
  with_farm([](LocalFarm& farm) -> aio::Task<Result<>> {
    std::vector<std::string> ended;
    auto ask = [](LocalFarm& asked, std::string target, std::string name,
                  std::vector<std::string>& order) -> aio::Task<Result<>> {
      CO_TRY(co_await tell(asked, "GET", std::move(target)));
      order.push_back(std::move(name));
      co_return Result<>{};
    };
    aio::Scope scope(co_await aio::here());
    scope.spawn(ask(farm, "/bucket?list-type=2", "a long list", ended));
    scope.spawn(ask(farm, "/bucket/m00/0", "an object", ended));
    CO_TRY(co_await scope.join());
    EXPECT_EQ(ended, (std::vector<std::string>{"an object", "a long list"}));
    co_return Result<>{};
  });
}

}  // namespace
}  // namespace croft::farm::s3
