#include "farm/api/account_json.h"

#include "wire/json.h"

namespace croft::farm {
namespace {

namespace json = wire::json;

json::Object quotas_json(const Quotas& quotas) {
  return {{"instances", quotas.instances},
          {"buckets", quotas.buckets},
          {"storage", quotas.storage.count()}};
}

Result<Quotas> quotas_from(const json::Object& object) {
  Quotas out;
  out.instances = TRY(json::int_or(object, "instances", out.instances));
  out.buckets = TRY(json::int_or(object, "buckets", out.buckets));
  out.storage = Bytes(TRY(json::int_or(object, "storage", out.storage.count())));
  return out;
}

json::Object changes_json(const QuotaChanges& quotas) {
  json::Object out;
  if (quotas.instances) out["instances"] = *quotas.instances;
  if (quotas.buckets) out["buckets"] = *quotas.buckets;
  if (quotas.storage) out["storage"] = quotas.storage->count();
  return out;
}

Result<QuotaChanges> changes_from(const json::Object& object) {
  QuotaChanges out;
  if (object.contains("instances")) out.instances = TRY(json::int_at(object, "instances"));
  if (object.contains("buckets")) out.buckets = TRY(json::int_at(object, "buckets"));
  if (object.contains("storage")) out.storage = Bytes(TRY(json::int_at(object, "storage")));
  return out;
}

}  // namespace

std::string to_json(const Account& account) {
  json::Object out{{"name", account.name},
                   {"accountId", account.account_id},
                   {"canonicalId", account.canonical_id},
                   {"created", account.created.ns},
                   {"quotas", quotas_json(account.quotas)},
                   {"sigv2", account.sigv2}};
  json::Array keys;
  for (const AccessKey& key : account.keys)
    keys.push_back(json::Object{
        {"accessKey", key.id}, {"secretKey", key.secret.reveal()}, {"enabled", key.enabled}});
  out["keys"] = std::move(keys);
  if (!account.keys.empty()) {
    out["accessKey"] = account.keys.front().id;
    out["secretKey"] = account.keys.front().secret.reveal();
  }
  return json::compact(out);
}

Result<Account> account_from_json(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "account"));
  Account out;
  out.name = TRY(json::string_at(object, "name"));
  out.account_id = TRY(json::string_at(object, "accountId"));
  out.canonical_id = TRY(json::string_at(object, "canonicalId"));
  out.created.ns = TRY(json::int_or(object, "created", 0));
  out.quotas = TRY(quotas_from(*TRY(json::object_at(object, "quotas"))));
  out.sigv2 = TRY(json::bool_or(object, "sigv2", false));
  for (const json::Value& item : *TRY(json::array_at(object, "keys"))) {
    if (!item.is_object())
      return fail(Code::type_mismatch, "account: 'keys' holds something else than objects");
    const json::Object& key = item.get_object();
    out.keys.push_back({.id = TRY(json::string_at(key, "accessKey")),
                        .secret = Secret(TRY(json::string_at(key, "secretKey"))),
                        .enabled = TRY(json::bool_or(key, "enabled", true))});
  }
  return out;
}

std::string to_json(const NewAccount& account) {
  json::Object out{{"name", account.name}};
  if (account.account_id) out["accountId"] = *account.account_id;
  if (account.access_key) out["accessKey"] = *account.access_key;
  if (account.secret_key) out["secretKey"] = account.secret_key->reveal();
  if (account.quotas.any()) out["quotas"] = changes_json(account.quotas);
  if (account.sigv2) out["sigv2"] = *account.sigv2;
  return json::compact(out);
}

Result<NewAccount> new_account_from_json(std::string_view text) {
  json::Object object = TRY(json::parse_object(text, "account"));
  NewAccount out;
  out.name = TRY(json::string_at(object, "name"));
  auto optional = [&](std::string_view name) -> Result<std::optional<std::string>> {
    std::string found = TRY(json::string_or(object, name, ""));
    return found.empty() ? std::nullopt : std::optional(std::move(found));
  };
  out.account_id = TRY(optional("accountId"));
  out.access_key = TRY(optional("accessKey"));
  if (auto secret = TRY(optional("secretKey"))) out.secret_key = Secret(std::move(*secret));
  if (const json::Object* quotas = TRY(json::object_if(object, "quotas")))
    out.quotas = TRY(changes_from(*quotas));
  if (object.contains("sigv2")) out.sigv2 = TRY(json::bool_or(object, "sigv2", false));
  return out;
}

}  // namespace croft::farm
