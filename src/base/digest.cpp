#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/text.h"

namespace croft {
namespace {

// Fetched once: EVP_sha256() looks its provider up again at every use.
const EVP_MD* algorithm(Hash hash) {
  static const EVP_MD* md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  static const EVP_MD* sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  static const EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  switch (hash) {
    case Hash::md5:
      return md5;
    case Hash::sha1:
      return sha1;
    case Hash::sha256:
      return sha256;
  }
  return sha256;
}

}  // namespace

std::string digest(Hash hash, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  int ok = EVP_Digest(data.data(), data.size(), out, &size, algorithm(hash), nullptr);
  CHECK(ok == 1, "OpenSSL lacks a required digest");
  return {reinterpret_cast<char*>(out), size};
}

std::string hmac(Hash hash, std::string_view key, std::string_view data) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const void* done =
      HMAC(algorithm(hash), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(data.data()), data.size(), out, &size);
  CHECK(done != nullptr, "OpenSSL lacks a required MAC");
  return {reinterpret_cast<char*>(out), size};
}

std::string sha256_hex(std::string_view data) {
  return hex(digest(Hash::sha256, data));
}

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(Hash hash) : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex2(state_->context, algorithm(hash), nullptr) == 1, "digest cannot start");
}
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;
Hasher::~Hasher() = default;

void Hasher::update(std::string_view data) {
  EVP_DigestUpdate(state_->context, data.data(), data.size());
}

std::string Hasher::finish() {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, out, &size);
  return {reinterpret_cast<char*>(out), size};
}

void system_random(std::span<uint8_t> out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t n = getrandom(out.data() + done, out.size() - done, 0);
    CHECK(n > 0, "the kernel gives no random bytes");
    done += static_cast<size_t>(n);
  }
}

}  // namespace croft
