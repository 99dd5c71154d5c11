// TLS 1.2 and 1.3 over any Stream (OpenSSL 3 through memory BIOs): for HttpClient, HttpServer,
// agents. The handshake runs at the first read or write. Loop thread only; a handshake costs it
// about 3 ms.
#pragma once
#include <memory>
#include <string>

#include "aio/world.h"
#include "base/secret.h"

namespace croft::net {

struct TlsOptions {
  // Who we are; both or neither. Needed for a server.
  std::string certificate_pem;  ///< leaf first, then intermediates
  Secret key_pem;
  // Whom we believe. Both empty: the system's certificates.
  std::string ca_pem;
  std::string ca_file;
  /// Client, instead of the two: SHA-256 (lower-case hex) of the DER of an authority's certificate,
  /// which the server sends behind its own. Only what it signed for servers is accepted.
  std::string pin;
  /// Client: the server's certificate must carry the name it was reached by.
  bool check_name = true;
  /// Client: check the server's chain and name. Server: ask clients for a certificate and refuse
  /// without.
  bool verify_peer = true;
  /// Server with verify_peer: clients without a certificate are let in, too (peer_certificate tells
  /// them apart); a certificate that is not ours is still refused.
  bool peer_may_be_unknown = false;
  /// Whose time certificates are held against; null: the system's. It outlives the context.
  aio::Clock* clock = nullptr;
};

/// Certificates, keys and settings, read once; shared by all streams made from it.
class TlsContext {
 public:
  static Result<std::shared_ptr<TlsContext>> client(const TlsOptions& options);
  /// For servers that an authority with this pin has signed (TlsOptions::pin), under whatever name:
  /// such an authority signs for servers nothing but its own controllers.
  static Result<std::shared_ptr<TlsContext>> client_of(std::string pin);
  /// verify_peer needs ca_pem or ca_file.
  static Result<std::shared_ptr<TlsContext>> server(const TlsOptions& options);
  /// PEM files read by this process at once: at start, not on a busy loop.
  static Result<TlsOptions> load(const std::string& certificate_file, const std::string& key_file);
  ~TlsContext();
  struct State;
  const State& state() const { return *state_; }

 private:
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// `host`: the name or address that the server's certificate must carry.
Result<std::unique_ptr<aio::Stream>> tls_client(std::shared_ptr<TlsContext> context,
                                                std::unique_ptr<aio::Stream> inner,
                                                const std::string& host);
Result<std::unique_ptr<aio::Stream>> tls_server(std::shared_ptr<TlsContext> context,
                                                std::unique_ptr<aio::Stream> inner);
/// What the peer of a TLS stream has shown and was believed, PEM; empty before the first byte was
/// read, without a certificate, and for any other stream.
std::string peer_certificate(aio::Stream& stream);
/// Accepts TLS streams: `server.serve(tls_listener(context, std::move(listener)))`.
std::unique_ptr<aio::Listener> tls_listener(std::shared_ptr<TlsContext> context,
                                            std::unique_ptr<aio::Listener> inner);

}  // namespace croft::net
