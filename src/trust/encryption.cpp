#include "trust/encryption.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "aio/read_durable.h"
#include "base/digest.h"
#include "base/text.h"

namespace croft::trust {

namespace {
// A sealed text: version, key id, nonce, encrypted bytes, tag.
constexpr char version = 1;
constexpr size_t key_bytes = 32, id_bytes = 4, nonce_bytes = 12, tag_bytes = 16;
constexpr size_t head_bytes = 1 + id_bytes + nonce_bytes;
constexpr size_t secret_bytes_max = 1 << 20;
constexpr std::string_view file_prefix = "croft-key-1 ";
constexpr uint32_t rights_of_others = 077;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const uint8_t* raw(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* raw(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}
int length(std::string_view text) {
  return static_cast<int>(text.size());
}

std::unexpected<Error> refused() {
  return fail(Code::internal, "the cipher refused to work");
}

/// What the tag covers beside the encrypted bytes.
std::string associated(std::string_view head, std::string_view place) {
  return std::string(head) + std::string(place);
}

/// One pass over `in`; `out` has its size. False: refused.
bool transform(EVP_CIPHER_CTX* context, std::string_view covered, std::string_view in,
               std::string& out) {
  int count = 0;
  if (EVP_CipherUpdate(context, nullptr, &count, raw(covered), length(covered)) != 1) return false;
  return in.empty() || EVP_CipherUpdate(context, raw(out), &count, raw(in), length(in)) == 1;
}

CipherContext start(const Secret& key, std::string_view nonce, bool encrypts) {
  ERR_clear_error();
  CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (context &&
      EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr,
                        raw(std::string_view(key.reveal())), raw(nonce), encrypts ? 1 : 0) != 1)
    context.reset();
  return context;
}

Result<Secret> parse_key(std::string text, const std::string& path) {
  Secret whole(std::move(text));
  std::string_view line = trim(whole.reveal());
  auto bad = [&] { return fail(Code::corrupt, fmt::format("'{}' holds no key of croft", path)); };
  if (!line.starts_with(file_prefix)) return bad();
  auto bytes = unbase64(line.substr(file_prefix.size()));
  if (!bytes) return bad();
  Secret key(std::move(*bytes));
  if (key.reveal().size() != key_bytes) return bad();
  return key;
}

aio::Task<Result<Secret>> make_key(aio::World& world, std::string path) {
  std::string bytes(key_bytes, '\0');
  world.random.fill({raw(bytes), bytes.size()});
  Secret key(std::move(bytes));
  world.crash.pass("trust: key file is written");
  CO_TRY(co_await world.disk.write_file(
      path, std::string(file_prefix) + base64(key.reveal()) + "\n", 0600));
  world.crash.pass("trust: key file was written");
  co_return key;
}

aio::Task<Result<Secret>> load_key(aio::World& world, std::string path) {
  auto info = co_await world.disk.info(path);
  if (!info && info.error().code == Code::not_found)
    co_return co_await make_key(world, std::move(path));
  if (!info) co_return fail(std::move(info).error());
  if (info->mode & rights_of_others)
    co_return fail(
        Error(Code::permission_denied,
              fmt::format("the key file '{}' has mode {:04o}: others can use it", path, info->mode))
            .hint(fmt::format("chmod 600 '{}'", path)));
  co_return parse_key(CO_TRY(co_await aio::read_durable(world, path, Bytes::kib(4))), path);
}
}  // namespace

aio::Task<Result<Encryption>> Encryption::open(aio::World& world, std::string key_file) {
  co_return of_key(world.random, CO_TRY(co_await load_key(world, std::move(key_file))));
}

Result<Encryption> Encryption::of_key(aio::Random& random, Secret key) {
  if (key.reveal().size() != key_bytes) return fail(Code::corrupt, "this is no key of croft");
  std::string id = digest(Hash::sha256, "croft key id" + key.reveal()).substr(0, id_bytes);
  return Encryption(random, std::move(key), std::move(id));
}

Secret Encryption::derive(std::string_view purpose) const {
  return Secret(hmac(Hash::sha256, key_.reveal(), "croft derived key 1 " + std::string(purpose)));
}

std::string Encryption::key_id() const {
  return hex(id_);
}

Result<std::string> Encryption::seal(const Secret& secret, std::string_view place) const {
  const std::string& plain = secret.reveal();
  if (plain.size() > secret_bytes_max)
    return fail(Code::resource_exhausted,
                fmt::format("a secret of {} is too large to be sealed",
                            Bytes(static_cast<int64_t>(plain.size())).text()));
  // Random nonces of 96 bits: safe for 2^32 texts under one key.
  std::string nonce(nonce_bytes, '\0');
  random_->fill({raw(nonce), nonce.size()});
  std::string out = version + id_ + nonce;
  auto context = start(key_, nonce, true);
  std::string body(plain.size(), '\0'), tag(tag_bytes, '\0');
  int count = 0;
  if (!context || !transform(context.get(), associated(out, place), plain, body) ||
      EVP_CipherFinal_ex(context.get(), raw(tag), &count) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) != 1)
    return refused();
  return out + body + tag;
}

Result<Secret> Encryption::unseal(std::string_view sealed, std::string_view place) const {
  auto corrupt = [](std::string_view why) {
    return fail(Code::corrupt, fmt::format("a sealed secret cannot be opened: {}", why));
  };
  if (sealed.size() < head_bytes + tag_bytes) return corrupt("it is cut short");
  if (sealed.size() > head_bytes + secret_bytes_max + tag_bytes) return corrupt("it is too long");
  if (sealed[0] != version) return corrupt("its format is unknown");
  if (sealed.substr(1, id_bytes) != id_)
    return fail(Code::conflict,
                fmt::format("a secret was sealed with the key {}, but the key file holds {}",
                            hex(sealed.substr(1, id_bytes)), key_id()));
  std::string_view head = sealed.substr(0, head_bytes);
  std::string_view body = sealed.substr(head_bytes, sealed.size() - head_bytes - tag_bytes);
  std::string tag(sealed.substr(sealed.size() - tag_bytes)), rest(tag_bytes, '\0');
  std::string plain(body.size(), '\0');
  auto context = start(key_, head.substr(1 + id_bytes), false);
  if (!context || !transform(context.get(), associated(head, place), body, plain) ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) != 1)
    return refused();
  Secret secret(std::move(plain));  // wiped should the tag not fit
  int count = 0;
  if (EVP_CipherFinal_ex(context.get(), raw(rest), &count) != 1)
    return corrupt("it was changed, or belongs to another place");
  return secret;
}

}  // namespace croft::trust
