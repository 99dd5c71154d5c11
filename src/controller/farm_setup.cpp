#include "controller/farm_setup.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/json_model.h"
#include "wire/json.h"

namespace croft::controller {
namespace {

namespace json = wire::json;

constexpr Duration call_deadline = Duration::seconds(30);
constexpr const char* id_variable = "AWS_ACCESS_KEY_ID";
constexpr const char* own_account = "croft";

/// A component's attributes, those below `name` when it is a component.
std::vector<model::Attribute> parts_of(const model::Component& farm, std::string_view name) {
  auto part = farm.component(name);
  return part ? part->attributes() : std::vector<model::Attribute>{};
}

void copy_number(const model::Component& from, std::string_view name, json::Object& into) {
  if (auto number = from.integer(name)) into[name] = *number;
}

Result<json::Object> account_json(const model::Component& farm, const model::Attribute& attribute) {
  auto account = attribute.value.as_component();
  auto id = account->string("id"), key = account->string("key");
  if (!id || !key)
    return fail(
        Error(Code::invalid_argument,
              fmt::format("the account '{}' of the farm needs an id and a key", attribute.name),
              account->where));
  json::Object out{{"name", account->string("name").value_or(attribute.name)},
                   {"accessKey", *id},
                   {"secretKey", *key}};
  if (auto number = account->string("accountId")) out["accountId"] = *number;
  json::Object quotas;
  if (auto common = farm.component("quotas"))
    for (const char* name : {"instances", "buckets", "storage"}) copy_number(*common, name, quotas);
  for (const char* name : {"instances", "buckets", "storage"}) copy_number(*account, name, quotas);
  if (!quotas.empty()) out["quotas"] = std::move(quotas);
  return out;
}

std::map<std::string, std::string> variables_of(const json::Object& account) {
  auto id = json::string_or(account, "accessKey", ""),
       key = json::string_or(account, "secretKey", "");
  if (!id || !key || id->empty()) return {};
  return {{id_variable, *id}, {"AWS_SECRET_ACCESS_KEY", *key}, {"AWS_SESSION_TOKEN", ""}};
}

/// The one that was made here, or the oldest; null: there is none.
const json::Object* preferred(const json::Array& accounts) {
  const json::Object* out = nullptr;
  int64_t since = 0;
  for (const auto& account : accounts) {
    if (!account.is_object()) continue;
    const json::Object& each = account.get_object();
    if (json::string_or(each, "name", "").value_or("") == own_account) return &each;
    int64_t created = json::int_or(each, "created", 0).value_or(0);
    if (out && created >= since) continue;
    out = &each;
    since = created;
  }
  return out;
}

bool knows(const json::Object& account, std::string_view id) {
  auto keys = json::array_if(account, "keys");
  if (!keys || !*keys) return false;
  for (const auto& key : **keys)
    if (key.is_object())
      if (auto name = json::string_or(key.get_object(), "accessKey", ""); name && *name == id)
        return true;
  return false;
}

/// The attribute in which two accounts of one access key differ; empty: in none.
std::string difference(const json::Object& mine, const json::Object& theirs) {
  for (const char* name : {"secretKey", "accountId"}) {
    auto a = json::string_or(mine, name, ""), b = json::string_or(theirs, name, "");
    if (a && b && *a != *b) return std::string_view(name) == "secretKey" ? "key" : name;
  }
  auto quotas = [](const json::Object& account, const char* name) {
    auto all = json::object_if(account, "quotas");
    return all && *all ? json::int_or(**all, name, -1).value_or(-1) : -1;
  };
  for (const char* name : {"instances", "buckets", "storage"})
    if (quotas(mine, name) != quotas(theirs, name)) return name;
  return "";
}

}  // namespace

aio::Task<Result<json::Value>> ask_embedded_farm(net::HttpClient& http, std::string socket,
                                                 std::string method, std::string path,
                                                 std::string body) {
  net::ClientRequest request;
  request.method = std::move(method);
  request.url.scheme = "unix";
  request.url.host = std::move(socket);
  request.url.target = std::move(path);
  request.deadline = call_deadline;
  if (!body.empty()) request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  auto answer = co_await http.send(std::move(request));
  if (!answer)
    co_return fail(std::move(answer)
                       .error()
                       .frame("asking the embedded farm")
                       .hint("`croft up` starts it when it does not run"));
  auto document = CO_TRY(json::parse(answer->body, "the farm's answer"));
  if (answer->status / 100 == 2) co_return document;
  if (document.is_object())
    if (auto error = json::object_if(document.get_object(), "error"); error && *error)
      co_return fail(protocol::error_from_json(**error));
  co_return fail(Code::internal, fmt::format("the embedded farm answered {}", answer->status));
}

Result<> same_accounts(const model::Component& mine, std::string_view other,
                       const model::Component& theirs) {
  for (const auto& attribute : parts_of(mine, "accounts")) {
    if (!attribute.value.as_component()) continue;
    auto account = TRY(account_json(mine, attribute));
    for (const auto& their_attribute : parts_of(theirs, "accounts")) {
      if (!their_attribute.value.as_component()) continue;
      auto known = account_json(theirs, their_attribute);
      if (!known || (*known)["accessKey"] != account["accessKey"]) continue;
      std::string what = difference(account, *known);
      if (what.empty()) continue;
      Where place = their_attribute.value.as_component()->where;
      return fail(Error(Code::conflict,
                        fmt::format("the account '{}' of the farm has another {} than in '{}', "
                                    "which runs on the same farm",
                                    attribute.name, what, other),
                        attribute.value.as_component()->where)
                      .frame(fmt::format("the account in '{}'", other), std::move(place))
                      .hint(fmt::format("give both the same, another id to one of them, or end "
                                        "'{}' first",
                                        other)));
    }
  }
  return {};
}

aio::Task<Result<std::map<std::string, std::string>>> prepare_embedded_farm(
    net::HttpClient& http, std::string admin_socket, model::ComponentPtr farm,
    std::map<std::string, std::string> environment, std::map<std::string, std::string> before) {
  std::map<std::string, std::string> first;
  std::vector<model::Attribute> accounts, images;
  if (farm) {
    accounts = parts_of(*farm, "accounts");
    images = parts_of(*farm, "images");
  }
  for (const auto& attribute : accounts) {
    if (!attribute.value.as_component()) continue;
    auto body = CO_TRY(account_json(*farm, attribute));
    auto answer =
        co_await ask_embedded_farm(http, admin_socket, "POST", "/accounts", json::compact(body));
    if (!answer) {
      Error error = std::move(answer).error();
      if (!error.where.known()) error.where = attribute.value.as_component()->where;
      co_return fail(
          error.frame(fmt::format("making the account '{}' of the farm", attribute.name)));
    }
    if (first.empty()) first = variables_of(body);
  }
  for (const auto& attribute : images) {
    const auto* id = attribute.value.get<std::string>();
    if (!id) continue;
    json::Object body{{"id", *id}, {"name", attribute.name}};
    auto answer =
        co_await ask_embedded_farm(http, admin_socket, "POST", "/images", json::compact(body));
    if (answer) continue;
    Error error = std::move(answer).error();
    if (!error.where.known()) error.where = attribute.where;
    co_return fail(error.frame(fmt::format("making the image '{}' of the farm", attribute.name)));
  }
  auto known = CO_TRY(co_await ask_embedded_farm(http, admin_socket, "GET", "/accounts", ""));
  const json::Array none;
  const json::Array& list = known.is_array() ? known.get_array() : none;
  auto named = [](const std::map<std::string, std::string>& variables) {
    auto found = variables.find(id_variable);
    return found == variables.end() ? std::string() : found->second;
  };
  auto is_known = [&list](const std::string& id) {
    return !id.empty() && std::ranges::any_of(list, [&id](const auto& account) {
      return account.is_object() && knows(account.get_object(), id);
    });
  };
  if (is_known(named(environment))) co_return std::map<std::string, std::string>{};
  if (first.empty() && is_known(named(before))) co_return before;
  if (first.empty())
    if (const json::Object* account = preferred(list)) first = variables_of(*account);
  if (!first.empty()) co_return first;
  auto made = CO_TRY(co_await ask_embedded_farm(
      http, admin_socket, "POST", "/accounts", json::compact(json::Object{{"name", own_account}})));
  co_return made.is_object() ? variables_of(made.get_object()) : first;
}

}  // namespace croft::controller
