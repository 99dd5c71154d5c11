// Hashes and MACs over OpenSSL 3, as plain functions and as running states. Thread-compatible.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace croft {

enum class Hash { md5, sha1, sha256 };

/// The raw digest bytes (16, 20, 32 of them).
std::string digest(Hash hash, std::string_view data);
/// The raw MAC bytes (RFC 2104).
std::string hmac(Hash hash, std::string_view key, std::string_view data);
std::string sha256_hex(std::string_view data);

/// A digest over data that arrives in pieces.
class Hasher {
 public:
  explicit Hasher(Hash hash);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();
  void update(std::string_view data);
  /// The raw digest; the state is used up.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Cryptographically strong random bytes from the kernel. Only World::random calls this.
void system_random(std::span<uint8_t> out);

}  // namespace croft
