#include "controller/hosts/machine_records.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

constexpr std::string_view machines = "hosts/machine/";
constexpr std::string_view texts = "hosts/user-data/";
constexpr std::string_view doors_prefix = "hosts/door/";
constexpr const char* secret_key = "hosts/secret";
constexpr const char* fence_key = "hosts/fence";
constexpr size_t secret_bytes = 32;
constexpr size_t token_digits = 32;
constexpr size_t page = 1000;

std::string key_of(std::string_view application, std::string_view instance) {
  return fmt::format("{}{}/{}", machines, application, instance);
}

std::string text_of(const MachineRecord& record) {
  return json::compact(json::Object{{"application", record.machine.application},
                                    {"component", record.machine.component},
                                    {"clientToken", record.machine.client_token},
                                    {"farm", record.machine.farm_admin},
                                    {"instance", record.machine.instance},
                                    {"address", record.machine.address},
                                    {"expected", record.expected.ns},
                                    {"joined", record.joined.ns},
                                    {"request", record.request},
                                    {"serial", record.serial},
                                    {"next", record.next},
                                    {"suspended", record.suspended}});
}

Result<MachineRecord> record_from(std::string_view text) {
  auto object = TRY(json::parse_object(text, "the record of a machine"));
  MachineRecord out;
  out.machine.application = TRY(json::string_at(object, "application"));
  out.machine.component = TRY(json::string_at(object, "component"));
  out.machine.client_token = TRY(json::string_at(object, "clientToken"));
  out.machine.farm_admin = TRY(json::string_at(object, "farm"));
  out.machine.instance = TRY(json::string_at(object, "instance"));
  out.machine.address = TRY(json::string_at(object, "address"));
  out.expected.ns = TRY(json::int_at(object, "expected"));
  out.joined.ns = TRY(json::int_at(object, "joined"));
  out.request = TRY(json::string_or(object, "request", ""));
  out.serial = TRY(json::string_or(object, "serial", ""));
  out.next = TRY(json::string_or(object, "next", ""));
  out.suspended = TRY(json::bool_or(object, "suspended", false));
  return out;
}

/// All of a prefix, whatever their number.
aio::Task<Result<std::vector<store::Entry>>> all_of(store::Store& store, std::string_view prefix) {
  std::vector<store::Entry> out;
  store::Range range = store::prefix(std::string(prefix), page);
  for (;;) {
    auto some = CO_TRY(co_await store.range(range));
    bool last = some.size() < page;
    for (store::Entry& entry : some) out.push_back(std::move(entry));
    if (last) co_return out;
    range.from = out.back().key + '\0';
  }
}

}  // namespace

aio::Task<Result<>> MachineRecords::open(aio::Random& random) {
  for (const auto& entry : CO_TRY(co_await all_of(store_, machines))) {
    auto record = CO_TRY(record_from(entry.value));
    std::string key = key_of(record.machine.application, record.machine.instance);
    by_instance_[record.machine.instance] = key;
    records_[key] = std::move(record);
  }
  for (const auto& entry : CO_TRY(co_await all_of(store_, doors_prefix))) {
    auto object = CO_TRY(json::parse_object(entry.value, "the record of a door"));
    doors_[entry.key.substr(doors_prefix.size())] = {
        static_cast<uint16_t>(CO_TRY(json::int_at(object, "port"))),
        static_cast<uint16_t>(CO_TRY(json::int_at(object, "heartbeatPort")))};
  }
  for (const auto& entry : CO_TRY(co_await all_of(store_, texts))) {
    auto object = CO_TRY(json::parse_object(entry.value, "kept user data"));
    texts_[entry.key.substr(texts.size())] = CO_TRY(json::string_at(object, "farm"));
  }
  std::vector<store::Change> changes;
  std::vector<store::Condition> conditions;
  auto stored = CO_TRY(co_await store_.get(secret_key));
  if (stored) {
    secret_ = CO_TRY(encryption_.unseal(stored->value, secret_key));
  } else {
    std::string bytes(secret_bytes, '\0');
    random.fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    secret_ = Secret(std::move(bytes));
    changes.push_back({.key = secret_key, .value = CO_TRY(encryption_.seal(secret_, secret_key))});
    conditions.push_back({secret_key, 0});
  }
  auto number = CO_TRY(co_await store_.get(fence_key));
  fence_ = (number ? parse_u64(number->value).value_or(0) : 0) + 1;
  conditions.push_back({fence_key, number ? number->modified : 0});
  changes.push_back({.key = fence_key, .value = fmt::format("{}", fence_)});
  CO_TRY(co_await store_.commit(std::move(conditions), std::move(changes)));
  digest_key_ = Secret(hmac(Hash::sha256, secret_.reveal(), "digests"));
  co_return Result<>{};
}

/// As the ledger says it of its own: nothing is wrong with what it was written for.
aio::Task<Result<>> MachineRecords::commit(std::vector<store::Change> changes) {
  auto done = co_await store_.commit({}, std::move(changes));
  if (done) co_return Result<>{};
  co_return fail(
      std::move(done).error().frame("writing the records of hosts").fact("record", "hosts"));
}

MachineRecord* MachineRecords::find(std::string_view application, std::string_view instance) {
  auto found = records_.find(key_of(application, instance));
  return found == records_.end() ? nullptr : &found->second;
}

MachineRecord* MachineRecords::find_instance(std::string_view instance) {
  auto found = by_instance_.find(instance);
  return found == by_instance_.end() ? nullptr : &records_.at(found->second);
}

aio::Task<Result<>> MachineRecords::put(MachineRecord record) {
  std::string key = key_of(record.machine.application, record.machine.instance);
  CO_TRY(co_await commit({{.key = key, .value = text_of(record)}}));
  by_instance_[record.machine.instance] = key;
  records_[key] = std::move(record);
  co_return Result<>{};
}

aio::Task<Result<>> MachineRecords::remove(std::string application, std::string instance) {
  auto found = records_.find(key_of(application, instance));
  if (found == records_.end()) co_return Result<>{};
  std::string key = found->first;
  CO_TRY(co_await commit({{.key = key, .value = std::nullopt}}));
  by_instance_.erase(instance);
  records_.erase(key);
  co_return Result<>{};
}

aio::Task<Result<std::optional<std::string>>> MachineRecords::user_data(std::string client_token) {
  std::string key = std::string(texts) + client_token;
  auto stored = CO_TRY(co_await store_.get(key));
  if (!stored) co_return std::nullopt;
  auto object = CO_TRY(json::parse_object(stored->value, "kept user data"));
  auto sealed = unbase64(CO_TRY(json::string_at(object, "text")));
  if (!sealed) co_return fail(Code::corrupt, "kept user data is not base64");
  co_return CO_TRY(encryption_.unseal(*sealed, key)).reveal();
}

aio::Task<Result<>> MachineRecords::keep_user_data(std::string client_token, std::string farm_admin,
                                                   std::string text) {
  std::string key = std::string(texts) + client_token;
  std::string sealed = CO_TRY(encryption_.seal(Secret(std::move(text)), key));
  std::string value = json::compact(json::Object{{"farm", farm_admin}, {"text", base64(sealed)}});
  CO_TRY(co_await commit({{.key = key, .value = std::move(value)}}));
  texts_[client_token] = std::move(farm_admin);
  co_return Result<>{};
}

aio::Task<Result<>> MachineRecords::drop_user_data(std::string client_token) {
  if (!texts_.contains(client_token)) co_return Result<>{};
  CO_TRY(co_await commit({{.key = std::string(texts) + client_token, .value = std::nullopt}}));
  texts_.erase(client_token);
  co_return Result<>{};
}

bool MachineRecords::uses(std::string_view farm_admin) const {
  for (const auto& [token, farm] : texts_)
    if (farm == farm_admin) return true;
  for (const auto& [key, record] : records_)
    if (record.machine.farm_admin == farm_admin) return true;
  return false;
}

aio::Task<Result<>> MachineRecords::put_door(std::string farm_admin, Door door) {
  std::string text =
      json::compact(json::Object{{"port", door.port}, {"heartbeatPort", door.heartbeat_port}});
  CO_TRY(
      co_await commit({{.key = std::string(doors_prefix) + farm_admin, .value = std::move(text)}}));
  doors_[farm_admin] = door;
  co_return Result<>{};
}

aio::Task<Result<>> MachineRecords::drop_door(std::string farm_admin) {
  if (!doors_.contains(farm_admin)) co_return Result<>{};
  CO_TRY(co_await commit({{.key = std::string(doors_prefix) + farm_admin, .value = std::nullopt}}));
  doors_.erase(farm_admin);
  co_return Result<>{};
}

Secret MachineRecords::token_of(std::string_view client_token) const {
  return Secret(hex(hmac(Hash::sha256, secret_.reveal(), fmt::format("join {}", client_token)))
                    .substr(0, token_digits));
}

Secret MachineRecords::heartbeat_key_of(const MachineRecord& record) const {
  return Secret(hmac(Hash::sha256, secret_.reveal(),
                     fmt::format("beat {} {}", record.machine.instance, record.serial)));
}

}  // namespace croft::controller
