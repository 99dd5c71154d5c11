// Who is who between controller and agents: a certificate authority of one home, keys and requests
// of agents, tokens that let a machine join once. ECDSA P-256, X.509 v3 (RFC 5280), PKCS#10 (RFC
// 2986). Loop thread only; making a key or a signature costs it well under a millisecond.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "aio/world.h"
#include "base/secret.h"

namespace croft::trust {

struct Certificate {
  std::string subject;  ///< CN
  std::string uri;      ///< the first URI of subjectAltName: "croft://shop/web/i-0123"
  WallTime from, until;
  std::string serial;  ///< hex
};

/// Of the first certificate in the text.
Result<Certificate> read_certificate(std::string_view pem);
/// SHA-256 of the certificate's DER, lower-case hex: what user data carries.
Result<std::string> fingerprint(std::string_view pem);

struct KeyPair {
  Secret key_pem;
  std::string request_pem;  ///< PKCS#10 with subject `name`
};
/// A fresh key, and a request for a certificate of it.
Result<KeyPair> make_key(std::string_view name);

class Authority {
 public:
  /// Reads certificate and key of the folder; makes them, durable and with mode 0600, when absent.
  static aio::Task<Result<Authority>> open(aio::World& world, std::string folder);

  const std::string& certificate_pem() const { return certificate_; }
  std::string pin() const { return pin_; }  ///< its fingerprint
  struct Wanted {
    std::string name;                    ///< CN
    std::string uri;                     ///< subjectAltName; may be empty
    std::vector<std::string> addresses;  ///< of a server
    bool server = false;                 ///< else a client's
    Duration lasts = Duration::hours(24);
  };
  /// Signs the key of a request (whose own names do not count). Code::invalid_argument for a
  /// request that is none, or not signed by its own key. The result has the authority's certificate
  /// behind it.
  Result<std::string> sign(std::string_view request_pem, const Wanted& wanted) const;
  /// Of a statement, with its own key: base64, for check_statement().
  Result<std::string> sign_statement(std::string_view text) const;

 private:
  Authority(aio::World& world, std::string certificate, Secret key, std::string pin)
      : world_(&world),
        certificate_(std::move(certificate)),
        key_(std::move(key)),
        pin_(std::move(pin)) {}
  aio::World* world_;
  std::string certificate_;
  Secret key_;
  std::string pin_;
};

/// Code::permission_denied where the certificate has not that pin, or its key has not signed the
/// text; Code::syntax for what is no base64, Code::invalid_argument for what is no certificate.
Result<> check_statement(std::string_view text, std::string_view signature,
                         std::string_view authority_pem, std::string_view pin);

}  // namespace croft::trust
