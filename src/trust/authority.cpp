#include "trust/authority.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "aio/read_durable.h"
#include "base/digest.h"
#include "base/text.h"

namespace croft::trust {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Freed<X509_REQ_free>>;
using Digesting = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

constexpr Bytes file_most = Bytes::kib(64);
constexpr int serial_bits = 127;
// Clocks of hosts differ: a certificate is valid a little before it was made.
// Clocks that are set back must not make all certificates of hosts worthless.
constexpr Duration clock_slack = Duration::hours(24);
constexpr Duration authority_lasts = Duration::hours(24 * 3650);
constexpr size_t name_bytes_max = 64;  // of a common name (RFC 5280 appendix A)

std::unexpected<Error> refused(std::string what) {
  char text[256] = "";
  if (unsigned long number = ERR_peek_last_error()) ERR_error_string_n(number, text, sizeof text);
  ERR_clear_error();
  return fail(Code::internal, *text ? fmt::format("{}: {}", what, text) : std::move(what));
}

Bio reading(std::string_view text) {
  ERR_clear_error();
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  long length = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(length));
}

Result<X509Ptr> parse_certificate(std::string_view pem) {
  Bio bio = reading(pem);
  X509Ptr out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!out) return fail(Code::invalid_argument, "it is no certificate in PEM form");
  return out;
}

std::string pem_of(X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

Secret pem_of(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Secret(text_of(bio.get()));
}

Result<Key> new_key() {
  ERR_clear_error();
  Key key(EVP_EC_gen("P-256"));
  if (!key) return refused("a key could not be made");
  return key;
}

Result<std::string> digest_of(X509* certificate) {
  uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), bytes, &size) != 1)
    return refused("a certificate has no digest");
  return hex(std::span<const uint8_t>(bytes, size));
}

WallTime time_of(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  ASN1_TIME_diff(&days, &seconds, epoch.get(), time);
  return WallTime::from_unix_seconds(int64_t{days} * 86'400 + seconds);
}

bool set_names(X509_NAME* name, std::string_view common) {
  std::string cut(common.substr(0, name_bytes_max));
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const uint8_t*>(cut.data()),
                                    static_cast<int>(cut.size()), -1, 0) == 1;
}

bool extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate, aio::Random& random) {
  std::vector<uint8_t> bytes(serial_bits / 8 + 1);
  random.fill(bytes);
  bytes[0] &= 0x7f;  // positive
  bytes[0] |= 0x40;  // and of the same length always
  std::unique_ptr<BIGNUM, Freed<BN_free>> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate));
}

bool set_times(X509* certificate, WallTime now, Duration lasts) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), (now + clock_slack * -1).unix_seconds()) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), (now + lasts).unix_seconds());
}

Result<X509Ptr> make_authority(aio::World& world, EVP_PKEY* key) {
  X509Ptr out(X509_new());
  std::string name = "croft authority " + world.random.hex_id(8);
  bool made = out && X509_set_version(out.get(), X509_VERSION_3) == 1 &&
              set_serial(out.get(), world.random) &&
              set_times(out.get(), world.clock.wall(), authority_lasts) &&
              set_names(X509_get_subject_name(out.get()), name) &&
              X509_set_issuer_name(out.get(), X509_get_subject_name(out.get())) == 1 &&
              X509_set_pubkey(out.get(), key) == 1 &&
              extend(out.get(), out.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              extend(out.get(), out.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
              extend(out.get(), out.get(), NID_subject_key_identifier, "hash") &&
              X509_sign(out.get(), key, EVP_sha256()) > 0;
  if (!made) return refused("the authority's certificate could not be made");
  return out;
}

/// "URI:..., IP:..."; commas would begin another name.
Result<std::string> alternative_names(const Authority::Wanted& wanted) {
  std::vector<std::string> names;
  if (!wanted.uri.empty()) names.push_back("URI:" + wanted.uri);
  for (const std::string& address : wanted.addresses) names.push_back("IP:" + address);
  for (const std::string& name : names)
    if (name.find_first_of(", \n\r") != std::string::npos)
      return fail(Code::invalid_argument,
                  fmt::format("'{}' cannot stand in a certificate", printable(name)));
  return join(names, ",");
}

}  // namespace

Result<Certificate> read_certificate(std::string_view pem) {
  X509Ptr certificate = TRY(parse_certificate(pem));
  Certificate out;
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name,
                            sizeof name);
  out.subject = name;
  out.from = time_of(X509_get0_notBefore(certificate.get()));
  out.until = time_of(X509_get0_notAfter(certificate.get()));
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
  out.serial = hex(std::span<const uint8_t>(serial->data, static_cast<size_t>(serial->length)));
  std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(names.get(), i);
    if (entry->type != GEN_URI || !out.uri.empty()) continue;
    const auto* text = entry->d.uniformResourceIdentifier;
    out.uri.assign(reinterpret_cast<const char*>(text->data), static_cast<size_t>(text->length));
  }
  return out;
}

Result<std::string> fingerprint(std::string_view pem) {
  X509Ptr certificate = TRY(parse_certificate(pem));
  return digest_of(certificate.get());
}

Result<KeyPair> make_key(std::string_view name) {
  Key key = TRY(new_key());
  Request request(X509_REQ_new());
  bool made = request && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
              set_names(X509_REQ_get_subject_name(request.get()), name) &&
              X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
              X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0;
  if (!made) return refused("a certificate request could not be made");
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  return KeyPair{pem_of(key.get()), text_of(bio.get())};
}

aio::Task<Result<Authority>> Authority::open(aio::World& world, std::string folder) {
  std::string file = folder + "/authority.pem";
  // One file: a crash leaves both or none.
  auto stored = co_await aio::read_durable(world, file, file_most);
  std::string text;
  if (stored) {
    text = *std::move(stored);
  } else if (stored.error().code == Code::not_found) {
    Key key = CO_TRY(new_key());
    X509Ptr certificate = CO_TRY(make_authority(world, key.get()));
    text = pem_of(certificate.get()) + pem_of(key.get()).reveal();
    CO_TRY(co_await world.disk.make_dirs(folder));
    CO_TRY(co_await world.disk.write_file(file, text));
  } else {
    co_return fail(std::move(stored).error().frame("reading the authority's key"));
  }
  auto certificate = parse_certificate(text);
  Bio bio = reading(text);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate || !key)
    co_return fail(Error(Code::corrupt, "the authority's certificate and key cannot be read",
                         Where{.file = file})
                       .hint("moved away, a new one is made; agents have to join again"));
  std::string pin = CO_TRY(digest_of(certificate->get()));
  co_return Authority(world, pem_of(certificate->get()), pem_of(key.get()), std::move(pin));
}

Result<std::string> Authority::sign(std::string_view request_pem, const Wanted& wanted) const {
  Bio bio = reading(request_pem);
  Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!request) return fail(Code::invalid_argument, "it is no certificate request in PEM form");
  EVP_PKEY* theirs = X509_REQ_get0_pubkey(request.get());
  if (!theirs || X509_REQ_verify(request.get(), theirs) != 1) {
    ERR_clear_error();
    return fail(Code::invalid_argument, "the certificate request is not signed by its own key");
  }
  // What a stranger gives is bounded: a key of another kind costs more to check than ours.
  if (EVP_PKEY_get_base_id(theirs) != EVP_PKEY_EC || EVP_PKEY_get_bits(theirs) != 256)
    return fail(Code::invalid_argument, "the key of a certificate request must be ECDSA P-256");
  X509Ptr issuer = TRY(parse_certificate(certificate_));
  Bio key_bio = reading(key_.reveal());
  Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (!key) return refused("the authority's key cannot be read");
  std::string names = TRY(alternative_names(wanted));
  X509Ptr out(X509_new());
  bool made = out && X509_set_version(out.get(), X509_VERSION_3) == 1 &&
              set_serial(out.get(), world_->random) &&
              set_times(out.get(), world_->clock.wall(), wanted.lasts) &&
              set_names(X509_get_subject_name(out.get()), wanted.name) &&
              X509_set_issuer_name(out.get(), X509_get_subject_name(issuer.get())) == 1 &&
              X509_set_pubkey(out.get(), theirs) == 1 &&
              extend(out.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
              extend(out.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") &&
              extend(out.get(), issuer.get(), NID_ext_key_usage,
                     wanted.server ? "serverAuth" : "clientAuth") &&
              (names.empty() || extend(out.get(), issuer.get(), NID_subject_alt_name, names)) &&
              X509_sign(out.get(), key.get(), EVP_sha256()) > 0;
  if (!made) return refused("a certificate could not be made");
  return pem_of(out.get()) + certificate_;
}

Result<std::string> Authority::sign_statement(std::string_view text) const {
  Bio bio = reading(key_.reveal());
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  Digesting context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  size_t size = 0;
  if (!key || !context ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1)
    return refused("a statement could not be signed");
  std::string out(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(out.data()), &size, bytes,
                     text.size()) != 1)
    return refused("a statement could not be signed");
  out.resize(size);
  return base64(out);
}

Result<> check_statement(std::string_view text, std::string_view signature,
                         std::string_view authority_pem, std::string_view pin) {
  X509Ptr authority = TRY(parse_certificate(authority_pem));
  if (!constant_time_equal(TRY(digest_of(authority.get())), to_lower(pin)))
    return fail(Code::permission_denied, "it is signed by another authority than ours");
  auto bytes = unbase64(signature);
  if (!bytes) return fail(Code::syntax, "its signature is no base64");
  Digesting context(EVP_MD_CTX_new());
  ERR_clear_error();
  bool good = context &&
              EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                   X509_get0_pubkey(authority.get())) == 1 &&
              EVP_DigestVerify(context.get(), reinterpret_cast<const uint8_t*>(bytes->data()),
                               bytes->size(), reinterpret_cast<const uint8_t*>(text.data()),
                               text.size()) == 1;
  ERR_clear_error();
  if (good) return {};
  return fail(Code::permission_denied, "its signature is not of this text");
}

}  // namespace croft::trust
