// The farm's front door: one endpoint for EC2 and S3, told apart by the service in the signature's
// scope, else by the shape of the request. Checks signatures, gives ids, writes envelopes, meters.
// Loop thread only. Limits: an EC2 request of max_ec2_body bytes.
#pragma once
#include <optional>
#include <string>

#include "farm/api/answer.h"
#include "farm/api/auth.h"
#include "farm/api/context.h"
#include "farm/api/key_ring.h"
#include "farm/api/turns.h"
#include "net/http_server.h"
#include "wire/uri.h"

namespace croft::farm {

/// A verified S3 call, before its body was read. Lives on the front door's frame.
struct S3Request {
  net::Exchange& exchange;
  Answer& answer;
  Caller caller;  ///< without an account: nobody signed it
  wire::sigv4::Authorization authorization;
  std::optional<wire::sigv4::ChunkSigner> chunks;  ///< for a signed aws-chunked body
  std::string bucket;                              ///< empty: the service itself
  std::string key;                                 ///< decoded; empty: the bucket itself
  wire::Query query;
  bool website = false;        ///< asked as a page of the bucket's web site
  std::string_view operation;  ///< set by the service: "PutObject"
  std::string billed;  ///< set by the service: the account of the bucket; empty: the caller's
  uint64_t bytes_in = 0;

  /// The fields of a form as headers, in the place of the request's own.
  std::optional<wire::RequestHead> stand_in = std::nullopt;

  const wire::RequestHead& head() const { return stand_in ? *stand_in : exchange.request(); }
  std::string_view header(std::string_view name) const { return head().headers.value(name); }
};

/// Answers S3 calls; s3::Service implements it.
class S3Service {
 public:
  virtual ~S3Service() = default;
  /// Before anything costly is done for a request: SlowDown while the disk is far behind.
  virtual Result<> admit(const wire::RequestHead&) { return {}; }
  /// An Error before anything was answered becomes the S3 error body.
  virtual aio::Task<Result<>> call(S3Request& request) = 0;
};

/// Where an S3 request points, by Host header and path.
struct S3Address {
  std::string bucket;
  std::string key;
  bool by_host = false;  ///< the bucket came from the Host header
  bool website = false;  ///< the host was BUCKET.s3-website.DOMAIN
};
/// `domains`: "localhost" makes "photos.localhost" the bucket "photos". An address, a domain itself
/// or any other host is path style. Error: InvalidURI.
Result<S3Address> s3_address(std::string_view host, std::string_view raw_path,
                             const std::vector<std::string>& domains);

/// The service named in the credential scope of the header or query; empty without a signature.
std::string scope_service(const wire::RequestHead& head);

/// Held as long as the request is underway.
using HeldTurn = std::optional<Turns::Turn>;

class FrontDoor {
 public:
  static constexpr Bytes max_ec2_body = Bytes::mib(1);

  /// `ec2` may be null: its actions then answer NotImplemented.
  FrontDoor(Context& context, S3Service& s3, Ec2Service* ec2, std::vector<std::string> domains,
            KeyRingLimits key_limits = {});

  /// One request, from the outside (`instance` empty) or from inside an instance.
  aio::Task<Result<>> handle(net::Exchange& exchange, std::string instance);

  /// Background work of the key ring and the turns, until cancelled.
  aio::Task<Result<>> run();
  KeyRing& keys() { return keys_; }
  const KeyRing& keys() const { return keys_; }
  const Turns& turns() const { return turns_; }
  Authenticator& authenticator() { return authenticator_; }
  const Authenticator& authenticator() const { return authenticator_; }
  uint64_t served() const { return served_; }

 private:
  aio::Task<Result<>> health(net::Exchange& exchange);
  aio::Task<Result<Accounts::Found>> who(const Claim& claim, Moment deadline);
  aio::Task<Result<Turns::Turn>> turn_of(AccountRef account, Moment deadline);
  Result<Moment> deadline_of(const wire::RequestHead& head) const;
  aio::Task<Result<Verified>> verify_query(const wire::RequestHead& head, Protocol protocol,
                                           const std::string& body, HeldTurn& turn);
  aio::Task<Result<Verified>> check_in_turn(Claim claim, const wire::RequestHead& head,
                                            Protocol protocol, std::string payload_hash,
                                            Moment deadline, HeldTurn& turn);
  aio::Task<Result<>> serve_s3(net::Exchange& exchange, std::string instance);
  aio::Task<Result<Verified>> verify_s3(const wire::RequestHead& head, const S3Address& address,
                                        HeldTurn& turn);
  aio::Task<Result<>> call_s3(net::Exchange& exchange, Answer& answer, std::string instance,
                              Usage& usage);
  aio::Task<Result<>> serve_ec2(net::Exchange& exchange, std::string instance);
  aio::Task<Result<std::string>> call_ec2(net::Exchange& exchange, Ec2Request& request,
                                          Usage& usage);
  aio::Task<Result<>> serve_sts(net::Exchange& exchange, std::string instance);
  aio::Task<Result<std::string>> call_sts(net::Exchange& exchange, std::string& action,
                                          Usage& usage);
  aio::Task<Result<>> refuse_service(net::Exchange& exchange, std::string service);
  RequestIds s3_ids();
  std::string ec2_id();

  Context& context_;
  S3Service& s3_;
  Ec2Service* ec2_;
  std::vector<std::string> domains_;
  Authenticator authenticator_;
  KeyRing keys_;
  Turns turns_;
  bool remember_urls_;
  uint64_t served_ = 0;
};

}  // namespace croft::farm
