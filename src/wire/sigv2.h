// AWS Signature Version 2, verified only: old clients (libcloud's EC2, boto3's presigned URLs)
// still make it, and an account may switch it on. It signs no body and lives on SHA-1 for S3.
// Sources: "Signing and Authenticating REST Requests (Signature Version 2)" (S3), "Signature
// Version 2 signing process" (Query APIs). Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/units.h"
#include "wire/http.h"
#include "wire/uri.h"

namespace croft::wire::sigv2 {

struct Authorization {
  std::string access_key;
  std::string signature;  ///< base64
  Hash hash = Hash::sha1;
  bool presigned = false;           ///< by Expires, else signed now
  std::optional<WallTime> time;     ///< of the request; absent with `expires`, and if `undated`
  std::string undated;              ///< why a request that is signed now has no time
  std::optional<WallTime> expires;  ///< valid until
  std::string string_to_sign;
  /// What else clients sign for the same request. For "/bucket": "/bucket/". For a sub-resource:
  /// with what leads the query named once more (botocore's "/bucket?location?location").
  std::vector<std::string> other_strings_to_sign;
};

/// Does the request carry such a signature? `body`: of a form POST, else empty.
bool present(const RequestHead& head, std::string_view body);

/// S3: header ("AWS KEY:SIGNATURE") or query (AWSAccessKeyId, Signature, Expires). `host_bucket`:
/// the bucket that the Host header names, else empty. Code::syntax with what is wrong.
Result<Authorization> read_s3(const RequestHead& head, std::string_view host_bucket);
/// Query APIs (EC2): SignatureVersion=2, HmacSHA256 or HmacSHA1, Timestamp or Expires.
Result<Authorization> read_query(const RequestHead& head, std::string_view body);

/// base64 of the MAC of a string to sign.
std::string signature(const Authorization& auth, const Secret& secret, std::string_view text);
/// Is it the one that the owner of `secret` would have sent? In constant time.
bool matches(const Authorization& auth, const Secret& secret);

}  // namespace croft::wire::sigv2
