// AWS Signature Version 4: one canonicalisation for the signer (cloud/) and the verifier (farm/).
// Sources: "Signature Version 4 for API requests", "Authenticating Requests" (S3), "Signature
// calculations ... multiple chunks" and "... trailing headers". Pure; KeyCache is not thread-safe.
// S3 paths are encoded once and never normalised; other services normalise and encode twice.
#pragma once
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "base/units.h"
#include "wire/http.h"
#include "wire/uri.h"

namespace croft::wire::sigv4 {

inline constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
inline constexpr std::string_view streaming_trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
inline constexpr std::string_view streaming_unsigned_trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
inline constexpr std::string_view empty_sha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
inline constexpr Duration max_expires = Duration::hours(7 * 24);

struct SigningKey {
  std::string access_key;
  Secret secret;
  std::string session_token;  ///< empty: none
};

struct Scope {
  std::string date;  ///< 20080407
  std::string region;
  std::string service;
  std::string text() const;  ///< 20080407/us-east-1/s3/aws4_request
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

/// The HMAC chain date, region, service, "aws4_request": 32 raw bytes.
Secret derive_key(const Secret& secret, const Scope& scope);

/// Derived keys of the last days, least recently used out first. A changed secret gives a new
/// entry.
class KeyCache {
 public:
  static constexpr size_t capacity = 1024;
  const Secret& key(const Secret& secret, const Scope& scope);

 private:
  struct Entry {
    std::string name;
    Secret key;
  };
  std::list<Entry> entries_;
  std::map<std::string, std::list<Entry>::iterator, std::less<>> by_name_;
};

/// What a signature was made of: the seed of the chunks that follow, or for a test.
struct Signed {
  std::string signature;  ///< 64 lower-case hex digits
  std::string amz_date;   ///< 20080407T100000Z
  Scope scope;
};

/// The canonical request. `signed_headers` in lower case; a name that the head lacks is
/// Code::syntax. X-Amz-Signature is left out of the query. `payload_hash` is what goes into the
/// last line.
Result<std::string> canonical_request(const RequestHead& head, std::string_view service,
                                      std::span<const std::string> signed_headers,
                                      std::string_view payload_hash);
std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical);

// ---- signing ----

/// Adds X-Amz-Date, X-Amz-Security-Token (with a token), X-Amz-Content-Sha256 (service "s3") and
/// Authorization; earlier ones are replaced. Host must be there already. Signs every header but
/// those that a client or proxy may change on the way (User-Agent, Expect, Content-Length, ...).
Result<Signed> sign_headers(RequestHead& head, const SigningKey& key, std::string_view service,
                            std::string_view region, WallTime now, std::string_view payload_hash);

/// The target with X-Amz-Algorithm ... X-Amz-Signature added. Host must be among the headers; every
/// header given is signed, so whoever uses the URL must send the same. `payload_hash` empty:
/// UNSIGNED-PAYLOAD for s3, the hash of no body for other services.
Result<std::string> presign(const RequestHead& head, const SigningKey& key,
                            std::string_view service, std::string_view region, WallTime now,
                            Duration expires, std::string_view payload_hash = {});

// ---- verifying ----

struct Authorization {
  std::string access_key;
  Scope scope;
  std::vector<std::string> signed_headers;  ///< lower case, as listed
  std::string signature;
  std::string amz_date;  ///< 20080407T100000Z (made from Date where X-Amz-Date is absent)
  WallTime time;         ///< amz_date
  bool presigned = false;
  Duration expires;           ///< presigned only: 1 s to 7 days
  std::string payload_hash;   ///< X-Amz-Content-Sha256; presigned s3 without it: UNSIGNED-PAYLOAD;
                              ///< else empty
  std::string session_token;  ///< empty: none
  Query query;                ///< of the request, read once
};

/// Reads Authorization or the X-Amz-... query. Errors carry the fact "reason":
/// "absent" (Code::unauthenticated: an anonymous request), "sigv2" (Code::unsupported), "algorithm"
/// (Code::unsupported), "malformed" (Code::syntax), "date" (Code::syntax: absent, unreadable, or
/// another day than the scope), "expires" (Code::invalid_argument), "both" (Code::syntax: header
/// and query at once).
Result<Authorization> parse_authorization(const RequestHead& head);

/// The signature that the owner of `secret` would have sent. Compare with constant_time_equal.
/// `payload_hash` empty: auth.payload_hash.
Result<std::string> expected_signature(const Authorization& auth, const RequestHead& head,
                                       std::string_view payload_hash, const Secret& secret,
                                       KeyCache* cache = nullptr);

/// Headers that must be signed but are not: host and every x-amz-* that was sent. Empty: fine.
std::vector<std::string> unsigned_headers(const Authorization& auth, const RequestHead& head);

// ---- chunks (aws-chunked) ----

/// The running signature of a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body.
class ChunkSigner {
 public:
  ChunkSigner(Secret derived_key, std::string amz_date, Scope scope, std::string seed_signature)
      : key_(std::move(derived_key)),
        amz_date_(std::move(amz_date)),
        scope_(std::move(scope)),
        previous_(std::move(seed_signature)) {}
  /// The signature of the next chunk, whose data have this hash (hex); it becomes the previous one.
  std::string chunk(std::string_view sha256_of_data);
  /// Of the trailers: "name:value\n" each, names in lower case, sorted.
  std::string trailer(std::string_view canonical_trailers);

 private:
  std::string sign(std::string_view text);
  Secret key_;
  std::string amz_date_;
  Scope scope_;
  std::string previous_;
};

}  // namespace croft::wire::sigv4
