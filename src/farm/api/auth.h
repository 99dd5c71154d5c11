// Is this request from who it says? SigV4 in headers and presigned, with the error codes of S3 and
// EC2. Chunked bodies go on from the result (chunk_signer). Used by the front door alone.
// Unknown keys cost the same work as wrong signatures. Loop thread only.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "aio/world.h"
#include "farm/api/accounts.h"
#include "wire/http.h"
#include "wire/sigv4.h"

namespace croft::farm {

/// Which envelope and which error codes.
enum class Protocol { ec2, s3 };
std::string_view name_of(Protocol protocol);  ///< "ec2", "s3": also the service of the scope

struct Verified {
  Caller caller;
  wire::sigv4::Authorization authorization;
};

class Authenticator {
 public:
  /// Source: "Authenticating Requests (AWS Signature Version 4)"; EC2 documents 5 minutes, SDKs and
  /// the service live with 15.
  static constexpr Duration allowed_skew = Duration::minutes(15);

  Authenticator(aio::World& world, const Accounts& accounts, std::string region)
      : world_(world), accounts_(accounts), region_(std::move(region)) {}

  /// `payload_hash`: of the body for EC2 (its signature covers it); empty for S3, where the header
  /// says it and the body is checked while it arrives. Errors are aws_error()s of `protocol`.
  Result<Verified> verify(const wire::RequestHead& head, Protocol protocol,
                          std::string_view payload_hash);

  /// For a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body of a verified request; nullopt for other kinds
  /// or when the key has gone meanwhile.
  std::optional<wire::sigv4::ChunkSigner> chunk_signer(const Verified& verified);

 private:
  Result<> check_form(const wire::sigv4::Authorization& auth, const wire::RequestHead& head,
                      Protocol protocol);
  Result<> check_time(const wire::sigv4::Authorization& auth, Protocol protocol);

  aio::World& world_;
  const Accounts& accounts_;
  std::string region_;
  wire::sigv4::KeyCache keys_;
  Secret nobody_{"0000000000000000000000000000000000000000"};
};

}  // namespace croft::farm
