// Making and reading key pairs: RSA and Ed25519 over OpenSSL 3, OpenSSH and PEM text forms, and the
// fingerprints EC2 shows. Slow (RSA: some 100 ms): run on a pool. Safe from any thread.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace croft::farm::ec2 {

struct KeyMaterial {
  std::string type;         ///< rsa | ed25519
  std::string public_key;   ///< "ssh-rsa AAAA..." without a comment
  std::string fingerprint;  ///< as EC2 shows it for created or imported keys
  Secret private_pem;       ///< of made keys alone
};

/// `type`: rsa (2048 bits, PKCS#1 PEM) or ed25519 (OpenSSH PEM).
Result<KeyMaterial> make_key(std::string_view type, std::string_view comment);

/// An OpenSSH line, an SSH2 public key (RFC 4716) or a PEM public key ("BEGIN PUBLIC KEY", "BEGIN
/// RSA PUBLIC KEY"), RSA of 1024, 2048 or 4096 bits, or Ed25519. Code::invalid_argument says what
/// is wrong.
Result<KeyMaterial> read_public_key(std::string_view text);

}  // namespace croft::farm::ec2
