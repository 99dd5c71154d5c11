// One EC2 call: form, signature, attempts, judgement.
#include <fmt/format.h>

#include "base/digest.h"
#include "cloud/aws_error.h"
#include "cloud/clock.h"
#include "cloud/deadline.h"
#include "cloud/ec2.h"
#include "wire/sigv4.h"
#include "wire/uri.h"
#include "wire/xml.h"

namespace croft::cloud {
namespace {

constexpr std::string_view api_version = "2016-11-15";
constexpr Duration attempt_max = Duration::seconds(30);
constexpr wire::xml::Limits answer_limits{Bytes::mib(64), 64};

/// Everything an attempt needs, shared by the attempts of one call.
struct Call {
  Connection connection;
  Endpoint endpoint;
  Credentials credentials;
  std::string action;
  std::string body;
};

Result<net::ClientRequest> signed_request(const Call& call, WallTime now) {
  wire::RequestHead head;
  head.method = "POST";
  head.target = call.endpoint.url.target;
  head.headers.set("Host", call.endpoint.url.authority());
  head.headers.set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  wire::sigv4::SigningKey key{call.credentials.access_key, call.credentials.secret_key,
                              call.credentials.session_token.reveal()};
  TRY(wire::sigv4::sign_headers(head, key, "ec2", call.endpoint.region, now,
                                sha256_hex(call.body)));
  head.headers.remove("Host");
  net::ClientRequest request;
  request.method = "POST";
  request.url = call.endpoint.url;
  request.headers = std::move(head.headers);
  request.body = call.body;
  request.answer_limit = answer_limits.size;
  return request;
}

aio::Task<Result<Ec2::Answer>> attempt(std::shared_ptr<const Call> call, net::Attempt limits) {
  aio::World& world = call->connection.world;
  net::ClientRequest request =
      CO_TRY(signed_request(*call, time_at(call->connection, call->endpoint.url)));
  request.deadline = std::min(attempt_max, limits.deadline - world.clock.now());
  tell_deadline(request, world.clock.wall());
  bool changes = !call->action.starts_with("Describe") && !call->action.starts_with("Get");
  if (changes) world.crash.pass("call." + call->action + ".before");
  Result<net::Response> answer = co_await call->connection.http.send(std::move(request));
  if (changes) world.crash.pass("call." + call->action + ".after");
  const net::Url& url = call->endpoint.url;
  if (!answer) co_return fail(transport_failure(call->action, url, std::move(answer).error()));
  if (answer->status < 200 || answer->status > 299) {
    Error refused = refusal(Service::ec2, call->action, url, *answer);
    learn_time(call->connection, url, *answer, refused);
    co_return fail(std::move(refused));
  }
  auto document = wire::xml::Document::parse(answer->body, "the answer", answer_limits);
  if (!document)
    co_return fail(unreadable(Service::ec2, call->action, url, *answer, document.error().line()));
  std::string expected = call->action + "Response";
  if (document->root().name() == "Response")
    co_return fail(refusal(Service::ec2, call->action, url, *answer));
  if (document->root().name() != expected)
    co_return fail(unreadable(
        Service::ec2, call->action, url, *answer,
        fmt::format("it begins with <{}>, expected <{}>", document->root().name(), expected)));
  co_return Ec2::Answer{std::move(answer->body),
                        std::make_shared<wire::xml::Document>(std::move(*document))};
}

}  // namespace

Ec2::Ec2(Connection connection, Endpoint endpoint, Credentials credentials)
    : connection_(connection),
      endpoint_(std::move(endpoint)),
      credentials_(std::move(credentials)) {}

Ec2 Ec2::telling(Waiting waiting) const {
  Ec2 out = *this;
  out.waiting_ = std::move(waiting);
  return out;
}

aio::Task<Result<Ec2::Answer>> Ec2::ask(std::string action, Parameters parameters,
                                        Repeat repeat) const {
  wire::Query query;
  query.add("Action", action);
  query.add("Version", std::string(api_version));
  for (auto& [name, value] : parameters) query.add(std::move(name), std::move(value));
  auto call = std::make_shared<const Call>(
      Call{connection_, endpoint_, credentials_, std::move(action), query.text()});
  bool repeatable = repeat != Repeat::never;
  co_return co_await connection_.retrier.run<Answer>(
      endpoint_.url.authority(), [call](net::Attempt limits) { return attempt(call, limits); },
      [repeatable](const Error& error) { return verdict(error, repeatable); }, waiting_);
}

aio::Task<Result<std::string>> Ec2::call(
    std::string action, std::vector<std::pair<std::string, std::string>> parameters,
    Repeat repeat) const {
  Answer answer = CO_TRY(co_await ask(std::move(action), std::move(parameters), repeat));
  co_return std::move(answer.text);
}

}  // namespace croft::cloud
