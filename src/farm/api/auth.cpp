#include "farm/api/auth.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "farm/api/error.h"
#include "wire/aws_chunked.h"

namespace croft::farm {
namespace {

namespace sigv4 = wire::sigv4;

constexpr std::string_view use_sigv4 =
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256";

std::string_view sigv2_setting(Protocol protocol) {
  return protocol == Protocol::s3
             ? " (boto3: Config(signature_version='s3v4'); aws: aws configure set "
               "default.s3.signature_version s3v4; s3cmd: signature_v2 = False; s3cmd signurl "
               "knows no other: croft farm account add NAME --sigv2 on)"
             : " (libcloud: signature_version='4'; boto: EC2_USE_SIGV4=1)";
}

/// SigV2 for who may not use it, and for who does not exist: the two cannot be told apart.
Error sigv2_refused(Protocol protocol) {
  std::string text = fmt::format("{}{}", use_sigv4, sigv2_setting(protocol));
  return protocol == Protocol::s3 ? aws_error("InvalidRequest", 400, text)
                                  : aws_error("AuthFailure", 401, text);
}

/// What parse_authorization refused, in the words of the service.
Error translate(const Error& error, Protocol protocol, bool query) {
  std::string_view reason = error.fact("reason");
  if (reason == "sigv2") return sigv2_refused(protocol);
  if (protocol != Protocol::s3) {
    if (reason == "absent")
      return aws_error("MissingAuthenticationToken", 403,
                       "Request is missing Authentication Token");
    if (reason == "algorithm") return aws_error("IncompleteSignature", 400, std::string(use_sigv4));
    return aws_error("IncompleteSignature", 400, error.what);
  }
  if (reason == "absent") return aws_error("AccessDenied", 403, "Access Denied");
  if (reason == "both")
    return aws_error("InvalidArgument", 400,
                     "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                     "Signature query "
                     "string parameter or the Authorization header should be specified");
  if (query) return aws_error("AuthorizationQueryParametersError", 400, error.what);
  if (reason == "algorithm") return aws_error("InvalidRequest", 400, std::string(use_sigv4));
  if (reason == "date")
    return aws_error(
        "AccessDenied", 403,
        fmt::format("AWS authentication requires a valid Date or x-amz-date header: {}",
                    error.what));
  return aws_error("AuthorizationHeaderMalformed", 400,
                   fmt::format("The authorization header is malformed; {}", error.what));
}

Error malformed_authorization(const sigv4::Authorization& auth, std::string why,
                              std::string_view region) {
  std::string_view code =
      auth.presigned ? "AuthorizationQueryParametersError" : "AuthorizationHeaderMalformed";
  std::string_view what = auth.presigned ? "Error parsing the X-Amz-Credential parameter"
                                         : "The authorization header is malformed";
  return aws_error(code, 400, fmt::format("{}; {}", what, why))
      .fact("xml:Region", std::string(region));
}

bool known_payload_hash(std::string_view hash) {
  if (hash == sigv4::unsigned_payload || wire::is_aws_chunked(hash)) return true;
  return hash.size() == 64 && std::ranges::all_of(hash, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Error unknown_key(const sigv4::Authorization& auth, Protocol protocol) {
  if (protocol == Protocol::sts)
    return aws_error("InvalidClientTokenId", 403,
                     "The security token included in the request is invalid.");
  if (protocol != Protocol::s3)
    return aws_error("AuthFailure", 401,
                     "AWS was not able to validate the provided access credentials");
  return aws_error("InvalidAccessKeyId", 403,
                   "The AWS Access Key Id you provided does not exist in our records.")
      .fact("xml:AWSAccessKeyId", auth.access_key);
}

Error mismatch(const sigv4::Authorization& auth, const wire::RequestHead& head, Protocol protocol,
               std::string_view payload_hash) {
  if (protocol != Protocol::s3)
    return aws_error(
        protocol == Protocol::sts ? "SignatureDoesNotMatch" : "AuthFailure",
        protocol == Protocol::sts ? 403 : 401,
        "AWS was not able to validate the provided access credentials: the request signature we "
        "calculated does not match the signature you provided");
  Error error = aws_error(
      "SignatureDoesNotMatch", 403,
      "The request signature we calculated does not match the signature you provided. Check "
      "your key and signing method.");
  error.fact("xml:AWSAccessKeyId", auth.access_key);
  error.fact("xml:SignatureProvided", auth.signature);
  // As the service does: the texts, without any secret, let a client's author find the difference.
  std::string_view service = name_of(protocol);
  if (auto text =
          sigv4::canonical_request(head, service, auth.signed_headers,
                                   payload_hash.empty() ? auth.payload_hash : payload_hash)) {
    error.fact("xml:StringToSign", sigv4::string_to_sign(auth.amz_date, auth.scope, *text));
    error.fact("xml:CanonicalRequest", *text);
  }
  return error;
}

}  // namespace

std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::ec2:
      return "ec2";
    case Protocol::s3:
      return "s3";
    case Protocol::sts:
      return "sts";
  }
  return "s3";
}

Result<> Authenticator::check_form(const sigv4::Authorization& auth, const wire::RequestHead& head,
                                   Protocol protocol) {
  std::string_view service = name_of(protocol);
  if (auth.scope.service != service) {
    std::string why = fmt::format("incorrect service \"{}\". This endpoint belongs to \"{}\"",
                                  printable(auth.scope.service), service);
    if (protocol != Protocol::s3)
      return fail(
          aws_error("AuthFailure", 401,
                    fmt::format("Credential should be scoped to correct service: '{}'", service)));
    return fail(malformed_authorization(auth, std::move(why), region_));
  }
  if (auth.scope.region != region_) {
    if (protocol != Protocol::s3)
      return fail(aws_error(
          "AuthFailure", 401,
          fmt::format("Credential should be scoped to a valid region, not '{}'; this farm is '{}'",
                      printable(auth.scope.region), region_)));
    return fail(malformed_authorization(auth,
                                        fmt::format("the region '{}' is wrong; expecting '{}'",
                                                    printable(auth.scope.region), region_),
                                        region_));
  }
  // One request has one canonical form: a list in another order would be a second one.
  if (std::ranges::adjacent_find(auth.signed_headers, std::greater_equal<>()) !=
      auth.signed_headers.end()) {
    if (protocol != Protocol::s3)
      return fail(aws_error("IncompleteSignature", 400,
                            "SignedHeaders must be sorted and name each header once"));
    return fail(malformed_authorization(
        auth, "SignedHeaders must be sorted and name each header once", region_));
  }
  std::vector<std::string> missing = sigv4::unsigned_headers(auth, head);
  if (!missing.empty()) {
    if (protocol != Protocol::s3)
      return fail(aws_error("IncompleteSignature", 400,
                            fmt::format("'{}' must be a signed header", join(missing, ", "))));
    return fail(aws_error("AccessDenied", 403,
                          "There were headers present in the request which were not signed")
                    .fact("xml:HeadersNotSigned", join(missing, ", ")));
  }
  if (protocol == Protocol::s3 && auth.payload_hash.empty())
    return fail(aws_error("InvalidRequest", 400,
                          "Missing required header for this request: x-amz-content-sha256"));
  if (protocol == Protocol::s3 && !known_payload_hash(auth.payload_hash))
    return fail(
        aws_error(
            "InvalidArgument", 400,
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a "
            "valid "
            "sha256 value.")
            .fact("xml:ArgumentName", "x-amz-content-sha256")
            .fact("xml:ArgumentValue", printable(auth.payload_hash)));
  return {};
}

Result<> Authenticator::check_time(const sigv4::Authorization& auth, Protocol protocol) {
  WallTime now = world_.clock.wall();
  Duration age = now - auth.time;
  bool future = age < Duration() - allowed_skew;
  if (auth.presigned) {
    if (future)
      return fail(protocol == Protocol::s3
                      ? aws_error("AccessDenied", 403, "Request is not yet valid")
                      : aws_error("RequestExpired", 400, "Request is not yet valid"));
    if (age <= auth.expires) return {};
    if (protocol != Protocol::s3)
      return fail(aws_error("RequestExpired", 400, "Request has expired."));
    return fail(aws_error("AccessDenied", 403, "Request has expired")
                    .fact("xml:X-Amz-Expires", std::to_string(auth.expires.ns() / 1'000'000'000))
                    .fact("xml:Expires", (auth.time + auth.expires).iso8601())
                    .fact("xml:ServerTime", now.iso8601()));
  }
  if (!future && age <= allowed_skew) return {};
  if (protocol != Protocol::s3)
    return fail(
        aws_error("RequestExpired", 400,
                  fmt::format("Request has expired. Timestamp date is {}, the current time is {}",
                              auth.amz_date, now.iso8601_basic())));
  return fail(
      aws_error("RequestTimeTooSkewed", 403,
                "The difference between the request time and the current time is too large.")
          .fact("xml:RequestTime", auth.amz_date)
          .fact("xml:ServerTime", now.iso8601())
          .fact("xml:MaxAllowedSkewMilliseconds", std::to_string(allowed_skew.ms())));
}

Result<Verified> Authenticator::verify(const wire::RequestHead& head, Protocol protocol,
                                       std::string_view payload_hash) {
  Claim claim = TRY(read(head, protocol));
  Accounts::Found found = accounts_.find_key(claim.access_key());
  return check(std::move(claim), head, protocol, payload_hash, found);
}

Result<Claim> Authenticator::read(const wire::RequestHead& head, Protocol protocol,
                                  std::string_view body, std::string_view host_bucket) {
  if (wire::sigv2::present(head, body)) return read_v2(head, protocol, body, host_bucket);
  auto parsed = sigv4::parse_authorization(head);
  if (!parsed) return fail(translate(parsed.error(), protocol, !head.headers.has("Authorization")));
  Claim claim;
  claim.authorization = std::move(*parsed);
  TRY(check_form(claim.authorization, head, protocol));
  TRY(check_time(claim.authorization, protocol));
  return claim;
}

Result<Claim> Authenticator::read_v2(const wire::RequestHead& head, Protocol protocol,
                                     std::string_view body, std::string_view host_bucket) {
  auto parsed = protocol == Protocol::s3 ? wire::sigv2::read_s3(head, host_bucket)
                                         : wire::sigv2::read_query(head, body);
  // Whoever may not use it at all should hear that first, not what is wrong with it.
  if (!parsed) {
    Error error = sigv2_refused(protocol);
    error.what += fmt::format(". It is malformed, too: {}", parsed.error().what);
    return fail(std::move(error));
  }
  auto query = wire::Query::parse(head.query());
  if (!query) return fail(aws_error("InvalidURI", 400, "Couldn't parse the specified URI."));
  Claim claim;
  claim.authorization.access_key = parsed->access_key;
  claim.authorization.signature = parsed->signature;
  claim.authorization.query = std::move(*query);
  claim.authorization.payload_hash = std::string(sigv4::unsigned_payload);
  claim.authorization.presigned = parsed->presigned;
  claim.v2 = std::move(*parsed);
  return claim;
}

Result<> Authenticator::check_time_v2(const wire::sigv2::Authorization& v2, Protocol protocol) {
  if (!v2.undated.empty())
    return fail(
        aws_error("AccessDenied", 403,
                  "AWS authentication requires a valid Date or x-amz-date header: " + v2.undated));
  WallTime now = world_.clock.wall();
  if (v2.expires && *v2.expires < now)
    return fail(protocol != Protocol::s3 ? aws_error("RequestExpired", 400, "Request has expired.")
                                         : aws_error("AccessDenied", 403, "Request has expired")
                                               .fact("xml:Expires", v2.expires->iso8601())
                                               .fact("xml:ServerTime", now.iso8601()));
  if (v2.time && (now - *v2.time > allowed_skew || *v2.time - now > allowed_skew))
    return fail(protocol != Protocol::s3
                    ? aws_error("RequestExpired", 400, "Request has expired.")
                    : aws_error("RequestTimeTooSkewed", 403,
                                "The difference between the request time and the current time is "
                                "too large."));
  return {};
}

Result<Verified> Authenticator::check_v2(Claim claim, Protocol protocol,
                                         const Accounts::Found& found) {
  const wire::sigv2::Authorization& v2 = *claim.v2;
  bool usable = found.account && found.key->enabled && found.account->sigv2;
  bool same = wire::sigv2::matches(v2, usable ? found.key->secret : nobody_);
  if (!usable) return fail(sigv2_refused(protocol));
  TRY(check_time_v2(v2, protocol));
  if (!same) {
    if (protocol != Protocol::s3)
      return fail(aws_error(
          "AuthFailure", 401,
          "AWS was not able to validate the provided access credentials: the request signature we "
          "calculated does not match the signature you provided"));
    return fail(aws_error("SignatureDoesNotMatch", 403,
                          "The request signature we calculated does not match the signature you "
                          "provided. Check your key and signing method.")
                    .fact("xml:AWSAccessKeyId", v2.access_key)
                    .fact("xml:SignatureProvided", printable(v2.signature))
                    .fact("xml:StringToSign", v2.string_to_sign));
  }
  Caller caller{found.account, v2.access_key, region_, {}};
  return Verified{std::move(caller), std::move(claim.authorization)};
}

// From here on an unknown key takes the steps of a known one: who asks cannot tell by the clock
// which keys exist.
Result<Verified> Authenticator::check(Claim claim, const wire::RequestHead& head, Protocol protocol,
                                      std::string_view payload_hash, const Accounts::Found& found) {
  if (claim.v2) return check_v2(std::move(claim), protocol, found);
  sigv4::Authorization auth = std::move(claim.authorization);
  auto holder = holder_of(auth, protocol, found);
  const Secret& secret = holder ? holder->secret : nobody_;
  auto expected = sigv4::expected_signature(auth, head, payload_hash, secret, &keys_);
  if (!expected)
    return fail(
        translate(Error(expected.error()).fact("reason", "malformed"), protocol, auth.presigned));
  bool same = constant_time_equal(*expected, auth.signature);
  if (!holder || !same) {
    // The texts that help a client's author are written for an unknown key as well, and dropped.
    Error wrong = mismatch(auth, head, protocol, payload_hash);
    if (!holder) return fail(std::move(holder).error());
    return fail(std::move(wrong));
  }
  bool changes = head.method != "GET" && head.method != "HEAD" && !auth.presigned;
  if (changes && seen_.again(auth.signature, world_.clock.wall()))
    log::info(name_of(protocol), "a signature of {} came again: {} {}", printable(auth.access_key),
              head.method, printable(head.path()));
  Caller caller{holder->account, auth.access_key, auth.scope.region, {}, holder->session};
  return Verified{std::move(caller), std::move(auth)};
}

const Verified* Authenticator::known(const wire::RequestHead& head) {
  const Verified* found = urls_.find(head, accounts_.generation(), world_.clock.wall());
  // Past its end it is told so by the full check.
  return found && check_time(found->authorization, Protocol::s3) ? found : nullptr;
}

void Authenticator::remember(const wire::RequestHead& head, const Verified& verified) {
  const sigv4::Authorization& auth = verified.authorization;
  bool host_alone = auth.signed_headers.size() == 1 && auth.signed_headers.front() == "host";
  if (!auth.presigned || !host_alone || auth.payload_hash != sigv4::unsigned_payload) return;
  // A session may end before its URL does.
  if (verified.caller.session) return;
  // Copied for every request that comes again: without what only the check needed.
  Verified known{verified.caller, {}};
  known.authorization.access_key = auth.access_key;
  known.authorization.payload_hash = auth.payload_hash;
  known.authorization.presigned = true;
  known.authorization.time = auth.time;
  known.authorization.expires = auth.expires;
  for (const wire::Query::Pair& pair : auth.query.pairs()) {
    if (pair.name.starts_with("X-Amz-")) continue;
    if (pair.has_value)
      known.authorization.query.add(pair.name, pair.value);
    else
      known.authorization.query.add_flag(pair.name);
  }
  urls_.put(head, accounts_.generation(), world_.clock.wall(), std::move(known));
}

Result<Authenticator::Holder> Authenticator::holder_of(const sigv4::Authorization& auth,
                                                       Protocol protocol,
                                                       const Accounts::Found& found) const {
  if (auth.session_token.empty()) {
    if (!found.account || !found.key->enabled) return fail(unknown_key(auth, protocol));
    return Holder{found.account, found.key->secret, nullptr};
  }
  auto checked = sessions_ ? sessions_->check(auth.access_key, auth.session_token)
                           : Result<Sessions::Checked>(fail(Code::permission_denied, "no token"));
  AccountRef account = checked ? accounts_.find(checked->session.account_id) : nullptr;
  if (account)
    return Holder{account, checked->secret,
                  std::make_shared<const Session>(std::move(checked->session))};
  bool expired = !checked && checked.error().code == Code::timeout;
  if (protocol == Protocol::s3)
    return fail(expired ? aws_error("ExpiredToken", 400, "The provided token has expired.")
                        : aws_error("InvalidToken", 400,
                                    "The provided token is malformed or otherwise invalid."));
  if (expired)
    return fail(aws_error(protocol == Protocol::sts ? "ExpiredToken" : "RequestExpired", 400,
                          "The security token included in the request is expired"));
  return fail(aws_error(protocol == Protocol::sts ? "InvalidClientTokenId" : "AuthFailure",
                        protocol == Protocol::sts ? 403 : 401,
                        "The security token included in the request is invalid"));
}

std::optional<sigv4::ChunkSigner> Authenticator::chunk_signer(const Verified& verified) {
  const sigv4::Authorization& auth = verified.authorization;
  if (auth.payload_hash != sigv4::streaming && auth.payload_hash != sigv4::streaming_trailer)
    return {};
  if (!verified.caller.account) return {};  // an anonymous caller has nothing to sign with
  if (verified.caller.session) {
    auto checked = sessions_->check(auth.access_key, auth.session_token);
    if (!checked) return {};
    return sigv4::ChunkSigner(keys_.key(checked->secret, auth.scope), auth.amz_date, auth.scope,
                              auth.signature);
  }
  // The account as it was when the signature was checked.
  for (const AccessKey& key : verified.caller.account->keys)
    if (key.id == auth.access_key)
      return sigv4::ChunkSigner(keys_.key(key.secret, auth.scope), auth.amz_date, auth.scope,
                                auth.signature);
  return {};
}

}  // namespace croft::farm
