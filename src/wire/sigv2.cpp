#include "wire/sigv2.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/text.h"

namespace croft::wire::sigv2 {
namespace {

constexpr uint64_t last_second = 9'000'000'000;

/// The query names that take part in an S3 signature, sorted.
constexpr auto signed_names = std::to_array<std::string_view>({
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
});

std::unexpected<Error> malformed(std::string what) {
  return fail(Error(Code::syntax, std::move(what)).fact("reason", "malformed"));
}

/// "x-amz-...:value\n" of every such header, by name, repeated ones joined by commas.
std::string amz_headers(const Headers& headers) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : headers.fields()) {
    std::string lower = to_lower(name);
    if (!lower.starts_with("x-amz-")) continue;
    std::string& into = found[lower];
    if (!into.empty()) into += ',';
    into += trim(value);
  }
  std::string out;
  for (const auto& [name, value] : found) out.append(name).append(":").append(value).append("\n");
  return out;
}

std::string resource(std::string_view path, const Query& query, std::string_view host_bucket) {
  std::string out;
  if (!host_bucket.empty()) out.append("/").append(host_bucket);
  out.append(path);
  std::vector<const Query::Pair*> pairs;
  for (const Query::Pair& pair : query.pairs())
    if (std::ranges::binary_search(signed_names, std::string_view(pair.name)))
      pairs.push_back(&pair);
  std::ranges::sort(pairs, {}, [](const Query::Pair* pair) { return pair->name; });
  char glue = '?';
  for (const Query::Pair* pair : pairs) {
    out += glue;
    out += pair->name;
    if (pair->has_value) out.append("=").append(pair->value);
    glue = '&';
  }
  return out;
}

Result<WallTime> request_time(const Headers& headers) {
  auto text = headers.get("x-amz-date");
  if (!text) text = headers.get("date");
  if (!text) return malformed("a signed request needs x-amz-date or Date");
  // As mail writes it, and s3cmd sends it: "... 10:00:00 +0000".
  std::string date(*text);
  for (std::string_view zero : {" +0000", " -0000"})
    if (date.ends_with(zero)) date.replace(date.size() - zero.size(), zero.size(), " GMT");
  for (auto read : {WallTime::parse_http_date(date), WallTime::parse_iso8601(date)})
    if (read) return *read;
  return malformed("'" + printable(text->substr(0, 60)) + "' is not a date");
}

Result<std::string> one(const Query& query, std::string_view name) {
  if (query.count(name) != 1)
    return malformed(std::string(name) + " must stand once in the request");
  return std::string(query.value(name));
}

}  // namespace

bool present(const RequestHead& head, std::string_view body) {
  if (auto text = head.headers.get("authorization")) return text->starts_with("AWS ");
  for (std::string_view text : {head.query(), body}) {
    // Nobody encodes these letters; and most requests need no second look.
    if (text.find("AWSAccessKeyId=") == std::string_view::npos) continue;
    auto query = Query::parse(text);
    if (query && query->has("AWSAccessKeyId") && query->has("Signature") &&
        !query->has("X-Amz-Algorithm"))
      return true;
  }
  return false;
}

Result<Authorization> read_s3(const RequestHead& head, std::string_view host_bucket) {
  Authorization auth;
  Query query = TRY(Query::parse(head.query()));
  std::string date(head.headers.has("x-amz-date") ? "" : head.headers.value("date"));
  if (auto text = head.headers.get("authorization")) {
    if (query.has("Signature") || query.has("X-Amz-Signature") ||
        head.headers.count("authorization") > 1)
      return malformed("the request is signed more than once");
    std::string_view rest = text->substr(4);
    size_t colon = rest.rfind(':');
    if (colon == std::string_view::npos || colon == 0)
      return malformed("Authorization must be 'AWS KEY:SIGNATURE'");
    auth.access_key = std::string(trim(rest.substr(0, colon)));
    auth.signature = std::string(trim(rest.substr(colon + 1)));
    auto time = request_time(head.headers);
    if (!time)
      auth.undated = time.error().what;
    else if (time->ns < 0)
      auth.undated = "the time of clocks begins in 1970";
    else
      auth.time = *time;
  } else {
    auth.presigned = true;
    auth.access_key = TRY(one(query, "AWSAccessKeyId"));
    auth.signature = TRY(one(query, "Signature"));
    date = TRY(one(query, "Expires"));
    auto seconds = parse_u64(date);
    // Later than the year 9999 is no time that anybody means.
    if (!seconds || *seconds > 253'402'300'799)
      return malformed("Expires must be a number of seconds");
    // Clients write a year far ahead for "never"; nanoseconds end in 2262.
    auth.expires = WallTime::from_unix_seconds(
        static_cast<int64_t>(std::min<uint64_t>(*seconds, last_second)));
  }
  std::string text;
  text.append(head.method).append("\n");
  text.append(head.headers.value("content-md5")).append("\n");
  text.append(head.headers.value("content-type")).append("\n");
  text.append(date).append("\n").append(amz_headers(head.headers));
  std::string path(head.path());
  auth.string_to_sign = text + resource(path, query, host_bucket);
  bool bucket_alone = host_bucket.empty() && path.size() > 1 && path.find('/', 1) == path.npos;
  if (bucket_alone)
    auth.other_strings_to_sign.push_back(text + resource(path + "/", query, host_bucket));
  std::string_view lead = head.query().substr(0, head.query().find('&'));
  if (!auth.presigned && !lead.empty())
    auth.other_strings_to_sign.push_back(
        text + resource(path + "?" + std::string(lead), query, host_bucket));
  return auth;
}

Result<Authorization> read_query(const RequestHead& head, std::string_view body) {
  Authorization auth;
  Query all = TRY(Query::parse(head.query()));
  Query form = TRY(Query::parse(body));
  for (const Query::Pair& pair : form.pairs()) all.add(pair.name, pair.value);
  auth.access_key = TRY(one(all, "AWSAccessKeyId"));
  auth.signature = TRY(one(all, "Signature"));
  if (TRY(one(all, "SignatureVersion")) != "2") return malformed("SignatureVersion must be 2");
  std::string method = TRY(one(all, "SignatureMethod"));
  if (method != "HmacSHA256" && method != "HmacSHA1")
    return malformed("SignatureMethod must be HmacSHA256 or HmacSHA1");
  auth.hash = method == "HmacSHA1" ? Hash::sha1 : Hash::sha256;
  if (all.has("Expires") == all.has("Timestamp"))
    return malformed("either Timestamp or Expires must be there");
  auto time = WallTime::parse_iso8601(TRY(one(all, all.has("Expires") ? "Expires" : "Timestamp")));
  if (!time) return malformed("Timestamp and Expires are written as 2008-04-07T10:00:00Z");
  (all.has("Expires") ? auth.expires : auth.time) = *time;
  auth.presigned = auth.expires.has_value();

  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Query::Pair& pair : all.pairs())
    if (pair.name != "Signature")
      pairs.emplace_back(percent_encode(pair.name), percent_encode(pair.value));
  std::ranges::sort(pairs);
  std::string& out = auth.string_to_sign;
  out.append(head.method).append("\n").append(to_lower(head.headers.value("host"))).append("\n");
  out.append(head.path()).append("\n");
  bool first = true;
  for (const auto& [name, value] : pairs) {
    if (!std::exchange(first, false)) out += '&';
    out.append(name).append("=").append(value);
  }
  return auth;
}

std::string signature(const Authorization& auth, const Secret& secret, std::string_view text) {
  return base64(hmac(auth.hash, secret.reveal(), text));
}

bool matches(const Authorization& auth, const Secret& secret) {
  bool same = constant_time_equal(signature(auth, secret, auth.string_to_sign), auth.signature);
  for (const std::string& text : auth.other_strings_to_sign)
    same |= constant_time_equal(signature(auth, secret, text), auth.signature);
  return same;
}

}  // namespace croft::wire::sigv2
