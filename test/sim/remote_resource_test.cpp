// HTTP actions against a small server: what is sent when, and what refusals look like to the user.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aio/sim/crash_points.h"
#include "web_rig.h"

namespace croft::simtest {
namespace {

struct Server {
  std::vector<std::string> seen;      ///< "PUT /thing?a=b%20c Basic ..."
  std::map<std::string, int> status;  ///< of a verb; else 200
  std::string body;

  aio::Task<Result<>> answer(net::Exchange& exchange) {
    const auto& request = exchange.request();
    seen.push_back(fmt::format("{} {}", request.method, request.target));
    authorization = std::string(request.headers.value("Authorization"));
    received = CO_TRY(co_await exchange.read_all(Bytes::mib(1)));
    auto found = status.find(request.method);
    co_return co_await exchange.respond(found == status.end() ? 200 : found->second,
                                        {{"Content-Type", "text/plain"}}, body);
  }
  size_t count(std::string_view verb) const {
    return static_cast<size_t>(
        std::ranges::count_if(seen, [&](const auto& line) { return line.starts_with(verb); }));
  }
  std::string authorization, received;
};

struct RemoteResourceTest : WebTest<Server> {
  RemoteResourceTest() : WebTest(11) {}
  Result<json::Object> up(std::string attributes) {
    std::string text = fmt::format(R"(
#include "/org/smartfrog/services/restlet/components.sf"
sfConfig extends Compound {{
  sfLivenessDelay 5;
  thing extends PutDeleteRestResource {{ {} }}
}})",
                                   attributes);
    return bring_up("rest", text);
  }
  void wait(Duration time) {
    auto task = [](aio::World& world, Duration span) { return world.clock.sleep(span); };
    ASSERT_TRUE(rig.sim.run_in(rig.person, task(rig.person.world(), time)));
  }
};

TEST_F(RemoteResourceTest, puts_watches_and_deletes) {
  auto running =
      up(R"(host "127.0.0.1"; port 8080; path "a b"; page "thing"; queries [["k", "v w"]];
    authorization HTTP_BASIC; username "me"; password "open sesame";
    datasource extends TextDataSource { text "hello"; })");
  ASSERT_TRUE(running) << running.error().render();
  ASSERT_EQ(running->at("phase").as_string(), "running") << json::pretty(*running);
  EXPECT_EQ(server.seen.front(), "PUT /a%20b/thing?k=v%20w");
  EXPECT_EQ(server.received, "hello");
  EXPECT_EQ(server.authorization, "Basic bWU6b3BlbiBzZXNhbWU=");
  wait(Duration::seconds(12));
  EXPECT_EQ(server.count("HEAD"), 2u);
  auto proof = rig.ask<json::Object>([](Client& client) { return client.down("rest"); });
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(server.count("DELETE"), 1u);
  EXPECT_EQ(server.count("PUT"), 1u);
}

TEST_F(RemoteResourceTest, a_refusal_is_told_whole) {
  server.status["PUT"] = 500;
  server.body = "<Error><Code>InternalError</Code><RequestId>A2A7E5395E27DFBB</RequestId></Error>";
  auto failed = up(R"(url "http://127.0.0.1:8080/thing";)");
  ASSERT_TRUE(failed) << failed.error().render();
  EXPECT_EQ(failed->at("phase").as_string(), "terminated");
  std::string text = json::compact(failed->at("error"));
  for (const char* word : {"PUT http://127.0.0.1:8080/thing answered 500", "200 to 299 is wanted",
                           "InternalError", "A2A7E5395E27DFBB"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " in " << text;
}

TEST_F(RemoteResourceTest, a_controller_that_takes_over_does_not_put_again) {
  ASSERT_EQ(up(R"(url "http://127.0.0.1:8080/thing";)")->at("phase").as_string(), "running");
  rig.restart_controller(false);
  auto document = rig.ask<json::Object>([](Client& client) -> aio::Task<Result<json::Object>> {
    CO_TRY(co_await client.ready());
    co_return co_await client.settled("rest");
  });
  ASSERT_TRUE(document) << document.error().render();
  EXPECT_EQ(document->at("phase").as_string(), "running");
  EXPECT_EQ(server.count("PUT"), 1u);
}

TEST_F(RemoteResourceTest, a_server_that_refuses_or_is_gone_keeps_nothing_from_ending) {
  ASSERT_EQ(up(R"(url "http://127.0.0.1:8080/thing";)")->at("phase").as_string(), "running");
  server.status["DELETE"] = 500;
  auto proof = rig.ask<json::Object>([](Client& client) { return client.down("rest"); });
  ASSERT_TRUE(proof) << proof.error().render();
  EXPECT_EQ(proof->at("left").as_array().size(), 0u) << json::pretty(*proof);
  EXPECT_GE(server.count("DELETE"), 1u);
}

TEST_F(RemoteResourceTest, queries_without_a_value_have_no_equals_sign) {
  ASSERT_EQ(up(R"(host "127.0.0.1"; port 8080; page "thing"; queries ["raw", "a=", ["k", ""]];)")
                ->at("phase")
                .as_string(),
            "running");
  EXPECT_EQ(server.seen.front(), "PUT /thing?raw&a=&k=");
}

const char* behind_a_proxy = R"(url "http://thing.example.org/thing"; proxyHost "127.0.0.1";
    proxyPort 8080; datasource extends TextDataSource { text "hello"; })";

TEST_F(RemoteResourceTest, a_proxy_carries_all_of_its_life) {
  ASSERT_EQ(up(behind_a_proxy)->at("phase").as_string(), "running");
  wait(Duration::seconds(12));
  ASSERT_TRUE(rig.ask<json::Object>([](Client& client) { return client.down("rest"); }));
  EXPECT_EQ(server.count("PUT"), 1u);
  EXPECT_EQ(server.count("HEAD"), 2u);
  EXPECT_EQ(server.count("DELETE"), 1u);
  EXPECT_EQ(server.received, "");
}

/// Each life is a rig of its own: a server that keeps what was put until it is deleted.
struct Life : RemoteResourceTest {
  void TestBody() override {}
  Life() { SetUp(); }
};

TEST(RemoteResourceCrash, a_controller_that_dies_anywhere_leaves_nothing_behind_a_proxy) {
  Life undisturbed;
  ASSERT_EQ(undisturbed.up(behind_a_proxy)->at("phase").as_string(), "running");
  uint64_t all = undisturbed.rig.sim.main().crash_points();
  ASSERT_GT(all, 5u);
  for (uint64_t at : aio::crash_points("proxy", all, 8)) {
    if (testing::Test::HasFailure()) return;
    Life life;
    auto& sim = life.rig.sim;
    sim.main().crash_at(at);
    auto first = life.up(behind_a_proxy);
    bool died = !first || sim.main().dead();
    sim.main().crash_at(0);
    if (died) life.rig.restart_controller(at % 2 == 0);
    auto second = life.up(behind_a_proxy);
    ASSERT_TRUE(second) << "point " << at << ": " << second.error().render();
    EXPECT_EQ(second->at("phase").as_string(), "running") << "point " << at;
    // Whether the answer was lost with the controller cannot be known: it may be put once more.
    EXPECT_GE(life.server.count("PUT"), 1u) << "point " << at;
    EXPECT_LE(life.server.count("PUT"), 2u) << "point " << at;
    EXPECT_TRUE(life.rig.ask<json::Object>([](Client& client) { return client.down("rest"); }))
        << "point " << at;
    EXPECT_GE(life.server.count("DELETE"), 1u) << "point " << at;
    EXPECT_TRUE(life.server.seen.back().starts_with("DELETE")) << "point " << at;
  }
}

}  // namespace
}  // namespace croft::simtest
