// Answers of pages: regular expressions, XPath, redirects, digest sign-in, LivenessPage and
// WaitForPage against a small server.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/http_server.h"
#include "rig.h"

namespace croft::simtest {
namespace {

struct Server {
  std::vector<std::string> seen;
  std::string body = "<a><state>ready</state></a>";
  std::string authorization;
  int failing = 0;  ///< so many answers of 503 first
  int status = 200;

  aio::Task<Result<>> answer(net::Exchange& exchange) {
    const auto& request = exchange.request();
    seen.push_back(fmt::format("{} {}", request.method, request.target));
    authorization = std::string(request.headers.value("Authorization"));
    CO_TRY(co_await exchange.read_all(Bytes::mib(1)));
    if (request.target == "/moved")
      co_return co_await exchange.respond(302, {{"Location", "/page"}}, "");
    if (request.target == "/circle")
      co_return co_await exchange.respond(301, {{"Location", "circle"}}, "");
    if (request.target == "/secret" && !authorization.starts_with("Digest"))
      co_return co_await exchange.respond(
          401, {{"WWW-Authenticate", "Digest realm=\"r\", nonce=\"n1\", qop=\"auth\""}}, "");
    if (failing-- > 0) co_return co_await exchange.respond(503, {}, "not yet");
    co_return co_await exchange.respond(status, {{"Content-Type", "application/xml"}}, body);
  }
};

aio::Task<Result<>> serve(aio::World& world, Server& server) {
  net::HttpServer http(world,
                       [&server](net::Exchange& exchange) { return server.answer(exchange); });
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 8080, ""}));
  co_return co_await http.serve(std::move(listener));
}

struct PagesTest : testing::Test {
  Server server;
  Rig rig{12};
  void SetUp() override {
    auto& process = rig.sim.start_process("server");
    rig.sim.spawn(process, serve(process.world(), server));
  }
  json::Object up(std::string components) {
    std::string text = fmt::format(R"(
#include "/org/smartfrog/services/restlet/components.sf"
#include "/org/smartfrog/services/www/components.sf"
sfConfig extends Compound {{ sfLivenessDelay 5; {} }})",
                                   components);
    auto document =
        rig.ask<json::Object>([text](Client& client) -> aio::Task<Result<json::Object>> {
          auto description = resolved("pages.sf", text);
          if (!description) co_return fail(std::move(description).error());
          co_return co_await client.up("pages", *std::move(description));
        });
    EXPECT_TRUE(document) << document.error().render();
    return document ? *document : json::Object{};
  }
  static std::string phase(const json::Object& document) {
    return std::string(document.at("phase").as_string());
  }
  json::Object later(Duration time) {
    auto document =
        rig.ask<json::Object>([time](Client& client) -> aio::Task<Result<json::Object>> {
          CO_TRY(co_await client.world().clock.sleep(time));
          co_return co_await client.settled("pages");
        });
    EXPECT_TRUE(document) << document.error().render();
    return *document;
  }
};

TEST_F(PagesTest, a_regular_expression_must_be_found) {
  EXPECT_EQ(phase(up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/page";
    responseRegexp "<state>(ready|up)</state>"; })")),
            "running");
}

TEST_F(PagesTest, one_that_is_not_found_says_so) {
  auto document = up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/page";
    responseRegexp "^broken$"; })");
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(document.at("error")).find("matches"), std::string::npos);
}

TEST_F(PagesTest, an_xpath_must_select_and_is_published) {
  auto document = up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/page";
    resultXPath "/a/state"; })");
  EXPECT_EQ(phase(document), "running");
  EXPECT_NE(json::compact(document).find("ready"), std::string::npos) << json::compact(document);
  server.body = "{}";
  EXPECT_EQ(phase(up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/other";
    resultXPath "/a/state"; })")),
            "terminated");
}

TEST_F(PagesTest, redirects_are_followed_where_asked) {
  EXPECT_EQ(phase(up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/moved";
    followRedirects true; })")),
            "running");
  EXPECT_EQ(server.seen, (std::vector<std::string>{"GET /moved", "GET /page"}));
}

TEST_F(PagesTest, a_redirect_is_an_answer_where_not_asked) {
  auto document = up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/moved"; })");
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(document.at("error")).find("302"), std::string::npos);
}

TEST_F(PagesTest, redirects_in_a_circle_end) {
  auto document = up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/circle";
    followRedirects true; })");
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(document.at("error")).find("redirects"), std::string::npos);
  EXPECT_LT(server.seen.size(), 20u);
}

TEST_F(PagesTest, a_digest_is_answered) {
  EXPECT_EQ(phase(up(R"(a extends GetRestResource { url "http://127.0.0.1:8080/secret";
    authorization HTTP_DIGEST; username "me"; password "open sesame"; })")),
            "running");
  EXPECT_NE(server.authorization.find("username=\"me\""), std::string::npos);
  EXPECT_NE(server.authorization.find("nc=00000001"), std::string::npos);
}

TEST_F(PagesTest, a_liveness_page_that_fails_ends_the_application) {
  EXPECT_EQ(phase(up(R"(a extends LivenessPage { port 8080; page "page"; checkOnStartup true; })")),
            "running");
  server.status = 500;
  auto document = later(Duration::seconds(20));
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(document).find("answered 500"), std::string::npos);
}

TEST_F(PagesTest, every_nth_check_asks) {
  up(R"(a extends LivenessPage { port 8080; page "page"; checkFrequency 3; })");
  later(Duration::seconds(33));  // six checks
  EXPECT_EQ(server.seen.size(), 2u);
}

TEST_F(PagesTest, it_waits_for_a_page) {
  server.failing = 3;
  auto document = up(R"(a extends WaitForPage { port 8080; page "page"; checkFrequency 500; })");
  later(Duration::seconds(5));
  EXPECT_EQ(server.seen.size(), 4u);
}

TEST_F(PagesTest, a_page_that_never_comes_ends_it_abnormally) {
  server.failing = 1000;
  up(R"(a extends WaitForPage { port 8080; page "page"; timeout 2000; })");
  auto document = later(Duration::seconds(10));
  EXPECT_EQ(phase(document), "terminated");
  EXPECT_NE(json::compact(document).find("did not answer in time"), std::string::npos);
}

}  // namespace
}  // namespace croft::simtest
