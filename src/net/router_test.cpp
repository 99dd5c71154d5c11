#include "net/router.h"

#include <fmt/format.h>

#include "net/testing.h"

namespace croft::net {
namespace {
using namespace testing;

Router make_router() {
  Router router;
  auto say = [](std::string name) {
    return [name](Exchange& exchange, const RouteMatch& match) {
      std::string body = name;
      for (const auto& [key, value] : match.parameters) body += fmt::format(" {}={}", key, value);
      if (match.query.has("q")) body += fmt::format(" q={}", match.query.value("q"));
      return exchange.respond(200, {}, std::move(body));
    };
  };
  EXPECT_TRUE(router.add("GET", "/v1/applications", say("list")));
  EXPECT_TRUE(router.add("GET", "/v1/applications/{name}", say("one")));
  EXPECT_TRUE(router.add("DELETE", "/v1/applications/{name}", say("delete")));
  EXPECT_TRUE(router.add("GET", "/v1/applications/special", say("special")));
  EXPECT_TRUE(router.add("GET", "/v1/applications/{name}/events", say("events")));
  EXPECT_TRUE(router.add("GET", "/files/{path...}", say("file")));
  EXPECT_FALSE(router.add("GET", "/v1/applications", say("again")));
  EXPECT_FALSE(router.add("GET", "/a/{b...}/c", say("middle")));
  return router;
}

TEST(Router, dispatches) {
  static Router router = make_router();
  with_server(
      [](Exchange& exchange) { return router.handle(exchange); },
      [](Stage& stage) -> aio::Task<Result<>> {
        HttpClient client(stage.world);
        struct Case {
          const char* method;
          const char* target;
          int status;
          const char* body;
        };
        for (const Case& c : {Case{"GET", "/v1/applications?q=a%20b", 200, "list q=a b"},
                              Case{"GET", "/v1/applications/talk", 200, "one name=talk"},
                              Case{"GET", "/v1/applications/a%2Fb", 200, "one name=a/b"},
                              Case{"DELETE", "/v1/applications/talk", 200, "delete name=talk"},
                              Case{"GET", "/v1/applications/special", 200, "special"},
                              Case{"GET", "/v1/applications/x/events", 200, "events name=x"},
                              Case{"GET", "/files/a/b%20c", 200, "file path=a/b c"},
                              Case{"GET", "/files/", 200, "file path="},
                              Case{"GET", "/v1/applications/", 404,
                                   "{\"error\":{\"code\":\"not_found\",\"what\":\"there is no "
                                   "/v1/applications/\"}}\n"},
                              Case{"GET", "/v1/applications/%zz", 404, nullptr},
                              Case{"GET", "/v1/applications?a=%zz", 400, nullptr},
                              Case{"PUT", "/v1/applications/talk", 405, nullptr},
                              Case{"HEAD", "/v1/applications/talk", 200, ""}}) {
          ClientRequest request;
          request.method = c.method;
          request.url = Url::parse(stage.url(c.target)).value();
          Response response = CO_TRY(co_await client.send(std::move(request)));
          EXPECT_EQ(response.status, c.status) << c.target;
          if (c.body) EXPECT_EQ(response.body, c.body) << c.target;
          if (c.status == 405) EXPECT_EQ(response.headers.value("allow"), "DELETE, GET, HEAD");
        }
        co_return Result<>{};
      });
}

}  // namespace
}  // namespace croft::net
