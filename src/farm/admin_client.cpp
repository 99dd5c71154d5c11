// The callers' side of the admin socket, and accounts without a server.
#include <fmt/format.h>

#include "base/text.h"
#include "farm/api/account_json.h"
#include "farm/api/file_sealer.h"
#include "farm/farm.h"
#include "net/http_client.h"
#include "wire/json.h"
#include "wire/uri.h"

namespace croft::farm {
namespace {

namespace json = wire::json;

Error refused(const net::Response& response) {
  auto object = json::parse_object(response.body, "the farm's answer");
  auto inner = object ? json::object_at(*object, "error")
                      : Result<const json::Object*>(fail(object.error()));
  if (!inner) return Error(Code::internal, fmt::format("the farm answered {}", response.status));
  auto code = json::string_or(**inner, "code", "internal");
  auto what = json::string_or(**inner, "what", "the farm refused");
  Error error(code_from_name(code.value_or("internal")), what.value_or("the farm refused"));
  auto hints = json::array_if(**inner, "hints");
  if (hints && *hints)
    for (const json::Value& hint : **hints)
      if (hint.is_string()) error.hint(std::string(hint.get_string()));
  return error;
}

/// How long somebody may hold the store without answering: a farm that starts, or another command.
constexpr Duration patience = Duration::seconds(10);
constexpr Duration pause = Duration::milliseconds(20);

bool in_use(const Error& error) {
  return error.code == Code::conflict && error.fact("reason") == "in use";
}

/// The account with the key that was asked for in front: it is what the caller shows.
Account with_key_first(Account account, const std::optional<std::string>& wanted) {
  if (account.keys.empty()) return account;
  auto at =
      wanted ? std::ranges::find(account.keys, *wanted, &AccessKey::id) : account.keys.end() - 1;
  if (at != account.keys.end()) std::rotate(account.keys.begin(), at, at + 1);
  return account;
}

/// The accounts of a folder that nobody serves.
struct ClosedFarm {
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Sealer> sealer;
  std::unique_ptr<Accounts> accounts;
};

aio::Task<Result<ClosedFarm>> open_closed(aio::World& world, std::string data) {
  ClosedFarm farm;
  CO_TRY(co_await world.disk.make_dirs(data));
  farm.store = CO_TRY(co_await store::open_sqlite(world, data + "/farm.db"));
  auto sealer = co_await open_file_sealer(world, data + "/secret.key");
  if (sealer) {
    farm.sealer = std::move(*sealer);
    auto accounts = co_await Accounts::open(world, *farm.store, *farm.sealer);
    if (accounts) {
      farm.accounts = std::move(*accounts);
      co_return farm;
    }
    CO_TRY(co_await farm.store->close());
    co_return fail(std::move(accounts).error());
  }
  CO_TRY(co_await farm.store->close());
  co_return fail(std::move(sealer).error());
}

/// The answer of the farm that serves `data`, or the folder itself where nobody has it.
struct AnswerOrFolder {
  std::optional<std::string> answer;
  ClosedFarm farm;
};

/// While somebody holds the store and does not answer he is asked again: a farm that was started
/// just before has the store first and its socket a moment later.
aio::Task<Result<AnswerOrFolder>> ask_or_open(aio::World& world, std::string data,
                                              std::string method, std::string path,
                                              std::string body) {
  Moment end = world.clock.now() + patience;
  for (;;) {
    auto answer = co_await admin_call(world, data, method, path, body);
    if (answer) co_return AnswerOrFolder{std::move(*answer), {}};
    Code code = answer.error().code;
    if (code != Code::unavailable && code != Code::not_found)
      co_return fail(std::move(answer).error());
    auto opened = co_await open_closed(world, data);
    if (opened) co_return AnswerOrFolder{std::nullopt, std::move(*opened)};
    if (!in_use(opened.error()) || world.clock.now() >= end)
      co_return fail(std::move(opened).error());
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

}  // namespace

aio::Task<Result<std::unique_ptr<store::Store>>> open_store(aio::World& world, std::string data,
                                                            store::SqliteOptions options) {
  Moment end = world.clock.now() + patience;
  for (;;) {
    auto opened = co_await store::open_sqlite(world, data + "/farm.db", options);
    if (opened || !in_use(opened.error()) || world.clock.now() >= end) co_return opened;
    // A farm keeps it, a command has it for a moment.
    auto serves = co_await admin_call(world, data, "GET", "/info", "");
    if (serves) co_return opened;
    CO_TRY(co_await world.clock.sleep(pause));
  }
}

std::string admin_socket(std::string_view data) {
  return fmt::format("{}/admin.sock", data);
}

aio::Task<Result<std::string>> admin_call(aio::World& world, std::string data, std::string method,
                                          std::string path, std::string body, Duration limit) {
  net::HttpClient client(world);
  net::ClientRequest request;
  request.method = std::move(method);
  request.url.scheme = "unix";
  request.url.host = wire::percent_encode(admin_socket(data));
  request.url.target = std::move(path);
  request.body = std::move(body);
  request.deadline = limit;
  auto response = co_await client.send(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  if (response->status != 200) co_return fail(refused(*response));
  co_return std::move(response->body);
}

aio::Task<Result<Account>> add_account(aio::World& world, std::string data, NewAccount account) {
  auto wanted_key = account.access_key;
  auto asked = CO_TRY(co_await ask_or_open(world, data, "POST", "/accounts", to_json(account)));
  if (asked.answer) co_return with_key_first(CO_TRY(account_from_json(*asked.answer)), wanted_key);
  ClosedFarm& farm = asked.farm;
  auto added = co_await farm.accounts->add(std::move(account));
  CO_TRY(co_await farm.store->close());
  if (!added) co_return fail(std::move(added).error());
  co_return with_key_first(**added, wanted_key);
}

aio::Task<Result<std::vector<Account>>> list_accounts(aio::World& world, std::string data) {
  std::vector<Account> out;
  auto asked = CO_TRY(co_await ask_or_open(world, data, "GET", "/accounts", ""));
  if (asked.answer) {
    json::Value parsed = CO_TRY(json::parse(*asked.answer, "the farm's answer"));
    if (!parsed.is_array()) co_return fail(Code::corrupt, "the farm's answer is no list");
    for (const json::Value& item : parsed.get_array())
      out.push_back(CO_TRY(account_from_json(json::compact(item))));
    co_return out;
  }
  ClosedFarm& farm = asked.farm;
  for (const AccountRef& account : farm.accounts->all()) out.push_back(*account);
  CO_TRY(co_await farm.store->close());
  co_return out;
}

}  // namespace croft::farm
