// What an application says of itself: its components in order, and counts.
#include <algorithm>

#include "base/text.h"
#include "engine/application.h"

namespace croft::engine {

int64_t Node::claimed_instances() const {
  int64_t rented = std::ranges::count_if(record.rented, [](const Rented& thing) {
    return thing.kind == "instance" && !thing.returned;
  });
  if (!record.intent || record.intent->action != rent_instances_intent) return rented;
  auto asked = record.intent->facts.find("maxCount");
  auto most = asked == record.intent->facts.end() ? std::nullopt : parse_i64(asked->second);
  return rented + most.value_or(0);
}

int64_t Node::least_instances() const {
  if (!current || !description || !type || !type->rents) return 0;
  if (record.state == model::State::terminated) return 0;  // an action that is over
  auto rents = type->rents(*description);
  int64_t least = 0;
  if (rents)
    for (const plan::Rent& rent : *rents)
      if (rent.kind == "instance") least += rent.min;
  return least;
}

int64_t Application::claimed_instances() const {
  int64_t count = 0;
  for (const auto& [path, node] : nodes_) count += node->claimed_instances();
  return count;
}

int64_t Application::free_instances(const Node& asking) const {
  int64_t taken = 0;
  for (const auto& [path, node] : nodes_)
    taken += node.get() == &asking ? node->claimed_instances()
                                   : std::max(node->claimed_instances(), node->least_instances());
  auto limit = plan::instance_limit(*description_.config, record_.options.max_instances);
  int64_t free = (limit ? *limit : 0) - taken;
  if (record_.options.account_instances) {
    int64_t others = services_.instances_of_others ? services_.instances_of_others(name()) : 0;
    free = std::min(free, *record_.options.account_instances - others - taken);
  }
  return std::max<int64_t>(0, free);
}

int64_t Application::instances() const {
  int64_t count = 0;
  for (const auto& [path, node] : nodes_)
    count += std::ranges::count_if(node->record.rented, [](const Rented& thing) {
      return thing.kind == "instance" && !thing.returned;
    });
  return count;
}

bool Application::has_made_anything() const {
  return std::ranges::any_of(nodes_, [](const auto& item) {
    return !item.second->record.rented.empty() || item.second->record.intent;
  });
}

bool Application::anything_changing() const {
  return std::ranges::any_of(nodes_, [](const auto& item) {
    const Node& node = *item.second;
    return node.type && node.type->changes && node.object && !node.ended() &&
           node.object->changing(node.context);
  });
}

std::map<std::string, std::string> Application::setbacks() const {
  std::map<std::string, std::string> out;
  for (const auto& [path, node] : nodes_) {
    if (!node->type || !node->type->changes || !node->object || node->ended()) continue;
    if (std::string told = node->object->setback(node->context); !told.empty())
      out.emplace(path, std::move(told));
  }
  return out;
}

size_t Application::kept() const {
  size_t count = 0;
  for (const auto& [path, node] : nodes_)
    count +=
        static_cast<size_t>(std::ranges::count_if(node->record.rented, [](const Rented& thing) {
          return thing.kept && !thing.returned && !thing.adopted;
        }));
  return count;
}

std::vector<std::shared_ptr<const Node>> Application::nodes() const {
  std::vector<std::shared_ptr<const Node>> out;
  for (const auto& [path, node] : nodes_)
    if (node->current || !node->ended()) out.push_back(node);
  std::ranges::sort(
      out, [](const auto& a, const auto& b) { return a->record.position < b->record.position; });
  return out;
}

}  // namespace croft::engine
