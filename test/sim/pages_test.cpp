// Answers of pages: regular expressions, XPath, redirects, digest sign-in, LivenessPage and
// WaitForPage against a small server.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "web_rig.h"

namespace croft::simtest {
namespace {

struct Server {
  std::vector<std::string> seen;
  std::string body = "<a><state>ready</state></a>";
  std::string authorization, host;
  int failing = 0;  ///< so many answers of 503 first
  int status = 200;

  aio::Task<Result<>> answer(net::Exchange& exchange) {
    const auto& request = exchange.request();
    seen.push_back(fmt::format("{} {}", request.method, request.target));
    authorization = std::string(request.headers.value("Authorization"));
    host = std::string(request.headers.value("Host"));
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

struct PagesTest : WebTest<Server> {
  PagesTest() : WebTest(12) {}
  json::Object up(std::string components) {
    std::string text = fmt::format(R"(
#include "/org/smartfrog/services/restlet/components.sf"
#include "/org/smartfrog/services/www/components.sf"
#include "/org/smartfrog/services/utils/components.sf"
sfConfig extends Compound {{ sfLivenessDelay 5; {} }})",
                                   components);
    auto document = bring_up("pages", text);
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

TEST_F(PagesTest, requests_go_through_a_proxy) {
  EXPECT_EQ(phase(up(R"(a extends GetRestResource { url "http://www.example.org/page";
    proxyHost "127.0.0.1"; proxyPort 8080; })")),
            "running");
  EXPECT_EQ(server.seen.front(), "GET /page");
  EXPECT_EQ(server.host, "www.example.org");
}

TEST_F(PagesTest, properties_name_a_proxy_and_exceptions) {
  EXPECT_EQ(phase(up(R"(p extends SystemProperties { properties [["http.proxyHost", "127.0.0.1"],
      ["http.proxyPort", "8080"], ["http.nonProxyHosts", "localhost|*.example.com"]]; }
    a extends GetRestResource { url "http://www.example.org/page"; dependsOn [LAZY PARENT:p]; })")),
            "running");
  EXPECT_EQ(server.seen.front(), "GET /page");
  EXPECT_EQ(server.host, "www.example.org");
}

TEST_F(PagesTest, a_proxy_that_makes_no_tunnel_is_named) {
  auto document = up(R"(a extends GetRestResource { url "https://www.example.org/page";
    proxyHost "127.0.0.1"; proxyPort 8080; })");
  EXPECT_NE(json::compact(document).find("makes no tunnel to www.example.org:443"),
            std::string::npos)
      << json::compact(document);
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
