// What people ask of an application: to be up as described, to go back, to go down; and what it is
// loaded from. Durable before it is answered; run() carries it out.
#include <fmt/format.h>

#include <set>

#include "base/text.h"
#include "engine/application.h"
#include "engine/branch.h"

namespace croft::engine {

using protocol::ApplicationState;
using protocol::DownProof;

namespace {

constexpr wire::json::Limits environment_limits{Bytes::mib(1), 4};
constexpr size_t filter_most = 200;  // values that EC2 takes in a filter
constexpr const char *callers_key = "environment", *farms_key = "farm-environment";

using Variables = std::map<std::string, std::string>;

Variables merged(Variables below, const Variables& above) {
  for (const auto& [name, text] : above) below[name] = text;
  return below;
}

/// The component of a description that `path` ("app:a:b") names.
model::ComponentPtr component_at(const model::Description& description, std::string_view path) {
  model::ComponentPtr at = description.config;
  auto rest = cut(path, ':');
  while (at && rest) {
    std::string_view name = rest->second;
    rest = cut(name, ':');
    at = at->component(rest ? rest->first : name);
  }
  return at;
}

/// What an older description made the action from that a record tells: "each", "each@3".
model::ComponentPtr made_action_of(const model::Description& description,
                                   const ComponentRecord& record) {
  auto parent = component_at(description, plan::parent_path(record.path));
  auto version = cut(record.made_from, '@');
  return parent ? parent->component(version ? version->first : record.made_from) : nullptr;
}

/// Both would call the same endpoints.
bool same_farm(const cloud::Farm& a, const cloud::Farm& b) {
  auto url = [](const std::optional<cloud::Endpoint>& endpoint) {
    return endpoint ? endpoint->url.text() : "";
  };
  return a.kind == b.kind && url(a.ec2) == url(b.ec2) && url(a.s3) == url(b.s3);
}

}  // namespace

void Application::note(std::string by, std::string action, std::string why) {
  HistoryEntry entry;
  entry.by = std::move(by);
  entry.action = std::move(action);
  entry.version = record_.version;
  entry.file = record_.file;
  entry.digest = record_.digest;
  entry.why = std::move(why);
  ledger_.history(std::move(entry));
}

/// Descriptions that neither run nor are near enough to go back to.
void Application::forget_old_versions() {
  if (record_.version <= versions_kept) return;
  uint64_t old = record_.version - versions_kept;
  for (const auto& [path, node] : nodes_)
    if (node->record.version == old) return;
  ledger_.erase_text(fmt::format("d/{}", old));
}

aio::Task<Result<>> Application::store_wanted(Wanted wanted, std::string action, std::string why) {
  bool anew = wanted.description.digest != record_.digest || wanted.description.digest.empty();
  if (anew) {
    std::string text =
        wire::json::compact(CO_TRY(protocol::pack(wanted.description, &services_.sealer)));
    // Of an update the text first, by itself: where it cannot be kept (a full disk), nothing has
    // changed. Another `up` may come in between.
    uint64_t version = description_.root ? 0 : record_.version;
    while (description_.root && version != record_.version + 1) {
      version = record_.version + 1;
      ledger_.put_text(fmt::format("d/{}", version), text);
      CO_TRY(co_await ledger_.flush());
    }
    identities_.clear();
    if (description_.root)
      old_descriptions_.push_back(std::move(description_));
    else
      ledger_.put_text(fmt::format("d/{}", version), std::move(text));
    record_.version = version;
    record_.digest = wanted.description.digest;
    record_.file = wanted.description.file;
    description_ = std::move(wanted.description);
    described_anew_ = true;
    forget_old_versions();
  }
  if (!same_farm(record_.farm, wanted.farm)) farm_variables_.clear();
  callers_variables_ = std::move(wanted.environment);
  CO_TRY(keep_environment());
  record_.farm = std::move(wanted.farm);
  record_.farm_admin = std::move(wanted.farm_admin);
  record_.options = std::move(wanted.options);
  for (auto& [path, ids] : wanted.imports)
    record_.imports.insert_or_assign(whole_path(path), std::move(ids));
  record_.desired = Desired::up;
  record_.remove_kept = record_.restored = false;
  ledger_.put(record_);
  note(std::move(wanted.by), std::move(action), std::move(why));
  co_return co_await ledger_.flush();
}

/// Makes the variables of caller and farm durable and valid. They are kept apart: another `up`
/// brings other variables of a caller, and what is rented still belongs to the account that the
/// farm gave.
Result<> Application::keep_environment() {
  auto sealed = [this](const Variables& variables) -> Result<std::string> {
    wire::json::Object object;
    for (const auto& [name, text] : variables) object[name] = text;
    return services_.sealer.seal(Secret(wire::json::compact(object)));
  };
  ledger_.put_text(callers_key, TRY(sealed(callers_variables_)));
  ledger_.put_text(farms_key, TRY(sealed(farm_variables_)));
  environment_ = cloud::fixed_environment(merged(callers_variables_, farm_variables_));
  return {};
}

aio::Task<Result<>> Application::load_environment() {
  for (auto [key, into] :
       {std::pair{callers_key, &callers_variables_}, std::pair{farms_key, &farm_variables_}}) {
    auto sealed = CO_TRY(co_await ledger_.text(key));
    if (!sealed) continue;
    Secret opened = CO_TRY(services_.sealer.open(*sealed));
    auto object = CO_TRY(wire::json::parse_object(opened.reveal(), key, environment_limits));
    for (const auto& item : object)
      (*into)[std::string(item.key())] = CO_TRY(wire::json::string_at(object, item.key()));
  }
  environment_ = cloud::fixed_environment(merged(callers_variables_, farm_variables_));
  co_return Result<>{};
}

aio::Task<Result<>> Application::create(Wanted wanted) {
  for (const auto& [given, ids] : wanted.imports)
    CO_TRY(describes(wanted.description, whole_path(given)));
  is_new_ = true;
  record_.created = record_.since = services_.world.clock.wall();
  record_.state = ApplicationState::down;
  record_.desired = Desired::down;
  changed_wish_ = true;
  co_return co_await store_wanted(std::move(wanted), "up");
}

aio::Task<Result<UpChange>> Application::up(Wanted wanted) {
  co_return co_await change_to(std::move(wanted), "", "");
}

aio::Task<Result<UpChange>> Application::roll_back(uint64_t version, std::string by) {
  Wanted wanted;
  wanted.description = CO_TRY(co_await stored_description(version));
  wanted.farm = record_.farm;
  wanted.farm_admin = record_.farm_admin;
  wanted.options = record_.options;
  wanted.options.scope = {};  // of the `up` that named it, not of this
  wanted.environment = callers_variables_;
  wanted.by = std::move(by);
  co_return co_await change_to(std::move(wanted), "rollback",
                               fmt::format("to version {}", version));
}

/// Other credentials than before have to be of the account that has what it rents: with those of
/// another all of it would seem to be gone.
aio::Task<Result<>> Application::same_account(const Wanted& wanted) {
  std::set<std::string> machines, buckets;
  cloud::CredentialsSearch then, now;
  then.environment = environment_;
  auto before = co_await cloud::find_credentials(services_.world, std::move(then));
  if (!before) co_return Result<>{};
  for (const auto& node : nodes_inside(name())) {
    if (!node->object || std::ranges::none_of(node->record.rented, &Rented::open)) continue;
    auto keys = co_await node->object->account(node->context);
    if (!keys || !*keys) continue;
    const std::string& own = (*keys)->access_key;  // its description may name another's
    if (!own.empty() && own != before->access_key) continue;
    for (const Rented& thing : node->record.rented)
      if (thing.open() && (thing.kind == "instance" || thing.kind == "bucket"))
        (thing.kind == "instance" ? machines : buckets).insert(thing.id);
  }
  if (machines.empty() && buckets.empty()) co_return Result<>{};
  Variables farms = farm_variables_;
  if (!wanted.farm_admin.empty() && services_.prepare_farm) {
    auto root = wanted.description.root;
    auto given = co_await services_.prepare_farm(
        wanted.farm_admin, root ? root->component("farm") : nullptr, wanted.environment, farms);
    if (!given) co_return Result<>{};  // bringing it up says what is wrong
    farms = *std::move(given);
  }
  now.environment = cloud::fixed_environment(merged(wanted.environment, farms));
  auto after = co_await cloud::find_credentials(services_.world, std::move(now));
  if (!after || after->access_key == before->access_key) co_return Result<>{};
  cloud::Connection connection{services_.world, services_.http, services_.retrier};
  bool found = false;
  if (!machines.empty()) {
    cloud::Ec2 ec2(connection, CO_TRY(record_.farm.endpoint(cloud::Service::ec2)), *after);
    cloud::DescribeInstances query;
    auto end =
        std::next(machines.begin(), static_cast<ptrdiff_t>(std::min(machines.size(), filter_most)));
    query.filters = {{"instance-id", {machines.begin(), end}}};
    found = !CO_TRY(co_await ec2.describe_instances(std::move(query))).empty();
  } else {
    cloud::S3 s3(connection, CO_TRY(record_.farm.endpoint(cloud::Service::s3)), *after);
    for (const auto& bucket : CO_TRY(co_await s3.list_buckets()))
      found = found || buckets.contains(bucket.name);
  }
  if (found) co_return Result<>{};
  const std::string& one = machines.empty() ? *buckets.begin() : *machines.begin();
  co_return fail(
      Error(Code::conflict,
            fmt::format("{} rents {} and more with the access key {}; the one of this `up`, {}, is "
                        "of an account that has none of it",
                        name(), one, before->access_key, after->access_key))
          .hint("give the credentials of the account that it runs in")
          .hint(fmt::format("croft down {} first, where it is to move", name())));
}

aio::Task<Result<UpChange>> Application::change_to(Wanted wanted, std::string action,
                                                   std::string why) {
  bool running = record_.desired == Desired::up;
  bool same = !wanted.description.digest.empty() && wanted.description.digest == record_.digest;
  if (running && instances() + static_cast<int64_t>(kept()) > 0 &&
      !same_farm(record_.farm, wanted.farm))
    co_return fail(
        Error(Code::conflict, fmt::format("{} runs on {}, not on {}", name(), record_.farm.text(),
                                          wanted.farm.text()))
            .hint(fmt::format("croft down {} first, or give this one another --name", name())));
  for (const auto& [given, ids] : wanted.imports)
    CO_TRY(describes(wanted.description, whole_path(given)));
  if (running) CO_TRY(co_await same_account(wanted));
  bool up = running && record_.state == ApplicationState::up;
  if (up)
    for (const std::string& note : CO_TRY(co_await refresh()))
      tell(name(), protocol::event::attention, note);
  if (up && !same) CO_TRY(co_await prepare_update(wanted));
  if (up && same)
    for (const auto& [path, node] : nodes_)
      if (node->object && node->type->changes) node->object->asked_again(node->context);
  bool otherwise = up && (wanted.options.scope != record_.options.scope ||
                          !wanted.imports.empty() || !record_.imports.empty());
  bool goes_back = action == "rollback";
  if (action.empty()) action = !running ? "up" : same ? "continue" : "update";
  CO_TRY(co_await store_wanted(std::move(wanted), std::move(action), std::move(why)));
  // A lifetime given with this `up` counts from now, the description's own from the first `up`.
  bool had_end = record_.ends.has_value();
  if (!goes_back)
    set_lifetime(record_.options.lifetime ? services_.world.clock.wall() : record_.created);
  if (running && had_end && !record_.ends)
    tell(name(), protocol::event::message, "its lifetime is lifted: this `up` gave it none");
  ledger_.put(record_);
  // Where all is as it should be nothing is looked at again.
  again_ = !up || otherwise || to_mend();
  changed_wish_ = true;
  wake_.notify();
  co_return !running ? UpChange::created : same ? UpChange::continued : UpChange::updated;
}

aio::Task<Result<>> Application::down(bool remove_kept, std::string by) {
  for (const auto& [path, node] : nodes_)
    if (node->protects())
      co_return fail(Error(Code::conflict,
                           fmt::format("{} is protected: {} does not go down", path, name()),
                           node->description->where)
                         .hint("an `up` with `protect false` in it comes first, if it is to go"));
  record_.desired = Desired::down;
  record_.restored = false;
  record_.imports.clear();  // of things for this life
  record_.remove_kept = remove_kept;
  look_again_ = record_.state == ApplicationState::down;
  note(std::move(by), "down", remove_kept ? "with what was kept" : "");
  ledger_.put(record_);
  CO_TRY(co_await ledger_.flush());
  changed_wish_ = true;
  wake_.notify();
  co_return Result<>{};
}

aio::Task<Result<>> Application::lose_farm() {
  WallTime now = services_.world.clock.wall();
  for (auto& [path, node] : nodes_) {
    for (Rented& thing : node->record.rented)
      if (!thing.returned) thing.returned = now;
    node->record.intent.reset();
    node->record.state = model::State::terminated;
    node->record.why.clear();
    ledger_.put(node->record);
  }
  record_.desired = Desired::down;
  DownProof proof;
  proof.application = name();
  proof.farm = record_.farm.text();
  list_recorded(proof);
  ledger_.put(proof);
  proof_ = std::move(proof);
  set_state(ApplicationState::down, "its farm was destroyed");
  co_return co_await ledger_.flush();
}

aio::Task<Result<model::Description>> Application::stored_description(uint64_t version) {
  std::string key = fmt::format("d/{}", version);
  auto text = CO_TRY(co_await ledger_.text(key));
  if (!text)
    co_return fail(Error(version < record_.version ? Code::not_found : Code::corrupt,
                         fmt::format("description {} of {} is not in the store", version, name()))
                       .hint(fmt::format("croft history {} lists its versions", name())));
  auto object = CO_TRY(wire::json::parse_object(*text, key, protocol::packed_limits));
  co_return protocol::unpack_description(object, &services_.sealer);
}

/// Of a record that was moving when its process died the one under the new path counts.
void Application::end_moves(std::vector<ComponentRecord>& records) {
  std::set<std::string> former;
  for (ComponentRecord& record : records)
    if (auto mark = record.memory.extract(moved_mark)) {
      former.insert(mark.mapped());
      ledger_.erase_component(mark.mapped());
      ledger_.put(record);
    }
  std::erase_if(records,
                [&](const ComponentRecord& record) { return former.contains(record.path); });
}

aio::Task<Result<>> Application::load() {
  Loaded loaded = CO_TRY(co_await ledger_.load());
  record_ = std::move(loaded.application);
  proof_ = std::move(loaded.proof);
  description_ = CO_TRY(co_await stored_description(record_.version));
  described_anew_ = true;
  CO_TRY(co_await load_environment());
  end_moves(loaded.components);
  std::map<uint64_t, size_t> older;
  for (ComponentRecord& record : loaded.components) {
    const model::Description* from = &description_;
    if (record.version != record_.version) {
      if (!older.contains(record.version)) {
        auto old = CO_TRY(co_await stored_description(record.version));
        older[record.version] = old_descriptions_.size();
        old_descriptions_.push_back(std::move(old));
      }
      from = &old_descriptions_[older[record.version]];
    }
    auto former = record.memory.find(former_path);
    bool elsewhere = from != &description_ && former != record.memory.end();
    auto component = component_at(*from, elsewhere ? former->second : record.path);
    if (!component && from != &description_ && !record.made_from.empty())
      component = made_action_of(*from, record);
    std::string path = record.path;
    const ComponentType* type = services_.registry.find(record.type);
    note_identity(component);
    next_position_ = std::max(next_position_, record.position + 1);
    last_end_ = std::max(last_end_, record.end_order);
    auto node = std::make_shared<Node>(*this, std::move(record), component, type);
    nodes_[path] = std::move(node);
  }
  describe_branches();
  if (record_.state == ApplicationState::up) record_.state = ApplicationState::going_up;
  changed_wish_ = true;
  co_return Result<>{};
}

}  // namespace croft::engine
