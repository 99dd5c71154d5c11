#include "farm/ec2/state.h"

#include <algorithm>

namespace croft::farm::ec2 {

namespace {

std::string instance_key(std::string_view id) {
  return fmt::format("ec2/instance/{}", id);
}
std::string key_key(const KeyPair& key) {
  return fmt::format("ec2/key/{}/{}", key.account, key.name);
}
std::string image_key(std::string_view id) {
  return fmt::format("ec2/image/{}", id);
}
std::string token_key(const TokenRecord& t) {
  return fmt::format("ec2/token/{}/{}", t.account, t.token);
}

template <class T>
Result<T> with_key(Result<T> record, const std::string& key) {
  if (!record) return fail(std::move(record).error().frame("reading " + key));
  return record;
}

}  // namespace

aio::Task<Result<std::vector<store::Entry>>> State::read_all(std::string prefix) {
  std::vector<store::Entry> all;
  store::Range range = store::prefix(prefix);
  for (;;) {
    auto part = CO_TRY(co_await store_.range(range));
    size_t count = part.size();
    for (store::Entry& entry : part) all.push_back(std::move(entry));
    if (count < range.limit) co_return all;
    range.from = all.back().key + '\0';
  }
}

aio::Task<Result<>> State::load() {
  auto images = CO_TRY(co_await read_all("ec2/image/"));
  for (const auto& entry : images)
    add_image(CO_TRY(with_key(decode_image(entry.value), entry.key)));
  auto keys = CO_TRY(co_await read_all("ec2/key/"));
  for (const auto& entry : keys) add_key(CO_TRY(with_key(decode_key_pair(entry.value), entry.key)));
  auto tokens = CO_TRY(co_await read_all("ec2/token/"));
  for (const auto& entry : tokens)
    add_token(CO_TRY(with_key(decode_token(entry.value), entry.key)));
  auto instances = CO_TRY(co_await read_all("ec2/instance/"));
  for (const auto& entry : instances) {
    Instance instance = CO_TRY(with_key(decode_instance(entry.value), entry.key));
    sequence_ = std::max(sequence_, instance.sequence);
    if (instance.state != InstanceState::terminated) take_address(instance.private_address);
    if (!instance.public_address.empty()) take_address(instance.public_address);
    add_instance(std::move(instance));
  }
  std::vector<std::string> prefixes;
  each_table([&](auto& table, std::string_view) { prefixes.push_back(table.prefix()); });
  for (const std::string& prefix : prefixes) {
    auto entries = CO_TRY(co_await read_all(prefix));
    Result<> loaded;
    each_table([&](auto& table, std::string_view) {
      if (table.prefix() != prefix) return;
      for (const auto& entry : entries)
        if (loaded) loaded = table.load(entry);
    });
    CO_TRY(std::move(loaded));
  }
  auto roles = CO_TRY(co_await read_all(profiles.prefix()));
  for (const auto& entry : roles) CO_TRY(profiles.load(entry));
  for (const auto& [id, address] : addresses.all()) take_address(address.address);
  for (const auto& [id, interface] : interfaces.all()) take_address(interface.address);
  for (const auto& [id, plain] : plains.all())
    if (plain.kind == "nat" && plain.state != "deleted") take_address(plain.value("private"));
  co_return Result<>{};
}

Instance* State::find_instance(std::string_view id) {
  auto found = instances_.find(id);
  return found == instances_.end() ? nullptr : &found->second;
}

Instance* State::find_instance(std::string_view account, std::string_view id) {
  Instance* found = find_instance(id);
  return found && found->account == account ? found : nullptr;
}

Instance& State::add_instance(Instance instance) {
  std::string id = instance.id;
  Instance& kept = instances_.insert_or_assign(id, std::move(instance)).first->second;
  by_account_[kept.account][kept.sequence] = &kept;
  if (kept.state != InstanceState::terminated) by_address_[kept.private_address] = &kept;
  return kept;
}

void State::erase_instance(const std::string& id) {
  Instance* instance = find_instance(id);
  if (!instance) return;
  auto held = by_address_.find(instance->private_address);
  if (held != by_address_.end() && held->second == instance) leave_address(*instance);
  if (!instance->public_address.empty()) free_address(instance->public_address);
  by_account_[instance->account].erase(instance->sequence);
  instances_.erase(id);
}

void State::leave_address(const Instance& instance) {
  free_address(instance.private_address);
  Interface* kept = interfaces.find(instance.interface);
  if (kept && kept->address == instance.private_address) take_address(kept->address);
}

std::vector<Instance*> State::instances_of(std::string_view account) {
  std::vector<Instance*> out;
  auto found = by_account_.find(account);
  if (found == by_account_.end()) return out;
  out.reserve(found->second.size());
  for (auto& [sequence, instance] : found->second) out.push_back(instance);
  return out;
}

std::vector<Instance*> State::reservation(std::string_view account, std::string_view reservation) {
  auto out = instances_of(account);
  std::erase_if(out, [&](Instance* i) { return i->reservation != reservation; });
  return out;
}

int64_t State::count_owned(std::string_view account) const {
  int64_t count = 0;
  auto found = by_account_.find(account);
  if (found == by_account_.end()) return 0;
  for (const auto& [sequence, instance] : found->second)
    if (instance->state != InstanceState::terminated &&
        instance->state != InstanceState::shutting_down)
      ++count;
  return count;
}

KeyPair* State::find_key(std::string_view account, std::string_view name) {
  auto found = keys_.find({std::string(account), std::string(name)});
  return found == keys_.end() ? nullptr : &found->second;
}

KeyPair* State::find_key_by_id(std::string_view account, std::string_view id) {
  for (KeyPair* key : keys_of(account))
    if (key->id == id) return key;
  return nullptr;
}

std::vector<KeyPair*> State::keys_of(std::string_view account) {
  std::vector<KeyPair*> out;
  for (auto at = keys_.lower_bound({std::string(account), ""});
       at != keys_.end() && at->first.first == account; ++at)
    out.push_back(&at->second);
  return out;
}

KeyPair& State::add_key(KeyPair key) {
  Pair at{key.account, key.name};
  return keys_.insert_or_assign(std::move(at), std::move(key)).first->second;
}

void State::erase_key(const KeyPair& key) {
  keys_.erase(Pair{key.account, key.name});
}

Image* State::find_image(std::string_view id) {
  auto found = images_.find(id);
  return found == images_.end() ? nullptr : &found->second;
}

Image* State::find_image(std::string_view account, std::string_view id) {
  Image* image = find_image(id);
  return image && image->seen_by(account) ? image : nullptr;
}

std::vector<Image*> State::images_of(std::string_view account) {
  std::vector<Image*> out;
  for (auto& [id, image] : images_)
    if (image.seen_by(account)) out.push_back(&image);
  return out;
}

Image& State::add_image(Image image) {
  std::string id = image.id;
  return images_.insert_or_assign(std::move(id), std::move(image)).first->second;
}

TokenRecord* State::find_token(std::string_view account, std::string_view token) {
  auto found = tokens_.find({std::string(account), std::string(token)});
  return found == tokens_.end() ? nullptr : &found->second;
}

TokenRecord& State::add_token(TokenRecord token) {
  Pair at{token.account, token.token};
  return tokens_.insert_or_assign(std::move(at), std::move(token)).first->second;
}

std::vector<TokenRecord> State::stale_tokens(WallTime before) const {
  std::set<std::string_view> alive;
  for (const auto& [id, instance] : instances_) alive.insert(instance.reservation);
  std::vector<TokenRecord> out;
  for (const auto& [key, token] : tokens_)
    if (token.created < before && !alive.contains(token.reservation)) out.push_back(token);
  return out;
}

void State::erase_token(const TokenRecord& token) {
  tokens_.erase(Pair{token.account, token.token});
}

uint32_t State::behind_reservations(uint32_t address) const {
  for (const auto& [id, plain] : plains.all()) {
    if (plain.kind != "scr") continue;
    std::string cidr = plain.value("cidr");
    auto parts = cut(cidr, '/');
    auto base = parts ? parse_ipv4(parts->first) : std::nullopt;
    auto prefix = parts ? parse_u64(parts->second) : std::nullopt;
    if (!base || !prefix || *prefix > 32) continue;
    uint64_t end = uint64_t{*base} + (uint64_t{1} << (32 - *prefix));
    if (address >= *base && address < end) address = static_cast<uint32_t>(end);
  }
  return address;
}

std::optional<std::string> State::take_address(const Subnet& subnet) {
  uint32_t next = subnet.first();
  for (uint32_t before = next - 1; next != before;) {
    before = next;
    for (auto at = taken_.lower_bound(next); at != taken_.end() && *at == next; ++at) ++next;
    next = behind_reservations(next);
  }
  if (!subnet.contains(next)) return std::nullopt;
  taken_.insert(next);
  return ipv4_text(next);
}

bool State::take_address(std::string_view address) {
  auto number = parse_ipv4(address);
  return number && taken_.insert(*number).second;
}

void State::free_address(std::string_view address) {
  if (auto number = parse_ipv4(address)) taken_.erase(*number);
  if (auto held = by_address_.find(address); held != by_address_.end()) by_address_.erase(held);
}

size_t State::free_addresses(const Subnet& subnet) const {
  if (subnet.prefix > 29) return 0;
  auto used = std::distance(taken_.lower_bound(subnet.first()), taken_.upper_bound(subnet.last()));
  return subnet.last() - subnet.first() + 1 - static_cast<size_t>(used);
}

Instance* State::by_address(std::string_view address) {
  auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

store::Change State::put(const Instance& instance) {
  return {instance_key(instance.id), encode(instance)};
}
store::Change State::put(const KeyPair& key) {
  return {key_key(key), encode(key)};
}
store::Change State::put(const Image& image) {
  return {image_key(image.id), encode(image)};
}
store::Change State::put(const TokenRecord& token) {
  return {token_key(token), encode(token)};
}
store::Change State::remove(const Instance& instance) {
  return {instance_key(instance.id), std::nullopt};
}
store::Change State::remove(const KeyPair& key) {
  return {key_key(key), std::nullopt};
}
store::Change State::remove(const Image& image) {
  return {image_key(image.id), std::nullopt};
}
store::Change State::remove(const TokenRecord& token) {
  return {token_key(token), std::nullopt};
}

aio::Task<Result<>> State::commit(std::string point, std::vector<store::Change> changes) {
  world_.crash.pass("ec2." + point + ".before");
  auto done = co_await store_.commit({}, std::move(changes));
  if (!done) co_return fail(std::move(done).error().frame("recording " + point));
  world_.crash.pass("ec2." + point + ".after");
  co_return Result<>{};
}

}  // namespace croft::farm::ec2
