#include "wire/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/digest.h"
#include "base/text.h"
#include "wire/uri.h"

namespace croft::wire::sigv4 {
namespace {

constexpr std::string_view service_s3 = "s3";

/// What clients, proxies or croft's own HTTP client change after signing.
constexpr std::string_view never_signed[] = {"accept-encoding",
                                             "authorization",
                                             "connection",
                                             "content-length",
                                             "expect",
                                             "keep-alive",
                                             "te",
                                             "trailer",
                                             "transfer-encoding",
                                             "upgrade",
                                             "user-agent",
                                             "x-amzn-trace-id"};

/// Trimmed, and runs of blanks folded into one space.
void append_header_value(std::string& out, std::string_view value) {
  bool gap = false, any = false;
  for (char c : value) {
    if (c == ' ' || c == '\t') {
      gap = true;
      continue;
    }
    if (gap && any) out += ' ';
    gap = false;
    any = true;
    out += c;
  }
}

Result<std::string> canonical_path(std::string_view raw, std::string_view service) {
  if (raw.empty()) raw = "/";
  if (service != service_s3) return percent_encode_path(normalize_path(raw));
  // The raw path is encoded once already. Decoding first makes "(" and "%28" the same; piece by
  // piece, since clients that send "%2F" sign it as such.
  std::string out;
  for (;;) {
    size_t slash = std::min(raw.find('/'), raw.size());
    out += percent_encode(TRY(percent_decode(raw.substr(0, slash))));
    if (slash == raw.size()) return out;
    out += '/';
    raw.remove_prefix(slash + 1);
  }
}

/// Sorted by encoded name, then value. One buffer for all: this runs for every request.
std::string canonical_query(const Query& query) {
  size_t room = 0;
  for (const Query::Pair& pair : query.pairs()) room += 3 * (pair.name.size() + pair.value.size());
  std::string encoded;
  encoded.reserve(room);  // at most three bytes for each: the views below stay valid
  auto encode = [&encoded](std::string_view text) {
    size_t begin = encoded.size();
    percent_encode_to(encoded, text);
    return std::string_view(encoded).substr(begin);
  };
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  pairs.reserve(query.pairs().size());
  for (const Query::Pair& pair : query.pairs()) {
    if (pair.name == "X-Amz-Signature") continue;
    std::string_view name = encode(pair.name);
    pairs.emplace_back(name, encode(pair.value));
  }
  std::ranges::sort(pairs);
  std::string out;
  out.reserve(room + 2 * pairs.size());
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string lower_hex_signature(const Secret& key, std::string_view text) {
  return hex(hmac(Hash::sha256, key.reveal(), text));
}

std::vector<std::string> headers_to_sign(const Headers& headers, bool all) {
  std::set<std::string> names;
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = to_lower(name);
    if (all || std::ranges::find(never_signed, lower) == std::end(never_signed))
      names.insert(lower);
  }
  return {names.begin(), names.end()};
}

Result<> check_ready(const RequestHead& head, const SigningKey& key) {
  if (head.headers.count("host") != 1)
    return fail(Code::invalid_argument,
                "a request must have exactly one Host header before it is signed");
  if (key.access_key.empty() || key.secret.empty())
    return fail(Code::unauthenticated, "no access key or no secret key to sign with");
  return {};
}

std::unexpected<Error> refuse(Code code, std::string_view reason, std::string what) {
  return fail(Error(code, std::move(what)).fact("reason", std::string(reason)));
}
std::unexpected<Error> malformed(std::string what) {
  return refuse(Code::syntax, "malformed", std::move(what));
}

bool is_lower_hex(std::string_view text, size_t size) {
  return text.size() == size && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// "AKID/20080407/us-east-1/s3/aws4_request". An access key may hold '/': the scope is the last
/// four.
Result<> read_credential(Authorization& auth, std::string_view text) {
  std::vector<std::string> parts = split(text, '/');
  if (parts.size() < 5 || parts.back() != "aws4_request")
    return malformed("the Credential must be KEY/DATE/REGION/SERVICE/aws4_request, not '" +
                     printable(text.substr(0, 200)) + "'");
  size_t n = parts.size();
  auth.scope = {parts[n - 4], parts[n - 3], parts[n - 2]};
  size_t key_size = text.size() - auth.scope.text().size() - 1;
  auth.access_key = std::string(text.substr(0, key_size));
  bool digits = std::ranges::all_of(auth.scope.date, [](char c) { return c >= '0' && c <= '9'; });
  if (auth.access_key.empty() || auth.scope.date.size() != 8 || !digits ||
      auth.scope.service.empty())
    return malformed("the Credential '" + printable(text.substr(0, 200)) +
                     "' lacks a key, date or service");
  return {};
}

Result<> read_signed_headers(Authorization& auth, std::string_view text) {
  auth.signed_headers = split(text, ';');
  std::set<std::string_view> seen;
  for (const std::string& name : auth.signed_headers)
    if (name.empty() || to_lower(name) != name || !seen.insert(name).second)
      return malformed(
          "SignedHeaders must be lower-case names, each once, separated by ';', not '" +
          printable(text.substr(0, 200)) + "'");
  if (!seen.contains("host")) return malformed("'host' must be among the SignedHeaders");
  return {};
}

Result<> read_signature(Authorization& auth, std::string_view text) {
  if (!is_lower_hex(text, 64)) return malformed("the Signature must be 64 lower-case hex digits");
  auth.signature = std::string(text);
  return {};
}

Result<> read_date(Authorization& auth, std::string_view text, std::string_view field) {
  bool basic = text.size() == 16 && text[8] == 'T' && text[15] == 'Z';
  auto time = basic ? WallTime::parse_iso8601(text) : Result<WallTime>(fail(Code::syntax, ""));
  if (!time)
    return refuse(Code::syntax, "date",
                  fmt::format("{} must look like 20080407T100000Z, not '{}'", field,
                              printable(text.substr(0, 60))));
  auth.time = *time;
  auth.amz_date = std::string(text);
  return {};
}

Result<> check_date_matches_scope(const Authorization& auth) {
  if (auth.amz_date.substr(0, 8) == auth.scope.date) return {};
  return refuse(Code::syntax, "date",
                fmt::format("the Credential is of {}, the request of {}", auth.scope.date,
                            auth.amz_date.substr(0, 8)));
}

Result<Authorization> from_header(const RequestHead& head, std::string_view text) {
  if (text.starts_with("AWS "))
    return refuse(Code::unsupported, "sigv2", "signature version 2 is not supported");
  if (!text.starts_with(algorithm) || text.size() <= algorithm.size() ||
      text[algorithm.size()] != ' ')
    return refuse(Code::unsupported, "algorithm",
                  "Authorization must begin with 'AWS4-HMAC-SHA256 '");
  Authorization auth;
  std::set<std::string> seen;
  for (const std::string& piece : split(text.substr(algorithm.size() + 1), ',')) {
    auto field = cut(trim(piece), '=');
    if (!field)
      return malformed("'" + printable(piece.substr(0, 100)) +
                       "' in Authorization is not NAME=VALUE");
    auto [name, value] = *field;
    if (!seen.emplace(name).second)
      return malformed("'" + printable(name) + "' stands twice in Authorization");
    if (name == "Credential")
      TRY(read_credential(auth, value));
    else if (name == "SignedHeaders")
      TRY(read_signed_headers(auth, value));
    else if (name == "Signature")
      TRY(read_signature(auth, value));
    else
      return malformed("unknown '" + printable(name.substr(0, 100)) + "' in Authorization");
  }
  for (const char* name : {"Credential", "SignedHeaders", "Signature"})
    if (!seen.contains(name)) return malformed(std::string("Authorization lacks ") + name);

  if (auto date = head.headers.get("x-amz-date")) {
    TRY(read_date(auth, *date, "X-Amz-Date"));
  } else if (auto plain = head.headers.get("date")) {
    auto time = WallTime::parse_http_date(*plain);
    if (time)
      auth.time = *time, auth.amz_date = time->iso8601_basic();
    else
      TRY(read_date(auth, *plain, "Date"));
  } else {
    return refuse(Code::syntax, "date", "a signed request needs X-Amz-Date or Date");
  }
  TRY(check_date_matches_scope(auth));
  auth.payload_hash = std::string(head.headers.value("x-amz-content-sha256"));
  auth.session_token = std::string(head.headers.value("x-amz-security-token"));
  return auth;
}

Result<Authorization> from_query(const RequestHead& head, const Query& query) {
  if (query.value("X-Amz-Algorithm") != algorithm)
    return refuse(Code::unsupported, "algorithm", "X-Amz-Algorithm must be AWS4-HMAC-SHA256");
  for (const char* name : {"X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders",
                           "X-Amz-Signature"})
    if (query.count(name) != 1)
      return malformed(
          fmt::format("{} must stand once in the query, found {}", name, query.count(name)));
  Authorization auth;
  auth.presigned = true;
  TRY(read_credential(auth, query.value("X-Amz-Credential")));
  TRY(read_signed_headers(auth, query.value("X-Amz-SignedHeaders")));
  TRY(read_signature(auth, query.value("X-Amz-Signature")));
  TRY(read_date(auth, query.value("X-Amz-Date"), "X-Amz-Date"));
  TRY(check_date_matches_scope(auth));
  auto seconds = parse_u64(query.value("X-Amz-Expires"));
  if (!seconds || *seconds < 1 ||
      Duration::seconds(static_cast<int64_t>(std::min<uint64_t>(*seconds, 1 << 30))) > max_expires)
    return refuse(Code::invalid_argument, "expires",
                  "X-Amz-Expires must be 1 to 604800 seconds, not '" +
                      printable(query.value("X-Amz-Expires")) + "'");
  auth.expires = Duration::seconds(static_cast<int64_t>(*seconds));
  auth.session_token = std::string(query.value("X-Amz-Security-Token"));
  auto hash = head.headers.get("x-amz-content-sha256");
  if (!hash) hash = query.get("X-Amz-Content-Sha256");
  bool free = auth.scope.service == service_s3;
  auth.payload_hash = std::string(hash.value_or(free ? unsigned_payload : std::string_view{}));
  return auth;
}

}  // namespace

std::string Scope::text() const {
  std::string out;
  out.reserve(date.size() + region.size() + service.size() + 15);
  return out.append(date).append("/").append(region).append("/").append(service).append(
      "/aws4_request");
}

Secret derive_key(const Secret& secret, const Scope& scope) {
  Secret start("AWS4" + secret.reveal());
  std::string key = hmac(Hash::sha256, start.reveal(), scope.date);
  key = hmac(Hash::sha256, key, scope.region);
  key = hmac(Hash::sha256, key, scope.service);
  return Secret(hmac(Hash::sha256, key, "aws4_request"));
}

const Secret& KeyCache::key(const Secret& secret, const Scope& scope) {
  // The name holds a hash of the secret, not the secret: it lives longer than a request.
  std::string name = digest(Hash::sha256, secret.reveal()) + scope.text();
  if (auto found = by_name_.find(name); found != by_name_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().key;
  }
  if (entries_.size() == capacity) {
    by_name_.erase(entries_.back().name);
    entries_.pop_back();
  }
  entries_.push_front({name, derive_key(secret, scope)});
  by_name_.emplace(std::move(name), entries_.begin());
  return entries_.front().key;
}

namespace {
Result<std::string> canonical_text(const RequestHead& head, const Query& query,
                                   std::string_view service,
                                   std::span<const std::string> signed_headers,
                                   std::string_view payload_hash) {
  std::string out = head.method;
  out.reserve(head.target.size() + 512);
  out.append("\n").append(TRY(canonical_path(head.path(), service)));
  out.append("\n").append(canonical_query(query));
  out += '\n';
  std::vector<std::string> names(signed_headers.begin(), signed_headers.end());
  std::ranges::sort(names);
  for (const std::string& name : names) {
    bool first = true;
    for (const auto& [field, value] : head.headers.fields()) {
      if (!equals_ignore_case(field, name)) continue;
      out.append(first ? name : "").append(first ? ":" : ",");
      append_header_value(out, value);
      first = false;
    }
    if (first)
      return fail(
          Error(Code::syntax, "the signed header '" + printable(name) + "' is not in the request")
              .fact("reason", "malformed"));
    out += '\n';
  }
  return out.append("\n").append(join(names, ";")).append("\n").append(payload_hash);
}
}  // namespace

Result<std::string> canonical_request(const RequestHead& head, std::string_view service,
                                      std::span<const std::string> signed_headers,
                                      std::string_view payload_hash) {
  Query query = TRY(Query::parse(head.query()));
  return canonical_text(head, query, service, signed_headers, payload_hash);
}

std::string string_to_sign(std::string_view amz_date, const Scope& scope,
                           std::string_view canonical) {
  std::string out(algorithm);
  out.reserve(192);
  out.append("\n").append(amz_date).append("\n").append(scope.text()).append("\n");
  return out.append(sha256_hex(canonical));
}

Result<Signed> sign_headers(RequestHead& head, const SigningKey& key, std::string_view service,
                            std::string_view region, WallTime now, std::string_view payload_hash) {
  TRY(check_ready(head, key));
  Signed out;
  out.amz_date = now.iso8601_basic();
  out.scope = {out.amz_date.substr(0, 8), std::string(region), std::string(service)};
  head.headers.remove("authorization");
  head.headers.remove("x-amz-security-token");
  head.headers.set("X-Amz-Date", out.amz_date);
  if (!key.session_token.empty()) head.headers.set("X-Amz-Security-Token", key.session_token);
  if (service == service_s3) head.headers.set("X-Amz-Content-Sha256", std::string(payload_hash));
  std::vector<std::string> names = headers_to_sign(head.headers, false);
  std::string canonical = TRY(canonical_request(head, service, names, payload_hash));
  out.signature = lower_hex_signature(derive_key(key.secret, out.scope),
                                      string_to_sign(out.amz_date, out.scope, canonical));
  head.headers.set("Authorization",
                   fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm,
                               key.access_key, out.scope.text(), join(names, ";"), out.signature));
  return out;
}

Result<std::string> presign(const RequestHead& head, const SigningKey& key,
                            std::string_view service, std::string_view region, WallTime now,
                            Duration expires, std::string_view payload_hash) {
  TRY(check_ready(head, key));
  if (expires < Duration::seconds(1) || expires > max_expires)
    return fail(Code::invalid_argument,
                "a presigned URL lives 1 s to 7 days, not " + expires.text());
  if (payload_hash.empty()) payload_hash = service == service_s3 ? unsigned_payload : empty_sha256;
  std::string amz_date = now.iso8601_basic();
  Scope scope{amz_date.substr(0, 8), std::string(region), std::string(service)};
  std::vector<std::string> names = headers_to_sign(head.headers, true);

  Query query = TRY(Query::parse(head.query()));
  for (const char* name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
                           "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature"})
    query.remove(name);
  query.add("X-Amz-Algorithm", std::string(algorithm));
  query.add("X-Amz-Credential", key.access_key + "/" + scope.text());
  query.add("X-Amz-Date", amz_date);
  query.add("X-Amz-Expires", std::to_string(expires.ns() / 1'000'000'000));
  query.add("X-Amz-SignedHeaders", join(names, ";"));
  if (!key.session_token.empty()) query.add("X-Amz-Security-Token", key.session_token);

  RequestHead signed_head;
  signed_head.method = head.method;
  signed_head.headers = head.headers;
  std::string_view path = head.path().empty() ? std::string_view("/") : head.path();
  signed_head.target = fmt::format("{}?{}", path, query.text());
  std::string canonical = TRY(canonical_request(signed_head, service, names, payload_hash));
  std::string signature = lower_hex_signature(derive_key(key.secret, scope),
                                              string_to_sign(amz_date, scope, canonical));
  return signed_head.target + "&X-Amz-Signature=" + signature;
}

Result<Authorization> parse_authorization(const RequestHead& head) {
  auto text = head.headers.get("authorization");
  if (head.headers.count("authorization") > 1)
    return malformed("more than one Authorization header");
  auto query = Query::parse(head.query());
  if (!query) return fail(std::move(query.error()).fact("reason", "malformed"));
  bool in_query = query->has("X-Amz-Algorithm") || query->has("X-Amz-Signature");
  if (text && in_query)
    return refuse(Code::syntax, "both",
                  "signed twice, by the Authorization header and by the query");
  if (text || in_query) {
    Authorization auth = TRY(text ? from_header(head, *text) : from_query(head, *query));
    auth.query = std::move(*query);
    return auth;
  }
  if (query->has("AWSAccessKeyId") && query->has("Signature"))
    return refuse(Code::unsupported, "sigv2", "signature version 2 is not supported");
  return refuse(Code::unauthenticated, "absent", "the request is not signed");
}

Result<std::string> expected_signature(const Authorization& auth, const RequestHead& head,
                                       std::string_view payload_hash, const Secret& secret,
                                       KeyCache* cache) {
  if (payload_hash.empty()) payload_hash = auth.payload_hash;
  std::string canonical =
      TRY(canonical_text(head, auth.query, auth.scope.service, auth.signed_headers, payload_hash));
  std::string text = string_to_sign(auth.amz_date, auth.scope, canonical);
  if (cache) return lower_hex_signature(cache->key(secret, auth.scope), text);
  return lower_hex_signature(derive_key(secret, auth.scope), text);
}

std::vector<std::string> unsigned_headers(const Authorization& auth, const RequestHead& head) {
  std::vector<std::string> out;
  for (const auto& [name, value] : head.headers.fields()) {
    bool wanted =
        equals_ignore_case(name, "host") ||
        (name.size() >= 6 && equals_ignore_case(std::string_view(name).substr(0, 6), "x-amz-"));
    if (!wanted) continue;
    std::string lower = to_lower(name);
    if (std::ranges::find(auth.signed_headers, lower) == auth.signed_headers.end() &&
        std::ranges::find(out, lower) == out.end())
      out.push_back(std::move(lower));
  }
  return out;
}

std::string ChunkSigner::sign(std::string_view text) {
  previous_ = lower_hex_signature(key_, text);
  return previous_;
}

std::string ChunkSigner::chunk(std::string_view sha256_of_data) {
  return sign(fmt::format("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{}\n{}", amz_date_, scope_.text(),
                          previous_, empty_sha256, sha256_of_data));
}

std::string ChunkSigner::trailer(std::string_view canonical_trailers) {
  return sign(fmt::format("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}", amz_date_, scope_.text(),
                          previous_, sha256_hex(canonical_trailers)));
}

}  // namespace croft::wire::sigv4
