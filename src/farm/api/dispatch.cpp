#include "farm/api/dispatch.h"

#include <fmt/format.h>

#include "aio/scope.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "wire/xml.h"

namespace croft::farm {
namespace {

/// The namespace of the version that was asked for: libraries look for exactly theirs.
std::string ec2_namespace(std::string_view version) {
  bool dated = version.size() == 10 && version[4] == '-' && version[7] == '-' &&
               version.find_first_not_of("0123456789-") == version.npos;
  return fmt::format("http://ec2.amazonaws.com/doc/{}/", dated ? version : "2016-11-15");
}

/// "host:port" -> "host"; "[::1]:80" -> "[::1]".
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.rfind(':'));
}

bool belongs_to_signature(std::string_view name) {
  return name.starts_with("X-Amz-") || name == "Action" || name == "Version";
}

bool looks_like_ec2(const wire::RequestHead& head) {
  if (head.path() != "/") return false;
  if (head.method == "POST") {
    std::string_view type = head.headers.value("Content-Type");
    return type.empty() || to_lower(type).starts_with("application/x-www-form-urlencoded");
  }
  std::string_view query = head.query();
  return query.starts_with("Action=") || query.find("&Action=") != std::string_view::npos;
}

bool is_anonymous(const wire::RequestHead& head) {
  if (head.headers.has("Authorization")) return false;
  std::string_view query = head.query();
  for (std::string_view name :
       {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "AWSAccessKeyId", "Signature"})
    for (size_t at = query.find(name); at != query.npos; at = query.find(name, at + 1)) {
      size_t end = at + name.size();
      bool starts = at == 0 || query[at - 1] == '&';
      if (starts && (end == query.size() || query[end] == '=' || query[end] == '&')) return false;
    }
  return true;
}

bool serves(const Scope& scope, std::string_view service) {
  return scope.services.empty() ||
         std::ranges::find(scope.services, service) != scope.services.end();
}

bool in_scope(const Scope& scope, std::string_view bucket) {
  return scope.buckets.empty() || std::ranges::any_of(scope.buckets, [&](const auto& pattern) {
           return wildcard_match(pattern, bucket);
         });
}

/// A role's session sees the buckets of its scope, as target and as source of a copy.
Result<> allowed_s3(const Scope& scope, std::string_view bucket, std::string_view copy_source) {
  auto decoded = wire::percent_decode(copy_source);  // as the copy itself will read it
  std::string_view source = decoded ? std::string_view(*decoded) : std::string_view();
  if (source.starts_with('/')) source.remove_prefix(1);
  source = source.substr(0, source.find('/'));
  if (serves(scope, "s3") && in_scope(scope, bucket) &&
      (copy_source.empty() || in_scope(scope, source)))
    return {};
  return fail(aws_error("AccessDenied", 403, "Access Denied"));
}

}  // namespace

std::string scope_service(const wire::RequestHead& head) {
  std::string_view credential;
  std::string decoded;
  if (auto header = head.headers.get("Authorization")) {
    size_t at = header->find("Credential=");
    if (at == std::string_view::npos) return {};
    credential = header->substr(at + 11);
    credential = credential.substr(0, credential.find_first_of(", "));
  } else {
    std::string_view query = head.query();
    size_t at = query.find("X-Amz-Credential=");
    if (at == std::string_view::npos) return {};
    query = query.substr(at + 17);
    auto value = wire::percent_decode(query.substr(0, query.find('&')));
    if (!value) return {};
    decoded = std::move(*value);
    credential = decoded;
  }
  // key/date/region/service/aws4_request, where a key may itself hold '/'.
  size_t end = credential.rfind('/');
  if (end == std::string_view::npos || end == 0) return {};
  size_t begin = credential.rfind('/', end - 1);
  if (begin == std::string_view::npos) return {};
  return std::string(credential.substr(begin + 1, end - begin - 1));
}

Result<S3Address> s3_address(std::string_view host, std::string_view raw_path,
                             const std::vector<std::string>& domains) {
  auto decoded = wire::percent_decode(raw_path);
  if (!decoded || !decoded->starts_with('/'))
    return fail(aws_error("InvalidURI", 400, "Couldn't parse the specified URI."));
  std::string_view path = std::string_view(*decoded).substr(1);
  std::string name = to_lower(without_port(host));
  for (const std::string& domain : domains) {
    if (name.size() <= domain.size() + 1 || !name.ends_with(domain)) continue;
    size_t dot = name.size() - domain.size() - 1;
    // "s3.localhost" is the service under the name that AWS documents for it.
    if (name[dot] != '.' || name.substr(0, dot) == "s3") continue;
    std::string bucket = name.substr(0, dot);
    size_t site = bucket.rfind(".s3-website");
    bool website = site != std::string::npos;
    if (website) bucket.resize(site);
    return S3Address{std::move(bucket), std::string(path), true, website};
  }
  size_t slash = path.find('/');
  if (slash == std::string_view::npos) return S3Address{std::string(path), {}, false, false};
  return S3Address{std::string(path.substr(0, slash)), std::string(path.substr(slash + 1)), false,
                   false};
}

FrontDoor::FrontDoor(Context& context, S3Service& s3, Ec2Service* ec2,
                     std::vector<std::string> domains, KeyRingLimits key_limits)
    : context_(context),
      s3_(s3),
      ec2_(ec2),
      domains_(std::move(domains)),
      authenticator_(context.world, context.accounts, context.region, context.sessions),
      keys_(context.world, context.accounts, key_limits),
      turns_(context.world.clock,
             key_limits.defend ? TurnLimits{} : TurnLimits{.burst = SIZE_MAX, .share = SIZE_MAX}),
      remember_urls_(key_limits.defend && key_limits.fresh > Duration()) {}

RequestIds FrontDoor::s3_ids() {
  std::array<uint8_t, 32> bytes;
  context_.world.random.fill(bytes);
  std::string_view raw(reinterpret_cast<char*>(bytes.data()), bytes.size());
  return {to_upper(hex(raw.substr(0, 8))), base64(raw)};
}

std::string FrontDoor::ec2_id() {
  std::string id = context_.world.random.hex_id(32);
  id[12] = '4';
  id[16] = "89ab"[static_cast<unsigned char>(id[16]) % 4];
  return fmt::format("{}-{}-{}-{}-{}", id.substr(0, 8), id.substr(8, 4), id.substr(12, 4),
                     id.substr(16, 4), id.substr(20));
}

aio::Task<Result<>> FrontDoor::handle(net::Exchange& exchange, std::string instance) {
  ++served_;
  const wire::RequestHead& head = exchange.request();
  if (head.path() == "/_croft/health") co_return co_await health(exchange);
  std::string service = scope_service(head);
  if (service.empty()) service = looks_like_ec2(head) ? "ec2" : "s3";
  if (service == "s3") co_return co_await serve_s3(exchange, std::move(instance));
  if (service == "ec2") co_return co_await serve_ec2(exchange, std::move(instance));
  if (service == "sts") co_return co_await serve_sts(exchange, std::move(instance));
  co_return co_await refuse_service(exchange, std::move(service));
}

/// x-croft-deadline-ms, since 1970: until when the caller waits. SlowDown when that is over: an
/// answer would find nobody.
Result<Moment> FrontDoor::deadline_of(const wire::RequestHead& head) const {
  auto text = head.headers.get("x-croft-deadline-ms");
  auto ms = text ? parse_u64(*text) : std::nullopt;
  if (!ms || *ms > INT64_MAX / 2'000'000) return Moment{INT64_MAX};
  int64_t left = static_cast<int64_t>(*ms) * 1'000'000 - context_.world.clock.wall().ns;
  if (left <= 0) return fail(Error(Code::throttled, "the caller's time is over"));
  return context_.world.clock.now() + Duration::nanoseconds(left);
}

/// The account behind a claim.
aio::Task<Result<Accounts::Found>> FrontDoor::who(const Claim& claim, Moment deadline) {
  auto found = co_await keys_.find(claim.access_key(), deadline);
  if (found || found.error().fact("overload").empty()) co_return found;
  co_return fail(Error(Code::throttled, found.error().what));
}

/// Requests of nobody, and of keys that do not exist, share one lane: making up keys buys nothing.
aio::Task<Result<Turns::Turn>> FrontDoor::turn_of(AccountRef account, Moment deadline) {
  return turns_.enter(account ? account->account_id : std::string(), deadline);
}

aio::Task<Result<>> FrontDoor::run() {
  aio::Scope scope(co_await aio::here());
  scope.spawn(keys_.run());
  scope.spawn(turns_.run());
  co_return co_await scope.join();
}

/// An account is known by its key before the signature is computed: then its turn comes. Temporary
/// keys are not looked up: their token says all, once it is opened.
aio::Task<Result<Verified>> FrontDoor::check_in_turn(Claim claim, const wire::RequestHead& head,
                                                     Protocol protocol, std::string payload_hash,
                                                     Moment deadline, HeldTurn& turn) {
  Accounts::Found found;
  bool session = !claim.authorization.session_token.empty();
  if (!session) {
    found = CO_TRY(co_await who(claim, deadline));
    turn.emplace(CO_TRY(co_await turn_of(found.account, deadline)));
  }
  Verified verified = CO_TRY(
      authenticator_.check(std::move(claim), head, protocol, std::move(payload_hash), found));
  if (session) turn.emplace(CO_TRY(co_await turn_of(verified.caller.account, deadline)));
  co_return verified;
}

/// Of the services whose signatures cover the form in the body.
aio::Task<Result<Verified>> FrontDoor::verify_query(const wire::RequestHead& head,
                                                    Protocol protocol, const std::string& body,
                                                    HeldTurn& turn) {
  Claim claim = CO_TRY(authenticator_.read(head, protocol, body));
  Moment deadline = CO_TRY(deadline_of(head));
  co_return co_await check_in_turn(std::move(claim), head, protocol, sha256_hex(body), deadline,
                                   turn);
}

aio::Task<Result<>> FrontDoor::health(net::Exchange& exchange) {
  wire::Headers headers{{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  std::string body = fmt::format("{{\"status\":\"ok\",\"farm\":\"{}\",\"region\":\"{}\"}}\n",
                                 context_.farm_id, context_.region);
  co_return co_await exchange.respond(200, std::move(headers), std::move(body));
}

/// Query-protocol services that the farm does not have (iam, ...): their own envelope.
aio::Task<Result<>> FrontDoor::refuse_service(net::Exchange& exchange, std::string service) {
  Answer answer(exchange, {ec2_id(), {}});
  wire::xml::Writer writer;
  writer.open("ErrorResponse")
      .open("Error")
      .element("Type", "Sender")
      .element("Code", "NotImplemented");
  writer.element("Message",
                 fmt::format("This farm serves ec2, s3 and sts, not '{}'", printable(service)));
  writer.close().element("RequestId", answer.ids().request_id);
  wire::Headers headers{{"Content-Type", "text/xml"}};
  std::string body = writer.take();
  co_return co_await answer.respond(501, std::move(headers), std::move(body));
}

aio::Task<Result<>> FrontDoor::serve_s3(net::Exchange& exchange, std::string instance) {
  Answer answer(exchange, s3_ids());
  Usage usage{.service = "s3", .operation = "refused", .instance = instance};
  Result<> done = co_await call_s3(exchange, answer, instance, usage);
  if (!done && !exchange.answered()) {
    AwsError shown = as_s3_error(done.error());
    if (shown.status >= 500)
      log::warn("s3", "{}: {}", answer.ids().request_id, done.error().line());
    std::string resource(exchange.request().path());
    done = co_await answer.s3_error(done.error(), resource);
  }
  usage.status = answer.status();
  usage.bytes_out = answer.bytes_out();
  context_.meter.request(usage);
  co_return done;
}

/// A request without any signature is nobody's: buckets may let everybody in. A web site knows no
/// signatures, and a browser's preflight carries the query of what it asks about, whose signature
/// is not its own.
aio::Task<Result<Verified>> FrontDoor::verify_s3(const wire::RequestHead& head,
                                                 const S3Address& address, HeldTurn& turn) {
  Moment deadline = CO_TRY(deadline_of(head));
  if (!address.website && head.method != "OPTIONS" && !is_anonymous(head)) {
    if (remember_urls_)
      if (const Verified* known = authenticator_.known(head)) {
        Verified copy = *known;
        turn.emplace(CO_TRY(co_await turn_of(copy.caller.account, deadline)));
        co_return copy;
      }
    std::string_view host_bucket = address.by_host ? std::string_view(address.bucket) : "";
    Claim claim = CO_TRY(authenticator_.read(head, Protocol::s3, {}, host_bucket));
    auto verified =
        co_await check_in_turn(std::move(claim), head, Protocol::s3, {}, deadline, turn);
    if (verified && remember_urls_) authenticator_.remember(head, *verified);
    co_return verified;
  }
  turn.emplace(CO_TRY(co_await turn_of(nullptr, deadline)));
  Verified nobody;
  nobody.authorization.payload_hash = std::string(wire::sigv4::unsigned_payload);
  if (auto hash = head.headers.get("x-amz-content-sha256"))
    nobody.authorization.payload_hash = std::string(*hash);
  auto query = wire::Query::parse(head.query());
  if (!query) co_return fail(aws_error("InvalidURI", 400, "Couldn't parse the specified URI."));
  nobody.authorization.query = std::move(*query);
  co_return nobody;
}

aio::Task<Result<>> FrontDoor::call_s3(net::Exchange& exchange, Answer& answer,
                                       std::string instance, Usage& usage) {
  const wire::RequestHead& head = exchange.request();
  CO_TRY(s3_.admit(head));
  S3Address address = CO_TRY(s3_address(head.headers.value("Host"), head.path(), domains_));
  HeldTurn turn;
  Verified verified = CO_TRY(co_await verify_s3(head, address, turn));
  verified.caller.instance = std::move(instance);
  if (context_.disk_full && (head.method == "PUT" || head.method == "POST"))
    co_return fail(Code::resource_exhausted, "the farm's disk is full (on purpose: a fault)");
  if (verified.caller.session)
    CO_TRY(allowed_s3(verified.caller.session->scope, address.bucket,
                      head.headers.value("x-amz-copy-source")));
  wire::Query query = std::move(verified.authorization.query);
  auto chunks = authenticator_.chunk_signer(verified);
  AccountRef account = verified.caller.account;
  S3Request request{.exchange = exchange,
                    .answer = answer,
                    .caller = std::move(verified.caller),
                    .authorization = std::move(verified.authorization),
                    .chunks = std::move(chunks),
                    .bucket = std::move(address.bucket),
                    .key = std::move(address.key),
                    .query = std::move(query),
                    .website = address.website};
  if (account) usage.account_id = account->account_id;
  Result<> done = co_await s3_.call(request);
  usage.operation = request.operation;
  usage.bytes_in = request.bytes_in;
  if (!request.billed.empty()) usage.account_id = request.billed;
  co_return done;
}

aio::Task<Result<>> FrontDoor::serve_ec2(net::Exchange& exchange, std::string instance) {
  Answer answer(exchange, {ec2_id(), {}});
  Ec2Request request;
  request.request_id = answer.ids().request_id;
  request.caller.instance = instance;
  request.host = std::string(exchange.request().headers.value("Host"));
  Usage usage{.service = "ec2", .instance = instance};
  Result<std::string> inner = co_await call_ec2(exchange, request, usage);
  Result<> done;
  if (inner) {
    wire::Headers headers{{"Content-Type", "text/xml;charset=UTF-8"}};
    // In place: a list of a thousand instances is megabytes, and copying it a third of the answer.
    std::string body = std::move(*inner);
    body.insert(0, fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{}Response "
                               "xmlns=\"{}\"><requestId>{}</requestId>",
                               request.action, ec2_namespace(request.version), request.request_id));
    body.append("</").append(request.action).append("Response>");
    done = co_await answer.respond(200, std::move(headers), std::move(body));
  } else {
    AwsError shown = as_ec2_error(inner.error());
    if (shown.status >= 500) log::warn("ec2", "{}: {}", request.request_id, inner.error().line());
    done = co_await answer.ec2_error(inner.error());
  }
  usage.operation = request.action;
  usage.status = answer.status();
  usage.bytes_out = answer.bytes_out();
  context_.meter.request(usage);
  co_return done;
}

aio::Task<Result<std::string>> FrontDoor::call_ec2(net::Exchange& exchange, Ec2Request& request,
                                                   Usage& usage) {
  const wire::RequestHead& head = exchange.request();
  auto body = co_await exchange.read_all(max_ec2_body);
  if (!body) {
    exchange.close_after();
    if (body.error().code == Code::resource_exhausted)
      co_return fail(aws_error("MaxMessageLengthExceeded", 400, "Your request was too big."));
    co_return fail(std::move(body).error());
  }
  usage.bytes_in = body->size();
  HeldTurn turn;
  Verified verified = CO_TRY(co_await verify_query(head, Protocol::ec2, *body, turn));
  std::string instance = std::move(request.caller.instance);
  request.caller = std::move(verified.caller);
  request.caller.instance = std::move(instance);
  usage.account_id = request.caller.account->account_id;
  if (request.caller.session && !serves(request.caller.session->scope, "ec2"))
    co_return fail(
        aws_error("UnauthorizedOperation", 403,
                  fmt::format("The role {} may not use ec2", request.caller.session->role)));
  for (std::string_view text : {head.query(), std::string_view(*body)}) {
    auto query = wire::Query::parse(text);
    if (!query) co_return fail(aws_error("MalformedQueryString", 400, query.error().what));
    for (const wire::Query::Pair& pair : query->pairs()) {
      if (pair.name == "Action") request.action = pair.value;
      if (pair.name == "Version") request.version = pair.value;
      if (!belongs_to_signature(pair.name)) request.parameters.emplace_back(pair.name, pair.value);
    }
  }
  if (request.action.empty())
    co_return fail(
        aws_error("MissingAction", 400, "The request must contain the parameter Action"));
  // The name becomes an element of the answer.
  bool plain = std::ranges::all_of(request.action, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (!plain || request.action.size() > 128)
    co_return fail(aws_error("InvalidAction", 400,
                             fmt::format("The action {} is not valid for this web service",
                                         printable(request.action.substr(0, 128)))));
  if (!ec2_) co_return fail(aws_error("NotImplemented", 501, "This farm was started without EC2"));
  // A copy: the caller still writes the envelope and the meter's record from the request.
  co_return co_await ec2_->call(request);
}

}  // namespace croft::farm
