// Statements that others can check: signed with Ed25519 (RFC 8032). Thread-compatible; a signature
// costs some 50 us.
#pragma once
#include <string>
#include <string_view>

#include "aio/world.h"
#include "base/secret.h"

namespace croft::trust {

class SigningKey {
 public:
  static SigningKey make(aio::Random& random);
  /// `seed`: the 32 bytes of seed(); Code::corrupt for another size.
  static Result<SigningKey> from_seed(Secret seed);
  const Secret& seed() const { return seed_; }

  Result<std::string> sign(std::string_view text) const;  ///< 64 bytes, in base64
  Result<std::string> public_key() const;                 ///< 32 bytes, in base64

 private:
  explicit SigningKey(Secret seed) : seed_(std::move(seed)) {}
  Secret seed_;
};

/// Code::permission_denied when the signature is not of this text and key; Code::syntax for base64
/// or sizes that are none.
Result<> check_signature(std::string_view text, std::string_view signature,
                         std::string_view public_key);

}  // namespace croft::trust
