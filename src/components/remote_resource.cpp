#include "components/remote_resource.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "components/data_source.h"
#include "components/http_exchange.h"
#include "components/passwords/passwords.h"
#include "components/registry.h"
#include "protocol/events.h"
#include "wire/uri.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr size_t body_shown = 300;
constexpr const char* aws_host = "s3.amazonaws.com";

constexpr Bytes unread_kept = Bytes::mib(1);  // of a body that nothing looks into: to show refusals
constexpr Duration whole_object = Duration::minutes(15);

/// Where `url` leads on S3: a bucket in the host's name or in front of the path, then the key.
struct S3Address {
  net::Url endpoint;
  bool farm = false;  ///< S3 itself is meant: the chosen farm answers for it
  std::string bucket, key;
  std::vector<wire::Query::Pair> query;
};

Result<S3Address> s3_address(std::string_view text) {
  S3Address out;
  out.endpoint = TRY(net::Url::parse(text));
  std::string target = std::exchange(out.endpoint.target, "/");
  if (size_t mark = target.find('?'); mark != std::string::npos) {
    out.query = TRY(wire::Query::parse(std::string_view(target).substr(mark + 1))).pairs();
    target.resize(mark);
  }
  std::string path = TRY(wire::percent_decode(target));
  path.erase(0, path.find_first_not_of('/'));
  std::string suffix = fmt::format(".{}", aws_host);
  out.farm = out.endpoint.host == aws_host || out.endpoint.host.ends_with(suffix);
  if (out.endpoint.host.ends_with(suffix)) {
    out.bucket = out.endpoint.host.substr(0, out.endpoint.host.size() - suffix.size());
    out.key = std::move(path);
    return out;
  }
  auto parts = cut(path, '/');
  out.bucket = parts ? std::string(parts->first) : path;
  if (parts) out.key = std::string(parts->second);
  return out;
}

/// A name and password in an address are refused; until then they are shown to nobody.
std::string without_user(const std::string& url) {
  size_t begin = url.find("://");
  if (begin == std::string::npos) return url;
  begin += 3;
  std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  size_t at = authority.rfind('@');
  return at == std::string::npos ? url : url.substr(0, begin) + "***" + url.substr(begin + at);
}

bool changes_something(const HttpAction& action) {
  return action.verb == "PUT" || action.verb == "POST" || action.verb == "DELETE";
}

std::string shown(std::string_view body) {
  std::string text = printable(trim(body.substr(0, body_shown)));
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text;
}

/// `["k", v]` pairs and plain strings of a list, as name and value; a string without '=' has none.
using Pairs = std::vector<std::pair<std::string, std::optional<std::string>>>;
Result<Pairs> pairs_of(Context& context, std::string_view attribute) {
  Pairs out;
  auto text_of = [](const model::Value& value) -> std::string {
    if (auto* text = value.get<std::string>()) return *text;
    if (auto number = value.as_integer()) return fmt::format("{}", *number);
    if (auto* flag = value.get<bool>()) return *flag ? "true" : "false";
    return "";
  };
  auto list = TRY(context.vector_or_empty(attribute));
  for (const auto& item : list) {
    const auto* pair = item.get<model::Vector>();
    if (pair && pair->size() == 2) {
      out.emplace_back(text_of((*pair)[0]), text_of((*pair)[1]));
    } else if (auto* text = item.get<std::string>()) {
      if (auto parts = cut(*text, '='))
        out.emplace_back(parts->first, std::string(parts->second));
      else
        out.emplace_back(*text, std::nullopt);
    } else {
      return fail(Error(Code::type_mismatch,
                        fmt::format("{} holds a {}", attribute, item.kind_name()),
                        context.where(attribute))
                      .hint("write pairs: [[\"name\", \"value\"], ...]"));
    }
  }
  return out;
}

}  // namespace

aio::Task<Result<>> RemoteResource::deploy(Context& context) {
  for (const char* name : {"startActions", "livenessActions", "terminateActions"})
    CO_TRY(actions_of(context, name));
  co_return check_expected(context);
}

aio::Task<Result<>> RemoteResource::start(Context& context) {
  if (context.record().intent) CO_TRY(co_await finish_intent(context));
  auto actions = CO_TRY(actions_of(context, "startActions"));
  if (context.ran_before()) {
    // Taken over from another process: what it did is not done again, but it has to be there.
    co_return co_await ping(context);
  }
  for (const HttpAction& action : actions) {
    context.waits(fmt::format("{} {}", action.verb, CO_TRY(url_text(context))));
    CO_TRY(co_await start_action(context, action));
  }
  co_return context.done(
      model::TerminationRecord::normal(context.path(), "its start actions are done"), false);
}

aio::Task<Result<>> RemoteResource::ping(Context& context) {
  auto actions = CO_TRY(actions_of(context, "livenessActions"));
  for (const HttpAction& action : actions) CO_TRY(co_await act(context, action));
  co_return Result<>{};
}

namespace {
constexpr int end_attempts = 3;
constexpr Duration end_pause = Duration::seconds(1);
constexpr Duration end_limit = Duration::seconds(60);  // of one attempt, unless readTimeout says

/// Something that croft made is there: it is not given up.
bool holds_something(const Context& context) {
  return std::ranges::any_of(context.record().rented, &engine::Rented::open);
}
}  // namespace

/// What an action at the end cannot do is told and passed over, as old descriptions count on: a
/// server that is gone keeps nothing from ending. Only what was rented is tried for ever.
aio::Task<Result<>> RemoteResource::terminate(Context& context, const model::TerminationRecord&) {
  if (context.record().intent) CO_TRY(co_await finish_intent(context));
  auto actions = actions_of(context, "terminateActions");
  if (!actions && holds_something(context)) co_return fail(std::move(actions).error());
  if (!actions) pass_over(context, "terminateActions", actions.error());
  for (const HttpAction& action : actions ? *actions : std::vector<HttpAction>{})
    CO_TRY(co_await end_patiently(context, action));
  co_return co_await after_end(context);
}

void RemoteResource::pass_over(Context& context, const std::string& what, const Error& error) {
  context.event(protocol::event::message,
                fmt::format("{} at its end failed and is passed over: {}", what, error.line()));
}

aio::Task<Result<>> RemoteResource::end_patiently(Context& context, HttpAction action) {
  if (holds_something(context)) co_return co_await end_action(context, std::move(action));
  auto given = context.duration_or("readTimeout", "ms", end_limit);
  Duration limit = given && *given < Duration::forever() ? *given : end_limit;
  for (int attempt = 1;; ++attempt) {
    auto done = co_await aio::deadline(context.world().clock, limit, end_action(context, action),
                                       action.verb + " at its end");
    if (done || done.error().code == Code::cancelled || holds_something(context)) co_return done;
    if (outcome_unknown(done.error()) && attempt < end_attempts) {
      context.waits(
          fmt::format("{}; try {} of {}", done.error().line(), attempt + 1, end_attempts));
      CO_TRY(co_await context.world().clock.sleep(end_pause * attempt));
      continue;
    }
    context.waits("");
    pass_over(context, action.verb, done.error());
    if (context.record().intent) CO_TRY(co_await context.settle({}, {}, done.error()));
    co_return Result<>{};
  }
}

aio::Task<Result<>> RemoteResource::prepare_update(Context& context, model::ComponentPtr wanted) {
  if (!context.record().memory.contains("acted")) co_return Result<>{};  // it made nothing
  for (const char* name : {"url", "protocol", "host", "port", "path", "page", "queries"}) {
    const auto* before = context.description()->find(name);
    const auto* after = wanted->find(name);
    if (!before && !after) continue;
    if (before && after && plan::digest_of(before->value) == plan::digest_of(after->value))
      continue;
    co_return fail(Error(Code::conflict,
                         fmt::format("{} cannot change: what it made is there", name),
                         after ? Where(after->where) : Where(wanted->where))
                       .hint("without sfUpdatable it is replaced"));
  }
  co_return Result<>{};
}

aio::Task<Result<std::optional<engine::Keys>>> RemoteResource::account(Context& context) {
  if (!CO_TRY(is_aws(context))) co_return std::optional<engine::Keys>{};
  co_return std::optional(CO_TRY(co_await keys_of(context, "username", "password")));
}

aio::Task<Result<>> RemoteResource::start_action(Context& context, HttpAction action) {
  if (changes_something(action)) co_return co_await act_journaled(context, std::move(action));
  co_return co_await act(context, std::move(action));
}

aio::Task<Result<>> RemoteResource::end_action(Context& context, HttpAction action) {
  // What never started has nothing to undo.
  if (!context.ran_before() && !context.record().memory.contains("acted")) co_return Result<>{};
  co_return co_await start_action(context, std::move(action));
}

aio::Task<Result<>> RemoteResource::finish_intent(Context& context) {
  co_return co_await context.settle({});
}
aio::Task<Result<>> RemoteResource::after_end(Context&) {
  co_return Result<>{};
}

aio::Task<Result<>> RemoteResource::act_journaled(Context& context, HttpAction action) {
  std::string what = fmt::format("{} {}", action.verb, CO_TRY(url_text(context)));
  context.remember("acted", "yes");
  CO_TRY(co_await context.intend(what, {}));
  auto done = co_await context.outside(what, act(context, action));
  if (!done) {
    if (!outcome_unknown(done.error())) CO_TRY(co_await context.settle({}, {}, done.error()));
    co_return done;
  }
  co_return co_await context.settle({});
}

aio::Task<Result<>> RemoteResource::act(Context& context, HttpAction action) {
  auto answer = co_await exchange(context, action);
  if (!answer) {
    Error error = std::move(answer).error();
    auto url = url_text(context);
    co_return fail(error.frame(fmt::format("{} {}", action.verb, url ? *url : context.path())));
  }
  co_return judge(context, action, *answer);
}

Result<std::string> RemoteResource::signature_way(Context& context) const {
  return context.string_or("authorization", "");
}

Result<bool> RemoteResource::is_aws(Context& context) const {
  return TRY(context.string_or("authorization", "")) == "HTTP_AWS";
}

aio::Task<Result<cloud::S3>> RemoteResource::s3(Context& context) {
  auto own = CO_TRY(co_await keys_of(context, "username", "password"));
  cloud::Endpoint endpoint;
  endpoint.service = cloud::Service::s3;
  endpoint.foreign = true;
  endpoint.region = context.farm().region;
  if (std::string url = CO_TRY(context.string_or("url", "")); !url.empty()) {
    auto address = CO_TRY(s3_address(url));
    if (address.farm) co_return co_await context.s3(own.access_key, own.secret_key);
    endpoint.url = std::move(address.endpoint);
    co_return co_await context.s3_at(std::move(endpoint), std::move(own));
  }
  std::string host = CO_TRY(context.string_or("host", ""));
  if (host.empty() || host == aws_host)
    co_return co_await context.s3(own.access_key, own.secret_key);
  std::string scheme = to_lower(CO_TRY(context.string_or("protocol", "https")));
  int64_t port = CO_TRY(context.integer_or("port", 0));
  endpoint.url = CO_TRY(net::Url::parse(port > 0 ? fmt::format("{}://{}:{}/", scheme, host, port)
                                                 : fmt::format("{}://{}/", scheme, host)));
  co_return co_await context.s3_at(std::move(endpoint), std::move(own));
}

Result<std::pair<std::string, std::string>> RemoteResource::bucket_and_key(Context& context) const {
  if (std::string url = TRY(context.string_or("url", "")); !url.empty()) {
    auto address = TRY(s3_address(url));
    return std::pair{std::move(address.bucket), std::move(address.key)};
  }
  std::string path(TRY(context.string_or("path", "")));
  while (path.starts_with('/')) path.erase(0, 1);
  while (path.ends_with('/')) path.pop_back();
  std::string page = TRY(context.string_or("page", ""));
  if (auto parts = cut(path, '/')) {
    std::string key(parts->second);
    if (!page.empty()) key += "/" + page;
    return std::pair{std::string(parts->first), key};
  }
  while (page.starts_with('/')) page.erase(0, 1);
  return std::pair{path, page};
}

Result<std::string> RemoteResource::url_text(Context& context) const {
  std::string url = TRY(context.string_or("url", ""));
  if (!url.empty()) return without_user(url);
  if (TRY(is_aws(context))) {
    auto [bucket, key] = TRY(bucket_and_key(context));
    return key.empty() ? bucket : bucket + "/" + key;
  }
  std::string scheme = to_lower(TRY(context.string_or("protocol", "http")));
  int64_t port = TRY(context.integer_or("port", 0));
  std::string path = TRY(context.string_or("path", "")), page = TRY(context.string_or("page", ""));
  std::string out = fmt::format("{}://{}", scheme, TRY(context.string("host")));
  if (port > 0) out += fmt::format(":{}", port);
  for (const std::string& piece : {path, page}) {
    if (piece.empty()) continue;
    if (!out.ends_with('/') && !piece.starts_with('/')) out += '/';
    out += wire::percent_encode_path(piece);
  }
  wire::Query query;
  for (auto& [name, value] : TRY(pairs_of(context, "queries")))
    value ? query.add(name, *value) : query.add_flag(name);
  return query.empty() ? out : out + "?" + query.text();
}

Result<cloud::S3::Headers> RemoteResource::headers_of(Context& context) const {
  cloud::S3::Headers out;
  for (auto& [name, value] : TRY(pairs_of(context, "headers")))
    out.emplace_back(std::move(name), value.value_or(""));
  return out;
}

aio::Task<Result<net::Response>> RemoteResource::exchange(Context& context, HttpAction action) {
  if (CO_TRY(is_aws(context))) {
    auto request = CO_TRY(co_await s3_request(context, action));
    auto client = CO_TRY(co_await s3(context));
    co_return co_await client.raw(std::move(request));
  }
  auto request = CO_TRY(co_await plain_request(context, action));
  Signature signature;
  signature.way = CO_TRY(signature_way(context));
  if (signature.way == "HTTP_NTLM")
    co_return fail(
        Error(Code::unsupported, "croft does not speak NTLM", context.where("authorization"))
            .hint("\"HTTP_BASIC\", \"HTTP_DIGEST\" and \"HTTP_AWS\" are there"));
  if (!signature.way.empty()) {
    auto own = CO_TRY(co_await keys_of(context, "username", "password"));
    signature.user = own.access_key;
    signature.password = own.secret_key;
  }
  bool follow = CO_TRY(context.boolean_or("followRedirects", false));
  co_return co_await components::exchange(context, std::move(request), std::move(signature),
                                          follow);
}

namespace {
/// A body that nothing looks into may have any size.
template <class Request>
Result<> take_any_size(const Context& context, Request& request) {
  for (const char* name : {"responseRegexp", "resultXPath"})
    if (!TRY(context.string_or(name, "")).empty()) return {};
  request.answer_limit = unread_kept;
  request.drop_excess = true;
  request.deadline = whole_object;
  return {};
}
}  // namespace

aio::Task<Result<cloud::S3Request>> RemoteResource::s3_request(Context& context,
                                                               HttpAction action) {
  cloud::S3Request request;
  request.method = action.verb;
  auto [bucket, key] = CO_TRY(bucket_and_key(context));
  request.bucket = bucket;
  request.key = key;
  if (std::string url = CO_TRY(context.string_or("url", "")); !url.empty()) {
    auto address = CO_TRY(s3_address(url));
    for (auto& pair : address.query) request.query.emplace_back(pair.name, pair.value);
  }
  for (auto& [name, value] : CO_TRY(pairs_of(context, "queries")))
    request.query.emplace_back(name, value.value_or(""));
  for (auto& [name, value] : CO_TRY(headers_of(context))) request.headers.add(name, value);
  if (action.verb == "PUT" || action.verb == "POST") {
    auto body = CO_TRY(co_await body_of(context, "datasource"));
    request.body = std::move(body.bytes);
    if (!body.content_type.empty()) request.headers.set("Content-Type", body.content_type);
  }
  request.repeatable = action.verb != "POST";
  if (action.verb == "GET") CO_TRY(take_any_size(context, request));
  request.deadline = CO_TRY(context.duration_or("readTimeout", "ms", request.deadline));
  co_return request;
}

namespace {
/// A page of S3 as everybody reads it, in the address of the embedded farm: nothing of an
/// application on that farm is asked of AWS.
Result<> onto_embedded_farm(const Context& context, net::Url& url) {
  if (context.farm().kind != cloud::FarmKind::embedded || !context.farm().s3) return {};
  std::string bucket;
  if (url.host != aws_host) {
    std::string suffix = fmt::format(".{}", aws_host);
    if (!url.host.ends_with(suffix)) return {};
    bucket = "/" + url.host.substr(0, url.host.size() - suffix.size());
  }
  std::string target = url.target;
  url = TRY(context.farm().endpoint(cloud::Service::s3)).url;
  url.target = bucket + target;
  return {};
}
}  // namespace

aio::Task<Result<net::ClientRequest>> RemoteResource::plain_request(Context& context,
                                                                    HttpAction action) {
  net::ClientRequest request;
  request.method = action.verb;
  request.url = CO_TRY(net::Url::parse(CO_TRY(url_text(context))));
  CO_TRY(onto_embedded_farm(context, request.url));
  for (auto& [name, value] : CO_TRY(headers_of(context))) request.headers.add(name, value);
  if (action.verb == "PUT" || action.verb == "POST") {
    auto body = CO_TRY(co_await body_of(context, "datasource"));
    request.body = std::move(body.bytes);
    if (!body.content_type.empty()) request.headers.set("Content-Type", body.content_type);
  }
  if (action.verb == "GET") CO_TRY(take_any_size(context, request));
  request.deadline = CO_TRY(context.duration_or("readTimeout", "ms", request.deadline));
  request.connect_deadline =
      CO_TRY(context.duration_or("connectTimeout", "ms", request.connect_deadline));
  if (request.connect_deadline >= Duration::forever())
    request.connect_deadline = Duration::seconds(5);
  co_return request;
}

namespace {
/// An answer that carries what the component asks about: not to HEAD, PUT or DELETE.
Result<> judged_body(Context& context, const HttpAction& action, const net::Response& answer) {
  if (action.verb != "GET" && action.verb != "POST") return {};
  return judge_body(context, answer.body);
}
}  // namespace

Result<> RemoteResource::judge(Context& context, const HttpAction& action,
                               const net::Response& answer) {
  std::string url = TRY(url_text(context));
  if (!action.accepts(answer.status)) {
    std::string text =
        fmt::format("{} {} answered {} {}, {} is wanted", action.verb, url, answer.status,
                    wire::reason_phrase(answer.status), action.wanted());
    if (TRY(context.boolean_or("fetchErrorText", true)) && !answer.body.empty())
      text += ": " + shown(answer.body);
    Error error(code_of_status(answer.status), text);
    error.fact("http_status", fmt::format("{}", answer.status));
    return fail(std::move(error));
  }
  auto types = TRY(context.vector_or_empty("mimeType"));
  if (types.empty() || answer.body.empty()) return judged_body(context, action, answer);
  std::string got(trim(answer.headers.value("Content-Type")
                           .substr(0, answer.headers.value("Content-Type").find(';'))));
  for (const auto& type : types)
    if (auto* text = type.get<std::string>(); text && equals_ignore_case(*text, got))
      return judged_body(context, action, answer);
  return fail(
      Error(Code::type_mismatch,
            fmt::format("{} {} answered with the type '{}'", action.verb, url, printable(got)),
            context.where("mimeType")));
}

}  // namespace croft::components
