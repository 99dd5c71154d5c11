#include "components/http_exchange.h"

#include <fmt/format.h>

#include <map>

#include "base/digest.h"
#include "base/pattern.h"
#include "base/text.h"
#include "components/http_proxy.h"
#include "wire/xml.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr int redirects_max = 10;
constexpr Bytes xml_max = Bytes::mib(8);
constexpr int xml_depth = 200;

/// name=value and name="quoted value", separated by commas.
std::map<std::string, std::string> challenge_parts(std::string_view text) {
  std::map<std::string, std::string> out;
  size_t at = 0;
  while (at < text.size()) {
    while (at < text.size() && (text[at] == ' ' || text[at] == ',' || text[at] == '\t')) ++at;
    size_t equals = text.find('=', at);
    if (equals == std::string_view::npos) break;
    std::string name = to_lower(trim(text.substr(at, equals - at)));
    at = equals + 1;
    std::string value;
    if (at < text.size() && text[at] == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        value += text[at];
      }
      if (at < text.size()) ++at;
    } else {
      size_t end = std::min(text.find(',', at), text.size());
      value = std::string(trim(text.substr(at, end - at)));
      at = end;
    }
    out[name] = value;
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Result<net::Url> target_of(const net::Url& from, std::string_view location) {
  if (location.find("://") != std::string_view::npos) return net::Url::parse(location);
  net::Url to = from;
  if (location.starts_with("//"))
    return net::Url::parse(fmt::format("{}:{}", from.scheme, location));
  if (location.starts_with('/')) {
    to.target = std::string(location);
    return to;
  }
  std::string path = from.target.substr(0, from.target.find('?'));
  to.target = path.substr(0, path.rfind('/') + 1) + std::string(location);
  return to;
}

}  // namespace

Result<std::string> digest_answer(std::string_view www_authenticate, const Signature& signature,
                                  std::string_view method, std::string_view target,
                                  std::string_view nonce_of_ours) {
  auto scheme = cut(trim(www_authenticate), ' ');
  if (!scheme || !equals_ignore_case(scheme->first, "Digest"))
    return fail(Code::unauthenticated,
                fmt::format("the server wants '{}', not a digest",
                            printable(www_authenticate.substr(0, www_authenticate.find(' ')))));
  auto parts = challenge_parts(scheme->second);
  std::string algorithm = parts.contains("algorithm") ? parts["algorithm"] : "MD5";
  bool session = to_lower(algorithm).ends_with("-sess");
  std::string base = to_lower(algorithm.substr(0, algorithm.size() - (session ? 5 : 0)));
  if (base != "md5" && base != "sha-256")
    return fail(Code::unsupported,
                fmt::format("the server wants a digest with {}", printable(algorithm)));
  Hash hash = base == "md5" ? Hash::md5 : Hash::sha256;
  auto h = [hash](const std::string& text) { return hex(digest(hash, text)); };
  std::string realm = parts["realm"], nonce = parts["nonce"];
  std::string one = h(fmt::format("{}:{}:{}", signature.user, realm, signature.password.reveal()));
  if (session) one = h(fmt::format("{}:{}:{}", one, nonce, nonce_of_ours));
  std::string two = h(fmt::format("{}:{}", method, target));
  bool qop = false;
  for (const auto& each : split(parts["qop"], ',')) qop |= trim(each) == "auth";
  constexpr const char* count = "00000001";
  std::string response =
      qop ? h(fmt::format("{}:{}:{}:{}:auth:{}", one, nonce, count, nonce_of_ours, two))
          : h(fmt::format("{}:{}:{}", one, nonce, two));
  std::string out =
      fmt::format("Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\"",
                  quoted(signature.user), quoted(realm), quoted(nonce), quoted(target), response);
  if (parts.contains("algorithm")) out += ", algorithm=" + algorithm;
  if (parts.contains("opaque")) out += ", opaque=" + quoted(parts["opaque"]);
  if (qop) out += fmt::format(", qop=auth, nc={}, cnonce={}", count, quoted(nonce_of_ours));
  return out;
}

std::string_view digest_challenge(const wire::Headers& headers) {
  std::string_view first;
  for (const auto& [name, value] : headers.fields()) {
    if (!equals_ignore_case(name, "WWW-Authenticate")) continue;
    if (first.empty()) first = value;
    // Several may stand in one field: "Basic realm="a", Digest realm=...".
    for (size_t at = 0; at != std::string::npos; at = value.find(',', at)) {
      while (at < value.size() && (value[at] == ',' || value[at] == ' ')) ++at;
      std::string_view rest = std::string_view(value).substr(at);
      auto scheme = cut(rest, ' ');
      if (scheme && equals_ignore_case(scheme->first, "Digest")) return rest;
    }
  }
  return first;
}

aio::Task<Result<net::Response>> exchange(const Context& context, net::ClientRequest request,
                                          Signature signature, bool follow) {
  if (signature.way == "HTTP_BASIC")
    request.headers.set("Authorization",
                        "Basic " + base64(signature.user + ":" + signature.password.reveal()));
  std::string host = request.url.authority();
  for (int hops = 0;; ++hops) {
    request.proxy = CO_TRY(proxy_for(context, request.url));
    auto answer = CO_TRY(co_await context.http().send(request));
    bool own = request.url.authority() == host;
    if (answer.status == 401 && signature.way == "HTTP_DIGEST" && own &&
        !request.headers.has("Authorization")) {
      // Its own nonce need not be secret, only new; the server's makes it so.
      std::string_view challenge = digest_challenge(answer.headers);
      std::string ours =
          sha256_hex(std::string(challenge) + request.url.target + signature.user).substr(0, 16);
      request.headers.set(
          "Authorization",
          CO_TRY(digest_answer(challenge, signature, request.method, request.url.target, ours)));
      continue;
    }
    if (!follow || !is_redirect(answer.status) || !answer.headers.has("Location")) co_return answer;
    bool safe = request.method == "GET" || request.method == "HEAD";
    bool as_get = answer.status == 303 && request.method != "HEAD";
    bool same = answer.status == 307 || answer.status == 308;
    if (!safe && !as_get && !same) co_return answer;  // a changed method could do anything
    if (hops >= redirects_max)
      co_return fail(Code::conflict,
                     fmt::format("more than {} redirects, the last to {}", redirects_max,
                                 printable(answer.headers.value("Location"))));
    request.url = CO_TRY(target_of(request.url, answer.headers.value("Location")));
    if (as_get) {
      request.method = "GET";
      request.body.clear();
      request.headers.remove("Content-Type");
    }
    bool home = request.url.authority() == host;
    if (!home || signature.way == "HTTP_DIGEST") request.headers.remove("Authorization");
    if (!home) {
      signature.way.clear();
      request.headers.remove("Cookie");
    }
  }
}

namespace {
/// Whether it is one: asked of a document without anything in it.
Result<> check_xpath(const Context& context) {
  auto path = context.string_or("resultXPath", "");
  if (!path || path->empty()) return {};
  auto document =
      TRY(wire::xml::Document::parse("<x/>", "an empty document", {xml_max, xml_depth}));
  auto found = document.select(*path);
  if (!found) return fail(std::move(found).error().at(context.where("resultXPath")));
  return {};
}
}  // namespace

Result<> check_expected(const Context& context) {
  TRY(check_xpath(context));
  auto expression = context.string_or("responseRegexp", "");
  if (!expression || expression->empty()) return {};
  auto pattern = Pattern::compile(*expression);
  if (!pattern) return fail(std::move(pattern).error().at(context.where("responseRegexp")));
  return {};
}

Result<> judge_body(Context& context, std::string_view body) {
  std::string expression = TRY(context.string_or("responseRegexp", ""));
  if (!expression.empty()) {
    auto pattern = Pattern::compile(expression);
    if (!pattern) return fail(std::move(pattern).error().at(context.where("responseRegexp")));
    if (!TRY(pattern->found_in(body)))
      return fail(
          Code::conflict,
          fmt::format("nothing in the answer of {} bytes matches \"{}\"", body.size(), expression),
          context.where("responseRegexp"));
  }
  std::string path = TRY(context.string_or("resultXPath", ""));
  if (path.empty()) return {};
  auto document = wire::xml::Document::parse(body, "the answer", {xml_max, xml_depth, true});
  if (!document) return fail(std::move(document).error().at(context.where("resultXPath")));
  auto found = document->select(path);
  if (!found) return fail(std::move(found).error().at(context.where("resultXPath")));
  if (found->empty())
    return fail(Code::conflict, fmt::format("{} selects nothing in the answer", path),
                context.where("resultXPath"));
  context.publish("result", model::Value(found->front()));
  return {};
}

}  // namespace croft::components
