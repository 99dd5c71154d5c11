#include "farm/s3/past.h"

#include <algorithm>

namespace croft::farm::s3 {

void Past::set(Consistency wanted) {
  wanted_ = wanted;
  prune();
}

void Past::release(const Change& change) {
  if (change.pinned) files_.unpin(change.before->record.id);
}

void Past::changed(const std::string& name, ObjectRef before) {
  if (!active()) return;
  prune();
  Change change{world_.clock.now(), std::move(before)};
  if (change.before && !change.before->record.pieces.empty())
    change.pinned = files_.pin(change.before->record.id);
  order_.emplace_back(change.at, name);
  by_name_[name].push_back(std::move(change));
}

void Past::prune() {
  Duration longest = std::max(wanted_.reads, wanted_.lists);
  Moment now = world_.clock.now();
  while (!order_.empty() &&
         (now - order_.front().first > longest || order_.size() > max_remembered)) {
    auto at = by_name_.find(order_.front().second);
    release(at->second.front());
    at->second.pop_front();
    if (at->second.empty()) by_name_.erase(at);
    order_.pop_front();
  }
}

void Past::forget(const std::string& prefix) {
  auto at = by_name_.lower_bound(prefix);
  if (at == by_name_.end() || !at->first.starts_with(prefix)) return;
  for (; at != by_name_.end() && at->first.starts_with(prefix); at = by_name_.erase(at))
    for (const Change& change : at->second) release(change);
  std::erase_if(order_, [&](const auto& entry) { return entry.second.starts_with(prefix); });
}

/// The first change that is younger than `age`: what it replaced was there that long ago.
const Past::Change* Past::first_after(const std::deque<Change>& changes, Duration age) const {
  Moment now = world_.clock.now();
  for (const Change& change : changes)
    if (now - change.at < age) return &change;
  return nullptr;
}

std::optional<ObjectRef> Past::seen_by_read(const std::string& name) {
  auto at = by_name_.find(name);
  if (at == by_name_.end()) return {};
  const Change* change = first_after(at->second, wanted_.reads);
  if (!change) return {};
  return change->before;
}

std::map<std::string, ObjectRef> Past::seen_by_list(const std::string& from,
                                                    const std::string& to) {
  std::map<std::string, ObjectRef> out;
  for (auto at = by_name_.lower_bound(from); at != by_name_.end() && at->first < to; ++at)
    if (const Change* change = first_after(at->second, wanted_.lists))
      out[at->first] = change->before;
  return out;
}

}  // namespace croft::farm::s3
