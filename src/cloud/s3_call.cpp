// One S3 call: address style, signature, attempts, judgement.
#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "cloud/aws_error.h"
#include "cloud/clock.h"
#include "cloud/deadline.h"
#include "cloud/s3.h"
#include "wire/sigv4.h"
#include "wire/uri.h"

namespace croft::cloud {
namespace {

std::string doing(const S3Request& request) {
  std::string out = request.method;
  if (!request.bucket.empty()) out += " " + request.bucket;
  if (!request.key.empty()) out += "/" + printable(request.key);
  for (const auto& [name, value] : request.query)
    if (value.empty()) out += "?" + name;
  return out;
}

/// Dots in a bucket's name break the certificate's wildcard: those go by path.
bool by_path(const Endpoint& endpoint, std::string_view bucket) {
  return endpoint.path_style || bucket.find('.') != std::string_view::npos;
}

/// Host, port and target of a request, query included.
net::Url address(const Endpoint& endpoint, const S3Request& request) {
  net::Url out = endpoint.url;
  std::string path = out.target;
  while (path.ends_with('/')) path.pop_back();
  if (request.bucket.empty()) {
    path += "/";
  } else if (by_path(endpoint, request.bucket)) {
    path += "/" + wire::percent_encode(request.bucket);
    if (!request.key.empty()) path += "/" + wire::percent_encode_path(request.key);
  } else {
    out.host = request.bucket + "." + out.host;
    path += "/" + wire::percent_encode_path(request.key);
  }
  wire::Query query;
  for (const auto& [name, value] : request.query) {
    if (value.empty())
      query.add_flag(name);
    else
      query.add(name, value);
  }
  out.target = query.empty() ? path : path + "?" + query.text();
  return out;
}

wire::sigv4::SigningKey signing_key(const Credentials& credentials) {
  return {credentials.access_key, credentials.secret_key, credentials.session_token.reveal()};
}

struct Call {
  Connection connection;
  Endpoint endpoint;
  Credentials credentials;
  S3Request request;
};

Result<net::ClientRequest> signed_request(const Call& call) {
  const S3Request& request = call.request;
  net::ClientRequest out;
  out.method = request.method;
  out.url = address(call.endpoint, request);
  wire::RequestHead head;
  head.method = request.method;
  head.target = out.url.target;
  head.headers = request.headers;
  head.headers.set("Host", out.url.authority());
  std::string hash =
      request.source ? std::string(wire::sigv4::unsigned_payload) : sha256_hex(request.body);
  TRY(wire::sigv4::sign_headers(head, signing_key(call.credentials), "s3", call.endpoint.region,
                                time_at(call.connection, out.url), hash));
  head.headers.remove("Host");
  out.headers = std::move(head.headers);
  out.body = request.body;
  out.source = request.source;
  out.answer_limit = request.answer_limit;
  out.drop_excess = request.drop_excess;
  out.deadline = request.deadline;
  return out;
}

aio::Task<Result<net::Response>> attempt(std::shared_ptr<const Call> call, net::Attempt limits,
                                         bool judged) {
  net::ClientRequest request = CO_TRY(signed_request(*call));
  request.deadline =
      std::min(request.deadline, limits.deadline - call->connection.world.clock.now());
  if (!call->endpoint.foreign) tell_deadline(request, call->connection.world.clock.wall());
  net::Url url = request.url;
  aio::CrashPoints& crash = call->connection.world.crash;
  bool changes = call->request.method != "GET" && call->request.method != "HEAD";
  if (changes) crash.pass("call.S3 " + call->request.method + ".before");
  Result<net::Response> answer = co_await call->connection.http.send(std::move(request));
  if (changes) crash.pass("call.S3 " + call->request.method + ".after");
  if (!answer)
    co_return fail(transport_failure(doing(call->request), url, std::move(answer).error()));
  if (!judged) co_return answer;
  bool fine = answer->status >= 200 && answer->status <= 299;
  // Complete and the multi-object delete may answer 200 and change their mind in the body.
  if (fine && call->request.method == "POST" && answer->body.size() < 64 << 10 &&
      answer->body.find("<Error>") != std::string::npos &&
      answer->body.find("<DeleteResult") == std::string::npos)
    fine = false;
  if (fine) co_return answer;
  Error error = refusal(Service::s3, doing(call->request), url, *answer);
  if (answer->status == 200 && error.fact("aws_code").empty()) error.code = Code::unavailable;
  learn_time(call->connection, url, *answer, error);
  co_return fail(std::move(error));
}

}  // namespace

S3::S3(Connection connection, Endpoint endpoint, Credentials credentials)
    : connection_(connection),
      endpoint_(std::move(endpoint)),
      credentials_(std::move(credentials)) {}

S3 S3::telling(Waiting waiting) const {
  S3 out = *this;
  out.waiting_ = std::move(waiting);
  return out;
}

aio::Task<Result<net::Response>> S3::send(S3Request request) const {
  bool repeatable = request.repeatable;
  auto call =
      std::make_shared<const Call>(Call{connection_, endpoint_, credentials_, std::move(request)});
  co_return co_await connection_.retrier.run<net::Response>(
      endpoint_.url.authority(),
      [call](net::Attempt limits) { return attempt(call, limits, true); },
      [repeatable](const Error& error) { return verdict(error, repeatable); }, waiting_);
}

aio::Task<Result<net::Response>> S3::raw(S3Request request) const {
  bool repeatable = request.repeatable;
  auto call =
      std::make_shared<const Call>(Call{connection_, endpoint_, credentials_, std::move(request)});
  co_return co_await connection_.retrier.run<net::Response>(
      endpoint_.url.authority(),
      [call](net::Attempt limits) { return attempt(call, limits, false); },
      [repeatable](const Error& error) { return verdict(error, repeatable); }, waiting_);
}

Error S3::refused(const S3Request& request, const net::Response& answer) const {
  return refusal(Service::s3, doing(request), address(endpoint_, request), answer);
}

aio::Task<Result<std::unique_ptr<net::ResponseStream>>> S3::open_object(GetObject request) const {
  S3Request plain = object_request(request);
  auto call =
      std::make_shared<const Call>(Call{connection_, endpoint_, credentials_, std::move(plain)});
  net::ClientRequest signed_one = CO_TRY(signed_request(*call));
  net::Url url = signed_one.url;
  auto stream = co_await connection_.http.open(std::move(signed_one));
  if (!stream)
    co_return fail(transport_failure(doing(call->request), url, std::move(stream).error()));
  const wire::ResponseHead& head = (*stream)->head();
  if (head.status >= 200 && head.status <= 299) co_return std::move(*stream);
  net::Response answer{head.status, head.headers, {}};
  char buffer[4096];
  while (answer.body.size() < 64 << 10) {
    size_t size = CO_TRY(co_await (*stream)->read(buffer));
    if (size == 0) break;
    answer.body.append(buffer, size);
  }
  co_return fail(refusal(Service::s3, doing(call->request), url, answer));
}

Result<std::string> S3::presign(std::string method, std::string bucket, std::string key,
                                Duration valid) const {
  S3Request request;
  request.method = std::move(method);
  request.bucket = std::move(bucket);
  request.key = std::move(key);
  net::Url url = address(endpoint_, request);
  wire::RequestHead head;
  head.method = request.method;
  head.target = url.target;
  head.headers.set("Host", url.authority());
  url.target = TRY(wire::sigv4::presign(head, signing_key(credentials_), "s3", endpoint_.region,
                                        time_at(connection_, url), valid));
  return url.text();
}

std::string S3::url_of(std::string_view bucket, std::string_view key) const {
  S3Request request;
  request.bucket = std::string(bucket);
  request.key = std::string(key);
  return address(endpoint_, request).text();
}

}  // namespace croft::cloud
