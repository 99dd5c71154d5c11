// One connection of the HTTP server: reads requests one after the other, hands each to the handler
// as an Exchange, and decides whether the connection may be used again. For HttpServer only. Loop
// thread.
#pragma once
#include "net/http_server.h"
#include "net/input_buffer.h"
#include "net/watchdog.h"
#include "wire/http1.h"

namespace croft::net {

class HttpConnection final : public Exchange {
 public:
  HttpConnection(aio::World& world, const Handler& handler, const ServerLimits& limits,
                 std::unique_ptr<aio::Stream> stream);

  /// Until the peer, a limit or drain() ends it. Errors are the connection's own business.
  aio::Task<void> run();
  /// No request after the current one; an idle connection ends at once.
  void drain();
  /// Since when it waits for a request; nullopt: one is underway.
  std::optional<Moment> idle_since() const {
    return idle_ && !draining_ ? std::optional(idle_since_) : std::nullopt;
  }

  const wire::RequestHead& request() const override { return parser_.request(); }
  aio::Address peer() const override { return stream_->peer(); }
  aio::PeerCredentials credentials() const override { return stream_->credentials(); }
  std::optional<uint64_t> content_length() const override { return parser_.content_length(); }
  aio::Task<Result<size_t>> read_body(std::span<char> into) override;
  aio::Task<Result<>> respond(int status, wire::Headers headers, std::string body) override;
  aio::Task<Result<>> respond_view(int status, wire::Headers headers,
                                   std::string_view body) override;
  aio::Task<Result<>> start(int status, wire::Headers headers,
                            std::optional<uint64_t> length) override;
  aio::Task<Result<>> write(std::string_view piece) override;
  aio::Task<Result<>> send_file(aio::File& file, uint64_t offset, uint64_t length) override;
  aio::Task<Result<>> finish() override;
  aio::Task<Result<std::unique_ptr<aio::Stream>>> upgrade(std::string protocol) override;
  bool answered() const override { return answer_ != Answer::none; }
  void close_after() override { close_ = true; }

 private:
  enum class Answer { none, length, chunked, until_close, done };

  aio::Task<Result<bool>> read_head();
  aio::Task<bool> serve_request();
  aio::Task<Result<bool>> skip_body();
  aio::Task<Result<size_t>> read_raw_body(std::span<char> into);
  aio::Task<Result<>> refuse(const Error& error);
  aio::Task<void> linger();
  aio::Task<Result<>> send(std::vector<std::string_view> pieces);
  Result<std::string> head_text(int status, wire::Headers headers, std::optional<uint64_t> length);
  bool bodiless() const {
    return head_only_ || status_ == 204 || status_ == 304 || status_ / 100 == 1;
  }
  bool body_unread_and_large() const;

  aio::World& world_;
  const Handler& handler_;
  const ServerLimits& limits_;
  std::unique_ptr<aio::Stream> stream_;
  Watchdog watchdog_;
  InputBuffer input_;
  wire::RequestParser parser_;
  std::string_view pending_;  // of the body, inside input_; not yet handed over
  size_t pending_cost_ = 0;   // what to consume once pending_ is handed over
  uint64_t body_read_ = 0;
  bool idle_ = false;
  Moment idle_since_;
  bool draining_ = false;
  bool close_ = false;
  bool broken_ = false;  // the stream is of no further use
  bool body_bad_ = false;
  bool continued_ = false;
  bool head_only_ = false;
  int status_ = 0;
  Answer answer_ = Answer::none;
  uint64_t left_ = 0;  // of a streamed answer with a length
};

}  // namespace croft::net
