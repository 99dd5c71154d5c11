#include "controller/views.h"

#include <fmt/format.h>

#include <algorithm>

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
  out["children"] = json::Array{};
  return out;
}

json::Value tree_view(const engine::Application& application) {
  auto nodes = application.nodes();
  std::map<std::string, json::Object, std::less<>> views;
  for (const auto& node : nodes) views.emplace(node->record.path, node_view(*node));
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
  return out;
}

json::Object application_view(const engine::Application& application) {
  json::Object out = summary_view(application);
  out["counts"] = counts_view(application);
  if (application.record().error) out["error"] = protocol::to_json(*application.record().error);
  out["root"] = tree_view(application);
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
  return out;
}

json::Object plan_view(const plan::Plan& plan) {
  json::Array items;
  for (const auto& item : plan.items) {
    json::Object line{{"path", item.path}, {"type", item.type}, {"change", name_of(item.change)}};
    if (!item.why.empty()) line["why"] = item.why;
    json::Array needs, rents;
    for (const auto& need : item.needs) needs.emplace_back(need);
    for (const auto& rent : item.rents)
      rents.emplace_back(json::Object{{"kind", rent.kind}, {"min", rent.min}, {"max", rent.max}});
    if (!needs.empty()) line["needs"] = std::move(needs);
    if (!rents.empty()) line["rents"] = std::move(rents);
    items.emplace_back(std::move(line));
  }
  return {{"name", plan.application},
          {"changes", !plan.empty()},
          {"text", plan.text()},
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
    works.emplace_back(std::move(work));
  }
  return {{"instance", host.name()},
          {"address", host.address()},
          {"component", host.machine().component},
          {"connected", host.connected()},
          {"agent", host.agent_version()},
          {"heard", (now - host.last_heard()).ms()},
          {"works", std::move(works)}};
}

}  // namespace croft::controller
