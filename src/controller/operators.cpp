#include "controller/operators.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"
#include "engine/ledger.h"
#include "protocol/journal.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

const std::string place = "v1/operator/";
const std::string trail_place = "v1/trail/";
constexpr size_t name_max = 64, operators_most = 1000;
constexpr size_t token_digits = 64;

Result<> check_operator_name(std::string_view name) {
  auto good = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-'; };
  if (!name.empty() && name.size() <= name_max && std::ranges::all_of(name, good)) return {};
  return fail(Error(Code::invalid_argument, fmt::format("'{}' is no operator's name", name))
                  .hint(fmt::format("1 to {} letters, digits and '-'", name_max)));
}

struct Kept {
  Operator who;
  std::string digest;
};

Result<Kept> kept_from(const store::Entry& entry) {
  auto object = TRY(json::parse_object(entry.value, entry.key));
  Kept out;
  out.who.name = entry.key.substr(place.size());
  out.who.role = TRY(role_from_name(TRY(json::string_at(object, "role"))));
  out.who.created = TRY(protocol::time_from_text(TRY(json::string_at(object, "created"))));
  if (object.contains("expires"))
    out.who.expires = TRY(protocol::time_from_text(TRY(json::string_at(object, "expires"))));
  out.digest = TRY(json::string_at(object, "digest"));
  return out;
}

Result<TrailEntry> trail_from(const store::Entry& entry) {
  auto object = TRY(json::parse_object(entry.value, entry.key));
  TrailEntry out;
  out.seq = static_cast<uint64_t>(TRY(json::int_at(object, "seq")));
  out.time = TRY(protocol::time_from_text(TRY(json::string_at(object, "time"))));
  out.by = TRY(json::string_at(object, "by"));
  out.role = TRY(json::string_at(object, "role"));
  out.from = TRY(json::string_at(object, "from"));
  out.method = TRY(json::string_at(object, "method"));
  out.target = TRY(json::string_at(object, "target"));
  out.refused = TRY(json::bool_or(object, "refused", false));
  return out;
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::read:
      return "read";
    case Role::operate:
      return "operate";
    case Role::own:
      return "own";
  }
  return "";
}

Result<Role> role_from_name(std::string_view name) {
  for (Role role : {Role::read, Role::operate, Role::own})
    if (name == name_of(role)) return role;
  return fail(Error(Code::invalid_argument, fmt::format("'{}' is no role", name))
                  .hint("read, operate or own"));
}

json::Object to_json(const TrailEntry& entry) {
  json::Object out{{"seq", entry.seq},      {"time", protocol::time_text(entry.time)},
                   {"by", entry.by},        {"role", entry.role},
                   {"from", entry.from},    {"method", entry.method},
                   {"target", entry.target}};
  if (entry.refused) out["refused"] = true;
  return out;
}

aio::Task<Result<Secret>> Operators::add(std::string name, Role role,
                                         std::optional<Duration> lasts) {
  CO_TRY(check_operator_name(name));
  if (CO_TRY(co_await list()).size() >= operators_most)
    co_return fail(Code::resource_exhausted,
                   fmt::format("there are {} operators, the most that are kept", operators_most));
  Secret token(fmt::format("{}.{}", name, world_.random.hex_id(token_digits)));
  WallTime now = world_.clock.wall();
  json::Object record{{"role", name_of(role)},
                      {"created", protocol::time_text(now)},
                      {"digest", sha256_hex(token.reveal())}};
  if (lasts) record["expires"] = protocol::time_text(now + *lasts);
  std::string key = place + name;
  auto done = co_await store_.commit({{key, 0}}, {{.key = key, .value = json::compact(record)}});
  if (!done && done.error().code == Code::conflict)
    co_return fail(
        Error(Code::already_exists, fmt::format("there is an operator '{}'", name))
            .hint(fmt::format("croft operator rm {} takes that one's token away", name)));
  if (!done) co_return fail(std::move(done).error());
  co_return token;
}

aio::Task<Result<>> Operators::keep_owner(std::string digest) {
  json::Object record{{"role", name_of(Role::own)},
                      {"created", protocol::time_text(world_.clock.wall())},
                      {"digest", std::move(digest)}};
  std::string key = place + std::string(owner_name);
  auto done = co_await store_.commit({{key, 0}}, {{.key = key, .value = json::compact(record)}});
  if (!done && done.error().code != Code::conflict) co_return fail(std::move(done).error());
  co_return Result<>{};
}

aio::Task<Result<std::vector<Operator>>> Operators::list() {
  std::vector<Operator> out;
  for (const auto& entry : CO_TRY(co_await store_.range(store::prefix(place, operators_most))))
    out.push_back(CO_TRY(kept_from(entry)).who);
  co_return out;
}

aio::Task<Result<>> Operators::remove(std::string name) {
  auto entry = CO_TRY(co_await store_.get(place + name));
  if (!entry) {
    Error error(Code::not_found, fmt::format("there is no operator '{}'", name));
    std::vector<std::string> names;
    for (const auto& each : CO_TRY(co_await list())) names.push_back(each.name);
    if (auto hint = did_you_mean(name, names); !hint.empty()) error.hint(hint);
    co_return fail(std::move(error));
  }
  CO_TRY(co_await store_.commit({}, {{.key = place + name, .value = std::nullopt}}));
  co_return Result<>{};
}

aio::Task<Result<Operator>> Operators::who(Secret token) {
  const std::string& text = token.reveal();
  std::string digest = sha256_hex(text);
  std::string name = text.substr(0, text.find('.'));
  std::optional<store::Entry> entry;
  if (check_operator_name(name)) entry = CO_TRY(co_await store_.get(place + name));
  if (!entry) co_return fail(Code::unauthenticated, "the token is not one of this controller's");
  Kept kept = CO_TRY(kept_from(*entry));
  if (!constant_time_equal(kept.digest, digest))
    co_return fail(Code::unauthenticated, "the token is not one of this controller's");
  if (kept.who.expires && *kept.who.expires <= world_.clock.wall())
    co_return fail(
        Error(Code::unauthenticated, fmt::format("the token of {} is over since {}", name,
                                                 protocol::time_text(*kept.who.expires)))
            .hint("croft operator add makes another"));
  co_return std::move(kept.who);
}

aio::Task<Result<>> Operators::note(TrailEntry entry) {
  if (!last_) {
    auto found = CO_TRY(co_await engine::last_number(store_, trail_place));
    if (!last_) last_ = found;  // another may have asked meanwhile
  }
  entry.seq = ++*last_;
  entry.time = world_.clock.wall();
  CO_TRY(co_await store_.commit({}, {{.key = protocol::sequence_key(trail_place, entry.seq),
                                      .value = json::compact(to_json(entry))}}));
  co_return Result<>{};
}

aio::Task<Result<std::vector<TrailEntry>>> Operators::trail(uint64_t from) {
  store::Range range = store::prefix(trail_place, trail_page);
  range.from = protocol::sequence_key(trail_place, from);
  std::vector<TrailEntry> out;
  for (const auto& entry : CO_TRY(co_await store_.range(range)))
    out.push_back(CO_TRY(trail_from(entry)));
  co_return out;
}

}  // namespace croft::controller
