#include "store/etcd/gateway.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "net/tls.h"

namespace croft::store::etcd {
namespace {

constexpr Duration pause_base = Duration::milliseconds(20);
constexpr Duration pause_max = Duration::milliseconds(500);
constexpr Bytes answer_max = Bytes::mib(512);
constexpr size_t bytes_per_second = 1 << 20;  // a slow network, for what is large

/// Another attempt, here or at another member, may bring what this one did not.
bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timeout ||
         error.code == Code::throttled || error.code == Code::io;
}

/// The attempt may have had its effect although its answer did not say so.
bool may_have_worked(const Error& error) {
  return error.fact("sent") != "no" && error.code != Code::throttled &&
         error.code != Code::unauthenticated;
}

Result<net::ClientOptions> client_options(const EtcdOptions& options) {
  net::ClientOptions out;
  out.ca_file = options.ca_file;
  if (options.certificate_file.empty()) return out;
  net::TlsOptions tls = TRY(net::TlsContext::load(options.certificate_file, options.key_file));
  tls.ca_file = options.ca_file;
  out.tls = TRY(net::TlsContext::client(tls));
  return out;
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::make(aio::World& world, EtcdOptions options) {
  if (options.endpoints.empty())
    return fail(Error(Code::invalid_argument, "no address of an etcd member is given")
                    .hint("for example http://10.0.0.5:2379"));
  net::ClientOptions client = TRY(client_options(options));
  std::vector<net::Url> urls;
  for (const std::string& endpoint : options.endpoints) {
    auto url = net::Url::parse(endpoint);
    if (!url) return fail(std::move(url).error().frame("address of an etcd member: " + endpoint));
    urls.push_back(std::move(*url));
  }
  std::unique_ptr<Gateway> gateway(new Gateway(world, std::move(options), std::move(client)));
  gateway->urls_ = std::move(urls);
  return gateway;
}

Gateway::Gateway(aio::World& world, EtcdOptions options, net::ClientOptions client)
    : world_(world),
      options_(std::move(options)),
      client_(world, client),
      streams_(world, std::move(client)) {}

net::ClientRequest Gateway::request(size_t member, const std::string& path,
                                    const Object& body) const {
  net::ClientRequest request;
  request.method = "POST";
  request.url = urls_[member];
  request.url.target = "/v3/" + path;
  request.headers.add("Content-Type", "application/json");
  if (!token_.empty()) request.headers.add("Authorization", token_.reveal());
  request.body = wire::json::compact(body);
  request.connect_deadline = options_.attempt;
  request.answer_limit = answer_max;
  return request;
}

aio::Task<Result<Object>> Gateway::post(size_t member, std::string path, Object body,
                                        Duration limit) {
  net::ClientRequest message = request(member, path, body);
  message.deadline =
      limit + Duration::seconds(static_cast<int64_t>(message.body.size() / bytes_per_second));
  net::Response response = CO_TRY(co_await client_.send(std::move(message)));
  if (response.status != 200) co_return fail(refusal(response.status, response.body));
  wire::json::Limits limits;
  limits.size = answer_max;
  Object answer = CO_TRY(
      wire::json::parse_object(response.body, "the answer of " + urls_[member].text(), limits));
  // Calls that are streams for etcd wrap their one answer.
  if (const Object* error = CO_TRY(wire::json::object_if(answer, "error")))
    co_return fail(refusal_in_stream(*error));
  if (const Object* result = CO_TRY(wire::json::object_if(answer, "result"))) {
    Object inner = *result;
    answer = std::move(inner);
  }
  saw(CO_TRY(revision_of(answer)));
  co_return answer;
}

aio::Task<Result<>> Gateway::sign_in(size_t member) {
  token_ = Secret();
  Object body{{"name", options_.user}, {"password", options_.password.reveal()}};
  auto answer = co_await post(member, "auth/authenticate", std::move(body), options_.attempt);
  // A cluster whose users are switched off takes everybody.
  if (!answer && answer.error().code == Code::conflict) co_return Result<>{};
  if (!answer)
    co_return fail(std::move(answer).error().frame("signing in to etcd as " + options_.user));
  token_ = Secret(CO_TRY(wire::json::string_at(*answer, "token")));
  co_return Result<>{};
}

aio::Task<Result<Object>> Gateway::ask(size_t member, std::string path, Object body,
                                       Duration limit) {
  bool named = !options_.user.empty();
  if (named && token_.empty()) {
    auto signed_in = co_await sign_in(member);
    if (!signed_in) co_return fail(std::move(signed_in).error().fact("sent", "no"));
  }
  auto answer = co_await post(member, path, body, limit);
  if (answer || answer.error().code != Code::unauthenticated || !named) co_return answer;
  auto signed_in = co_await sign_in(member);
  if (!signed_in) co_return fail(std::move(signed_in).error().fact("sent", "no"));
  co_return co_await post(member, std::move(path), std::move(body), limit);
}

// Not net::Retrier: its budget is for calls without number to a farm that is not ours. Here the
// number of calls is bounded, and a commit that is given up is worse than one that is repeated.
aio::Task<Result<Gateway::Answer>> Gateway::call(std::string path, Body body) {
  Moment end = world_.clock.now() + options_.deadline;
  Duration pause = pause_base;
  bool unsure = false;
  for (size_t attempt = 1;; ++attempt) {
    size_t member = current_;
    auto answer = co_await ask(member, path, body(unsure), options_.attempt);
    if (answer) co_return Answer{std::move(*answer), unsure};
    Error error = std::move(answer).error();
    bool again = may_pass(error);
    if (again && may_have_worked(error)) unsure = true;
    if (again) leave(member);
    // Every member is asked once without a pause.
    Duration wait = Duration::nanoseconds(0);
    if (attempt % urls_.size() == 0) {
      wait = Duration::nanoseconds(
          static_cast<int64_t>(world_.random.unit() * static_cast<double>(pause.ns())));
      pause = std::min(pause * 2, pause_max);
    }
    if (again && world_.clock.now() + wait < end) {
      auto slept = co_await world_.clock.sleep(wait);
      if (slept) continue;
      error = std::move(slept).error();
    }
    if (unsure) error.fact("outcome", "unknown");
    if (again)
      error.frame(fmt::format("asking etcd, {} attempts at {} members", attempt, members()));
    co_return fail(std::move(error));
  }
}

aio::Task<Result<Object>> Gateway::call(std::string path, Object body) {
  auto same = [body = std::move(body)](bool) { return body; };
  Answer answer = CO_TRY(co_await call(std::move(path), Body(std::move(same))));
  co_return std::move(answer.object);
}

aio::Task<Result<std::unique_ptr<net::ResponseStream>>> Gateway::stream(size_t member,
                                                                        std::string path,
                                                                        Object body) {
  if (!options_.user.empty() && token_.empty()) CO_TRY(co_await sign_in(member));
  net::ClientRequest message = request(member, path, body);
  message.deadline = Duration::forever();
  auto opened = co_await aio::deadline(world_.clock, options_.attempt * 2,
                                       streams_.open(std::move(message)), "opening a watch");
  if (!opened) co_return fail(std::move(opened).error());
  if ((*opened)->head().status == 200) co_return std::move(*opened);
  int status = (*opened)->head().status;
  if (status == 401) token_ = Secret();
  co_return fail(Code::unavailable, fmt::format("etcd refuses a watch with HTTP {}", status));
}

}  // namespace croft::store::etcd
