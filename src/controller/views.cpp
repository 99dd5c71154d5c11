#include "controller/views.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "lang/lang.h"

namespace croft::controller {

namespace json = wire::json;

namespace {

json::Object farm_view(const engine::ApplicationRecord& record) {
  const cloud::Farm& farm = record.farm;
  json::Object out{{"text", farm.text()}, {"region", farm.region}, {"why", farm.why}};
  switch (farm.kind) {
    case cloud::FarmKind::embedded:
      out["kind"] = "embedded";
      break;
    case cloud::FarmKind::aws:
      out["kind"] = "aws";
      break;
    case cloud::FarmKind::url:
      out["kind"] = "url";
      break;
  }
  auto text_of = [](const cloud::Endpoint& endpoint) {
    std::string text = endpoint.url.text();
    while (text.ends_with('/')) text.pop_back();
    return text;
  };
  if (farm.ec2) out["ec2"] = text_of(*farm.ec2);
  if (farm.s3) out["s3"] = text_of(*farm.s3);
  if (farm.ec2 || farm.s3) out["url"] = text_of(farm.ec2 ? *farm.ec2 : *farm.s3);
  return out;
}

json::Object counts_view(const engine::Application& application) {
  int64_t total = 0, running = 0, rented = 0, buckets = 0;
  for (const auto& node : application.nodes()) {
    if (node->current) ++total;
    if (node->record.state == model::State::running) ++running;
    for (const auto& thing : node->record.rented) {
      if (thing.returned || thing.adopted) continue;
      ++rented;
      if (thing.kind == "bucket") ++buckets;
    }
  }
  return {{"total", total},     {"running", running},
          {"rented", rented},   {"instances", application.instances()},
          {"buckets", buckets}, {"kept", application.kept()}};
}

json::Object rented_view(const engine::Rented& thing) {
  json::Object out{
      {"kind", thing.kind}, {"id", thing.id}, {"since", protocol::time_text(thing.since)}};
  if (thing.returned) out["returned"] = protocol::time_text(*thing.returned);
  if (thing.kept) out["kept"] = true;
  if (thing.adopted) out["adopted"] = true;
  return out;
}

std::string_view name_of(engine::DriftPolicy policy) {
  switch (policy) {
    case engine::DriftPolicy::repair:
      return "REPAIR";
    case engine::DriftPolicy::report:
      return "REPORT";
    case engine::DriftPolicy::accept:
      return "ACCEPT";
  }
  return "";
}

std::string_view name_of(engine::Drift::Kind kind) {
  switch (kind) {
    case engine::Drift::Kind::gone:
      return "gone";
    case engine::Drift::Kind::stopped:
      return "stopped";
    case engine::Drift::Kind::extra:
      return "extra";
    case engine::Drift::Kind::tag:
      return "tag";
  }
  return "";
}

json::Object usage_view(const model::WorkUsage& usage) {
  json::Object out{{"cpu", static_cast<double>(usage.cpu.ns()) / 1e9},
                   {"memory", usage.memory.count()},
                   {"files", usage.files},
                   {"processes", usage.processes}};
  if (usage.metrics.empty()) return out;
  json::Object metrics;
  for (const auto& [name, value] : usage.metrics) metrics[name] = value;
  out["metrics"] = std::move(metrics);
  return out;
}

json::Object node_view(const engine::Node& node) {
  const auto& record = node.record;
  size_t colon = record.path.rfind(':');
  json::Object out{
      {"path", record.path},
      {"name", colon == std::string::npos ? record.path : record.path.substr(colon + 1)},
      {"type", node.description && !node.description->supertypes.empty()
                   ? node.description->supertypes.front()
                   : record.type},
      {"state", name_of(record.state)},
      {"since", protocol::time_text(record.since)}};
  if (!record.why.empty()) out["why"] = record.why;
  if (!node.waits.empty() || !node.silence.empty())
    out["waits"] = node.silence.empty() ? node.waits : node.silence;
  if (record.record) out["record"] = protocol::to_json(*record.record);
  json::Array rented;
  for (const auto& thing : record.rented) rented.emplace_back(rented_view(thing));
  out["rented"] = std::move(rented);
  json::Object published;
  for (const auto& [name, value] : record.published) published[name] = protocol::display(value, 2);
  if (!published.empty()) out["published"] = std::move(published);
  if (auto drifts = drift_view(node); !drifts.empty()) out["drift"] = std::move(drifts);
  out["children"] = json::Array{};
  return out;
}

json::Value tree_view(const engine::Application& application, const Usages& usages) {
  auto nodes = application.nodes();
  std::map<std::string, json::Object, std::less<>> views;
  for (const auto& node : nodes) {
    auto& view = views.emplace(node->record.path, node_view(*node)).first->second;
    if (auto found = usages.find(node->record.path); found != usages.end())
      view["usage"] = usage_view(found->second);
  }
  // Latest first: a component is complete before it moves into its parent.
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const std::string& path = (*node)->record.path;
    auto own = views.find(path);
    auto& children = own->second["children"].get_array();
    std::reverse(children.begin(), children.end());
    auto parent = views.find(plan::parent_path(path));
    if (path == application.name() || parent == views.end()) continue;
    parent->second["children"].get_array().emplace_back(std::move(own->second));
  }
  auto root = views.find(application.name());
  return root == views.end() ? json::Value(nullptr) : json::Value(std::move(root->second));
}

/// What the application waits for, when it has no reason of its own to tell.
std::string why_of(const engine::Application& application) {
  const auto& record = application.record();
  bool moving = record.state == protocol::ApplicationState::going_up ||
                record.state == protocol::ApplicationState::going_down;
  if (moving)
    for (const auto& node : application.nodes())
      if (!node->waits.empty()) return fmt::format("{}: {}", node->record.path, node->waits);
  if (record.why.empty())
    for (const auto& node : application.nodes())
      if (!node->silence.empty()) return fmt::format("{}: {}", node->record.path, node->silence);
  return record.why;
}

json::Array lines(const std::vector<protocol::Resource>& list) {
  json::Array out;
  for (const auto& thing : list) {
    json::Object line{{"kind", thing.kind}, {"id", thing.id}, {"component", thing.component}};
    if (thing.made) line["since"] = protocol::time_text(*thing.made);
    if (thing.removed) line["returned"] = protocol::time_text(*thing.removed);
    if (!thing.why.empty()) line["note"] = thing.why;
    out.emplace_back(std::move(line));
  }
  return out;
}

}  // namespace

json::Array drift_view(const engine::Node& node) {
  json::Array out;
  if (!node.description) return out;
  auto policy = engine::drift_policy_of(*node.description);
  for (const engine::Drift& drift : node.drift) {
    json::Object line{{"component", node.record.path},
                      {"kind", drift.thing},
                      {"id", drift.id},
                      {"what", name_of(drift.kind)},
                      {"text", drift.text()},
                      {"policy", name_of(policy)},
                      {"consequence", engine::consequence(drift, policy)}};
    if (!drift.tag.empty()) line["tag"] = drift.tag;
    if (!drift.wanted.empty()) line["wanted"] = drift.wanted;
    if (!drift.found.empty()) line["found"] = drift.found;
    out.emplace_back(std::move(line));
  }
  return out;
}

std::string_view phase_name(protocol::ApplicationState state) {
  switch (state) {
    case protocol::ApplicationState::going_up:
      return "deploying";
    case protocol::ApplicationState::up:
      return "running";
    case protocol::ApplicationState::failed:
      return "failed";
    case protocol::ApplicationState::going_down:
      return "terminating";
    case protocol::ApplicationState::down:
      return "terminated";
  }
  return "";
}

json::Object summary_view(const engine::Application& application) {
  const auto& record = application.record();
  json::Object out{{"name", record.name},
                   {"application", record.name},
                   {"phase", phase_name(record.state)},
                   {"state", phase_name(record.state)},
                   {"why", why_of(application)},
                   {"since", protocol::time_text(record.since)},
                   {"created", protocol::time_text(record.created)},
                   {"farm", farm_view(record)},
                   {"file", record.file},
                   {"digest", record.digest},
                   {"version", record.version},
                   {"settled", application.settled()},
                   {"kept", application.kept()},
                   {"instances", application.instances()},
                   {"events", application.last_event()}};
  if (record.ends) out["ends"] = protocol::time_text(*record.ends);
  if (record.record) out["record"] = protocol::to_json(*record.record);
  if (auto setbacks = application.setbacks(); !setbacks.empty()) {
    json::Object told;
    for (const auto& [path, why] : setbacks) told[path] = why;
    out["setbacks"] = std::move(told);
  }
  return out;
}

json::Object application_view(const engine::Application& application, const Usages& usages) {
  json::Object out = summary_view(application);
  out["counts"] = counts_view(application);
  if (application.record().error) out["error"] = protocol::to_json(*application.record().error);
  out["root"] = tree_view(application, usages);
  return out;
}

json::Object proof_view(const engine::Application& application) {
  json::Object out{{"name", application.name()},
                   {"application", application.name()},
                   {"farm", farm_view(application.record())}};
  protocol::DownProof empty;
  const protocol::DownProof& proof = application.proof() ? *application.proof() : empty;
  out["rented"] = lines(proof.rented);
  out["returned"] = lines(proof.returned);
  out["kept"] = lines(proof.kept);
  out["left"] = lines(proof.left);
  json::Array notes;
  for (const auto& note : proof.notes) notes.emplace_back(note);
  out["notes"] = std::move(notes);
  // Only what the farm itself was asked about is claimed.
  out["checked"] = application.proof() && proof.notes.empty() && proof.unasked.empty();
  if (!proof.unasked.empty()) out["unasked"] = proof.unasked;
  if (!proof.others.empty()) out["others"] = proof.others;
  return out;
}

std::string proof_statement(const engine::Application& application) {
  protocol::DownProof empty;
  const protocol::DownProof& proof = application.proof() ? *application.proof() : empty;
  const auto& record = application.record();
  bool checked = application.proof() && proof.notes.empty() && proof.unasked.empty();
  std::string out = fmt::format(
      "croft: what application {} rented and what is left of it\n"
      "life {} from {} to {}\nfarm {}\nthe farm was asked by tag: {}\n"
      "rented {}, returned {}, kept on purpose {}, left {}\n",
      record.name, record.uid, protocol::time_text(record.created),
      protocol::time_text(record.since), record.farm.text(), checked ? "yes" : "no",
      proof.rented.size(), proof.returned.size(), proof.kept.size(), proof.left.size());
  auto list = [&out](const char* word, const std::vector<protocol::Resource>& things) {
    for (const auto& thing : things)
      out += fmt::format("{} {} {} of {}{}\n", word, thing.kind, thing.id, thing.component,
                         thing.removed ? " at " + protocol::time_text(*thing.removed) : "");
  };
  list("returned", proof.returned);
  list("kept", proof.kept);
  list("left", proof.left);
  for (const auto& note : proof.notes) out += "note: " + note + "\n";
  if (!proof.others.empty()) out += "others: " + proof.others + "\n";
  return out;
}

json::Object difference_view(const plan::Difference& difference) {
  json::Object out{{"component", difference.path}};
  if (difference.attribute.empty()) {
    out["change"] = difference.before ? "removed" : "added";
    return out;
  }
  out["attribute"] = difference.attribute;
  if (difference.secret) {
    out["secret"] = true;
    return out;
  }
  if (difference.before) out["before"] = lang::print_value(*difference.before);
  if (difference.after) out["after"] = lang::print_value(*difference.after);
  return out;
}

namespace {

/// The item that a difference belongs to: its component, or the one whose data it is.
const plan::Item* item_of(const plan::Plan& plan, std::string_view path) {
  for (; !path.empty(); path = plan::parent_path(path))
    if (const auto* item = plan.find(path)) return item;
  return nullptr;
}

std::string difference_line(const plan::Difference& difference, const plan::Item& item) {
  auto shown = [&](const std::optional<model::Value>& value) -> std::string {
    if (!value) return "nothing";
    if (difference.secret) return "(secret)";
    return printable(lang::print_value(*value));
  };
  std::string inside =
      difference.path.substr(std::min(item.path.size() + 1, difference.path.size()));
  std::string name = difference.attribute.empty() ? inside
                     : inside.empty()             ? difference.attribute
                                                  : inside + ":" + difference.attribute;
  if (difference.attribute.empty())
    return fmt::format("{}: {}", name, difference.before ? "no longer there" : "new");
  return fmt::format("{}: {} -> {}", name, shown(difference.before), shown(difference.after));
}

}  // namespace

json::Object plan_view(const plan::Plan& plan, const std::vector<plan::Difference>& differences) {
  std::map<std::string_view, json::Array> changed;
  std::map<std::string_view, std::vector<std::string>> lines;
  for (const auto& difference : differences) {
    const auto* item = item_of(plan, difference.path);
    // What comes or goes whole is said by its own line.
    if (!item || (difference.attribute.empty() && item->path == difference.path)) continue;
    if (item->left_out) continue;
    changed[item->path].emplace_back(difference_view(difference));
    lines[item->path].push_back(difference_line(difference, *item));
  }
  json::Array items;
  for (const auto& item : plan.items) {
    json::Object line{{"path", item.path}, {"type", item.type}, {"change", name_of(item.change)}};
    if (item.updates) line["updates"] = true;
    if (item.left_out) line["leftOut"] = true;
    if (item.repairs) line["repairs"] = true;
    if (!item.drift.empty()) line["drift"] = json::Array(item.drift.begin(), item.drift.end());
    if (!item.moved_from.empty()) line["movedFrom"] = item.moved_from;
    if (!item.why.empty()) line["why"] = item.why;
    json::Array needs, rents;
    for (const auto& need : item.needs) needs.emplace_back(need);
    for (const auto& rent : item.rents)
      rents.emplace_back(json::Object{{"kind", rent.kind}, {"min", rent.min}, {"max", rent.max}});
    if (!needs.empty()) line["needs"] = std::move(needs);
    if (!rents.empty()) line["rents"] = std::move(rents);
    if (auto found = changed.find(item.path); found != changed.end())
      line["differences"] = std::move(found->second);
    items.emplace_back(std::move(line));
  }
  return {{"name", plan.application},
          {"changes", !plan.empty() || !changed.empty()},
          {"text", plan.text(lines)},
          {"items", std::move(items)},
          {"create", plan.count(plan::Change::create) + plan.count(plan::Change::adopt)},
          {"replace", plan.count(plan::Change::replace)},
          {"remove", plan.count(plan::Change::remove)},
          {"keep", plan.count(plan::Change::keep)},
          {"instances", json::Object{{"min", plan.instances_min}, {"max", plan.instances_max}}}};
}

json::Object error_view(const Error& error) {
  json::Object inner = protocol::to_json(error);
  inner["text"] = error.render();
  return {{"error", std::move(inner)}};
}

json::Object host_view(const RemoteHost& host, Moment now) {
  json::Array works;
  for (const auto& [name, state] : host.states()) {
    json::Object work{{"name", name},
                      {"phase", model::name_of(state.phase)},
                      {"why", state.why},
                      {"pid", state.pid},
                      {"restarts", state.restarts},
                      {"since", protocol::time_text(state.since)}};
    if (state.exit_code) work["exitCode"] = *state.exit_code;
    if (state.exit_signal) work["exitSignal"] = *state.exit_signal;
    if (auto usage = host.usage(name)) work["usage"] = usage_view(*usage);
    works.emplace_back(std::move(work));
  }
  json::Object out{{"instance", host.name()},
                   {"address", host.address()},
                   {"component", host.machine().component},
                   {"connected", host.connected()},
                   {"agent", host.agent_version()},
                   {"heard", (now - host.last_heard()).ms()},
                   {"works", std::move(works)}};
  if (host.agent_usage()) out["usage"] = usage_view(*host.agent_usage());
  return out;
}

}  // namespace croft::controller
