// Is this request from who it says? SigV4 in headers and presigned, SigV2 for accounts that have it
// switched on, with the error codes of S3 and EC2. Chunked bodies go on from the result
// (chunk_signer). Used by the front door alone. Unknown keys cost the same work as wrong
// signatures. Loop thread only.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "aio/world.h"
#include "farm/api/accounts.h"
#include "farm/api/known_urls.h"
#include "farm/api/seen_signatures.h"
#include "farm/api/sessions.h"
#include "wire/http.h"
#include "wire/sigv2.h"
#include "wire/sigv4.h"

namespace croft::farm {

/// Which envelope and which error codes.
enum class Protocol { ec2, s3, sts };
std::string_view name_of(Protocol protocol);  ///< "ec2": also the service of the scope

struct Verified {
  Caller caller;
  wire::sigv4::Authorization authorization;
};

/// Who a request says it is from, in good form and in time, before anything is looked up.
struct Claim {
  /// Of a SigV2 request: the access key, the query, UNSIGNED-PAYLOAD; nothing else.
  wire::sigv4::Authorization authorization;
  std::optional<wire::sigv2::Authorization> v2;
  const std::string& access_key() const { return authorization.access_key; }
};

class Authenticator {
 public:
  /// Source: "Authenticating Requests (AWS Signature Version 4)"; EC2 documents 5 minutes, SDKs and
  /// the service live with 15.
  static constexpr Duration allowed_skew = Duration::minutes(15);

  /// `sessions` may be null: then no session token is good.
  Authenticator(aio::World& world, const Accounts& accounts, std::string region,
                const Sessions* sessions = nullptr)
      : world_(world), accounts_(accounts), sessions_(sessions), region_(std::move(region)) {}

  /// `payload_hash`: of the body for EC2 (its signature covers it); empty for S3, where the header
  /// says it and the body is checked while it arrives. Errors are aws_error()s of `protocol`.
  Result<Verified> verify(const wire::RequestHead& head, Protocol protocol,
                          std::string_view payload_hash);

  /// verify() in two halves, with the look-up of the key between them. `body`: of an EC2 form;
  /// `host_bucket`: the bucket in the Host header (SigV2 signs it).
  Result<Claim> read(const wire::RequestHead& head, Protocol protocol, std::string_view body = {},
                     std::string_view host_bucket = {});
  Result<Verified> check(Claim claim, const wire::RequestHead& head, Protocol protocol,
                         std::string_view payload_hash, const Accounts::Found& found);

  /// A presigned read that was found right within the last minute; null: check it.
  const Verified* known(const wire::RequestHead& head);
  /// After check(): what known() may answer next time.
  void remember(const wire::RequestHead& head, const Verified& verified);

  /// Changing calls that came with a signature used before; see SeenSignatures.
  uint64_t replays() const { return seen_.replays(); }

  /// For a STREAMING-AWS4-HMAC-SHA256-PAYLOAD body of a verified request; nullopt for other kinds
  /// or when the key has gone meanwhile.
  std::optional<wire::sigv4::ChunkSigner> chunk_signer(const Verified& verified);

 private:
  Result<> check_form(const wire::sigv4::Authorization& auth, const wire::RequestHead& head,
                      Protocol protocol);
  Result<> check_time(const wire::sigv4::Authorization& auth, Protocol protocol);
  Result<Claim> read_v2(const wire::RequestHead& head, Protocol protocol, std::string_view body,
                        std::string_view host_bucket);
  Result<> check_time_v2(const wire::sigv2::Authorization& v2, Protocol protocol);
  Result<Verified> check_v2(Claim claim, Protocol protocol, const Accounts::Found& found);

  aio::World& world_;
  /// The account and secret behind a key, and its session where it is a temporary one.
  struct Holder {
    AccountRef account;
    Secret secret;
    std::shared_ptr<const Session> session;
  };
  Result<Holder> holder_of(const wire::sigv4::Authorization& auth, Protocol protocol,
                           const Accounts::Found& found) const;

  const Accounts& accounts_;
  const Sessions* sessions_;
  std::string region_;
  wire::sigv4::KeyCache keys_;
  KnownUrls<Verified> urls_;
  // A signature is good for the skew in both directions.
  SeenSignatures seen_{Duration::minutes(30)};
  Secret nobody_{"0000000000000000000000000000000000000000"};
};

}  // namespace croft::farm
