#include "trust/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

#include "base/text.h"

namespace croft::trust {
namespace {

constexpr size_t key_bytes = 32, signature_bytes = 64;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Digest = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const uint8_t* raw(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Key private_key(const Secret& seed) {
  ERR_clear_error();
  return {EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed.reveal()), key_bytes),
          EVP_PKEY_free};
}

std::unexpected<Error> refused() {
  return fail(Code::internal, "OpenSSL refused to sign");
}

Result<std::string> bytes_of(std::string_view text, size_t size, const char* what) {
  auto bytes = unbase64(text);
  if (bytes && bytes->size() == size) return *std::move(bytes);
  return fail(Code::syntax, fmt::format("{}: {} bytes in base64 are needed", what, size));
}

}  // namespace

SigningKey SigningKey::make(aio::Random& random) {
  std::string seed(key_bytes, '\0');
  random.fill({reinterpret_cast<uint8_t*>(seed.data()), seed.size()});
  return SigningKey(Secret(std::move(seed)));
}

Result<SigningKey> SigningKey::from_seed(Secret seed) {
  if (seed.reveal().size() != key_bytes)
    return fail(Code::corrupt, "a signing key of another size");
  return SigningKey(std::move(seed));
}

Result<std::string> SigningKey::sign(std::string_view text) const {
  Key key = private_key(seed_);
  Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string out(signature_bytes, '\0');
  size_t size = out.size();
  bool done = key && digest &&
              EVP_DigestSignInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
              EVP_DigestSign(digest.get(), reinterpret_cast<uint8_t*>(out.data()), &size, raw(text),
                             text.size()) == 1;
  if (!done) return refused();
  return base64(out);
}

Result<std::string> SigningKey::public_key() const {
  Key key = private_key(seed_);
  std::string out(key_bytes, '\0');
  size_t size = out.size();
  if (!key ||
      EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<uint8_t*>(out.data()), &size) != 1)
    return refused();
  return base64(out);
}

Result<> check_signature(std::string_view text, std::string_view signature,
                         std::string_view public_key) {
  std::string wanted = TRY(bytes_of(signature, signature_bytes, "the signature"));
  std::string bytes = TRY(bytes_of(public_key, key_bytes, "the public key"));
  ERR_clear_error();
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(bytes), key_bytes),
          EVP_PKEY_free);
  Digest digest(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool good =
      key && digest &&
      EVP_DigestVerifyInit(digest.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(digest.get(), raw(wanted), wanted.size(), raw(text), text.size()) == 1;
  ERR_clear_error();
  if (good) return {};
  return fail(Code::permission_denied, "the signature does not belong to this text and key");
}

}  // namespace croft::trust
