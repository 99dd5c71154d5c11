#include "farm/api/accounts.h"

#include <fmt/format.h>

#include "base/text.h"
#include "wire/json.h"

namespace croft::farm {
namespace {

namespace json = wire::json;

constexpr std::string_view key_prefix = "account/";
constexpr size_t load_page = 500;

bool is_account_id(std::string_view text) {
  return text.size() == 12 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_access_key(std::string_view text) {
  // The talk's literal id has 20 characters; OpenStack's are 32 hex digits.
  if (text.size() < 3 || text.size() > 128) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("_-.+=").find(c) != std::string_view::npos;
  });
}

std::string from_alphabet(aio::Random& random, std::string_view alphabet, size_t length) {
  std::string out;
  for (size_t i = 0; i < length; ++i) out += alphabet[random.below(alphabet.size())];
  return out;
}

std::string seal_context(std::string_view account_id, std::string_view access_key) {
  return fmt::format("account/{}/{}", account_id, access_key);
}

Error wrong(std::string what) {
  return Error(Code::invalid_argument, std::move(what));
}

Result<> check_form(const NewAccount& wanted) {
  if (wanted.name.empty() || wanted.name.size() > 64 || !valid_utf8(wanted.name))
    return fail(wrong("an account's name must have 1 to 64 characters"));
  if (printable(wanted.name) != wanted.name)
    return fail(wrong("an account's name must be printable text"));
  if (wanted.account_id && !is_account_id(*wanted.account_id))
    return fail(wrong(
        fmt::format("account id '{}': 12 digits were expected", printable(*wanted.account_id))));
  if (wanted.access_key && !is_access_key(*wanted.access_key))
    return fail(wrong(
        fmt::format("access key '{}': 3 to 128 letters, digits or one of _ - . + = were expected",
                    printable(*wanted.access_key))));
  if (wanted.secret_key && !wanted.access_key)
    return fail(wrong("a secret key was given without its access key"));
  if (wanted.secret_key && (wanted.secret_key->empty() || wanted.secret_key->reveal().size() > 128))
    return fail(wrong("a secret key must have 1 to 128 characters"));
  if (wanted.quotas.instances.value_or(0) < 0 || wanted.quotas.buckets.value_or(0) < 0 ||
      wanted.quotas.storage.value_or(Bytes(0)).count() < 0)
    return fail(wrong("a quota cannot be negative"));
  return {};
}

}  // namespace

Quotas QuotaChanges::applied_to(Quotas quotas) const {
  return {.instances = instances.value_or(quotas.instances),
          .buckets = buckets.value_or(quotas.buckets),
          .storage = storage.value_or(quotas.storage)};
}

aio::Task<Result<std::unique_ptr<Accounts>>> Accounts::open(aio::World& world, store::Store& store,
                                                            Sealer& sealer) {
  std::unique_ptr<Accounts> accounts(new Accounts(world, store, sealer));
  CO_TRY(co_await accounts->load());
  co_return accounts;
}

aio::Task<Result<>> Accounts::load() {
  store::Range page = store::prefix(std::string(key_prefix), load_page);
  for (;;) {
    std::vector<store::Entry> entries = CO_TRY(co_await store_.range(page));
    for (const store::Entry& entry : entries) {
      auto account = decode(entry.value);
      if (!account) co_return fail(std::move(account).error().at({.path = entry.key}));
      publish(std::make_shared<Account>(std::move(*account)));
    }
    if (entries.size() < load_page) co_return Result<>{};
    page.from = entries.back().key + '\0';
  }
}

Result<std::string> Accounts::encode(const Account& account) {
  json::Array keys;
  for (const AccessKey& key : account.keys) {
    std::string sealed = TRY(sealer_.seal(key.secret, seal_context(account.account_id, key.id)));
    keys.push_back({{"id", key.id}, {"sealed", base64(sealed)}, {"enabled", key.enabled}});
  }
  return json::compact(json::Object{
      {"name", account.name},
      {"accountId", account.account_id},
      {"canonicalId", account.canonical_id},
      {"created", account.created.ns},
      {"instances", account.quotas.instances},
      {"buckets", account.quotas.buckets},
      {"storage", account.quotas.storage.count()},
      {"sigv2", account.sigv2},
      {"keys", std::move(keys)},
  });
}

Result<Account> Accounts::decode(std::string_view record) {
  json::Object object = TRY(json::parse_object(record, "account record"));
  Account account;
  account.name = TRY(json::string_at(object, "name"));
  account.account_id = TRY(json::string_at(object, "accountId"));
  account.canonical_id = TRY(json::string_at(object, "canonicalId"));
  account.created.ns = TRY(json::int_at(object, "created"));
  account.quotas.instances = TRY(json::int_at(object, "instances"));
  account.quotas.buckets = TRY(json::int_at(object, "buckets"));
  account.quotas.storage = Bytes(TRY(json::int_at(object, "storage")));
  account.sigv2 = TRY(json::bool_or(object, "sigv2", false));
  for (const json::Value& item : *TRY(json::array_at(object, "keys"))) {
    if (!item.is_object()) return fail(Code::corrupt, "account record with a bad key");
    AccessKey key;
    key.id = TRY(json::string_at(item.get_object(), "id"));
    key.enabled = TRY(json::bool_or(item.get_object(), "enabled", true));
    auto sealed = unbase64(TRY(json::string_at(item.get_object(), "sealed")));
    if (!sealed) return fail(Code::corrupt, "account record with a bad key");
    key.secret = TRY(sealer_.unseal(*sealed, seal_context(account.account_id, key.id)));
    account.keys.push_back(std::move(key));
  }
  return account;
}

std::string Accounts::free_account_id() {
  for (;;) {
    // The first digit is never 0: spreadsheets and YAML drop leading zeros of account ids.
    std::string id = std::to_string(100'000'000'000 + world_.random.below(900'000'000'000));
    if (!by_id_.contains(id)) return id;
  }
}

/// The account as it shall be after add(), or the reason why not. Nothing is changed.
Result<std::shared_ptr<Account>> Accounts::prepare(const NewAccount& wanted) {
  TRY(check_form(wanted));
  AccountRef named = find_by_name(wanted.name);
  AccountRef existing = wanted.account_id ? find(*wanted.account_id) : named;
  if (named && named != existing)
    return fail(Code::conflict, fmt::format("an account named '{}' exists with another id ({})",
                                            wanted.name, named->account_id));
  if (existing && existing->name != wanted.name)
    return fail(Code::conflict, fmt::format("account {} exists with the name '{}'",
                                            existing->account_id, existing->name));
  if (existing && !wanted.account_id && !wanted.access_key && !wanted.sigv2 && !wanted.quotas.any())
    return fail(Code::already_exists, fmt::format("an account named '{}' exists", wanted.name));
  if (!existing && by_id_.size() >= max_accounts)
    return fail(Code::resource_exhausted,
                fmt::format("a farm holds at most {} accounts", max_accounts));

  auto account = existing ? std::make_shared<Account>(*existing) : std::make_shared<Account>();
  if (!existing) {
    account->name = wanted.name;
    account->account_id = wanted.account_id ? *wanted.account_id : free_account_id();
    account->canonical_id = world_.random.hex_id(64);
    account->created = world_.clock.wall();
  }
  account->quotas = wanted.quotas.applied_to(account->quotas);
  if (wanted.sigv2) account->sigv2 = *wanted.sigv2;
  if (existing && !wanted.access_key) return account;

  std::string_view upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string_view secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string id =
      wanted.access_key ? *wanted.access_key : "AKIA" + from_alphabet(world_.random, upper, 16);
  if (Found found = find_key(id); found.account) {
    if (found.account->account_id != account->account_id)
      return fail(Code::conflict, fmt::format("access key {} belongs to another account", id));
    if (wanted.secret_key &&
        !constant_time_equal(found.key->secret.reveal(), wanted.secret_key->reveal()))
      return fail(Code::conflict, fmt::format("access key {} exists with another secret", id));
    return account;
  }
  if (account->keys.size() >= max_keys)
    return fail(Code::resource_exhausted,
                fmt::format("an account holds at most {} access keys", max_keys));
  account->keys.push_back({.id = id,
                           .secret = wanted.secret_key
                                         ? *wanted.secret_key
                                         : Secret(from_alphabet(world_.random, secret, 40))});
  return account;
}

aio::Task<Result<AccountRef>> Accounts::add(NewAccount wanted) {
  // One change at a time: two adds of one name must not both find it free.
  auto lock = CO_TRY(co_await changing_.lock());
  AccountRef account = CO_TRY(prepare(wanted));
  CO_TRY(co_await save(account));
  co_return account;
}

aio::Task<Result<AccountRef>> Accounts::set_quotas(std::string account_id, Quotas quotas) {
  auto lock = CO_TRY(co_await changing_.lock());
  AccountRef existing = find(account_id);
  if (!existing) co_return fail(Code::not_found, fmt::format("no account {}", account_id));
  auto account = std::make_shared<Account>(*existing);
  account->quotas = quotas;
  CO_TRY(co_await save(account));
  co_return account;
}

aio::Task<Result<>> Accounts::remove(std::string account_id) {
  auto lock = CO_TRY(co_await changing_.lock());
  AccountRef account = find(account_id);
  if (!account) co_return fail(Code::not_found, fmt::format("no account {}", account_id));
  std::vector<store::Change> changes;
  changes.push_back({std::string(key_prefix) + account_id, std::nullopt});
  CO_TRY(co_await store_.commit({}, std::move(changes)));
  by_id_.erase(account_id);
  id_of_name_.erase(account->name);
  for (const AccessKey& key : account->keys) id_of_key_.erase(key.id);
  ++generation_;
  co_return Result<>{};
}

aio::Task<Result<>> Accounts::save(AccountRef account) {
  std::string record = CO_TRY(encode(*account));
  std::vector<store::Change> changes;
  changes.push_back({std::string(key_prefix) + account->account_id, std::move(record)});
  CO_TRY(co_await store_.commit({}, std::move(changes)));
  publish(std::move(account));
  co_return Result<>{};
}

void Accounts::publish(AccountRef account) {
  id_of_name_[account->name] = account->account_id;
  for (const AccessKey& key : account->keys) id_of_key_[key.id] = account->account_id;
  by_id_[account->account_id] = std::move(account);
  ++generation_;
}

AccountRef Accounts::find(std::string_view account_id) const {
  auto at = by_id_.find(account_id);
  return at == by_id_.end() ? nullptr : at->second;
}

AccountRef Accounts::find_by_name(std::string_view name) const {
  auto at = id_of_name_.find(name);
  return at == id_of_name_.end() ? nullptr : find(at->second);
}

std::vector<AccountRef> Accounts::all() const {
  std::vector<AccountRef> out;
  for (const auto& [id, account] : by_id_) out.push_back(account);
  return out;
}

Accounts::Found Accounts::find_key(std::string_view access_key) const {
  auto at = id_of_key_.find(access_key);
  if (at == id_of_key_.end()) return {};
  AccountRef account = find(at->second);
  for (const AccessKey& key : account->keys)
    if (key.id == access_key) return {account, &key};
  return {};
}

}  // namespace croft::farm
