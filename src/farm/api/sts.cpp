// The front door's third service: STS, with which a caller learns who it is and becomes a role.
#include <fmt/format.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "farm/api/dispatch.h"
#include "wire/xml.h"

namespace croft::farm {
namespace {

constexpr std::string_view name_space = "https://sts.amazonaws.com/doc/2011-06-15/";
constexpr int64_t shortest_s = 900;
constexpr int64_t longest_s = 43'200;
constexpr int64_t usual_s = 3600;

/// What stands for a role in user ids: the same for the same role.
std::string role_id(std::string_view account, std::string_view role) {
  return "AROA" + to_upper(sha256_hex(fmt::format("role/{}/{}", account, role)).substr(0, 17));
}

std::string assumed(const Session& session) {
  return fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", session.account_id, session.role,
                     session.name);
}

std::string identity(const Caller& caller) {
  const std::string& account = caller.account->account_id;
  wire::xml::Writer writer(false);
  writer.open("GetCallerIdentityResult");
  if (const Session* session = caller.session.get()) {
    writer.element("Arn", assumed(*session));
    writer.element("UserId", role_id(account, session->role) + ":" + session->name);
  } else {
    writer.element("Arn", fmt::format("arn:aws:iam::{}:root", account));
    writer.element("UserId", account);
  }
  writer.element("Account", account).close();
  return writer.take();
}

Error invalid(std::string what) {
  return aws_error("ValidationError", 400, std::move(what));
}

bool plain_name(std::string_view text) {
  return text.size() >= 2 && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("+=,.@_-").find(c) != std::string_view::npos;
         });
}

Result<std::string> assume_role(const Context& context, const Caller& caller,
                                const wire::Query& query, WallTime now) {
  auto value = [&](std::string_view name) { return std::string(query.get(name).value_or("")); };
  std::string arn = value("RoleArn"), name = value("RoleSessionName");
  if (!plain_name(name))
    return fail(invalid("RoleSessionName must be 2 to 64 of [A-Za-z0-9+=,.@_-]"));
  int64_t seconds = usual_s;
  if (std::string given = value("DurationSeconds"); !given.empty()) {
    auto number = parse_i64(given);
    if (!number || *number < shortest_s || *number > longest_s)
      return fail(invalid(fmt::format("DurationSeconds must be {} to {}", shortest_s, longest_s)));
    seconds = *number;
  }
  const std::string& account = caller.account->account_id;
  std::string prefix = fmt::format("arn:aws:iam::{}:role/", account);
  std::string role = arn.starts_with(prefix) ? arn.substr(prefix.size()) : "";
  auto scope = context.find_role ? context.find_role(account, role) : std::nullopt;
  if (!scope || !context.sessions)
    return fail(
        aws_error("AccessDenied", 403,
                  fmt::format("{} is not authorized to perform: sts:AssumeRole on resource: {}",
                              caller.session ? assumed(*caller.session)
                                             : fmt::format("arn:aws:iam::{}:root", account),
                              printable(arn))));
  Session session{account, role, name, "", *scope, now + Duration::seconds(seconds)};
  Sessions::Keys keys = context.sessions->issue(session);
  wire::xml::Writer writer(false);
  writer.open("AssumeRoleResult").open("Credentials");
  writer.element("AccessKeyId", keys.access_key).element("SecretAccessKey", keys.secret.reveal());
  writer.element("SessionToken", keys.token).element("Expiration", keys.expires.iso8601());
  writer.close().open("AssumedRoleUser");
  writer.element("AssumedRoleId", role_id(account, role) + ":" + name);
  writer.element("Arn", assumed(session)).close().close();
  return writer.take();
}

}  // namespace

aio::Task<Result<>> FrontDoor::serve_sts(net::Exchange& exchange, std::string instance) {
  Answer answer(exchange, {ec2_id(), {}});
  Usage usage{.service = "sts", .instance = instance};
  std::string action;
  Result<std::string> inner = co_await call_sts(exchange, action, usage);
  int status = 200;
  std::string body;
  if (inner) {
    body = fmt::format(
        "<{0}Response xmlns=\"{1}\">{2}<ResponseMetadata><RequestId>{3}</RequestId>"
        "</ResponseMetadata></{0}Response>",
        action, name_space, *inner, answer.ids().request_id);
  } else {
    AwsError shown = as_ec2_error(inner.error());
    status = shown.status;
    if (status >= 500) log::warn("sts", "{}", inner.error().line());
    wire::xml::Writer writer(false);
    writer.open("Error").element("Type", status < 500 ? "Sender" : "Receiver");
    writer.element("Code", shown.code).element("Message", shown.message).close();
    body = fmt::format("<ErrorResponse xmlns=\"{}\">{}<RequestId>{}</RequestId></ErrorResponse>",
                       name_space, writer.take(), answer.ids().request_id);
  }
  wire::Headers headers{{"Content-Type", "text/xml"}};
  auto done = co_await answer.respond(status, std::move(headers), std::move(body));
  usage.operation = action;
  usage.status = answer.status();
  usage.bytes_out = answer.bytes_out();
  context_.meter.request(usage);
  co_return done;
}

aio::Task<Result<std::string>> FrontDoor::call_sts(net::Exchange& exchange, std::string& action,
                                                   Usage& usage) {
  const wire::RequestHead& head = exchange.request();
  auto body = co_await exchange.read_all(max_ec2_body);
  if (!body) {
    exchange.close_after();
    co_return fail(std::move(body).error());
  }
  usage.bytes_in = body->size();
  HeldTurn turn;
  Verified verified = CO_TRY(co_await verify_query(head, Protocol::sts, *body, turn));
  usage.account_id = verified.caller.account->account_id;
  std::string text(head.query());
  if (!text.empty() && !body->empty()) text += '&';
  text += *body;
  auto query = wire::Query::parse(text);
  if (!query) co_return fail(aws_error("MalformedQueryString", 400, query.error().what));
  std::string wanted(query->get("Action").value_or(""));
  if (wanted == "GetCallerIdentity") {
    action = wanted;
    co_return identity(verified.caller);
  }
  if (wanted == "AssumeRole") {
    action = wanted;
    co_return assume_role(context_, verified.caller, *query, context_.world.clock.wall());
  }
  co_return fail(aws_error("InvalidAction", 400,
                           fmt::format("Could not find operation {}", printable(wanted))));
}

}  // namespace croft::farm
