// What a component sees of its actions and of other components.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/application.h"
#include "engine/branch.h"
#include "engine/context.h"
#include "engine/node.h"
#include "engine/stored_secrets.h"
#include "protocol/events.h"

namespace croft::engine {

namespace {
constexpr const char* made_tag = "croftMade";
}

Result<> Context::done(model::TerminationRecord record, bool by_default) {
  bool quiet = TRY(boolean_or("sfShouldTerminateQuietly", false));
  if (!quiet && !TRY(boolean_or("sfShouldTerminate", by_default))) {
    if (TRY(boolean_or("sfShouldDetach", false))) node_.application.detach(path());
    return {};
  }
  end(std::move(record));
  return {};
}

Result<> Context::done_as(bool wanted, model::TerminationRecord record) {
  bool said = node_.description && node_.description->find("sfShouldTerminate");
  if (said || !wanted) return done(std::move(record), false);
  end(std::move(record));
  return {};
}

Result<> Context::done_with_start() {
  for (const char* name : {"sfShouldTerminate", "sfShouldTerminateQuietly", "sfShouldDetach"})
    if (node_.description && node_.description->find(name))
      return done(model::TerminationRecord::normal(path(), "it has started"), false);
  return {};
}

void Context::end_quietly(model::TerminationRecord record) {
  node_.application.end_quietly(path(), std::move(record));
}

void Context::detach(const std::string& other) {
  node_.application.detach(other);
}

std::vector<std::string> Context::actions() const {
  std::vector<std::string> out;
  if (!node_.description) return out;
  auto held = node_.description->component("actions");
  bool legacy = held && !held->find("sfClass");
  const model::Component& holder = legacy ? *held : *node_.description;
  for (const auto& attribute : holder.attributes()) {
    auto child = attribute.value.as_component();
    bool made = std::ranges::find(attribute.tags, made_tag) != attribute.tags.end();
    if (child && child->eager && !made) out.push_back(attribute.name);
  }
  return out;
}

bool Context::has_action(std::string_view name) const {
  if (!node_.description) return false;
  auto child = node_.description->component(name);
  if (auto held = node_.description->component("actions"); !child && held && !held->find("sfClass"))
    child = held->component(name);
  return child != nullptr && child->find("sfClass");
}

bool Context::knows_action(std::string_view name) const {
  return node_.application.find(fmt::format("{}:{}", path(), name)) != nullptr;
}

aio::Task<Result<>> Context::deploy_action(std::string name, std::string from) {
  return node_.application.deploy_branch(node_, std::move(name), std::move(from));
}

aio::Task<Result<>> Context::start_action(std::string name) {
  return node_.application.start_branch(path() + ":" + name);
}

aio::Task<Result<model::TerminationRecord>> Context::end_of(std::string name) {
  return node_.application.end_of_branch(path() + ":" + name);
}

aio::Task<Result<>> Context::end_action(std::string name, model::TerminationRecord record) {
  return node_.application.remove_branch(path() + ":" + name, std::move(record));
}

void Context::forget_action(const std::string& name) {
  node_.application.forget_branch(path() + ":" + name);
}

aio::Task<Result<model::TerminationRecord>> Context::perform(std::string name, std::string from) {
  Result<> up = co_await deploy_action(name, from);
  if (up) up = co_await start_action(name);
  if (up) co_return co_await end_of(name);
  if (up.error().code == Code::cancelled) co_return fail(std::move(up).error());
  std::string culprit(up.error().fact("component"));
  auto record = model::TerminationRecord::abnormal(culprit.empty() ? path() + ":" + name : culprit,
                                                   "it could not be brought up", up.error().line());
  CO_TRY(co_await end_action(name, record));
  co_return record;
}

std::optional<model::TerminationRecord> Context::end_record_of(const std::string& child) const {
  Node* node = node_.application.find(path() + ":" + child);
  return node ? node->record.record : std::nullopt;
}

aio::Task<Result<>> Context::bring_back(std::string child) {
  return node_.application.bring_back(path() + ":" + child);
}

std::shared_ptr<Host> Context::host_of(const std::string& other) const {
  Node* node = node_.application.find(other);
  return node && node->description ? node->context.host_now() : nullptr;
}

aio::Task<Result<bool>> Context::ask(std::string name) {
  std::string child = path() + ":" + name;
  auto& nodes = node_.application.all_nodes();
  auto found = nodes.find(child);
  if (found == nodes.end() || !found->second->object)
    co_return fail(Code::not_found, fmt::format("{} is not deployed", child));
  std::shared_ptr<Node> node = found->second;
  co_return co_await aio::deadline(world().clock, node->type->timeouts.ping,
                                   node->object->evaluate(node->context), "asking " + child);
}

aio::Task<Result<bool>> Context::ask(model::ComponentPtr component) {
  std::string other = CO_TRY(path_of(component));
  auto found = node_.application.all_nodes().find(other);
  std::shared_ptr<Node> node = found->second;
  if (!node->object) co_return fail(Code::not_found, fmt::format("{} is not deployed", other));
  co_return co_await aio::deadline(world().clock, node->type->timeouts.ping,
                                   node->object->evaluate(node->context), "asking " + other);
}

std::vector<std::string> Context::children() const {
  std::vector<std::string> out;
  if (!node_.description) return out;
  for (const auto& attribute : node_.description->attributes()) {
    auto child = attribute.value.as_component();
    if (child && child->eager && node_.application.find(path() + ":" + attribute.name))
      out.push_back(attribute.name);
  }
  return out;
}

Result<std::string> Context::path_of(const model::ComponentPtr& component) const {
  if (!component) return fail(Code::not_found, "the link leads to nothing");
  Node* node = node_.application.node_of(*component);
  if (!node)
    return fail(Code::not_found,
                fmt::format("'{}' is not deployed in this application", component->path()));
  return node->record.path;
}

Result<Context::Other> Context::other(const model::ComponentPtr& component) const {
  std::string path = TRY(path_of(component));
  std::shared_ptr<Node> node = node_.application.all_nodes().find(path)->second;
  if (!node->object || node->ended())
    return fail(Code::not_found, fmt::format("{} does not run", path));
  return Other{std::shared_ptr<Component>(node, node->object.get()), &node->context};
}

aio::Task<Result<>> Context::send(std::string other, std::string text) {
  auto found = node_.application.all_nodes().find(other);
  if (found == node_.application.all_nodes().end() || !found->second->object)
    co_return fail(Code::not_found, fmt::format("{} is not deployed", other));
  std::shared_ptr<Node> node = found->second;
  const ComponentType& type = *node->type;
  bool hears = !type.compound || type.works || type.coded;
  if (hears && !node->ran_before())
    co_return node_.application.keep_event({std::move(other), std::move(text)});
  co_return co_await node->object->receive(node->context, std::move(text));
}

aio::Task<Result<>> Context::send_to(model::ComponentPtr component, std::string text) {
  if (auto path = path_of(component)) co_return co_await send(*path, std::move(text));
  Application& application = node_.application;
  std::string path = component ? application.path_in_description(*component) : "";
  if (path.empty()) co_return Result<>{};
  // It may live as copies that a workflow made of it.
  std::string name = path.substr(path.rfind(':') + 1);
  std::string_view above = plan::parent_path(path);
  std::vector<std::string> copies;
  for (const auto& [other, node] : application.all_nodes())
    if (node->record.made_from == name && plan::parent_path(other) == above && !node->ended())
      copies.push_back(other);
  if (copies.empty()) co_return application.keep_event({std::move(path), std::move(text)});
  Result<> done;
  for (const std::string& copy : copies)
    if (auto sent = co_await send(copy, text); !sent && done) done = sent;
  co_return done;
}

aio::Task<Result<aio::KeyedMutex::Lock>> Context::lock_file(std::string path) {
  co_return co_await node_.application.services().files->lock(std::move(path));
}

Result<> Context::end_other(const std::string& other, model::TerminationRecord record) {
  Node* node = node_.application.find(other);
  if (!node || node->ended()) return fail(Code::not_found, fmt::format("{} does not run", other));
  node_.application.node_ended(other, std::move(record));
  return {};
}

Result<> Context::set_of_other(const std::string& other, std::string name,
                               std::optional<model::Value> value) {
  Node* node = node_.application.find(other);
  if (!node || !node->description)
    return fail(Code::not_found, fmt::format("{} is not deployed", other));
  if (name == "sfClass")
    return fail(Code::invalid_argument, fmt::format("{} runs: its class stays what it is", other));
  if (node_.application.find(fmt::format("{}:{}", other, name)))
    return fail(
        Error(Code::conflict, fmt::format("'{}' of {} is a component that runs", name, other))
            .hint("Terminator ends components, Run deploys them"));
  TRY(node_.application.services().registry.may_become(*node->description, name, value));
  if (value) {
    node->context.publish(std::move(name), *std::move(value));
    return {};
  }
  node->record.published.insert_or_assign(name, model::Null{});
  node->description->remove(name);
  node_.application.ledger().put(node->record);
  node_.application.node_changed();
  return {};
}

std::vector<std::string> Context::paths_where(
    const std::function<bool(const model::Component&, const std::string&)>& wanted) const {
  std::vector<std::string> out;
  for (const auto& [other, node] : node_.application.all_nodes())
    if (node->description && !node->ended() && wanted(*node->description, other))
      out.push_back(other);
  return out;
}

model::State Context::state_of(const std::string& other) const {
  Node* node = node_.application.find(other);
  return node ? node->record.state : model::State::described;
}

bool Context::has_started(const std::string& other) const {
  Node* node = node_.application.find(other);
  return node && node->ran_before();
}

bool Context::work_completed(const std::string& other) const {
  Node* node = node_.application.find(other);
  if (!node) return false;
  switch (node->record.state) {
    case model::State::terminating:
    case model::State::terminated:
      return true;
    case model::State::running:
      return node->type && (!node->type->works || node->work_over);
    case model::State::described:
    case model::State::deploying:
    case model::State::deployed:
    case model::State::starting:
      return false;
  }
  return false;
}

aio::Task<Result<>> Context::deploy_into(std::string parent, std::string name,
                                         model::ComponentPtr what) {
  auto found = node_.application.all_nodes().find(parent);
  if (found == node_.application.all_nodes().end())
    co_return fail(Code::not_found, fmt::format("{} is not deployed", parent));
  std::shared_ptr<Node> node = found->second;
  co_return co_await node_.application.deploy_into(*node, std::move(name), std::move(what),
                                                   client_token());
}

aio::Task<Result<std::vector<protocol::Event>>> Context::events_from(uint64_t seq) const {
  constexpr Duration look_again = Duration::seconds(1);  // a commit may come during a look
  Ledger& ledger = node_.application.ledger();
  for (;;) {
    auto events = CO_TRY(co_await ledger.events(seq));
    if (!events.empty()) co_return events;
    auto woken = co_await aio::race(ledger.committed().wait(), world().clock.sleep(look_again));
    if (woken.index() == 0)
      CO_TRY(std::get<0>(std::move(woken)));
    else
      CO_TRY(std::get<1>(std::move(woken)));
  }
}

aio::Task<Result<std::optional<Secret>>> Context::stored_secret(std::string name) const {
  auto& services = node_.application.services();
  return engine::stored_secret(services.store, services.sealer, std::move(name));
}

const model::ComponentPtr& Context::description() const {
  return node_.description;
}

const Options& Context::options() const {
  return node_.application.options();
}

std::string Context::work_folder() const {
  const std::string& base = node_.application.services().work_folder;
  return base.empty() ? base : base + "/" + application();
}

namespace {
/// What every Java had, as far as it means something here. The folders of the user are the
/// application's: files of components lie there.
std::optional<std::string> property_of_machine(std::string_view name, const std::string& folder) {
  for (std::string_view place : {"user.home", "user.dir", "java.io.tmpdir"})
    if (name == place && !folder.empty()) return folder;
  constexpr std::pair<std::string_view, const char*> fixed[] = {{"os.name", "Linux"},
                                                                {"file.separator", "/"},
                                                                {"path.separator", ":"},
                                                                {"line.separator", "\n"}};
  for (const auto& [known, text] : fixed)
    if (name == known) return text;
  return std::nullopt;
}
}  // namespace

std::optional<std::string> Context::property(const std::string& name) const {
  const auto& set = node_.application.record().properties;
  if (auto found = set.find(name); found != set.end()) return found->second;
  if (auto given = node_.application.environment()(property_prefix + name)) return given;
  return property_of_machine(name, work_folder());
}

void Context::set_property(const std::string& name, std::optional<std::string> value) {
  node_.application.set_property(name, std::move(value));
}

std::optional<std::string> Context::variable(const std::string& name) const {
  return node_.application.environment()(name);
}

}  // namespace croft::engine
