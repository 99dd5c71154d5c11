#include "net/http_connection.h"

#include <fmt/format.h>

#include <cstring>

#include "base/log.h"
#include "base/text.h"

namespace croft::net {
namespace {

constexpr uint64_t skip_limit = 64 << 10;  // a body left unread is read away up to this
constexpr uint64_t linger_limit = 256 << 10;
constexpr Duration linger_time = Duration::seconds(2);
constexpr size_t write_slice = 1 << 20;  // so that a slow reader is told from a stalled one
constexpr int pipelined_in_a_row = 16;

wire::Http1Limits parser_limits(const ServerLimits& limits) {
  return {.header_bytes = limits.header_bytes,
          .header_count = limits.header_count,
          .target_bytes = limits.header_bytes};
}

int status_of(const Error& error) {
  return static_cast<int>(parse_u64(error.fact("http_status")).value_or(400));
}

}  // namespace

HttpConnection::HttpConnection(aio::World& world, const Handler& handler,
                               const ServerLimits& limits, std::unique_ptr<aio::Stream> stream)
    : world_(world),
      handler_(handler),
      limits_(limits),
      stream_(std::move(stream)),
      watchdog_(world.clock, [this] { stream_->close(); }),
      parser_(parser_limits(limits)) {}

aio::Task<void> HttpConnection::run() {
  int in_a_row = 0;
  for (;;) {
    bool buffered = !input_.empty();
    auto head = co_await read_head();
    if (!head) {
      if (head.error().code == Code::syntax || head.error().code == Code::timeout) {
        auto refused = co_await refuse(head.error());
        if (refused) co_await linger();
      }
      co_return;
    }
    if (!*head) co_return;
    if (buffered && ++in_a_row % pipelined_in_a_row == 0) co_await aio::yield();
    if (!co_await serve_request()) co_return;
  }
}

void HttpConnection::drain() {
  draining_ = true;
  if (idle_) stream_->close();
}

/// True with a request; false when the peer has gone in good order.
aio::Task<Result<bool>> HttpConnection::read_head() {
  parser_.reset();
  input_.trim();
  if (draining_) co_return false;
  if (input_.empty()) {
    idle_ = true;
    idle_since_ = world_.clock.now();
    watchdog_.set(limits_.idle);
    auto got = co_await stream_->read(input_.room());
    idle_ = false;
    watchdog_.clear();
    if (!got) co_return fail(std::move(got).error());
    if (*got == 0) co_return false;
    input_.added(*got);
  }
  Moment end;
  for (;;) {
    size_t used = CO_TRY(parser_.head(input_.view()));
    if (used > 0) {
      input_.consume(used);
      co_return true;
    }
    Moment now = world_.clock.now();
    if (end == Moment{}) end = now + limits_.header_time;
    if (now >= end)
      co_return fail(Error(Code::timeout, "the request head").fact("http_status", "408"));
    auto got = co_await aio::deadline(world_.clock, end - now, stream_->read(input_.room()),
                                      "the request head");
    if (!got) co_return fail(std::move(got.error()).fact("http_status", "408"));
    if (*got == 0) co_return false;
    input_.added(*got);
  }
}

/// Runs the handler. False: the connection is to be closed.
aio::Task<bool> HttpConnection::serve_request() {
  pending_ = {};
  pending_cost_ = 0;
  body_read_ = left_ = 0;
  close_ = !request().keep_alive;
  body_bad_ = continued_ = false;
  head_only_ = request().method == "HEAD";
  status_ = 0;
  answer_ = Answer::none;

  auto handled = co_await handler_(*this);
  if (!handled && handled.error().code != Code::cancelled)
    log::debug("http", "{} {}: {}", request().method, request().path(), handled.error().line());
  if (broken_) co_return false;
  if (!answered()) {
    close_ = close_ || !handled;
    if (handled) log::error("http", "no answer to {} {}", request().method, request().path());
    // What the request's body did wrong is the client's business; anything else stays inside.
    auto client_error = handled ? std::nullopt : parse_u64(handled.error().fact("answer_status"));
    int status = static_cast<int>(client_error.value_or(500));
    std::string text = client_error ? handled.error().what + "\n" : "internal error\n";
    wire::Headers headers{{"Content-Type", "text/plain"}};
    auto sent = co_await respond(status, std::move(headers), std::move(text));
    if (!sent) co_return false;
  }
  // An answer left in the middle can only be told from a whole one by the cut.
  if (answer_ != Answer::done) co_return false;
  bool skipped = false;
  if (!parser_.done() && !body_bad_ && !body_unread_and_large()) {
    auto result = co_await skip_body();
    skipped = result.value_or(false);
  }
  if (!parser_.done() && !skipped) {
    co_await linger();
    co_return false;
  }
  if (close_ || draining_) {
    if (!input_.empty()) co_await linger();
    co_return false;
  }
  co_return true;
}

bool HttpConnection::body_unread_and_large() const {
  if (parser_.done()) return false;
  // Nobody knows whether a client that was not told to continue will send the body.
  if (parser_.expects_continue() && !continued_) return true;
  return content_length().value_or(0) > body_read_ + skip_limit;
}

aio::Task<Result<bool>> HttpConnection::skip_body() {
  std::array<char, 4096> away;
  uint64_t skipped = 0;
  while (skipped <= skip_limit) {
    size_t got = CO_TRY(co_await read_body(away));
    if (got == 0) co_return true;
    skipped += got;
  }
  co_return false;
}

aio::Task<Result<size_t>> HttpConnection::read_body(std::span<char> into) {
  if (into.empty()) co_return fail(Code::invalid_argument, "read_body needs room");
  if (body_bad_) co_return fail(Code::unavailable, "the request's body broke off earlier");
  if (parser_.expects_continue() && !continued_) {
    continued_ = true;
    if (!answered()) {
      std::vector<std::string_view> line{wire::continue_line};
      CO_TRY(co_await send(std::move(line)));
    }
  }
  if (parser_.done() && pending_.empty()) co_return 0;
  auto got = co_await read_raw_body(into);
  if (!got) {
    body_bad_ = close_ = true;
    Error& error = got.error();
    if (error.code == Code::syntax || error.code == Code::timeout)
      error.fact("answer_status",
                 std::string(error.code == Code::timeout ? "408" : error.fact("http_status")));
    co_return fail(std::move(error));
  }
  body_read_ += *got;
  co_return *got;
}

aio::Task<Result<size_t>> HttpConnection::read_raw_body(std::span<char> into) {
  for (;;) {
    if (pending_.empty() && !input_.empty() && !parser_.done()) {
      wire::BodyPiece piece = CO_TRY(parser_.body(input_.view()));
      pending_ = piece.data;
      pending_cost_ = piece.consumed;
      if (pending_.empty()) input_.consume(std::exchange(pending_cost_, 0));
    }
    if (!pending_.empty()) {
      size_t count = std::min(pending_.size(), into.size());
      std::memcpy(into.data(), pending_.data(), count);
      pending_.remove_prefix(count);
      if (pending_.empty()) input_.consume(std::exchange(pending_cost_, 0));
      co_return count;
    }
    if (parser_.done()) co_return 0;

    // With a known length the bytes go straight to their place; a chunked body passes the buffer.
    bool direct = !parser_.chunked() && input_.empty();
    std::span<char> room = into;
    if (direct) {
      uint64_t rest = content_length().value_or(0) - body_read_;
      room = into.first(static_cast<size_t>(std::min<uint64_t>(into.size(), rest)));
    } else {
      input_.expect_much();
      room = input_.room();
    }
    size_t got = CO_TRY(co_await aio::deadline(
        world_.clock, limits_.body_stall, stream_->read(room), "a piece of the request's body"));
    if (got == 0)
      co_return fail(Code::unavailable, "the client closed in the middle of the request's body");
    if (!direct) {
      input_.added(got);
      continue;
    }
    CO_TRY(parser_.body({room.data(), got}));
    co_return got;
  }
}

Result<std::string> HttpConnection::head_text(int status, wire::Headers headers,
                                              std::optional<uint64_t> length) {
  if (answered()) return fail(Code::internal, "a second answer to one request");
  status_ = status;
  std::string_view interim;
  if (parser_.expects_continue() && !continued_) {
    // botocore waits for the 100 of an empty body too. Where the final status comes instead it
    // sends no body of any later request on this connection.
    if (parser_.done() && status / 100 == 2) {
      interim = wire::continue_line;
      continued_ = true;
    } else {
      close_ = true;
    }
  }
  if (body_unread_and_large() || draining_) close_ = true;
  if (!headers.has("date")) headers.add("Date", world_.clock.wall().http_date());
  headers.remove("content-length");
  headers.remove("transfer-encoding");
  headers.remove("connection");
  if (length && status != 204 && status / 100 != 1 && (status != 304 || *length > 0))
    headers.add("Content-Length", std::to_string(*length));
  if (!length && !bodiless()) {
    if (request().http10)
      close_ = true;
    else
      headers.add("Transfer-Encoding", "chunked");
  }
  if (close_)
    headers.add("Connection", "close");
  else if (request().http10)
    headers.add("Connection", "keep-alive");
  std::string head = TRY(wire::serialize(wire::ResponseHead{status, "", std::move(headers)}));
  return interim.empty() ? head : std::string(interim) + head;
}

aio::Task<Result<>> HttpConnection::send(std::vector<std::string_view> pieces) {
  if (broken_) co_return fail(Code::unavailable, "the connection is broken");
  watchdog_.set(limits_.body_stall);
  auto written = co_await stream_->write(std::move(pieces));
  watchdog_.clear();
  if (written) co_return Result<>{};
  broken_ = true;
  if (watchdog_.expired()) co_return fail(Code::timeout, "the client does not read its answer");
  co_return fail(std::move(written).error());
}

aio::Task<Result<>> HttpConnection::respond(int status, wire::Headers headers, std::string body) {
  co_return co_await respond_view(status, std::move(headers), body);
}

aio::Task<Result<>> HttpConnection::respond_view(int status, wire::Headers headers,
                                                 std::string_view body) {
  std::string head = CO_TRY(head_text(status, std::move(headers), body.size()));
  std::string_view rest = bodiless() ? std::string_view{} : body;
  answer_ = Answer::length;
  std::vector<std::string_view> pieces{head, rest.substr(0, write_slice)};
  CO_TRY(co_await send(std::move(pieces)));
  rest.remove_prefix(std::min(rest.size(), write_slice));
  while (!rest.empty()) {
    std::vector<std::string_view> slice{rest.substr(0, write_slice)};
    CO_TRY(co_await send(std::move(slice)));
    rest.remove_prefix(std::min(rest.size(), write_slice));
  }
  answer_ = Answer::done;
  co_return Result<>{};
}

aio::Task<Result<>> HttpConnection::start(int status, wire::Headers headers,
                                          std::optional<uint64_t> length) {
  std::string head = CO_TRY(head_text(status, std::move(headers), length));
  left_ = bodiless() ? 0 : length.value_or(0);
  answer_ = length || bodiless() ? Answer::length
            : request().http10   ? Answer::until_close
                                 : Answer::chunked;
  std::vector<std::string_view> pieces{head};
  co_return co_await send(std::move(pieces));
}

aio::Task<Result<>> HttpConnection::write(std::string_view piece) {
  if (answer_ == Answer::none || answer_ == Answer::done)
    co_return fail(Code::internal, "write() outside of a started answer");
  if (piece.empty() || bodiless()) co_return Result<>{};
  if (answer_ == Answer::length) {
    if (piece.size() > left_)
      co_return fail(Code::internal, "an answer longer than its Content-Length");
    left_ -= piece.size();
  }
  while (!piece.empty()) {
    std::string_view slice = piece.substr(0, write_slice);
    piece.remove_prefix(slice.size());
    if (answer_ == Answer::chunked) {
      std::string head = wire::chunk_head(slice.size());
      std::vector<std::string_view> pieces{head, slice, "\r\n"};
      CO_TRY(co_await send(std::move(pieces)));
    } else {
      std::vector<std::string_view> pieces{slice};
      CO_TRY(co_await send(std::move(pieces)));
    }
  }
  co_return Result<>{};
}

namespace {
/// The connection's own stream, behind what was read with the request.
class UpgradedStream final : public aio::Stream {
 public:
  UpgradedStream(aio::Stream& inner, InputBuffer& input) : inner_(inner), input_(input) {}
  aio::Task<Result<size_t>> read(std::span<char> into) override {
    if (input_.empty()) co_return co_await inner_.read(into);
    size_t size = std::min(into.size(), input_.view().size());
    std::memcpy(into.data(), input_.view().data(), size);
    input_.consume(size);
    co_return size;
  }
  aio::Task<Result<>> write(std::vector<std::string_view> pieces) override {
    return inner_.write(std::move(pieces));
  }
  aio::Task<Result<>> shutdown() override { return inner_.shutdown(); }
  void close() override { inner_.close(); }
  aio::Address peer() const override { return inner_.peer(); }
  aio::PeerCredentials credentials() const override { return inner_.credentials(); }

 private:
  aio::Stream& inner_;
  InputBuffer& input_;
};
}  // namespace

aio::Task<Result<std::unique_ptr<aio::Stream>>> HttpConnection::upgrade(std::string protocol) {
  auto asked = request().headers.get("Upgrade");
  if (!asked || to_lower(*asked) != to_lower(protocol) || !parser_.done())
    co_return fail(
        Error(Code::invalid_argument, "this takes a request without a body that upgrades")
            .hint(fmt::format("Connection: Upgrade, Upgrade: {}", protocol)));
  std::string head = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n", protocol);
  answer_ = Answer::done;
  close_ = true;
  std::vector<std::string_view> pieces{head};
  CO_TRY(co_await send(std::move(pieces)));
  co_return std::make_unique<UpgradedStream>(*stream_, input_);
}

aio::Task<Result<>> HttpConnection::send_file(aio::File& file, uint64_t offset, uint64_t length) {
  if (answer_ == Answer::none || answer_ == Answer::done)
    co_return fail(Code::internal, "send_file() outside of a started answer");
  if (bodiless()) co_return Result<>{};
  if (answer_ == Answer::length) {
    if (length > left_) co_return fail(Code::internal, "an answer longer than its Content-Length");
    left_ -= length;
  }
  while (length > 0) {
    uint64_t slice = std::min<uint64_t>(length, write_slice);
    if (answer_ == Answer::chunked) {
      std::string head = wire::chunk_head(slice);
      std::vector<std::string_view> pieces{head};
      CO_TRY(co_await send(std::move(pieces)));
    }
    if (broken_) co_return fail(Code::unavailable, "the connection is broken");
    watchdog_.set(limits_.body_stall);
    auto sent = co_await stream_->send_file(file, offset, slice);
    watchdog_.clear();
    if (!sent) {
      broken_ = true;
      co_return fail(std::move(sent).error());
    }
    if (answer_ == Answer::chunked) {
      std::vector<std::string_view> end{"\r\n"};
      CO_TRY(co_await send(std::move(end)));
    }
    offset += slice;
    length -= slice;
  }
  co_return Result<>{};
}

aio::Task<Result<>> HttpConnection::finish() {
  if (answer_ == Answer::none || answer_ == Answer::done)
    co_return fail(Code::internal, "finish() without start()");
  if (answer_ == Answer::length && left_ > 0)
    co_return fail(Code::internal,
                   fmt::format("an answer {} bytes shorter than its Content-Length", left_));
  if (answer_ == Answer::chunked) {
    std::vector<std::string_view> end{wire::last_chunk};
    CO_TRY(co_await send(std::move(end)));
  }
  answer_ = Answer::done;
  co_return Result<>{};
}

/// Answers what never became a request.
aio::Task<Result<>> HttpConnection::refuse(const Error& error) {
  int status = status_of(error);
  std::string body = fmt::format("{} {}: {}\n", status, wire::reason_phrase(status), error.what);
  wire::Headers headers{{"Date", world_.clock.wall().http_date()},
                        {"Content-Type", "text/plain"},
                        {"Content-Length", std::to_string(body.size())},
                        {"Connection", "close"}};
  std::string head = CO_TRY(wire::serialize(wire::ResponseHead{status, "", std::move(headers)}));
  std::vector<std::string_view> pieces{head, body};
  co_return co_await send(std::move(pieces));
}

/// Closing with bytes unread makes the kernel reset the connection, which can take the answer away
/// from under the client: say the end, read a little, then close.
aio::Task<void> HttpConnection::linger() {
  if (broken_) co_return;
  auto ended = co_await stream_->shutdown();
  if (!ended) co_return;
  std::array<char, 4096> away;
  Moment end = world_.clock.now() + linger_time;
  for (uint64_t read = 0; read < linger_limit;) {
    Moment now = world_.clock.now();
    if (now >= end) co_return;
    auto got = co_await aio::deadline(world_.clock, end - now, stream_->read(away), "lingering");
    if (!got || *got == 0) co_return;
    read += *got;
  }
}

}  // namespace croft::net
