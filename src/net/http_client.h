// The HTTP/1.1 client of croft: pooled connections, TLS, deadlines, proxies. It sends one attempt;
// retrying is net/retry.h's business and happens at one layer only (the farm clients).
#pragma once
#include <memory>

#include "aio/world.h"
#include "base/secret.h"
#include "wire/http.h"

namespace croft::net {

struct Url {
  std::string scheme = "http";  ///< http, https, or unix (host = socket path, percent-encoded)
  std::string host;             ///< without brackets
  uint16_t port = 0;            ///< always filled in after parse
  std::string target = "/";     ///< path and query, as to be sent
  static Result<Url> parse(std::string_view text);
  std::string authority() const;  ///< "host" or "host:port" where the port is not the scheme's own
  std::string text() const;
};

/// A body that is produced piece by piece (a file). Must be able to start again from 0.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual uint64_t size() const = 0;
  virtual aio::Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) = 0;
};

/// Where requests go first: http requests as they are, https through a tunnel that it makes.
struct Proxy {
  Url url;               ///< of the proxy: http
  Secret authorization;  ///< value of Proxy-Authorization; empty: none
};

struct ClientRequest {
  std::string method = "GET";
  Url url;
  wire::Headers headers;  ///< Host, Content-Length and Connection are added
  std::string body;
  std::shared_ptr<const Proxy> proxy;         ///< null: the host is asked directly
  std::shared_ptr<BodySource> source;         ///< instead of `body`
  Duration deadline = Duration::seconds(30);  ///< whole exchange
  Duration connect_deadline = Duration::seconds(5);
  Bytes answer_limit = Bytes::mib(64);  ///< of the collected body
  bool drop_excess = false;             ///< what is behind it is read and dropped, no error
};

struct Response {
  int status = 0;
  wire::Headers headers;
  std::string body;
};

/// An answer whose body is read by the caller. Dropping it early closes the connection.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  virtual const wire::ResponseHead& head() const = 0;
  virtual aio::Task<Result<size_t>> read(std::span<char> into) = 0;
};

struct ClientOptions {
  size_t idle_per_host = 16;
  size_t connections_per_host = 64;
  Duration idle = Duration::seconds(30);
  bool verify_tls = true;
  std::string ca_file;                    ///< empty: the system's
  std::shared_ptr<class TlsContext> tls;  ///< instead of the two: with a certificate of our own
};

class HttpClient {
 public:
  HttpClient(aio::World& world, ClientOptions options = {});
  ~HttpClient();

  /// One attempt. Errors: Code::unavailable (refused, reset, closed; fact "sent" = "no" when no
  /// byte of the request left, so that any request may be repeated), Code::timeout, Code::corrupt
  /// (bad answer). A non-2xx status is an answer, not an error. A connection from the pool that
  /// turns out closed before the first answer byte is replaced once for idempotent methods.
  aio::Task<Result<Response>> send(ClientRequest request);
  aio::Task<Result<std::unique_ptr<ResponseStream>>> open(ClientRequest request);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace croft::net
