#include "farm/api/sessions.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "wire/json.h"

namespace croft::farm {

namespace {

namespace json = wire::json;

constexpr const char* record = "sts/key";
constexpr size_t master_size = 32;
constexpr size_t longest_token = 8192;

json::Array array_of(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

Result<std::vector<std::string>> texts_in(const json::Object& object, std::string_view name) {
  std::vector<std::string> out;
  const json::Array* list = TRY(json::array_if(object, name));
  if (!list) return out;
  for (const json::Value& value : *list)
    if (value.is_string()) out.emplace_back(value.get_string());
  return out;
}

}  // namespace

aio::Task<Result<std::unique_ptr<Sessions>>> Sessions::open(aio::World& world, store::Store& store,
                                                            Sealer& sealer) {
  std::unique_ptr<Sessions> out(new Sessions(world));
  auto kept = CO_TRY(co_await store.range(store::prefix(record)));
  if (!kept.empty()) {
    Secret master = CO_TRY(sealer.unseal(kept.front().value, record));
    out->master_ = master.reveal();
    co_return out;
  }
  out->master_.resize(master_size);
  world.random.fill(std::span(reinterpret_cast<uint8_t*>(out->master_.data()), master_size));
  std::vector<store::Change> changes;
  changes.push_back({record, CO_TRY(sealer.seal(Secret(out->master_), record))});
  CO_TRY(co_await store.commit({}, std::move(changes)));
  co_return out;
}

std::string Sessions::mac(std::string_view purpose, std::string_view text) const {
  return hmac(Hash::sha256, master_, fmt::format("{}/{}", purpose, text));
}

std::string Sessions::key_of(std::string_view payload) const {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out = "ASIA";
  for (unsigned char byte : mac("key", payload).substr(0, 16)) out += alphabet[byte % 32];
  return out;
}

Secret Sessions::secret_of(std::string_view payload) const {
  return Secret(base64url(mac("secret", payload)).substr(0, 40));
}

Sessions::Keys Sessions::issue(const Session& session) const {
  json::Object body{{"account", session.account_id},
                    {"role", session.role},
                    {"name", session.name},
                    {"instance", session.instance},
                    {"services", array_of(session.scope.services)},
                    {"buckets", array_of(session.scope.buckets)},
                    {"expires", session.expires.ns}};
  std::string payload = base64url(json::compact(body));
  return {key_of(payload), secret_of(payload), payload + "." + base64url(mac("token", payload)),
          session.expires};
}

Result<Sessions::Checked> Sessions::check(std::string_view access_key,
                                          std::string_view token) const {
  auto parts = cut(token, '.');
  bool good = parts && token.size() <= longest_token &&
              constant_time_equal(base64url(mac("token", parts->first)), parts->second) &&
              constant_time_equal(key_of(parts->first), access_key);
  if (!good) return fail(Code::permission_denied, "the token is none of this farm's for that key");
  std::string padded = replace_all(replace_all(parts->first, "-", "+"), "_", "/");
  padded.append((4 - padded.size() % 4) % 4, '=');
  auto text = unbase64(padded);
  if (!text) return fail(Code::permission_denied, "the token is not base64");
  auto body = TRY(json::parse_object(*text, "the session token"));
  Checked out;
  out.session.account_id = TRY(json::string_at(body, "account"));
  out.session.role = TRY(json::string_at(body, "role"));
  out.session.name = TRY(json::string_at(body, "name"));
  out.session.instance = TRY(json::string_at(body, "instance"));
  out.session.scope.services = TRY(texts_in(body, "services"));
  out.session.scope.buckets = TRY(texts_in(body, "buckets"));
  out.session.expires.ns = TRY(json::int_at(body, "expires"));
  out.secret = secret_of(parts->first);
  if (out.session.expires < world_.clock.wall())
    return fail(Code::timeout, "the session has expired");
  return out;
}

}  // namespace croft::farm
