#include "engine/context.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "base/text.h"
#include "engine/application.h"
#include "engine/node.h"
#include "protocol/events.h"

namespace croft::engine {
namespace {

constexpr size_t ids_shown = 5;

Error with_place(Error error, const Where& where) {
  if (!error.where.known() || error.where.file.empty()) {
    std::string path = error.where.path;
    error.where = where;
    if (error.where.path.empty()) error.where.path = path;
  }
  return error;
}

/// Properties are the application's first, then those of this process.
model::Compute computing(const Context& context, const Registry& registry) {
  model::Compute out = registry.compute();
  auto first = [](auto own, model::Outside::Lookup otherwise) {
    return [own, otherwise](std::string_view name) -> std::optional<std::string> {
      if (auto found = own(std::string(name))) return found;
      return otherwise ? otherwise(name) : std::nullopt;
    };
  };
  out.outside.property = first([&](const std::string& name) { return context.property(name); },
                               std::move(out.outside.property));
  out.outside.environment = first([&](const std::string& name) { return context.variable(name); },
                                  std::move(out.outside.environment));
  return out;
}

/// What a link leads to, in vectors too.
Result<model::Value> settled(const model::Component& from, const model::Value& value,
                             const model::Compute& compute, int depth = 0) {
  constexpr int depth_limit = 64;
  if (auto* reference = value.get<std::shared_ptr<const model::Reference>>();
      reference && !(*reference)->data)
    return model::follow(from, **reference, compute);
  if (value.is(model::Value::Kind::tbd))
    return fail(Error(Code::unresolved, "the value is still TBD")
                    .hint("give it a value where the component is used"));
  if (auto* call = value.get<model::Call>(); call && compute) return compute(from, *call);
  if (auto* vector = value.get<model::Vector>(); vector && depth < depth_limit) {
    model::Vector out;
    out.reserve(vector->size());
    for (const auto& item : *vector) out.push_back(TRY(settled(from, item, compute, depth + 1)));
    return model::Value(std::move(out));
  }
  return value;
}

bool needs_settling(const model::Value& value) {
  using Kind = model::Value::Kind;
  return value.is(Kind::reference) || value.is(Kind::call) || value.is(Kind::vector) ||
         value.is(Kind::tbd);
}

Error wrong_type(const Context& context, std::string_view name, std::string_view wanted,
                 const model::Value& value) {
  return Error(Code::type_mismatch,
               fmt::format("{} is a {}, {} is needed", name, value.kind_name(), wanted),
               context.where(name));
}

std::string listed(const std::vector<std::string>& ids) {
  std::vector<std::string> shown(
      ids.begin(), ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), ids_shown)));
  std::string text = join(shown, ", ");
  return ids.size() > ids_shown ? fmt::format("{} and {} more", text, ids.size() - ids_shown)
                                : text;
}

}  // namespace

aio::World& Context::world() const {
  return node_.application.services().world;
}
const std::string& Context::path() const {
  return node_.record.path;
}
const std::string& Context::application() const {
  return node_.application.name();
}
const ComponentRecord& Context::record() const {
  return node_.record;
}
bool Context::ran_before() const {
  return node_.ran_before();
}
bool Context::remove_kept() const {
  return node_.application.record().remove_kept;
}

Where Context::where(std::string_view name) const {
  Where out;
  if (node_.description) {
    const auto* attribute = node_.description->find(name);
    out = attribute && attribute->where.known() ? Where(attribute->where)
                                                : Where(node_.description->where);
  }
  out.path = fmt::format("{}:{}", path(), name);
  return out;
}

Where Context::place() const {
  Where out;
  if (node_.description) out = Where(node_.description->where);
  out.path = path();
  return out;
}

Result<std::optional<model::Value>> Context::value_if(std::string_view name) const {
  if (!node_.description)
    return fail(Code::not_found,
                fmt::format("the description of {} is not known any more", path()));
  std::optional<model::Value> found;
  if (const auto* attribute = node_.description->find(name)) found = attribute->value;
  if (!found && node_.type) {
    const auto& schemas = node_.application.services().registry.schemas();
    if (const auto* schema = schemas.attribute(node_.type->schema, name);
        schema && schema->fallback)
      found = *schema->fallback;
  }
  if (!found) return std::optional<model::Value>{};
  auto value = needs_settling(*found)
                   ? settled(*node_.description, *found,
                             computing(*this, node_.application.services().registry))
                   : Result<model::Value>(*std::move(found));
  if (!value)
    return fail(with_place(std::move(value).error(), where(name))
                    .frame(fmt::format("reading {}:{}", path(), name)));
  if (value->is(model::Value::Kind::null)) return std::optional<model::Value>{};
  return std::optional(*std::move(value));
}

Result<model::Value> Context::value_in(const model::Component& part,
                                       const model::Value& value) const {
  auto out = settled(part, value, computing(*this, node_.application.services().registry));
  if (!out) return fail(with_place(std::move(out).error(), part.where));
  return out;
}

Result<model::Value> Context::value(std::string_view name) const {
  auto found = TRY(value_if(name));
  if (!found)
    return fail(Error(Code::unresolved, fmt::format("{} has no '{}'", path(), name), where(name)));
  return *std::move(found);
}

Result<std::string> Context::string(std::string_view name) const {
  model::Value found = TRY(value(name));
  if (auto* text = found.get<std::string>()) return *text;
  return fail(wrong_type(*this, name, "a string", found));
}

Result<std::string> Context::string_or(std::string_view name, std::string_view fallback) const {
  auto found = TRY(value_if(name));
  if (!found) return std::string(fallback);
  if (auto* text = found->get<std::string>()) return *text;
  return fail(wrong_type(*this, name, "a string", *found));
}

Result<int64_t> Context::integer(std::string_view name) const {
  model::Value found = TRY(value(name));
  if (auto number = found.as_integer()) return *number;
  return fail(wrong_type(*this, name, "an integer", found));
}

Result<int64_t> Context::integer_or(std::string_view name, int64_t fallback) const {
  auto found = TRY(value_if(name));
  if (!found) return fallback;
  if (auto number = found->as_integer()) return *number;
  return fail(wrong_type(*this, name, "an integer", *found));
}

Result<bool> Context::boolean_or(std::string_view name, bool fallback) const {
  auto found = TRY(value_if(name));
  if (!found) return fallback;
  if (auto* flag = found->get<bool>()) return *flag;
  return fail(wrong_type(*this, name, "true or false", *found));
}

Result<Duration> Context::duration_or(std::string_view name, std::string_view unit,
                                      Duration fallback) const {
  auto found = TRY(value_if(name));
  if (!found) return fallback;
  const auto& schemas = node_.application.services().registry.schemas();
  const auto* schema = node_.type ? schemas.attribute(node_.type->schema, name) : nullptr;
  auto duration = model::duration_of(*found, unit, schema && schema->forever);
  if (!duration)
    return fail(with_place(std::move(duration).error(), where(name))
                    .frame(fmt::format("reading {}:{}", path(), name)));
  return duration;
}

Result<model::Vector> Context::vector_or_empty(std::string_view name) const {
  auto found = TRY(value_if(name));
  if (!found) return model::Vector{};
  if (auto* vector = found->get<model::Vector>()) return *vector;
  return fail(wrong_type(*this, name, "a list such as [1, 2]", *found));
}

Result<model::ComponentPtr> Context::component_or_null(std::string_view name) const {
  auto found = TRY(value_if(name));
  if (!found) return model::ComponentPtr{};
  if (auto component = found->as_component()) return component;
  return fail(wrong_type(*this, name, "a component", *found));
}

Result<Secret> Context::secret(std::string_view name) const {
  model::Value found = TRY(value(name));
  if (auto* text = found.get<std::string>()) return Secret(*text);
  auto component = found.as_component();
  auto from = component ? component->string("from") : std::nullopt;
  auto variable = component ? component->string("name") : std::nullopt;
  if (!from || !variable) return fail(wrong_type(*this, name, "a string or a Secret", found));
  if (*from != "ENV")
    return fail(
        Error(Code::unsupported, fmt::format("a Secret from \"{}\" cannot be read yet", *from),
              where(name))
            .hint("from \"ENV\" names an environment variable of the caller of `croft up`"));
  auto text = node_.application.environment()(*variable);
  if (!text)
    return fail(Code::not_found, fmt::format("the environment variable {} is not set", *variable),
                where(name));
  return Secret(*text);
}

void Context::publish(std::string name, model::Value value) {
  if (node_.description) node_.description->set(name, value);
  node_.record.published.insert_or_assign(std::move(name), std::move(value));
  node_.application.ledger().put(node_.record);
  node_.application.node_changed();
}

void Context::remember(std::string name, std::string text) {
  node_.record.memory.insert_or_assign(std::move(name), std::move(text));
  node_.application.ledger().put(node_.record);
}

void Context::forget(const std::string& name) {
  if (node_.record.memory.erase(name) > 0) node_.application.ledger().put(node_.record);
}

aio::Task<Result<>> Context::make_durable() {
  co_return co_await node_.application.ledger().flush();
}

void Context::waits(std::string text) {
  bool over = node_.record.state == model::State::terminated;
  if (node_.waits == text || (over && !text.empty())) return;
  if (node_.waits.empty()) node_.waits_since = world().clock.wall();
  node_.waits = std::move(text);
  node_.application.node_changed();
}

void Context::event(std::string name, std::string why) {
  protocol::Event line;
  line.component = path();
  line.event = std::move(name);
  line.why = std::move(why);
  if (line.event == protocol::event::message) node_.application.hide_secrets(line.why);
  node_.application.ledger().event(std::move(line));
}

void Context::end(model::TerminationRecord record) {
  // What the description itself says; a schema's default is of a type that ends otherwise.
  auto says = [&](const char* name) {
    auto told = node_.description && node_.description->find(name) ? boolean_or(name, false)
                                                                   : Result<bool>(false);
    if (!told) event(protocol::event::message, told.error().line());
    return told.value_or(false);
  };
  if (says("sfShouldDetach")) node_.application.detach(path());
  if (says("sfShouldTerminateQuietly"))
    return node_.application.end_quietly(path(), std::move(record));
  bool stays = record.is_normal() && node_.description &&
               node_.description->find("sfShouldTerminate") && !says("sfShouldTerminate");
  if (!stays) node_.application.node_ended(path(), std::move(record));
}

aio::Task<Result<>> Context::intend(std::string action, std::map<std::string, std::string> facts) {
  protocol::JournalRecord line;
  line.kind = protocol::JournalKind::intent;
  line.component = path();
  line.action = action;
  line.token = client_token();
  line.generation = node_.record.generation;
  for (const auto& [name, text] : facts) line.request[name] = text;
  Intent intent;
  intent.seq = node_.application.ledger().journal(std::move(line));
  intent.action = std::move(action);
  intent.facts = std::move(facts);
  node_.record.intent = std::move(intent);
  node_.application.ledger().put(node_.record);
  co_return co_await node_.application.ledger().flush();
}

aio::Task<Result<>> Context::settle(std::vector<Rented> made, std::vector<std::string> returned,
                                    std::optional<Error> error) {
  protocol::JournalRecord line;
  line.kind = protocol::JournalKind::result;
  line.component = path();
  line.generation = node_.record.generation;
  line.outcome = error ? protocol::Outcome::failed : protocol::Outcome::done;
  line.error = error;
  if (node_.record.intent) {
    line.intent = node_.record.intent->seq;
    line.action = node_.record.intent->action;
  }
  std::vector<std::string> new_ids, gone_ids;
  for (Rented& thing : made) {
    auto known = std::ranges::find(node_.record.rented, thing.id, &Rented::id);
    if (known != node_.record.rented.end() && !known->returned) {
      // Somebody else's until now, and imported since.
      if (!thing.adopted) known->adopted = known->forgotten = false;
      continue;
    }
    line.ids.push_back({thing.kind, thing.id});
    if (!thing.adopted) new_ids.push_back(thing.id);
    node_.record.rented.push_back(std::move(thing));
  }
  for (Rented& thing : node_.record.rented) {
    if (thing.returned || std::ranges::find(returned, thing.id) == returned.end()) continue;
    thing.returned = world().clock.wall();
    thing.kept = false;
    line.ids.push_back({thing.kind, thing.id});
    gone_ids.push_back(thing.id);
  }
  if (!new_ids.empty()) event(protocol::event::rented, listed(new_ids));
  if (!gone_ids.empty()) event(protocol::event::returned, listed(gone_ids));
  if (line.error) node_.application.hide_secrets(*line.error);
  node_.application.ledger().journal(std::move(line));
  node_.record.intent.reset();
  node_.application.ledger().put(node_.record);
  node_.application.node_changed();
  co_return co_await node_.application.ledger().flush();
}

aio::Task<Result<>> Context::keep(std::vector<std::string> ids) {
  std::vector<std::string> now;
  for (Rented& thing : node_.record.rented)
    if (thing.open() && std::ranges::find(ids, thing.id) != ids.end()) {
      thing.kept = true;
      now.push_back(thing.id);
    }
  if (now.empty()) co_return Result<>{};
  event(protocol::event::kept, listed(now));
  node_.application.ledger().put(node_.record);
  co_return co_await node_.application.ledger().flush();
}

void Context::end_with_part(model::TerminationRecord record) {
  node_.application.node_ended(path(), std::move(record));
}

aio::Task<Result<>> Context::take_back(std::vector<std::string> ids) {
  bool any = false;
  for (Rented& thing : node_.record.rented)
    if (outlives(thing) && std::ranges::find(ids, thing.id) != ids.end()) {
      thing.kept = false;
      any = true;
    }
  if (!any) co_return Result<>{};
  node_.application.ledger().put(node_.record);
  co_return co_await node_.application.ledger().flush();
}

std::vector<std::string> Context::kept(std::string_view kind) const {
  std::vector<std::string> ids;
  for (const Rented& thing : node_.record.rented)
    if (thing.kind == kind && outlives(thing)) ids.push_back(thing.id);
  return ids;
}

int64_t Context::free_instances() const {
  return node_.application.free_instances(node_);
}

Result<> Context::may_act() const {
  const auto& allowed = node_.application.services().may_act;
  return allowed ? allowed() : Result<>{};
}

Rented Context::rented(std::string kind, std::string id) const {
  Rented out;
  out.kind = std::move(kind);
  out.id = std::move(id);
  out.component = path();
  out.since = world().clock.wall();
  return out;
}

const Rented* Context::find_rented(std::string_view id) const {
  for (const Rented& thing : node_.record.rented)
    if (thing.id == id && !thing.returned) return &thing;
  return nullptr;
}

std::string Context::client_token() const {
  std::string text =
      fmt::format("{}/{}/{}", node_.application.record().uid, path(), node_.record.generation);
  return "croft-" + sha256_hex(text).substr(0, 40);
}

std::vector<cloud::Tag> Context::tags() const {
  return {{cloud::tag_application, application()},
          {cloud::tag_component, path()},
          {cloud::tag_owner, node_.application.record().options.owner},
          {tag_incarnation, node_.application.record().uid}};
}

const cloud::Farm& Context::farm() const {
  return node_.application.record().farm;
}
net::HttpClient& Context::http() const {
  return node_.application.services().http;
}

namespace {
aio::Task<Result<cloud::Credentials>> credentials_for(Application& application, Keys keys) {
  cloud::CredentialsSearch search;
  search.environment = application.environment();
  if (!keys.access_key.empty()) search.access_key = std::move(keys.access_key);
  if (!keys.secret_key.empty()) search.secret_key = std::move(keys.secret_key);
  co_return co_await cloud::find_credentials(application.services().world, std::move(search));
}
}  // namespace

aio::Task<Result<cloud::Ec2>> Context::ec2(std::string access_key, Secret secret_key) {
  auto endpoint = CO_TRY(farm().endpoint(cloud::Service::ec2));
  co_return co_await ec2_at(std::move(endpoint), {std::move(access_key), std::move(secret_key)});
}

aio::Task<Result<cloud::S3>> Context::s3(std::string access_key, Secret secret_key) {
  auto endpoint = CO_TRY(farm().endpoint(cloud::Service::s3));
  co_return co_await s3_at(std::move(endpoint), {std::move(access_key), std::move(secret_key)});
}

aio::Task<Result<cloud::Ec2>> Context::ec2_at(cloud::Endpoint endpoint, Keys keys) {
  auto credentials = CO_TRY(co_await credentials_for(node_.application, std::move(keys)));
  Services& services = node_.application.services();
  cloud::Ec2 client({services.world, services.http, services.retrier}, std::move(endpoint),
                    std::move(credentials));
  co_return client.telling([this](const std::string& text) { waits(text); });
}

aio::Task<Result<cloud::S3>> Context::s3_at(cloud::Endpoint endpoint, Keys keys) {
  auto credentials = CO_TRY(co_await credentials_for(node_.application, std::move(keys)));
  Services& services = node_.application.services();
  cloud::S3 client({services.world, services.http, services.retrier}, std::move(endpoint),
                   std::move(credentials));
  co_return client.telling([this](const std::string& text) { waits(text); });
}

}  // namespace croft::engine
