#include "plan/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace croft::plan {

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::deploy:
      return "deploy";
    case Verb::start:
      return "start";
    case Verb::live:
      return "live";
    case Verb::terminate:
      return "terminate";
  }
  return "?";
}

StepId Graph::add(Step step) {
  nodes_.push_back({std::move(step), {}, 0});
  return static_cast<StepId>(nodes_.size() - 1);
}

void Graph::order(StepId earlier, StepId later) {
  CHECK(earlier < nodes_.size() && later < nodes_.size(),
        "an edge between steps that do not exist");
  nodes_[earlier].next.push_back(later);
}

Result<> Graph::seal() {
  for (Node& node : nodes_) {
    std::ranges::sort(node.next);
    node.next.erase(std::ranges::unique(node.next).begin(), node.next.end());
    for (StepId later : node.next) ++nodes_[later].waits;
  }
  std::vector<uint32_t> waits(nodes_.size());
  std::vector<StepId> open;
  for (StepId id = 0; id < nodes_.size(); ++id) {
    waits[id] = nodes_[id].waits;
    if (waits[id] == 0) {
      ready_.insert(id);
      open.push_back(id);
    }
  }
  size_t seen = 0;
  while (!open.empty()) {
    StepId id = open.back();
    open.pop_back();
    ++seen;
    for (StepId later : nodes_[id].next)
      if (--waits[later] == 0) open.push_back(later);
  }
  if (seen == nodes_.size()) return {};
  return fail(
      Error(Code::invalid_argument, "components wait for each other: " + cycle())
          .hint("remove one of these links or dependsOn entries; a value that never changes "
                "can be written without LAZY"));
}

std::string Graph::cycle() const {
  // What is left after taking everything that can be taken stands in or behind a circle.
  std::vector<uint32_t> waits(nodes_.size());
  std::vector<StepId> open;
  for (StepId id = 0; id < nodes_.size(); ++id) {
    waits[id] = nodes_[id].waits;
    if (waits[id] == 0) open.push_back(id);
  }
  while (!open.empty()) {
    StepId id = open.back();
    open.pop_back();
    for (StepId later : nodes_[id].next)
      if (--waits[later] == 0) open.push_back(later);
  }
  // Every stuck step has a stuck predecessor, so walking predecessors must close a circle.
  std::vector<StepId> before(nodes_.size(), UINT32_MAX);
  for (StepId id = 0; id < nodes_.size(); ++id)
    if (waits[id] > 0)
      for (StepId later : nodes_[id].next)
        if (waits[later] > 0) before[later] = id;
  StepId at = 0;
  while (waits[at] == 0) ++at;
  std::vector<bool> passed(nodes_.size());
  while (!passed[at]) {
    passed[at] = true;
    at = before[at];
  }
  std::vector<std::string> names;
  StepId start = at;
  do {
    if (names.empty() || names.back() != nodes_[at].step.path)
      names.push_back(nodes_[at].step.path);
    at = before[at];
  } while (at != start && names.size() < 32);
  if (names.back() != names.front() || names.size() == 1) names.push_back(names.front());
  return join(names, " needs ");
}

std::optional<StepId> Graph::take() {
  if (ready_.empty()) return std::nullopt;
  StepId id = *ready_.begin();
  ready_.erase(ready_.begin());
  ++running_;
  return id;
}

void Graph::finished(StepId step, bool ok) {
  CHECK(running_ > 0, "a step finished that was never taken");
  --running_;
  if (!ok) return;
  ++finished_;
  for (StepId later : nodes_[step].next)
    if (--nodes_[later].waits == 0) ready_.insert(later);
}

}  // namespace croft::plan
