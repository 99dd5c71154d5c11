#include "membership/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace croft::membership {

std::string_view name_of(Health health) {
  switch (health) {
    case Health::alive:
      return "alive";
    case Health::suspect:
      return "suspect";
    case Health::dead:
      return "dead";
  }
  std::unreachable();
}

void Judge::add(const std::string& node, Moment now) {
  auto [found, added] = nodes_.try_emplace(node);
  if (added) found->second.heard = now;
}

void Judge::remove(const std::string& node) {
  nodes_.erase(node);
}

void Judge::heard(const std::string& node, Moment at) {
  auto found = nodes_.find(node);
  if (found != nodes_.end()) found->second.heard = std::max(found->second.heard, at);
}

void Judge::probed(const std::string& node, std::optional<bool> reached) {
  auto found = nodes_.find(node);
  if (found == nodes_.end() || !found->second.asked) return;
  found->second.answered = true;
  found->second.reached = reached;
}

Health Judge::health(const std::string& node) const {
  auto found = nodes_.find(node);
  return found == nodes_.end() ? Health::dead : found->second.health;
}

Duration Judge::bound() const {
  // Silence begins right after a heartbeat, and each of the steps is noticed at a tick.
  return options_.period * (options_.missed + options_.stable_periods + 1) + options_.probe_within;
}

bool Judge::too_many(Moment now) const {
  size_t recent = 0;
  for (const auto& [node, since] : lost_)
    if (now - since <= options_.brake_within || (braking_ && health(node) == Health::suspect))
      ++recent;  // what set the brake holds it as long as it lasts
  auto share = static_cast<double>(nodes_.size()) * options_.brake_share;
  return recent >= options_.brake_least && static_cast<double>(recent) > share;
}

std::vector<Wish> Judge::tick(Moment now, Duration lag) {
  std::vector<Wish> out;
  int64_t stretch = 1 + lag.ns() / std::max<int64_t>(1, options_.period.ns());
  bool abstains = stretch > options_.lag_abstains;
  stretch = std::min<int64_t>(stretch, options_.lag_most);
  Duration silence = options_.period * options_.missed * stretch;
  for (auto& [name, node] : nodes_) {
    bool silent = now - node.heard > silence;
    if (node.health == Health::dead) continue;
    if (!silent) {
      if (node.health == Health::suspect) {
        node = {.heard = node.heard};
        lost_.erase(name);
        out.push_back({Wish::Kind::clear, name, "it was heard again"});
      }
      continue;
    }
    if (node.health == Health::alive && !abstains) {
      node.health = Health::suspect;
      node.suspected = now;
      node.asked = true;
      lost_[name] = now;
      out.push_back({Wish::Kind::probe, name,
                     fmt::format("nothing was heard of it for {}", (now - node.heard).text())});
    }
  }
  std::erase_if(lost_, [&](const auto& each) {
    return now - each.second > options_.brake_within && health(each.first) != Health::suspect;
  });
  bool many = too_many(now);
  if (many != braking_) {
    braking_ = many;
    out.push_back(
        {many ? Wish::Kind::brake : Wish::Kind::release, "",
         many ? fmt::format("{} of {} hosts fell silent within {}: it may be us who are cut "
                            "off, nobody is replaced",
                            lost_.size(), nodes_.size(), options_.brake_within.text())
              : "few enough are silent"});
  }
  if (braking_ || abstains || lost_.empty()) return out;
  for (auto& [name, node] : nodes_) {
    if (node.health != Health::suspect || now - node.heard <= silence) continue;
    bool stable = now - node.suspected >= options_.period * options_.stable_periods * stretch;
    bool over = node.answered || now - node.suspected >= options_.probe_within * stretch;
    if (!stable || !over) continue;
    // Its peers reach it: the way to us is cut, or its agent is gone, and what it runs goes on.
    if (node.reached.value_or(false)) {
      if (node.answered) {
        node.answered = false;
        node.suspected = now;
        out.push_back({Wish::Kind::probe, name, "its peers reach it, and we do not"});
      }
      continue;
    }
    node.health = Health::dead;
    out.push_back({Wish::Kind::declare, name,
                   fmt::format("nothing was heard of it for {}, and {}", (now - node.heard).text(),
                               node.reached ? "no peer reaches it" : "no peer could be asked")});
  }
  return out;
}

}  // namespace croft::membership
