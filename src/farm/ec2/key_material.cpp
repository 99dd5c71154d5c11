#include "farm/ec2/key_material.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

#include "base/digest.h"
#include "base/text.h"

namespace croft::farm::ec2 {

namespace {

struct Free {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(BIO* p) const { BIO_free_all(p); }
  void operator()(BIGNUM* p) const { BN_free(p); }
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
  void operator()(OSSL_PARAM_BLD* p) const { OSSL_PARAM_BLD_free(p); }
  void operator()(OSSL_PARAM* p) const { OSSL_PARAM_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// ---- the wire form of SSH (RFC 4251 section 5)
// ----------------------------------------------------

void put_u32(std::string& out, uint32_t n) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xff);
}
void put_string(std::string& out, std::string_view text) {
  put_u32(out, static_cast<uint32_t>(text.size()));
  out += text;
}
void put_mpint(std::string& out, const BIGNUM* number) {
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  if (!bytes.empty() && (bytes[0] & 0x80)) bytes.insert(bytes.begin(), '\0');
  put_string(out, bytes);
}
std::optional<std::string_view> take_string(std::string_view& in) {
  if (in.size() < 4) return std::nullopt;
  uint32_t size = 0;
  for (int i = 0; i < 4; ++i)
    size = size << 8 | static_cast<unsigned char>(in[static_cast<size_t>(i)]);
  in.remove_prefix(4);
  if (size > in.size()) return std::nullopt;
  std::string_view out = in.substr(0, size);
  in.remove_prefix(size);
  return out;
}

// ---- OpenSSL helpers
// ------------------------------------------------------------------------------

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

Owned<BIGNUM> number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* out = nullptr;
  EVP_PKEY_get_bn_param(key, name, &out);
  return Owned<BIGNUM>(out);
}

std::string public_der(EVP_PKEY* key) {
  Owned<BIO> bio(BIO_new(BIO_s_mem()));
  i2d_PUBKEY_bio(bio.get(), key);
  return bio_text(bio.get());
}

std::string raw_ed25519(EVP_PKEY* key, bool secret) {
  std::string out(32, '\0');
  size_t size = out.size();
  auto* at = reinterpret_cast<unsigned char*>(out.data());
  if (secret)
    EVP_PKEY_get_raw_private_key(key, at, &size);
  else
    EVP_PKEY_get_raw_public_key(key, at, &size);
  return out;
}

std::string ssh_blob(EVP_PKEY* key) {
  std::string blob;
  if (EVP_PKEY_base_id(key) == EVP_PKEY_ED25519) {
    put_string(blob, "ssh-ed25519");
    put_string(blob, raw_ed25519(key, false));
    return blob;
  }
  put_string(blob, "ssh-rsa");
  put_mpint(blob, number_of(key, OSSL_PKEY_PARAM_RSA_E).get());
  put_mpint(blob, number_of(key, OSSL_PKEY_PARAM_RSA_N).get());
  return blob;
}

std::string colons(std::string_view raw) {
  std::string out;
  for (char c : raw)
    out += fmt::format("{}{:02x}", out.empty() ? "" : ":", static_cast<unsigned char>(c));
  return out;
}

/// SHA-256 over the SSH blob, as EC2 shows it for Ed25519 (base64 without padding).
std::string sha256_fingerprint(std::string_view blob) {
  std::string text = base64(digest(Hash::sha256, blob));
  while (text.ends_with('=')) text.pop_back();
  return text;
}

/// openssh-key-v1, not encrypted (PROTOCOL.key of OpenSSH).
std::string openssh_private(EVP_PKEY* key, std::string_view comment) {
  std::string pub = raw_ed25519(key, false), secret = raw_ed25519(key, true);
  uint8_t check[4];
  system_random(check);
  std::string check_text(reinterpret_cast<char*>(check), 4);
  std::string inner = check_text + check_text;
  put_string(inner, "ssh-ed25519");
  put_string(inner, pub);
  put_string(inner, secret + pub);
  put_string(inner, comment);
  for (char pad = 1; inner.size() % 8 != 0; ++pad) inner += pad;
  std::string out("openssh-key-v1\0", 15);
  put_string(out, "none");
  put_string(out, "none");
  put_string(out, "");
  put_u32(out, 1);
  put_string(out, ssh_blob(key));
  put_string(out, inner);
  std::string body = base64(out), lines;
  for (size_t at = 0; at < body.size(); at += 70) lines += body.substr(at, 70) + "\n";
  return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + lines + "-----END OPENSSH PRIVATE KEY-----\n";
}

Result<KeyMaterial> make_rsa() {
  Owned<EVP_PKEY> key(EVP_RSA_gen(2048));
  if (!key) return fail(Code::internal, "OpenSSL made no RSA key");
  Owned<BIO> pem(BIO_new(BIO_s_mem())), der(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey_traditional(pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                           nullptr) != 1 ||
      i2d_PKCS8PrivateKey_bio(der.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return fail(Code::internal, "OpenSSL could not write the RSA key");
  return KeyMaterial{"rsa", "ssh-rsa " + base64(ssh_blob(key.get())),
                     colons(digest(Hash::sha1, bio_text(der.get()))), Secret(bio_text(pem.get()))};
}

Result<KeyMaterial> make_ed25519(std::string_view comment) {
  Owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return fail(Code::internal, "OpenSSL made no Ed25519 key");
  std::string blob = ssh_blob(key.get());
  return KeyMaterial{"ed25519", "ssh-ed25519 " + base64(blob), sha256_fingerprint(blob),
                     Secret(openssh_private(key.get(), comment))};
}

Error bad(std::string text) {
  return Error(Code::invalid_argument, std::move(text));
}

Owned<EVP_PKEY> rsa_from_numbers(std::string_view e, std::string_view n) {
  auto number = [](std::string_view bytes) {
    return Owned<BIGNUM>(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()), nullptr));
  };
  Owned<BIGNUM> exponent = number(e), modulus = number(n);
  Owned<OSSL_PARAM_BLD> build(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  Owned<OSSL_PARAM> params(OSSL_PARAM_BLD_to_param(build.get()));
  Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* out = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &out, EVP_PKEY_PUBLIC_KEY, params.get()) != 1)
    return nullptr;
  return Owned<EVP_PKEY>(out);
}

Result<Owned<EVP_PKEY>> from_openssh(std::string_view line) {
  auto words = split(line, ' ');
  auto blob = words.size() >= 2 ? unbase64(words[1]) : std::nullopt;
  if (!blob) return fail(bad("the key is not an OpenSSH line: TYPE BASE64 [COMMENT]"));
  std::string_view rest = *blob;
  auto type = take_string(rest);
  if (!type || *type != words[0]) return fail(bad("the key's type and its content differ"));
  if (*type == "ssh-ed25519") {
    auto raw = take_string(rest);
    if (!raw || raw->size() != 32) return fail(bad("an Ed25519 key has 32 bytes"));
    return Owned<EVP_PKEY>(EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, reinterpret_cast<const unsigned char*>(raw->data()), 32));
  }
  if (*type != "ssh-rsa") return fail(bad("only ssh-rsa and ssh-ed25519 keys are taken"));
  auto e = take_string(rest);
  auto n = take_string(rest);
  if (!e || !n || n->size() > 1025 || e->size() > 16)
    return fail(bad("the RSA key is cut or too long"));
  return rsa_from_numbers(*e, *n);
}

/// "---- BEGIN SSH2 PUBLIC KEY ----", headers that a backslash continues, then the blob in lines
/// (RFC 4716). The OpenSSH line that says the same.
Result<std::string> openssh_of(std::string_view text) {
  constexpr std::string_view end = "---- END SSH2 PUBLIC KEY ----";
  std::string blob;
  bool header = false, ended = false;
  auto lines = split(text, '\n');
  for (size_t i = 1; i < lines.size() && !ended; ++i) {
    std::string_view line = trim(lines[i]);
    ended = line == end;
    bool more = line.ends_with('\\');
    if (!ended && !header && line.find(':') == std::string_view::npos) blob += line;
    header = more && (header || line.find(':') != std::string_view::npos);
  }
  auto raw = unbase64(blob);
  if (!ended || !raw) return fail(bad("the SSH2 public key is cut, or no base64"));
  std::string_view rest = *raw;
  auto type = take_string(rest);
  if (!type) return fail(bad("the SSH2 public key does not begin with its type"));
  return fmt::format("{} {}", printable(*type), blob);
}

Result<Owned<EVP_PKEY>> from_pem(std::string_view text) {
  Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Owned<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!key) return fail(bad("the PEM text holds no public key"));
  return key;
}

}  // namespace

Result<KeyMaterial> make_key(std::string_view type, std::string_view comment) {
  ERR_clear_error();
  return type == "ed25519" ? make_ed25519(comment) : make_rsa();
}

Result<KeyMaterial> read_public_key(std::string_view text) {
  ERR_clear_error();
  text = trim(text);
  Owned<EVP_PKEY> key;
  if (text.starts_with("-----BEGIN "))
    key = TRY(from_pem(text));
  else if (text.starts_with("---- BEGIN SSH2 PUBLIC KEY ----"))
    key = TRY(from_openssh(TRY(openssh_of(text))));
  else
    key = TRY(from_openssh(text));
  if (!key) return fail(bad("the key's numbers make no key"));
  std::string blob = ssh_blob(key.get());
  if (EVP_PKEY_base_id(key.get()) == EVP_PKEY_ED25519)
    return KeyMaterial{"ed25519", "ssh-ed25519 " + base64(blob), sha256_fingerprint(blob),
                       Secret()};
  if (EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA)
    return fail(bad("only RSA and Ed25519 keys are taken"));
  int bits = EVP_PKEY_get_bits(key.get());
  if (bits != 1024 && bits != 2048 && bits != 4096)
    return fail(
        bad(fmt::format("RSA keys of 1024, 2048 and 4096 bits are taken; this one has {}", bits)));
  return KeyMaterial{"rsa", "ssh-rsa " + base64(blob),
                     colons(digest(Hash::md5, public_der(key.get()))), Secret()};
}

}  // namespace croft::farm::ec2
