#include "engine/drift.h"

#include <fmt/format.h>

#include <algorithm>

namespace croft::engine {

std::string Drift::text() const {
  switch (kind) {
    case Kind::gone:
      return fmt::format("{} {} is gone", thing, id);
    case Kind::stopped:
      return fmt::format("{} {} is {}", thing, id, found);
    case Kind::extra:
      return fmt::format("{} {} carries its tags and is in no record", thing, id);
    case Kind::tag:
      return found.empty()
                 ? fmt::format("{} {} has lost its tag {} ({})", thing, id, tag, wanted)
                 : fmt::format("{} {} has the tag {} = {}, not {}", thing, id, tag, found, wanted);
  }
  return "";
}

DriftPolicy drift_policy_of(const model::Component& component) {
  for (const model::Component* at = &component; at; at = at->parent())
    if (auto said = at->string("drift")) {
      if (*said == "REPORT") return DriftPolicy::report;
      if (*said == "ACCEPT") return DriftPolicy::accept;
      break;
    }
  return DriftPolicy::repair;
}

std::string_view consequence(const Drift& drift, DriftPolicy policy) {
  if (policy == DriftPolicy::report) return "only told (drift \"REPORT\")";
  bool repairs = policy == DriftPolicy::repair;
  switch (drift.kind) {
    case Drift::Kind::gone:
      return repairs ? "made again" : "accepted: it is struck from the record";
    case Drift::Kind::stopped:
      return repairs ? "started again" : "accepted";
    case Drift::Kind::extra:
      return repairs ? "removed" : "accepted: it is taken into the record";
    case Drift::Kind::tag:
      return repairs ? "tagged again" : "accepted";
  }
  return "";
}

namespace {

std::vector<Drift> of_thing(const Rented& thing, const cloud::Found* found,
                            const std::vector<cloud::Tag>& tags, WallTime settled) {
  Drift drift{Drift::Kind::gone, thing.kind, thing.id, "", "", ""};
  if (!found) {
    if (thing.since < settled) return {drift};
    return {};
  }
  if (found->state == "terminated" || found->state == "shutting-down") return {drift};
  std::vector<Drift> out;
  if (found->state == "stopped" || found->state == "stopping") {
    drift.kind = Drift::Kind::stopped;
    drift.found = found->state;
    out.push_back(drift);
  }
  for (const cloud::Tag& wanted : tags) {
    std::string value = cloud::tag_value(found->tags, wanted.key);
    if (value != wanted.value)
      out.push_back({Drift::Kind::tag, thing.kind, thing.id, wanted.key, wanted.value, value});
  }
  return out;
}

}  // namespace

std::vector<Drift> drifts_of(const ComponentRecord& record, const std::vector<cloud::Tag>& tags,
                             const std::vector<cloud::Found>& found, WallTime settled) {
  std::vector<Drift> out;
  auto same = [](const Rented& thing, const cloud::Found& other) {
    return thing.kind == other.kind && thing.id == other.id;
  };
  for (const Rented& thing : record.rented) {
    if (!thing.open()) continue;
    auto there = std::ranges::find_if(found, [&](const auto& each) { return same(thing, each); });
    auto more = of_thing(thing, there == found.end() ? nullptr : &*there, tags, settled);
    out.insert(out.end(), more.begin(), more.end());
  }
  for (const cloud::Found& each : found) {
    // What went a moment ago may have been seen before it went.
    bool known = std::ranges::any_of(record.rented, [&](const Rented& thing) {
      return same(thing, each) && (!thing.returned || *thing.returned >= settled);
    });
    if (!known) out.push_back({Drift::Kind::extra, each.kind, each.id, "", "", ""});
  }
  return out;
}

}  // namespace croft::engine
