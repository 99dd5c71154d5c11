// One answer as it arrives: head, then body read by the caller; gives the connection back to the
// pool when the body has ended and both sides may go on. For HttpClient only. Loop thread.
#pragma once
#include "net/client_pool.h"
#include "net/http_client.h"
#include "net/input_buffer.h"
#include "wire/http1.h"

namespace croft::net {

class ResponseReader final : public ResponseStream {
 public:
  static constexpr Moment no_end{INT64_MAX};

  /// `what` is named in errors: "GET http://...".
  ResponseReader(std::shared_ptr<ClientPool> pool, ClientPool::Lease lease, bool to_head,
                 Moment end, std::string what)
      : pool_(std::move(pool)),
        lease_(std::move(lease)),
        parser_(to_head),
        end_(end),
        what_(std::move(what)) {}

  /// The head of the final answer; interim ones are passed over. May be asked again after
  /// cancellation.
  aio::Task<Result<>> read_head();
  bool head_read() const { return head_read_; }
  bool heard() const { return heard_; }  ///< a byte came
  aio::Stream& stream() { return *lease_.stream; }
  void sending() { sent_ = false; }
  void sent() { sent_ = true; }
  /// After the exchange: gives the connection back at once when there is no body.
  void settle();

  const wire::ResponseHead& head() const override { return parser_.response(); }
  aio::Task<Result<size_t>> read(std::span<char> into) override;
  std::optional<uint64_t> content_length() const { return parser_.content_length(); }
  bool finished() const { return parser_.done() && pending_.empty(); }

 private:
  aio::Task<Result<size_t>> read_stream(std::span<char> into);
  aio::Task<Result<size_t>> read_body(std::span<char> into);
  Result<size_t> from_buffer(std::span<char> into);

  std::shared_ptr<ClientPool> pool_;
  ClientPool::Lease lease_;
  wire::ResponseParser parser_;
  Moment end_;
  std::string what_;
  InputBuffer input_;
  std::string_view pending_;
  size_t pending_cost_ = 0;
  uint64_t body_read_ = 0;
  bool head_read_ = false;
  bool heard_ = false;
  bool sent_ = true;
  bool failed_ = false;
};

}  // namespace croft::net
