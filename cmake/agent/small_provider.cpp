// A smaller "default" provider of OpenSSL 3.0 for the static croft-agent: what TLS 1.2 and 1.3,
// X.509 with ECDSA and RSA, SHA and HMAC need. It stands in place of the library's own, whose
// tables name every algorithm there is and so bring two megabytes of them into the program. The
// names and functions are the library's; only the lists are shorter. Linked into that program
// alone.
#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>

static_assert(OPENSSL_VERSION_MAJOR == 3 && OPENSSL_VERSION_MINOR == 0,
              "the inner functions below are those of OpenSSL 3.0: cmake leaves this file out");

extern "C" {
struct prov_ctx_st;
prov_ctx_st* ossl_prov_ctx_new();
void ossl_prov_ctx_free(prov_ctx_st*);
void ossl_prov_ctx_set0_libctx(prov_ctx_st*, OSSL_LIB_CTX*);
void ossl_prov_ctx_set0_handle(prov_ctx_st*, const OSSL_CORE_HANDLE*);
void ossl_prov_ctx_set0_core_bio_method(prov_ctx_st*, BIO_METHOD*);
BIO_METHOD* ossl_prov_ctx_get0_core_bio_method(prov_ctx_st*);
int ossl_prov_bio_from_dispatch(const OSSL_DISPATCH*);
int ossl_prov_seeding_from_dispatch(const OSSL_DISPATCH*);
BIO_METHOD* ossl_bio_prov_init_bio_method();
int ossl_prov_get_capabilities(void*, const char*, OSSL_CALLBACK*, void*);

#define TABLE(name) extern const OSSL_DISPATCH ossl_##name##_functions[]
TABLE(sha1);
TABLE(sha224);
TABLE(sha256);
TABLE(sha384);
TABLE(sha512);
TABLE(md5);
TABLE(md5_sha1);
TABLE(aes128gcm);
TABLE(aes256gcm);
TABLE(aes128cbc);
TABLE(aes256cbc);
TABLE(aes256ctr);
TABLE(aes256ecb);
TABLE(chacha20_ossl_poly1305);
TABLE(hmac);
TABLE(kdf_hkdf);
TABLE(kdf_tls1_3_kdf);
TABLE(kdf_tls1_prf);
TABLE(ecdh_keyexch);
TABLE(x25519_keyexch);
TABLE(drbg_ctr);
TABLE(seed_src);
TABLE(ecdsa_signature);
TABLE(rsa_signature);
TABLE(mac_legacy_hmac_signature);
TABLE(ec_keymgmt);
TABLE(rsa_keymgmt);
TABLE(rsapss_keymgmt);
TABLE(x25519_keymgmt);
TABLE(mac_legacy_keymgmt);
TABLE(ec_to_PrivateKeyInfo_der_encoder);
TABLE(ec_to_PrivateKeyInfo_pem_encoder);
TABLE(ec_to_SubjectPublicKeyInfo_der_encoder);
TABLE(ec_to_SubjectPublicKeyInfo_pem_encoder);
TABLE(rsa_to_SubjectPublicKeyInfo_der_encoder);
TABLE(PrivateKeyInfo_der_to_ec_decoder);
TABLE(SubjectPublicKeyInfo_der_to_ec_decoder);
TABLE(PrivateKeyInfo_der_to_rsa_decoder);
TABLE(SubjectPublicKeyInfo_der_to_rsa_decoder);
TABLE(SubjectPublicKeyInfo_der_to_rsapss_decoder);
TABLE(SubjectPublicKeyInfo_der_to_der_decoder);
TABLE(pem_to_der_decoder);
#undef TABLE
}

namespace {

constexpr const char* plain = "provider=default";
#define ALGORITHM(names, table) {names, plain, ossl_##table##_functions, nullptr}
#define LAST {nullptr, nullptr, nullptr, nullptr}
#define RSA_NAMES "RSA:rsaEncryption:1.2.840.113549.1.1.1"
#define EC_NAMES "EC:id-ecPublicKey:1.2.840.10045.2.1"
#define PSS_NAMES "RSA-PSS:RSASSA-PSS:1.2.840.113549.1.1.10"

const OSSL_ALGORITHM digests[] = {
    ALGORITHM("SHA1:SHA-1:SSL3-SHA1:1.3.14.3.2.26", sha1),
    ALGORITHM("SHA2-224:SHA-224:SHA224:2.16.840.1.101.3.4.2.4", sha224),
    ALGORITHM("SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", sha256),
    ALGORITHM("SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", sha384),
    ALGORITHM("SHA2-512:SHA-512:SHA512:2.16.840.1.101.3.4.2.3", sha512),
    ALGORITHM("MD5:SSL3-MD5:1.2.840.113549.2.5", md5),
    ALGORITHM("MD5-SHA1", md5_sha1),
    LAST};
const OSSL_ALGORITHM ciphers[] = {
    ALGORITHM("AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6", aes128gcm),
    ALGORITHM("AES-256-GCM:id-aes256-GCM:2.16.840.1.101.3.4.1.46", aes256gcm),
    ALGORITHM("AES-128-CBC:AES128:2.16.840.1.101.3.4.1.2", aes128cbc),
    ALGORITHM("AES-256-CBC:AES256:2.16.840.1.101.3.4.1.42", aes256cbc),
    ALGORITHM("AES-256-CTR", aes256ctr),
    ALGORITHM("AES-256-ECB:2.16.840.1.101.3.4.1.41", aes256ecb),
    ALGORITHM("ChaCha20-Poly1305", chacha20_ossl_poly1305),
    LAST};
const OSSL_ALGORITHM macs[] = {ALGORITHM("HMAC", hmac), LAST};
const OSSL_ALGORITHM derivations[] = {ALGORITHM("HKDF", kdf_hkdf),
                                      ALGORITHM("TLS13-KDF", kdf_tls1_3_kdf),
                                      ALGORITHM("TLS1-PRF", kdf_tls1_prf), LAST};
const OSSL_ALGORITHM exchanges[] = {ALGORITHM("ECDH", ecdh_keyexch),
                                    ALGORITHM("X25519:1.3.101.110", x25519_keyexch), LAST};
const OSSL_ALGORITHM randoms[] = {ALGORITHM("CTR-DRBG", drbg_ctr), ALGORITHM("SEED-SRC", seed_src),
                                  LAST};
const OSSL_ALGORITHM signatures[] = {ALGORITHM("ECDSA", ecdsa_signature),
                                     ALGORITHM(RSA_NAMES, rsa_signature),
                                     ALGORITHM("HMAC", mac_legacy_hmac_signature), LAST};
const OSSL_ALGORITHM keys[] = {
    ALGORITHM(EC_NAMES, ec_keymgmt),       ALGORITHM(RSA_NAMES, rsa_keymgmt),
    ALGORITHM(PSS_NAMES, rsapss_keymgmt),  ALGORITHM("X25519:1.3.101.110", x25519_keymgmt),
    ALGORITHM("HMAC", mac_legacy_keymgmt), LAST};
const OSSL_ALGORITHM encoders[] = {
    {EC_NAMES, "provider=default,fips=yes,output=der,structure=PrivateKeyInfo",
     ossl_ec_to_PrivateKeyInfo_der_encoder_functions, nullptr},
    {EC_NAMES, "provider=default,fips=yes,output=pem,structure=PrivateKeyInfo",
     ossl_ec_to_PrivateKeyInfo_pem_encoder_functions, nullptr},
    {EC_NAMES, "provider=default,fips=yes,output=der,structure=SubjectPublicKeyInfo",
     ossl_ec_to_SubjectPublicKeyInfo_der_encoder_functions, nullptr},
    {EC_NAMES, "provider=default,fips=yes,output=pem,structure=SubjectPublicKeyInfo",
     ossl_ec_to_SubjectPublicKeyInfo_pem_encoder_functions, nullptr},
    {RSA_NAMES, "provider=default,fips=yes,output=der,structure=SubjectPublicKeyInfo",
     ossl_rsa_to_SubjectPublicKeyInfo_der_encoder_functions, nullptr},
    LAST};
const OSSL_ALGORITHM decoders[] = {
    {EC_NAMES, "provider=default,fips=yes,input=der,structure=PrivateKeyInfo",
     ossl_PrivateKeyInfo_der_to_ec_decoder_functions, nullptr},
    {EC_NAMES, "provider=default,fips=yes,input=der,structure=SubjectPublicKeyInfo",
     ossl_SubjectPublicKeyInfo_der_to_ec_decoder_functions, nullptr},
    {RSA_NAMES, "provider=default,fips=yes,input=der,structure=PrivateKeyInfo",
     ossl_PrivateKeyInfo_der_to_rsa_decoder_functions, nullptr},
    {RSA_NAMES, "provider=default,fips=yes,input=der,structure=SubjectPublicKeyInfo",
     ossl_SubjectPublicKeyInfo_der_to_rsa_decoder_functions, nullptr},
    {PSS_NAMES, "provider=default,fips=yes,input=der,structure=SubjectPublicKeyInfo",
     ossl_SubjectPublicKeyInfo_der_to_rsapss_decoder_functions, nullptr},
    {"DER", "provider=default,fips=yes,input=der,structure=SubjectPublicKeyInfo",
     ossl_SubjectPublicKeyInfo_der_to_der_decoder_functions, nullptr},
    {"DER", "provider=default,fips=yes,input=pem", ossl_pem_to_der_decoder_functions, nullptr},
    LAST};

const OSSL_ALGORITHM* algorithms_of(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_DIGEST:
      return digests;
    case OSSL_OP_CIPHER:
      return ciphers;
    case OSSL_OP_MAC:
      return macs;
    case OSSL_OP_KDF:
      return derivations;
    case OSSL_OP_RAND:
      return randoms;
    case OSSL_OP_KEYMGMT:
      return keys;
    case OSSL_OP_KEYEXCH:
      return exchanges;
    case OSSL_OP_SIGNATURE:
      return signatures;
    case OSSL_OP_ENCODER:
      return encoders;
    case OSSL_OP_DECODER:
      return decoders;
    default:
      return nullptr;
  }
}

void end_provider(void* context) {
  auto* own = static_cast<prov_ctx_st*>(context);
  BIO_meth_free(ossl_prov_ctx_get0_core_bio_method(own));
  ossl_prov_ctx_free(own);
}

using Any = void (*)();
const OSSL_DISPATCH provider[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, reinterpret_cast<Any>(end_provider)},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<Any>(algorithms_of)},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, reinterpret_cast<Any>(ossl_prov_get_capabilities)},
    {0, nullptr}};

}  // namespace

extern "C" {

int ossl_default_provider_init(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* in,
                               const OSSL_DISPATCH** out, void** context) {
  OSSL_FUNC_core_get_libctx_fn* library = nullptr;
  if (!ossl_prov_bio_from_dispatch(in) || !ossl_prov_seeding_from_dispatch(in)) return 0;
  for (const OSSL_DISPATCH* each = in; each->function_id != 0; ++each)
    if (each->function_id == OSSL_FUNC_CORE_GET_LIBCTX) library = OSSL_FUNC_core_get_libctx(each);
  prov_ctx_st* own = library ? ossl_prov_ctx_new() : nullptr;
  BIO_METHOD* method = own ? ossl_bio_prov_init_bio_method() : nullptr;
  if (!method) {
    ossl_prov_ctx_free(own);
    return 0;
  }
  ossl_prov_ctx_set0_libctx(own, reinterpret_cast<OSSL_LIB_CTX*>(library(handle)));
  ossl_prov_ctx_set0_handle(own, handle);
  ossl_prov_ctx_set0_core_bio_method(own, method);
  *context = own;
  *out = provider;
  return 1;
}

// All there is, is in the one above.
int ossl_base_provider_init(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH**,
                            void**) {
  return 0;
}

// The tables of ciphers by their old names: nobody asks for one so.
void openssl_add_all_ciphers_int() {}
}
