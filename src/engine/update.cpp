// Changes of what runs, in place: every component that says `sfUpdatable true` and whose attributes
// change is asked before anything is; one that refuses leaves all as it was. Those that agreed take
// their attributes when the rest of the new description is brought up.
#include <fmt/format.h>

#include "engine/application.h"
#include "engine/branch.h"
#include "engine/updating.h"
#include "protocol/events.h"

namespace croft::engine {
namespace {

/// What it is made of, but for the components that are nodes of their own.
std::string text_of(const Node& node, const model::Component& component) {
  std::string out;
  bool rolls = node.type && keeps_its_actions(*node.type);
  for (const auto& attribute : component.attributes()) {
    auto child = attribute.value.as_component();
    if (rolls && is_made(attribute)) continue;
    bool own_node = child && child->eager && node.type && node.type->compound && !rolls;
    if (!own_node && !node.record.published.contains(attribute.name))
      out += attribute.name + "=" + plan::digest_of(attribute.value) + ";";
  }
  return out;
}

bool takes_updates(const Node& node, const plan::Item& item) {
  const model::Component& wanted = *item.component;
  return node.live && node.object && node.description &&
         (wanted.boolean("sfUpdatable").value_or(false) || keeps_its_actions(*node.type)) &&
         (item.updates || node.record.memory.contains(updating_note) ||
          text_of(node, *node.description) != text_of(node, wanted));
}

/// What no component of this type can change while it runs, whatever it says itself.
Result<> may_change(const Node& node, const plan::Item& item) {
  if (item.identity == node.record.identity) return {};
  const char* why = nullptr;
  if (node.type->actions) why = "its actions run";
  if (node.type->calls_farm || node.type->rents) why = "it stands for something on a farm";
  if (!why) return {};
  return fail(Error(Code::conflict,
                    fmt::format("{} cannot be changed in place: {}", item.path, why),
                    item.component->where)
                  .hint("without sfUpdatable it is replaced"));
}

}  // namespace

std::vector<std::shared_ptr<Node>> Application::updated_by(const plan::Plan& plan) const {
  std::vector<std::shared_ptr<Node>> out;
  for (const plan::Item& item : plan.items) {
    if (item.left_out || item.change != plan::Change::keep) continue;
    auto node = nodes_.find(item.path);
    if (node != nodes_.end() && takes_updates(*node->second, item)) out.push_back(node->second);
  }
  return out;
}

aio::Task<Result<>> Application::prepare_update(const Wanted& wanted) {
  int64_t others = services_.instances_of_others ? services_.instances_of_others(name()) : 0;
  auto plan = plan_of(services_.registry, name(), wanted.description, wanted.options, this, others);
  if (!plan) co_return Result<>{};  // bringing it up says what is wrong with it
  std::vector<std::shared_ptr<Node>> asked;
  Result<> answer = Result<>{};
  for (auto& node : updated_by(*plan)) {
    const plan::Item& item = *plan->find(node->record.path);
    asked.push_back(node);
    answer = may_change(*node, item);
    if (answer)
      answer = co_await aio::deadline(services_.world.clock, node->type->timeouts.ping,
                                      node->object->prepare_update(node->context, item.component),
                                      "asking " + item.path);
    if (!answer) break;
  }
  if (answer) co_return answer;
  for (auto node = asked.rbegin(); node != asked.rend(); ++node) {
    auto done = co_await (*node)->object->abandon_update((*node)->context);
    if (!done) (*node)->context.event(protocol::event::attention, done.error().line());
  }
  std::string path = asked.back()->record.path;
  tell(name(), protocol::event::message,
       fmt::format("the update was abandoned: {} refuses it", path));
  co_return fail(std::move(answer)
                     .error()
                     .frame("updating " + path)
                     .hint("nothing was changed: the application runs as before")
                     .fact("component", path));
}

aio::Task<Result<>> Node::update() {
  co_await stop_work();
  auto& clock = application.services().world.clock;
  auto done = co_await aio::deadline(clock, type->timeouts.deploy, object->deploy(context),
                                     "updating " + record.path);
  if (done)
    done = co_await aio::deadline(clock, type->timeouts.start, object->start(context),
                                  "updating " + record.path);
  if (!done) {
    if (done.error().code != Code::cancelled) fail_with(done.error());
    co_return fail(
        std::move(done).error().frame("updating " + record.path).fact("component", record.path));
  }
  record.memory.erase(updating_note);
  record.why.clear();
  waits.clear();
  context.event(protocol::event::updated, "it has taken its changed attributes");
  missed = 0;
  start_work();
  application.ledger().put(record);
  co_return co_await application.ledger().flush();
}

}  // namespace croft::engine
