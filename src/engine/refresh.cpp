// What the farm really has of an application, asked in few calls: while it runs, before a plan, and
// before `up` changes anything. What differs is told, repaired or accepted, as `drift` says.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/application.h"
#include "protocol/events.h"

namespace croft::engine {

namespace {

constexpr Duration period = Duration::minutes(5);
constexpr Duration patience = Duration::seconds(10);
constexpr Duration short_patience = Duration::seconds(3);  // an `up` waits for it
constexpr Duration settling = Duration::seconds(60);       // a new id may be unknown for a while
constexpr size_t ids_a_call = 200;

}  // namespace

aio::Task<Result<>> Application::refresh_loop() {
  for (;;) {
    CO_TRY(co_await services_.world.clock.sleep(period));
    for (const std::string& note : CO_TRY(co_await refresh()))
      tell(name(), protocol::event::attention, note);
    CO_TRY(co_await mend_drift());
  }
}

aio::Task<Result<std::vector<std::string>>> Application::refresh() {
  std::vector<std::string> notes;
  std::set<std::string> asked;
  for (const auto& node : nodes_inside(name())) {
    bool holds = std::ranges::any_of(node->record.rented, &Rented::open);
    if (!holds || !node->object) continue;
    auto keys = co_await node->object->account(node->context);
    if (!keys) {
      notes.push_back(fmt::format("{}: {}", node->record.path, keys.error().line()));
      continue;
    }
    if (!*keys || !asked.insert((*keys)->access_key).second) continue;
    auto done = co_await aio::deadline(services_.world.clock, patience,
                                       refresh_account(*node, **keys, notes),
                                       "asking the farm what it has");
    if (done) continue;
    if (done.error().code == Code::cancelled) co_return fail(std::move(done).error());
    notes.push_back(
        fmt::format("what the farm has could not be asked for: {}", done.error().line()));
  }
  co_return notes;
}

aio::Task<Result<>> Application::refresh_account(Node& node, Keys keys,
                                                 std::vector<std::string>& notes) {
  cloud::SweepRequest request;
  request.application = name();
  request.only_known_buckets = true;
  std::set<std::string> kinds;
  for (const auto& [path, other] : nodes_)
    for (const Rented& thing : other->record.rented) {
      if (!thing.open()) continue;
      kinds.insert(thing.kind);
      if (thing.kind == "bucket") request.known_buckets.push_back(thing.id);
    }
  cloud::Farm farm = record_.farm;
  request.instances = farm.ec2.has_value() && kinds.contains("instance");
  request.buckets = farm.s3.has_value() && kinds.contains("bucket");
  request.images = farm.ec2.has_value() && (kinds.contains("image") || kinds.contains("snapshot"));
  request.groups = farm.ec2.has_value() && kinds.contains("security group");
  if (!request.instances && !request.buckets && !request.images && !request.groups)
    co_return Result<>{};
  auto ec2 = CO_TRY(co_await node.context.ec2_at(farm.ec2 ? *farm.ec2 : *farm.s3,
                                                 {keys.access_key, keys.secret_key}));
  auto s3 = CO_TRY(co_await node.context.s3_at(farm.s3 ? *farm.s3 : *farm.ec2,
                                               {keys.access_key, keys.secret_key}));
  bool machines = request.instances;
  auto swept = CO_TRY(co_await cloud::sweep(ec2, s3, std::move(request)));
  for (std::string& note : swept.notes) notes.push_back(std::move(note));
  if (machines) CO_TRY(co_await look_for_missing(ec2, swept.found));
  note_drifts(swept.found);
  co_return Result<>{};
}

/// Machines that carry its name and are in no record of it: its state was lost, or another
/// controller has one of that name. They cost, and nobody here watches them.
aio::Task<Result<>> Application::look_for_other_lives() {
  std::set<std::string> asked, others;
  for (const auto& node : nodes_inside(name())) {
    if (!node->object || !node->type->calls_farm || !record_.farm.ec2) continue;
    auto keys = co_await node->object->account(node->context);
    if (!keys || !*keys || !asked.insert((*keys)->access_key).second) continue;
    auto ec2 = co_await node->context.ec2_at(*record_.farm.ec2, **keys);
    if (!ec2) continue;
    cloud::DescribeInstances query;
    query.filters = {{"tag:" + std::string(cloud::tag_application), {name()}},
                     {"instance-state-name", {"pending", "running", "stopping", "stopped"}}};
    auto found = co_await aio::deadline(services_.world.clock, short_patience,
                                        ec2->describe_instances(query), "a look at the account");
    if (!found && found.error().code == Code::cancelled) co_return fail(std::move(found).error());
    if (!found) continue;  // who starts something will hear of it, too
    for (const auto& instance : *found)
      if (cloud::tag_value(instance.tags, cloud::tag_application) == name() &&
          cloud::tag_value(instance.tags, tag_incarnation) != record_.uid)
        others.insert(instance.id);
  }
  if (others.empty()) co_return Result<>{};
  tell(name(), protocol::event::attention,
       fmt::format(
           "the account has {} with the name {} of another life of it, or of another "
           "controller's: {}; if its state was lost: croft down {}, then croft down --lost {}",
           others.size() == 1 ? "an instance" : fmt::format("{} instances", others.size()), name(),
           fmt::join(others, ", "), name(), name()));
  co_return Result<>{};
}

/// An instance may have lost its tags: those that are missing are asked for by their ids.
aio::Task<Result<>> Application::look_for_missing(cloud::Ec2 ec2,
                                                  std::vector<cloud::Found>& found) {
  std::set<std::string> seen;
  for (const auto& thing : found) seen.insert(thing.id);
  std::vector<std::string> missing;
  for (const auto& [path, node] : nodes_)
    for (const Rented& thing : node->record.rented)
      if (thing.open() && thing.kind == "instance" && !seen.contains(thing.id))
        missing.push_back(thing.id);
  for (size_t at = 0; at < missing.size(); at += ids_a_call) {
    auto first = missing.begin() + static_cast<ptrdiff_t>(at);
    auto last = first + static_cast<ptrdiff_t>(std::min(ids_a_call, missing.size() - at));
    cloud::DescribeInstances query;
    query.filters = {{"instance-id", {first, last}}};
    for (auto& instance : CO_TRY(co_await ec2.describe_instances(std::move(query)))) {
      cloud::Found thing;
      thing.kind = "instance";
      thing.id = instance.id;
      thing.state = name_of(instance.state);
      thing.tags = std::move(instance.tags);
      found.push_back(std::move(thing));
    }
  }
  co_return Result<>{};
}

void Application::note_drifts(const std::vector<cloud::Found>& found) {
  std::map<std::pair<std::string, std::string>, std::string> owners;
  for (const auto& [path, node] : nodes_)
    for (const Rented& thing : node->record.rented)
      if (!thing.returned) owners[{thing.kind, thing.id}] = path;
  std::map<std::string, std::vector<cloud::Found>, std::less<>> things;
  for (const cloud::Found& thing : found) {
    auto owner = owners.find({thing.kind, thing.id});
    bool ours = cloud::tag_value(thing.tags, tag_incarnation) == record_.uid;
    if (owner != owners.end())
      things[owner->second].push_back(thing);
    else if (ours && find(thing.component))
      things[thing.component].push_back(thing);
  }
  WallTime settled = services_.world.clock.wall() + (Duration() - settling);
  for (auto& [path, node] : nodes_) {
    // Who is about to make or remove something knows more than the farm's answer of before.
    if (!node->live || !node->object || node->record.intent) continue;
    auto tags = node->object->wanted_tags(node->context);
    auto now =
        drifts_of(node->record, tags ? *tags : std::vector<cloud::Tag>(), things[path], settled);
    for (const Drift& drift : now)
      if (std::ranges::find(node->drift, drift) == node->drift.end())
        node->context.event(protocol::event::drifted, drift.text());
    if (node->drift != now) node_changed();
    node->drift = std::move(now);
  }
}

bool Application::to_mend() const {
  return std::ranges::any_of(nodes_, [](const auto& item) {
    const Node& node = *item.second;
    return !node.drift.empty() && node.description &&
           drift_policy_of(*node.description) == DriftPolicy::repair;
  });
}

aio::Task<Result<>> Application::mend_drift() {
  for (const auto& node : nodes_inside(name())) {
    if (node->drift.empty() || !node->live || !node->object || !node->description) continue;
    auto done = co_await mend(node);
    if (done) continue;
    if (done.error().code == Code::cancelled) co_return done;
    node->context.event(protocol::event::attention,
                        fmt::format("its drift is not repaired: {}", done.error().line()));
  }
  co_return Result<>{};
}

aio::Task<Result<>> Application::mend(std::shared_ptr<Node> node) {
  auto drifts = node->drift;
  switch (drift_policy_of(*node->description)) {
    case DriftPolicy::report:
      co_return Result<>{};
    case DriftPolicy::repair:
      CO_TRY(co_await aio::deadline(services_.world.clock, node->type->timeouts.start,
                                    node->object->repair(node->context, drifts),
                                    "repairing " + node->record.path));
      for (const Drift& drift : drifts)
        node->context.event(
            protocol::event::repaired,
            fmt::format("{}: {}", drift.text(), consequence(drift, DriftPolicy::repair)));
      break;
    case DriftPolicy::accept: {
      std::vector<Rented> made;
      std::vector<std::string> gone;
      for (const Drift& drift : drifts) {
        if (drift.kind == Drift::Kind::gone) gone.push_back(drift.id);
        if (drift.kind == Drift::Kind::extra)
          made.push_back(node->context.rented(drift.thing, drift.id));
      }
      if (made.empty() && gone.empty()) co_return Result<>{};
      CO_TRY(co_await node->context.settle(std::move(made), std::move(gone)));
      break;
    }
  }
  node->drift.clear();
  node_changed();
  co_return co_await ledger_.flush();
}

}  // namespace croft::engine
