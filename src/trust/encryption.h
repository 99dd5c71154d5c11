// Secrets at rest: sealed with AES-256-GCM (NIST SP 800-38D) under a key in a file of its own, so
// that a copy of the store alone tells nothing. Each sealed text is bound to its place: moved to
// another key of the store, it does not open. Ownership: refers to the World's Random. One process
// owns the key file's folder. Thread-compatible.
#pragma once
#include <string>
#include <string_view>

#include "aio/world.h"
#include "base/secret.h"

namespace croft::trust {

class Encryption {
 public:
  /// Reads the key; makes one, durable and with mode 0600, when the file is absent. Refuses a key
  /// that others may read (Code::permission_denied) and a damaged one (Code::corrupt).
  static aio::Task<Result<Encryption>> open(aio::World& world, std::string key_file);

  /// Under a key that somebody else has made and handed over: 32 bytes. Code::corrupt for another
  /// size.
  static Result<Encryption> of_key(aio::Random& random, Secret key);
  /// 32 bytes that only who has this key can make again from `purpose` (HMAC-SHA256, RFC 2104).
  Secret derive(std::string_view purpose) const;

  /// `place` says what this is the secret of ("apps/shop/web:password"); unseal needs the same.
  Result<std::string> seal(const Secret& secret, std::string_view place) const;
  /// Code::corrupt when it was changed, cut or moved; Code::conflict when another key sealed it.
  Result<Secret> unseal(std::string_view sealed, std::string_view place) const;
  /// Names the key without telling it: 8 hex digits.
  std::string key_id() const;

 private:
  Encryption(aio::Random& random, Secret key, std::string id)
      : random_(&random), key_(std::move(key)), id_(std::move(id)) {}
  aio::Random* random_;
  Secret key_;
  std::string id_;
};

}  // namespace croft::trust
