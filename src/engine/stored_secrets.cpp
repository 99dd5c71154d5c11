#include "engine/stored_secrets.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "wire/json.h"

namespace croft::engine {

namespace json = wire::json;

namespace {

const std::string place = "v1/secret/";
constexpr size_t name_max = 128;
constexpr size_t page = 1000;

std::string text_at(const json::Object& object, std::string_view name) {
  auto found = json::string_at(object, name);
  return found ? *found : std::string();
}

}  // namespace

Result<> check_secret_name(std::string_view name) {
  auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  if (!name.empty() && name.size() <= name_max && std::ranges::all_of(name, good)) return {};
  return fail(
      Error(Code::invalid_argument, fmt::format("'{}' is no name of a secret", name))
          .hint(fmt::format("1 to {} letters, digits, '-', '_', '.' and '/': shop/db-password",
                            name_max)));
}

aio::Task<Result<>> store_secret(store::Store& store, const protocol::SecretSealer& sealer,
                                 std::string name, Secret value, WallTime now) {
  CO_TRY(check_secret_name(name));
  if (value.reveal().size() > stored_secret_max)
    co_return fail(Code::invalid_argument, fmt::format("a secret has at most {} bytes, this one {}",
                                                       stored_secret_max, value.reveal().size()));
  Secret both(json::compact(json::Object{{"name", name}, {"value", base64(value.reveal())}}));
  json::Object record{{"sealed", CO_TRY(sealer.seal(both))}, {"since", protocol::time_text(now)}};
  CO_TRY(co_await store.commit({}, {{.key = place + name, .value = json::compact(record)}}));
  co_return Result<>{};
}

aio::Task<Result<std::optional<Secret>>> stored_secret(store::Store& store,
                                                       const protocol::SecretSealer& sealer,
                                                       std::string name) {
  CO_TRY(check_secret_name(name));
  auto entry = CO_TRY(co_await store.get(place + name));
  if (!entry) co_return std::optional<Secret>{};
  auto record = CO_TRY(json::parse_object(entry->value, "a stored secret"));
  Secret both = CO_TRY(sealer.open(text_at(record, "sealed")));
  auto opened = json::parse_object(both.reveal(), "a stored secret");
  if (!opened || text_at(*opened, "name") != name)
    co_return fail(Code::corrupt, fmt::format("what is stored as the secret '{}' is not it", name));
  auto value = unbase64(text_at(*opened, "value"));
  if (!value) co_return fail(Code::corrupt, fmt::format("the secret '{}' is damaged", name));
  co_return std::optional(Secret(*std::move(value)));
}

aio::Task<Result<std::vector<StoredSecret>>> stored_secrets(store::Store& store) {
  std::vector<StoredSecret> out;
  for (store::Range range = store::prefix(place, page);;) {
    auto entries = CO_TRY(co_await store.range(range));
    for (const auto& entry : entries) {
      auto record = CO_TRY(json::parse_object(entry.value, "a stored secret"));
      out.push_back({entry.key.substr(place.size()),
                     CO_TRY(protocol::time_from_text(text_at(record, "since")))});
    }
    if (entries.size() < page) co_return out;
    range.from = entries.back().key + '\0';
  }
}

aio::Task<Result<>> remove_secret(store::Store& store, std::string name) {
  CO_TRY(check_secret_name(name));
  if (!CO_TRY(co_await store.get(place + name)))
    co_return fail(Error(Code::not_found, fmt::format("no secret '{}' is stored", name))
                       .hint("croft secret list"));
  CO_TRY(co_await store.commit({}, {{.key = place + name, .value = std::nullopt}}));
  co_return Result<>{};
}

}  // namespace croft::engine
