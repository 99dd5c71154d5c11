// The HTTP/1.1 server of croft: farm, metadata, controller. One task a connection, on the loop.
// Limits stand in ServerLimits; what breaks them gets a 4xx and a closed connection.
// Smuggling checks of DESIGN 8.10 (duplicate Host, obs-fold, raw UTF-8 targets, TE+CL, TE:
// identity) are refused with 400 before any handler runs.
#pragma once
#include <functional>
#include <memory>

#include "aio/scope.h"
#include "aio/world.h"
#include "wire/http.h"

namespace croft::net {

struct ServerLimits {
  size_t header_bytes = 16 << 10;
  size_t header_count = 100;
  size_t connections = 4096;                     ///< further ones wait in the kernel's queue
  Duration idle = Duration::seconds(75);         ///< between requests
  Duration idle_crowded = Duration::seconds(2);  ///< the same while others wait for a connection
  Duration header_time = Duration::seconds(15);  ///< first byte to end of head
  Duration body_stall = Duration::seconds(60);   ///< without a byte of a body
};

/// One request and its answer. Lives on the connection's frame: handlers take it by reference.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const wire::RequestHead& request() const = 0;
  virtual aio::Address peer() const = 0;
  virtual aio::PeerCredentials credentials() const = 0;

  /// Content-Length where given (chunked bodies have none).
  virtual std::optional<uint64_t> content_length() const = 0;
  /// The next piece of the body, or 0 at its end. Sends "100 Continue" at the first call when the
  /// client waits for it; an answer before that closes the connection, but for a 2xx to a request
  /// whose body is empty. Errors: Code::syntax (bad chunk), Code::unavailable (cut), Code::timeout.
  virtual aio::Task<Result<size_t>> read_body(std::span<char> into) = 0;
  /// The whole body; Code::resource_exhausted above `limit`.
  aio::Task<Result<std::string>> read_all(Bytes limit);

  /// Sends a whole answer; Content-Length is added. A HEAD request gets headers only.
  virtual aio::Task<Result<>> respond(int status, wire::Headers headers, std::string body) = 0;
  /// The same with a body that the caller keeps until this returns: nothing is copied.
  virtual aio::Task<Result<>> respond_view(int status, wire::Headers headers,
                                           std::string_view body) {
    return respond(status, std::move(headers), std::string(body));
  }
  /// Starts a streamed answer: with `length` as Content-Length, else chunked. Then write() /
  /// send_file(), then finish(). For HEAD, writes are swallowed.
  virtual aio::Task<Result<>> start(int status, wire::Headers headers,
                                    std::optional<uint64_t> length) = 0;
  virtual aio::Task<Result<>> write(std::string_view piece) = 0;
  virtual aio::Task<Result<>> send_file(aio::File& file, uint64_t offset, uint64_t length) = 0;
  virtual aio::Task<Result<>> finish() = 0;
  /// Answers 101: what follows on the connection is both sides' own (RFC 9110, 7.8). The stream is
  /// of use until the handler returns; then the connection is closed. Code::invalid_argument where
  /// the client has not asked for `protocol` in Upgrade, or its request has a body.
  virtual aio::Task<Result<std::unique_ptr<aio::Stream>>> upgrade(std::string protocol);
  /// An answer was started.
  virtual bool answered() const = 0;
  /// No further request on this connection.
  virtual void close_after() = 0;
};

/// Answers one request. An Error returned before answered() becomes a plain 500; one of read_body()
/// or read_all() (fact "answer_status") a 400, 408 or 413.
using Handler = std::function<aio::Task<Result<>>(Exchange&)>;

class HttpServer {
 public:
  HttpServer(aio::World& world, Handler handler, ServerLimits limits = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Accepts until cancelled or the listener closes; then waits for open requests up to 5 s.
  /// May run for several listeners at once.
  aio::Task<Result<>> serve(std::unique_ptr<aio::Listener> listener);
  /// The same with a handler of its own for this listener (metadata service of one instance).
  aio::Task<Result<>> serve(std::unique_ptr<aio::Listener> listener, Handler handler);
  size_t open_connections() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace croft::net
