// For the tests of cloud: a farm that answers from a script and remembers what it was asked, in the
// simulation. Every request's signature is checked, as a farm would. Tests only.
#pragma once
#include <gtest/gtest.h>

#include "aio/sim/sim_world.h"
#include "base/digest.h"
#include "cloud/ec2.h"
#include "cloud/s3.h"
#include "net/http_server.h"
#include "wire/sigv4.h"
#include "wire/uri.h"

namespace croft::cloud::testing {

struct Scripted {
  int status = 200;
  std::string body;
  wire::Headers headers;
  Duration delay;
  bool hang_up = false;  ///< closes the connection instead
};

struct Asked {
  std::string method, target, body;
  wire::Headers headers;
  /// Of an EC2 call or the query of an S3 call.
  std::string value(std::string_view name) const {
    std::string_view query = method == "POST" && target == "/" ? std::string_view(body)
                             : target.find('?') == std::string::npos
                                 ? std::string_view()
                                 : std::string_view(target).substr(target.find('?') + 1);
    auto parsed = wire::Query::parse(query);
    return parsed ? std::string(parsed->value(name)) : "?";
  }
};

/// The answers in order; when they are used up, the last one again.
struct Script {
  std::vector<Scripted> answers;
  std::vector<Asked> asked;
};

inline const Secret secret_key("secret");

inline void check_signature(const wire::RequestHead& head, const std::string& body) {
  auto authorization = wire::sigv4::parse_authorization(head);
  ASSERT_TRUE(authorization) << authorization.error().render();
  EXPECT_EQ(authorization->access_key, "AKTEST");
  EXPECT_TRUE(wire::sigv4::unsigned_headers(*authorization, head).empty());
  std::string hash =
      authorization->payload_hash.empty() ? sha256_hex(body) : authorization->payload_hash;
  if (hash != wire::sigv4::unsigned_payload) EXPECT_EQ(hash, sha256_hex(body));
  auto expected = wire::sigv4::expected_signature(*authorization, head, hash, secret_key);
  ASSERT_TRUE(expected) << expected.error().render();
  EXPECT_EQ(authorization->signature, *expected);
}

inline aio::Task<Result<>> play(aio::World& world, Script& script, net::Exchange& exchange) {
  std::string body = CO_TRY(co_await exchange.read_all(Bytes::mib(64)));
  const wire::RequestHead& head = exchange.request();
  check_signature(head, body);
  size_t turn = std::min(script.asked.size(), script.answers.size() - 1);
  script.asked.push_back({head.method, head.target, body, head.headers});
  Scripted answer = script.answers.at(turn);
  if (answer.delay > Duration()) CO_TRY(co_await world.clock.sleep(answer.delay));
  exchange.close_after();
  if (answer.hang_up) {
    // Promises more than it sends, then closes.
    CO_TRY(co_await exchange.start(200, {}, 1000));
    co_return fail(Code::unavailable, "hung up on purpose");
  }
  co_return co_await exchange.respond(answer.status, std::move(answer.headers),
                                      std::move(answer.body));
}

/// What a test body gets.
struct Stage {
  aio::World& world;
  Script& script;
  Ec2 ec2;
  S3 s3;
  net::Retrier& retrier;
  net::HttpClient& http;
  Farm farm;
};

using Body = aio::Task<Result<>> (*)(Stage& stage);

inline aio::Task<Result<>> serve_and_run(aio::World& world, Script& script, Body body,
                                         net::RetryLimits limits) {
  net::HttpServer server(world,
                         [&](net::Exchange& exchange) { return play(world, script, exchange); });
  auto listener = CO_TRY(world.net.listen({"127.0.0.1", 0, ""}));
  std::string url = "http://" + listener->local().text();
  net::HttpClient http(world);
  net::Retrier retrier(world, limits);
  Farm farm = CO_TRY(farm_at(url, "us-east-1"));
  Connection connection{world, http, retrier};
  Credentials credentials{"AKTEST", secret_key, {}, "a test", ""};
  Stage stage{world,
              script,
              Ec2(connection, *farm.ec2, credentials),
              S3(connection, *farm.s3, credentials),
              retrier,
              http,
              farm};
  aio::Scope scope(co_await aio::here());
  scope.spawn(server.serve(std::move(listener)));
  Result<> result = co_await body(stage);
  scope.cancel();
  Result<> joined = co_await scope.join();
  if (!result) co_return result;
  co_return joined;
}

inline Script with_script(std::vector<Scripted> answers, Body body, net::RetryLimits limits = {}) {
  Script script;
  script.answers = std::move(answers);
  aio::SimWorld sim(11);
  Result<> done = sim.run(serve_and_run(sim.world(), script, body, limits));
  EXPECT_TRUE(done) << done.error().render();
  return script;
}

inline std::string ec2_error(std::string_view code, std::string_view message) {
  return fmt::format(
      "<?xml version=\"1.0\" "
      "encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message>"
      "</Error></Errors><RequestID>req-1</RequestID></Response>",
      code, message);
}

inline std::string s3_error(std::string_view code, std::string_view message) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>"
      "<RequestId>656c76696e6727732072657175657374</RequestId><HostId>host-1</HostId></Error>",
      code, message);
}

inline std::string ec2_answer(std::string_view action, std::string_view inside) {
  return fmt::format(
      "<{0}Response "
      "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>{1}</"
      "{0}Response>",
      action, inside);
}

inline std::string instance_xml(std::string_view id, int code,
                                std::string_view application = "shop") {
  return fmt::format(
      "<item><instanceId>{}</instanceId><imageId>ami-26b6534f</imageId><instanceState><code>{}</"
      "code><name>x</name>"
      "</instanceState><privateIpAddress>10.0.0.5</privateIpAddress><amiLaunchIndex>3</"
      "amiLaunchIndex>"
      "<placement><availabilityZone>us-east-1a</availabilityZone></"
      "placement><tagSet><item><key>croft:application"
      "</key><value>{}</value></item><item><key>croft:component</key><value>shop:web</value></"
      "item></tagSet></item>",
      id, code, application);
}

}  // namespace croft::cloud::testing
