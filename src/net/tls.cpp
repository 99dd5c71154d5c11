#include "net/tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <sstream>

#include "aio/sync.h"
#include "base/digest.h"
#include "base/text.h"

namespace croft::net {
namespace {

constexpr size_t record_room = 17 << 10;   // one TLS record and its overhead
constexpr size_t plain_slice = 256 << 10;  // encrypted at once, then sent

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Ssl = std::unique_ptr<SSL, Deleter<SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

/// The oldest error of OpenSSL's queue in words; empties the queue.
std::string openssl_words() {
  unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("error {:x}", code);
}

Bio memory(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool is_address(const std::string& host) {
  in6_addr buffer;
  return inet_pton(AF_INET, host.c_str(), &buffer) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &buffer) == 1;
}

Result<> use_identity(SSL_CTX* context, const TlsOptions& options) {
  Bio text = memory(options.certificate_pem);
  Certificate leaf(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return fail(Code::invalid_argument, "the certificate is not usable: " + openssl_words());
  while (X509* more = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, more) == 1) continue;
    X509_free(more);
    return fail(Code::invalid_argument, "the certificate chain is not usable: " + openssl_words());
  }
  ERR_clear_error();  // the end of the PEM text counts as an error there
  Bio key_text = memory(options.key_pem.reveal());
  auto no_password = [](char*, int, int, void*) { return 0; };
  Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_password, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return fail(Code::invalid_argument,
                "the private key is not usable with the certificate: " + openssl_words());
  return {};
}

Result<> trust(SSL_CTX* context, const TlsOptions& options) {
  if (options.ca_pem.empty() && options.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return fail(Code::unavailable,
                "the system's certificates are not readable: " + openssl_words());
  }
  if (!options.ca_file.empty() && SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1)
    return fail(Code::invalid_argument,
                options.ca_file + " has no usable certificates: " + openssl_words());
  if (options.ca_pem.empty()) return {};
  Bio text = memory(options.ca_pem);
  int count = 0;
  while (X509* each = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
    Certificate owned(each);
    count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each);
  }
  ERR_clear_error();
  if (count == 0) return fail(Code::invalid_argument, "the CA text has no usable certificate");
  return {};
}

}  // namespace

struct TlsContext::State {
  SslContext context;
  bool server = false;
  bool verify = true;
  bool check_name = true;
  std::string pin;
  aio::Clock* clock = nullptr;
};

namespace {
std::string fingerprint_of(X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out = sha256_hex({reinterpret_cast<char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return out;
}

/// Trusts the one certificate of those sent that has the pinned fingerprint, for this check only.
int verify_pinned(X509_STORE_CTX* check, void* argument) {
  const auto& state = *static_cast<const TlsContext::State*>(argument);
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(check);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* each = sk_X509_value(sent, i);
    if (fingerprint_of(each) != state.pin) continue;
    STACK_OF(X509)* trusted = sk_X509_new_null();
    if (!trusted || sk_X509_push(trusted, each) == 0) break;
    X509_STORE_CTX_set0_trusted_stack(check, trusted);
    int ok = X509_verify_cert(check);
    X509_STORE_CTX_set0_trusted_stack(check, nullptr);
    sk_X509_free(trusted);
    return ok;
  }
  X509_STORE_CTX_set_error(check, X509_V_ERR_CERT_UNTRUSTED);
  return 0;
}
}  // namespace

TlsContext::TlsContext(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsContext::~TlsContext() = default;

namespace {
Result<std::unique_ptr<TlsContext::State>> make_state(const TlsOptions& options, bool server) {
  ERR_clear_error();
  auto state = std::make_unique<TlsContext::State>();
  state->context.reset(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()));
  if (!state->context) return fail(Code::resource_exhausted, "no TLS context: " + openssl_words());
  state->server = server;
  state->verify = options.verify_peer;
  state->check_name = options.check_name;
  state->pin = options.pin;
  state->clock = options.clock;
  SSL_CTX* context = state->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  if (!options.certificate_pem.empty()) TRY(use_identity(context, options));
  if (options.verify_peer) {
    if (options.pin.empty())
      TRY(trust(context, options));
    else
      SSL_CTX_set_cert_verify_callback(context, verify_pinned, state.get());
    bool needed = server && !options.peer_may_be_unknown;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (needed ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
    // A resumed session would bring the certificate of a time before it was withdrawn.
    if (server) SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  }
  return state;
}
}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsOptions& options) {
  auto state = TRY(make_state(options, false));
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(state)));
}

Result<std::shared_ptr<TlsContext>> TlsContext::client_of(std::string pin) {
  TlsOptions options;
  options.pin = std::move(pin);
  options.check_name = false;
  return client(options);
}

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsOptions& options) {
  if (options.certificate_pem.empty() || options.key_pem.empty())
    return fail(Code::invalid_argument, "a TLS server needs a certificate and its key");
  if (options.verify_peer && options.ca_pem.empty() && options.ca_file.empty())
    return fail(Code::invalid_argument,
                "a TLS server that asks for client certificates needs a CA");
  auto state = TRY(make_state(options, true));
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(state)));
}

Result<TlsOptions> TlsContext::load(const std::string& certificate_file,
                                    const std::string& key_file) {
  TlsOptions options;
  options.verify_peer = false;
  std::string texts[2];
  const std::string* files[] = {&certificate_file, &key_file};
  for (int i = 0; i < 2; ++i) {
    std::ifstream file(*files[i]);
    std::ostringstream all;
    all << file.rdbuf();
    texts[i] = all.str();
    if (!file || texts[i].empty())
      return fail(Code::not_found, *files[i] + " is not readable or empty");
  }
  options.certificate_pem = std::move(texts[0]);
  options.key_pem = Secret(std::move(texts[1]));
  return options;
}

namespace {

class TlsStream final : public aio::Stream {
 public:
  TlsStream(std::shared_ptr<TlsContext> context, std::unique_ptr<aio::Stream> inner, Ssl ssl)
      : context_(std::move(context)),
        inner_(std::move(inner)),
        ssl_(std::move(ssl)),
        buffer_(std::make_unique_for_overwrite<char[]>(record_room)) {}

  aio::Task<Result<size_t>> read(std::span<char> into) override {
    CO_TRY(co_await handshake());
    for (;;) {
      ERR_clear_error();
      size_t got = 0;
      int ok = SSL_read_ex(ssl_.get(), into.data(), into.size(), &got);
      if (ok == 1) co_return got;
      int reason = SSL_get_error(ssl_.get(), ok);
      if (reason == SSL_ERROR_ZERO_RETURN) co_return 0;
      if (reason != SSL_ERROR_WANT_READ) co_return broken("TLS: " + openssl_words());
      // Never behind a write that waits: where both sides send and neither reads, both wait for
      // ever.
      if (!flushing_) CO_TRY(co_await flush());
      CO_TRY(co_await feed());
    }
  }

  aio::Task<Result<>> write(std::vector<std::string_view> pieces) override {
    CO_TRY(co_await handshake());
    size_t waiting = 0;
    for (std::string_view piece : pieces) {
      while (!piece.empty()) {
        ERR_clear_error();
        size_t put = 0;
        int ok = SSL_write_ex(ssl_.get(), piece.data(), std::min(piece.size(), plain_slice), &put);
        // The output goes to memory, so it never has to wait.
        if (ok != 1) co_return broken("TLS: " + openssl_words());
        piece.remove_prefix(put);
        waiting += put;
        if (waiting < plain_slice) continue;
        CO_TRY(co_await flush());
        waiting = 0;
      }
    }
    co_return co_await flush();
  }

  aio::Task<Result<>> shutdown() override {
    if (done_handshake_ && !broken_) {
      ERR_clear_error();
      SSL_shutdown(ssl_.get());
      ERR_clear_error();
      CO_TRY(co_await flush());
    }
    co_return co_await inner_->shutdown();
  }
  void close() override { inner_->close(); }
  aio::Address peer() const override { return inner_->peer(); }
  aio::PeerCredentials credentials() const override { return inner_->credentials(); }

  std::string shown() const {
    if (!done_handshake_ || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
    X509* certificate = SSL_get0_peer_certificate(ssl_.get());
    Bio text(BIO_new(BIO_s_mem()));
    if (!certificate || !text || PEM_write_bio_X509(text.get(), certificate) != 1) return {};
    char* data = nullptr;
    long size = BIO_get_mem_data(text.get(), &data);
    return std::string(data, static_cast<size_t>(size));
  }

 private:
  std::unexpected<Error> broken(std::string what) {
    broken_ = true;
    return fail(Code::unavailable, std::move(what));
  }

  aio::Task<Result<>> handshake() {
    if (broken_) co_return fail(Code::unavailable, "TLS: the connection is broken");
    if (done_handshake_) co_return Result<>{};
    auto lock = CO_TRY(co_await shaking_.lock());  // a reader and a writer may both come first
    while (!done_handshake_) {
      if (broken_) co_return fail(Code::unavailable, "TLS: the connection is broken");
      ERR_clear_error();
      int ok = SSL_do_handshake(ssl_.get());
      if (ok == 1) {
        done_handshake_ = true;
      } else if (SSL_get_error(ssl_.get(), ok) != SSL_ERROR_WANT_READ) {
        std::string why = handshake_words();
        auto alert = co_await flush();  // tells the peer why; that it may fail changes nothing
        static_cast<void>(alert);
        broken_ = true;
        co_return fail(Error(Code::unavailable, std::move(why)).fact("tls", "handshake"));
      }
      CO_TRY(co_await flush());
      if (!done_handshake_) CO_TRY(co_await feed());
    }
    co_return Result<>{};
  }
  std::string handshake_words() const {
    long verdict = SSL_get_verify_result(ssl_.get());
    if (!context_->state().server && verdict != X509_V_OK) {
      ERR_clear_error();
      return fmt::format("TLS: the server's certificate is not accepted: {}",
                         X509_verify_cert_error_string(verdict));
    }
    return "TLS handshake: " + openssl_words();
  }

  /// Sends what OpenSSL has written. One at a time, so that records keep their order.
  aio::Task<Result<>> flush() {
    if (BIO_ctrl_pending(SSL_get_wbio(ssl_.get())) == 0 && !flushing_) co_return Result<>{};
    auto lock = CO_TRY(co_await sending_.lock());
    flushing_ = true;
    BIO* out = SSL_get_wbio(ssl_.get());
    Result<> sent;
    // What comes meanwhile of a reader who does not wait for us goes, too.
    while (sent && BIO_ctrl_pending(out) > 0) {
      std::string records(BIO_ctrl_pending(out), '\0');
      BIO_read(out, records.data(), static_cast<int>(records.size()));
      std::vector<std::string_view> pieces{records};
      sent = co_await inner_->write(std::move(pieces));
    }
    flushing_ = false;
    if (!sent) broken_ = true;  // half a record may be on its way
    co_return sent;
  }

  /// Reads from the network into OpenSSL.
  aio::Task<Result<>> feed() {
    size_t got = CO_TRY(co_await inner_->read({buffer_.get(), record_room}));
    if (got == 0) co_return broken("the peer closed without ending TLS: the data may be cut short");
    int put = BIO_write(SSL_get_rbio(ssl_.get()), buffer_.get(), static_cast<int>(got));
    CHECK(put == static_cast<int>(got), "a memory BIO takes everything");
    co_return Result<>{};
  }

  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<aio::Stream> inner_;
  Ssl ssl_;
  std::unique_ptr<char[]> buffer_;
  aio::Mutex shaking_, sending_;
  bool done_handshake_ = false;
  bool broken_ = false;
  bool flushing_ = false;
};

Result<Ssl> make_ssl(const TlsContext& context) {
  ERR_clear_error();
  Ssl ssl(SSL_new(context.state().context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (!ssl || !in || !out) {
    BIO_free(in);
    BIO_free(out);
    return fail(Code::resource_exhausted, "no TLS state: " + openssl_words());
  }
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(ssl.get(), in, out);
  if (aio::Clock* clock = context.state().clock)
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl.get()), clock->wall().unix_seconds());
  return ssl;
}

class TlsListener final : public aio::Listener {
 public:
  TlsListener(std::shared_ptr<TlsContext> context, std::unique_ptr<aio::Listener> inner)
      : context_(std::move(context)), inner_(std::move(inner)) {}
  aio::Task<Result<std::unique_ptr<aio::Stream>>> accept() override {
    auto stream = CO_TRY(co_await inner_->accept());
    co_return tls_server(context_, std::move(stream));
  }
  aio::Address local() const override { return inner_->local(); }
  void close() override { inner_->close(); }

 private:
  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<aio::Listener> inner_;
};

}  // namespace

Result<std::unique_ptr<aio::Stream>> tls_client(std::shared_ptr<TlsContext> context,
                                                std::unique_ptr<aio::Stream> inner,
                                                const std::string& host) {
  Ssl ssl = TRY(make_ssl(*context));
  bool address = is_address(host);
  if (!address && SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1)
    return fail(Code::invalid_argument, "'" + host + "' is not a host name");
  if (context->state().verify && context->state().check_name) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int ok = address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str())
                     : SSL_set1_host(ssl.get(), host.c_str());
    if (ok != 1) return fail(Code::invalid_argument, "'" + host + "' is not a host name");
  }
  SSL_set_connect_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(context), std::move(inner), std::move(ssl));
}

Result<std::unique_ptr<aio::Stream>> tls_server(std::shared_ptr<TlsContext> context,
                                                std::unique_ptr<aio::Stream> inner) {
  Ssl ssl = TRY(make_ssl(*context));
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(context), std::move(inner), std::move(ssl));
}

std::string peer_certificate(aio::Stream& stream) {
  auto* tls = dynamic_cast<TlsStream*>(&stream);
  return tls ? tls->shown() : std::string();
}

std::unique_ptr<aio::Listener> tls_listener(std::shared_ptr<TlsContext> context,
                                            std::unique_ptr<aio::Listener> inner) {
  return std::make_unique<TlsListener>(std::move(context), std::move(inner));
}

}  // namespace croft::net
