#include "engine/application.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "engine/branch.h"
#include "protocol/events.h"

namespace croft::engine {

using protocol::ApplicationState;
using protocol::DownProof;

namespace {

constexpr wire::json::Limits environment_limits{Bytes::mib(1), 4};
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

/// Both would call the same endpoints.
bool same_farm(const cloud::Farm& a, const cloud::Farm& b) {
  auto url = [](const std::optional<cloud::Endpoint>& endpoint) {
    return endpoint ? endpoint->url.text() : "";
  };
  return a.kind == b.kind && url(a.ec2) == url(b.ec2) && url(a.s3) == url(b.s3);
}

}  // namespace

Application::Application(Services services, std::string name)
    : services_(std::move(services)),
      ledger_(services_.world, services_.store, name, &services_.sealer),
      environment_(cloud::fixed_environment({})) {
  record_.name = std::move(name);
}

Application::~Application() = default;

Node* Application::find(std::string_view path) const {
  auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : found->second.get();
}

void Application::node_ended(const std::string& path, model::TerminationRecord record) {
  Node* node = find(path);
  if (!node) return;
  if (!node->record.record) {
    // Durable together with what made it end: another process goes on with this end.
    node->record.record = record;
    node->record.end_order = ++last_end_;
    ledger_.put(node->record);
  }
  // Inside an action its end is the affair of the workflow that runs it.
  std::string top = path;
  for (Node* at = node; at;) {
    if (at->record.detached) return end_quietly(top, std::move(record));
    if (at->branch) {
      if (at->branch->end) return;
      at->branch->end = record;
      if (!at->record.record) at->record.record = record;
      ledger_.put(at->record);
      at->branch->changed.notify();
      return;
    }
    Node* above = find(plan::parent_path(top));
    if (!above || !above->object || !above->object->ends_with_child(top, record)) break;
    top = above->record.path;
    at = above;
  }
  ended_.push_back({path, std::move(record)});
  wake_.notify();
}

void Application::set_property(const std::string& name, std::optional<std::string> value) {
  if (value)
    record_.properties.insert_or_assign(name, *std::move(value));
  else
    record_.properties.erase(name);
  ledger_.put(record_);
}

void Application::set_state(ApplicationState state, std::string why) {
  record_.state = state;
  record_.since = services_.world.clock.wall();
  record_.why = std::move(why);
  ledger_.put(record_);
  changed_.notify();
}

void Application::tell(std::string component, std::string event, std::string why,
                       std::optional<model::TerminationRecord> record) {
  protocol::Event line;
  line.component = std::move(component);
  line.event = std::move(event);
  line.why = std::move(why);
  line.record = std::move(record);
  ledger_.event(std::move(line));
}

bool Application::settled() const {
  if (changed_wish_ || !ended_.empty()) return false;
  switch (record_.state) {
    case ApplicationState::up:
      return record_.desired == Desired::up;
    case ApplicationState::failed:
      return record_.desired == Desired::up;
    case ApplicationState::down:
      return record_.desired == Desired::down;
    case ApplicationState::going_down:
      return pass_over_;  // also for an `up` that waits for it: that fails, and says what is left
    case ApplicationState::going_up:
      return false;
  }
  return false;
}

// ---- what is wanted --------------------------------------------------------------------------

aio::Task<Result<>> Application::store_wanted(Wanted wanted) {
  bool anew = wanted.description.digest != record_.digest || wanted.description.digest.empty();
  if (anew) {
    auto packed = CO_TRY(protocol::pack(wanted.description, &services_.sealer));
    identities_.clear();
    if (description_.root) {
      ++record_.version;
      old_descriptions_.push_back(std::move(description_));
    }
    ledger_.put_text(fmt::format("d/{}", record_.version), wire::json::compact(packed));
    record_.digest = wanted.description.digest;
    record_.file = wanted.description.file;
    description_ = std::move(wanted.description);
    described_anew_ = true;
  }
  if (!same_farm(record_.farm, wanted.farm)) farm_variables_.clear();
  callers_variables_ = std::move(wanted.environment);
  CO_TRY(keep_environment());
  record_.farm = std::move(wanted.farm);
  record_.farm_admin = std::move(wanted.farm_admin);
  record_.options = std::move(wanted.options);
  record_.desired = Desired::up;
  record_.remove_kept = false;
  ledger_.put(record_);
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
  record_.created = record_.since = services_.world.clock.wall();
  record_.state = ApplicationState::down;
  record_.desired = Desired::down;
  changed_wish_ = true;
  co_return co_await store_wanted(std::move(wanted));
}

aio::Task<Result<UpChange>> Application::up(Wanted wanted) {
  bool running = record_.desired == Desired::up;
  bool same = !wanted.description.digest.empty() && wanted.description.digest == record_.digest;
  if (running && instances() + static_cast<int64_t>(kept()) > 0 &&
      !same_farm(record_.farm, wanted.farm))
    co_return fail(
        Error(Code::conflict, fmt::format("{} runs on {}, not on {}", name(), record_.farm.text(),
                                          wanted.farm.text()))
            .hint(fmt::format("croft down {} first, or give this one another --name", name())));
  if (running && !same && record_.state == ApplicationState::up)
    CO_TRY(co_await prepare_update(wanted));
  CO_TRY(co_await store_wanted(std::move(wanted)));
  // A lifetime given with this `up` counts from now, the description's own from the first `up`.
  set_lifetime(record_.options.lifetime ? services_.world.clock.wall() : record_.created);
  ledger_.put(record_);
  changed_wish_ = again_ = true;
  wake_.notify();
  co_return !running ? UpChange::created : same ? UpChange::continued : UpChange::updated;
}

aio::Task<Result<>> Application::down(bool remove_kept) {
  record_.desired = Desired::down;
  record_.remove_kept = remove_kept;
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
    co_return fail(Code::corrupt,
                   fmt::format("description {} of {} is not in the store", version, name()));
  auto object = CO_TRY(wire::json::parse_object(*text, key, protocol::packed_limits));
  co_return protocol::unpack_description(object, &services_.sealer);
}

aio::Task<Result<>> Application::load() {
  Loaded loaded = CO_TRY(co_await ledger_.load());
  record_ = std::move(loaded.application);
  proof_ = std::move(loaded.proof);
  description_ = CO_TRY(co_await stored_description(record_.version));
  described_anew_ = true;
  CO_TRY(co_await load_environment());
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
    auto component = component_at(*from, record.path);
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

/// Another life under the same name: what was kept on purpose is still known, all else is
/// forgotten.
void Application::start_over() {
  std::map<std::string, std::shared_ptr<Node>, std::less<>> kept;
  for (auto& [path, node] : nodes_) {
    auto& rented = node->record.rented;
    std::erase_if(rented, [](const Rented& thing) { return !outlives(thing); });
    if (rented.empty()) {
      ledger_.erase_component(path);
      continue;
    }
    node->record.memory.clear();
    node->record.published.clear();
    node->record.record.reset();
    ledger_.put(node->record);
    kept.emplace(path, std::move(node));
  }
  nodes_ = std::move(kept);
  record_.uid = services_.world.random.hex_id(16);
  record_.created = services_.world.clock.wall();
  record_.record.reset();
  record_.error.reset();
  record_.properties.clear();
  set_lifetime(record_.created);
  proof_.reset();
  described_anew_ = true;
  set_state(ApplicationState::going_up, "");
}

void Application::set_lifetime(WallTime from) {
  record_.ends.reset();
  auto lifetime = record_.options.lifetime;
  if (auto text = description_.config->string("lifetime"); text && !lifetime)
    if (auto parsed = Duration::parse(*text, "s")) lifetime = *parsed;
  if (auto number = description_.config->integer("lifetime"); number && !lifetime)
    lifetime = Duration::seconds(*number);
  if (lifetime) record_.ends = from + *lifetime;
}

// ---- the life --------------------------------------------------------------------------------

void Application::shutdown() {
  shutdown_ = true;
  wake_.notify();
}

aio::Task<Result<>> Application::until_interrupted() {
  while (!interrupted()) CO_TRY(co_await wake_.wait());
  co_return Result<>{};
}

aio::Task<Result<>> Application::run() {
  aio::Context context = co_await aio::here();
  aio::Scope background(context);
  background.spawn(ledger_.flush_loop());
  background_ = &background;
  resume_ends();
  Result<> result = Result<>{};
  while (result && !shutdown_ && !context.cancelled()) {
    result = co_await react();
    if (!result || shutdown_) break;
    switch (record_.state) {
      case ApplicationState::going_up:
        result = co_await go_up();
        break;
      case ApplicationState::up:
        result = co_await watch_over();
        break;
      case ApplicationState::going_down:
        result = co_await go_down();
        break;
      case ApplicationState::failed:
      case ApplicationState::down:
        result = co_await until_interrupted();
        break;
    }
  }
  for (auto& node : nodes_inside(name())) co_await node->stop_work();
  auto flushed = co_await aio::shield(ledger_.flush());
  background_ = nullptr;
  background.cancel();
  auto joined = co_await background.join();
  static_cast<void>(joined);
  if (!result && result.error().code != Code::cancelled) {
    log::error("engine", "{}: {}", name(), result.error().line());
    co_return result;
  }
  co_return flushed;
}

void Application::end_all(model::TerminationRecord record) {
  record_.record = record;
  pass_over_ = false;
  ended_.clear();
  set_state(ApplicationState::going_down,
            record.cause.empty() ? record.description
                                 : fmt::format("{}: {}", record.description, record.cause));
}

/// Turns requests and ends of components into the next state.
aio::Task<Result<>> Application::react() {
  changed_wish_ = false;
  bool alive = record_.state == ApplicationState::up ||
               record_.state == ApplicationState::going_up ||
               record_.state == ApplicationState::failed;
  while (alive && !ended_.empty()) {
    Ended first = std::move(ended_.front());
    ended_.pop_front();
    std::string top = first.path;
    for (auto above = plan::parent_path(top); !above.empty(); above = plan::parent_path(top)) {
      Node* parent = find(above);
      if (!parent || !parent->object || !parent->object->ends_with_child(top, first.record)) break;
      top = std::string(above);
    }
    // What was detached lives on, and the application with it.
    if (!plan::parent_path(top).empty() || anything_detached()) {
      CO_TRY(co_await remove_branch(top, first.record));
      continue;
    }
    record_.desired = Desired::down;
    record_.remove_kept = false;
    end_all(std::move(first.record));
    co_return co_await ledger_.flush();
  }
  ended_.clear();
  switch (record_.state) {
    case ApplicationState::up:
    case ApplicationState::going_up:
    case ApplicationState::failed:
      if (record_.desired == Desired::down)
        end_all(model::TerminationRecord::normal(name(), "down was asked for"));
      else if (record_.state == ApplicationState::failed ? again_ : described_anew_)
        set_state(ApplicationState::going_up, "");
      break;
    case ApplicationState::down:
      if (record_.desired == Desired::up)
        start_over();
      else if (record_.remove_kept && kept() > 0)
        end_all(model::TerminationRecord::normal(name(), "what was kept is removed"));
      break;
    case ApplicationState::going_down:
      break;
  }
  again_ = false;
  changed_.notify();  // whoever waits for it to settle looks again
  co_return co_await ledger_.flush();
}

}  // namespace croft::engine
