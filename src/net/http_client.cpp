#include "net/http_client.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/text.h"
#include "net/client_pool.h"
#include "net/response_reader.h"

namespace croft::net {
namespace {

constexpr size_t small_body = 64 << 10;  // sent in one write, before the answer is looked for
constexpr size_t source_slice = 256 << 10;
constexpr Duration early_answer_time = Duration::seconds(1);

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

uint64_t body_size(const ClientRequest& request) {
  return request.source ? request.source->size() : request.body.size();
}

Result<std::string> head_of(const ClientRequest& request) {
  if (request.headers.has("transfer-encoding") || request.headers.has("content-length"))
    return fail(Code::invalid_argument,
                "the HTTP client frames the body itself: no Content-Length or Transfer-Encoding");
  wire::RequestHead head;
  head.method = request.method;
  head.target = request.url.target;
  head.headers = request.headers;
  if (request.proxy && request.url.scheme == "http") {
    head.target = "http://" + request.url.authority() + request.url.target;
    if (!request.proxy->authorization.empty())
      head.headers.add("Proxy-Authorization", request.proxy->authorization.reveal());
  }
  if (!head.headers.has("host")) head.headers.add("Host", request.url.authority());
  if (!head.headers.has("user-agent")) head.headers.add("User-Agent", "croft/" CROFT_VERSION);
  bool usual = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (uint64_t size = body_size(request); size > 0 || usual)
    head.headers.add("Content-Length", std::to_string(size));
  return wire::serialize(head);
}

aio::Task<Result<>> send_all(ResponseReader& reader, const ClientRequest& request,
                             std::string_view head) {
  reader.sending();
  std::vector<std::string_view> pieces{head};
  if (!request.source) {
    pieces.push_back(request.body);
    CO_TRY(co_await reader.stream().write(std::move(pieces)));
    reader.sent();
    co_return Result<>{};
  }
  CO_TRY(co_await reader.stream().write(std::move(pieces)));
  uint64_t size = request.source->size();
  std::string buffer(static_cast<size_t>(std::min<uint64_t>(size, source_slice)), '\0');
  for (uint64_t at = 0; at < size;) {
    size_t want = static_cast<size_t>(std::min<uint64_t>(size - at, buffer.size()));
    size_t got = CO_TRY(co_await request.source->read_at(at, {buffer.data(), want}));
    if (got == 0)
      co_return fail(Code::io, fmt::format("the body's source ends {} bytes too early", size - at));
    std::vector<std::string_view> slice{std::string_view(buffer.data(), got)};
    CO_TRY(co_await reader.stream().write(std::move(slice)));
    at += got;
  }
  reader.sent();
  co_return Result<>{};
}

/// Sends the request and reads the head of the answer. A large body is sent while listening: a
/// server that refuses early answers and closes, and that answer is worth more than a broken pipe.
aio::Task<Result<>> exchange(aio::World& world, ResponseReader& reader,
                             const ClientRequest& request, std::string_view head) {
  if (!request.source && request.body.size() <= small_body) {
    CO_TRY(co_await send_all(reader, request, head));
    co_return co_await reader.read_head();
  }
  auto first = co_await aio::race(send_all(reader, request, head), reader.read_head());
  if (first.index() == 1) co_return std::move(std::get<1>(first));
  if (reader.head_read()) co_return Result<>{};
  Result<> sent = std::move(std::get<0>(first));
  if (sent) co_return co_await reader.read_head();
  if (sent.error().code == Code::cancelled || sent.error().code == Code::io) co_return sent;
  auto answer =
      co_await aio::deadline(world.clock, early_answer_time, reader.read_head(), "an early answer");
  co_return answer ? Result<>{} : std::move(sent);
}

aio::Task<Result<std::unique_ptr<ResponseReader>>> attempt(std::shared_ptr<ClientPool> pool,
                                                           const ClientRequest& request,
                                                           Moment end) {
  std::string head = CO_TRY(head_of(request));
  bool repeatable = is_idempotent(request.method);
  bool fresh_only = false;
  for (;;) {
    auto lease = co_await pool->acquire(request.url, request.proxy, request.connect_deadline,
                                        !repeatable, fresh_only);
    if (!lease) co_return fail(std::move(lease.error()).fact("sent", "no"));
    bool reused = lease->reused;
    auto reader =
        std::make_unique<ResponseReader>(pool, std::move(*lease), request.method == "HEAD", end,
                                         request.method + " " + request.url.text());
    auto done = co_await exchange(pool->world(), *reader, request, head);
    if (done) {
      reader->settle();
      co_return reader;
    }
    bool stale = reused && !reader->heard() && done.error().code == Code::unavailable;
    if (stale && repeatable) {
      fresh_only = true;
      continue;
    }
    bool nothing_left = done.error().fact("tls") == "handshake";
    done.error().frame(request.method + " " + request.url.text());
    co_return fail(std::move(done.error()).fact("sent", nothing_left ? "no" : "yes"));
  }
}

aio::Task<Result<std::unique_ptr<ResponseReader>>> open_within(std::shared_ptr<ClientPool> pool,
                                                               const ClientRequest& request) {
  auto& clock = pool->world().clock;
  if (request.deadline >= Duration::forever())
    co_return co_await attempt(pool, request, ResponseReader::no_end);
  Moment end = clock.now() + request.deadline;
  std::string what = request.method + " " + request.url.text();
  auto result =
      co_await aio::deadline(clock, request.deadline, attempt(pool, request, end), std::move(what));
  if (!result && result.error().code == Code::timeout && result.error().fact("sent").empty())
    result.error().fact("sent", "yes");
  co_return result;
}

aio::Task<Result<std::string>> collect(ResponseReader& reader, Bytes limit, bool drop_excess) {
  auto most = static_cast<uint64_t>(limit.count());
  auto length = reader.content_length();
  std::string body;
  if (reader.finished()) co_return body;
  if (length && *length > most && !drop_excess)
    co_return fail(Code::resource_exhausted,
                   fmt::format("an answer of {} bytes is more than {}", *length, limit.text()));
  body.resize(static_cast<size_t>(std::min<uint64_t>(length.value_or(16 << 10), 1 << 20)) + 1);
  size_t size = 0;
  std::string dropped;
  for (;;) {
    if (drop_excess && size >= most) {
      // The rest has to be read, not kept: in pieces of a size that costs little.
      if (dropped.empty()) dropped.resize(64 << 10);
      if (CO_TRY(co_await reader.read(dropped)) == 0) break;
      continue;
    }
    if (size == body.size()) body.resize(body.size() * 2);
    size_t got = CO_TRY(co_await reader.read({body.data() + size, body.size() - size}));
    if (got == 0) break;
    size += got;
    if (size > most && !drop_excess)
      co_return fail(Code::resource_exhausted, "the answer is larger than " + limit.text());
    size = std::min<size_t>(size, most);
  }
  body.resize(size);
  co_return body;
}

aio::Task<Result<Response>> send_and_collect(std::shared_ptr<ClientPool> pool,
                                             ClientRequest request) {
  auto reader = CO_TRY(co_await open_within(pool, request));
  auto body = co_await collect(*reader, request.answer_limit, request.drop_excess);
  if (!body) co_return fail(std::move(body.error()).fact("sent", "yes"));
  Response response;
  response.status = reader->head().status;
  response.headers = reader->head().headers;
  response.body = std::move(*body);
  co_return response;
}

aio::Task<Result<std::unique_ptr<ResponseStream>>> open_stream(std::shared_ptr<ClientPool> pool,
                                                               ClientRequest request) {
  std::unique_ptr<ResponseStream> stream = CO_TRY(co_await open_within(pool, request));
  co_return stream;
}

}  // namespace

struct HttpClient::State {
  std::shared_ptr<ClientPool> pool;
};

HttpClient::HttpClient(aio::World& world, ClientOptions options)
    : state_(std::make_shared<State>(std::make_shared<ClientPool>(world, std::move(options)))) {}
HttpClient::~HttpClient() {
  state_->pool->close_idle();
}

aio::Task<Result<Response>> HttpClient::send(ClientRequest request) {
  return send_and_collect(state_->pool, std::move(request));
}

aio::Task<Result<std::unique_ptr<ResponseStream>>> HttpClient::open(ClientRequest request) {
  return open_stream(state_->pool, std::move(request));
}

}  // namespace croft::net
