#include "protocol/api.h"

namespace croft::protocol {
namespace {

using wire::json::Array;
using wire::json::Object;

constexpr int tree_depth_max = depth_max;

void add(Object& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out[name] = text;
}

Array strings(const std::vector<std::string>& list) {
  Array out;
  for (const std::string& text : list) out.emplace_back(text);
  return out;
}

Result<std::vector<std::string>> strings_if(const Object& object, std::string_view name) {
  if (!object.contains(name)) return std::vector<std::string>{};
  return wire::json::strings_at(object, name);
}

Result<std::string> text_if(const Object& object, std::string_view name) {
  return wire::json::string_or(object, name, "");
}

Result<uint64_t> count_if(const Object& object, std::string_view name) {
  int64_t number = TRY(wire::json::int_or(object, name, 0));
  if (number < 0) return fail(Code::invalid_argument, fmt::format("'{}' is negative", name));
  return static_cast<uint64_t>(number);
}

Result<std::optional<WallTime>> time_if(const Object& object, std::string_view name) {
  std::string text = TRY(text_if(object, name));
  if (text.empty()) return std::optional<WallTime>{};
  return std::optional<WallTime>(TRY(time_from_text(text)));
}

Array resources(const std::vector<Resource>& list) {
  Array out;
  for (const Resource& resource : list) out.push_back(to_json(resource));
  return out;
}

Result<std::vector<Resource>> resources_at(const Object& object, std::string_view name) {
  std::vector<Resource> out;
  for (const auto& item : *TRY(wire::json::array_at(object, name))) {
    if (!item.is_object())
      return fail(Code::type_mismatch, fmt::format("an entry of '{}' is not an object", name));
    out.push_back(TRY(resource_from_json(item.get_object())));
  }
  return out;
}

Result<TreeNode> read_node(const Object& object, int depth) {
  if (depth > tree_depth_max) return fail(Code::resource_exhausted, "the tree is too deep");
  TreeNode out;
  out.name = TRY(wire::json::string_at(object, "name"));
  out.path = TRY(wire::json::string_at(object, "path"));
  out.type = TRY(text_if(object, "type"));
  std::string state = TRY(wire::json::string_at(object, "state"));
  auto known = model::state_from_name(state);
  if (!known) return fail(Code::invalid_argument, fmt::format("'{}' is not a state", state));
  out.state = *known;
  out.since = TRY(time_if(object, "since")).value_or(WallTime{});
  out.why = TRY(text_if(object, "why"));
  out.host = TRY(text_if(object, "host"));
  if (const Object* attributes = TRY(wire::json::object_if(object, "attributes")))
    out.attributes = *attributes;
  out.resources = TRY(strings_if(object, "resources"));
  if (const Object* record = TRY(wire::json::object_if(object, "record")))
    out.record = TRY(record_from_json(*record));
  if (const Array* children = TRY(wire::json::array_if(object, "children")))
    for (const auto& child : *children) {
      if (!child.is_object()) return fail(Code::type_mismatch, "a child is not an object");
      out.children.push_back(TRY(read_node(child.get_object(), depth + 1)));
    }
  return out;
}

}  // namespace

std::string_view name_of(ApplicationState state) {
  switch (state) {
    case ApplicationState::going_up:
      return "going-up";
    case ApplicationState::up:
      return "up";
    case ApplicationState::failed:
      return "failed";
    case ApplicationState::going_down:
      return "going-down";
    case ApplicationState::down:
      return "down";
  }
  return "failed";
}

std::optional<ApplicationState> application_state_from_name(std::string_view name) {
  for (auto state : {ApplicationState::going_up, ApplicationState::up, ApplicationState::failed,
                     ApplicationState::going_down, ApplicationState::down})
    if (name == name_of(state)) return state;
  return std::nullopt;
}

Object to_json(const ApplicationSummary& summary) {
  Object out;
  out["name"] = summary.name;
  out["state"] = name_of(summary.state);
  out["since"] = time_text(summary.since);
  add(out, "why", summary.why);
  out["farm"] = summary.farm;
  add(out, "file", summary.file);
  add(out, "digest", summary.digest);
  out["version"] = static_cast<int64_t>(summary.version);
  out["components"] = static_cast<int64_t>(summary.components);
  out["running"] = static_cast<int64_t>(summary.running);
  out["instances"] = static_cast<int64_t>(summary.instances);
  out["buckets"] = static_cast<int64_t>(summary.buckets);
  return out;
}

Result<ApplicationSummary> summary_from_json(const Object& object) {
  ApplicationSummary out;
  out.name = TRY(wire::json::string_at(object, "name"));
  std::string state = TRY(wire::json::string_at(object, "state"));
  auto known = application_state_from_name(state);
  if (!known)
    return fail(Code::invalid_argument,
                fmt::format("'{}' is not a state of an application", state));
  out.state = *known;
  out.since = TRY(time_if(object, "since")).value_or(WallTime{});
  out.why = TRY(text_if(object, "why"));
  out.farm = TRY(text_if(object, "farm"));
  out.file = TRY(text_if(object, "file"));
  out.digest = TRY(text_if(object, "digest"));
  out.version = TRY(count_if(object, "version"));
  out.components = TRY(count_if(object, "components"));
  out.running = TRY(count_if(object, "running"));
  out.instances = TRY(count_if(object, "instances"));
  out.buckets = TRY(count_if(object, "buckets"));
  return out;
}

Object to_json(const TreeNode& node) {
  Object out;
  out["name"] = node.name;
  out["path"] = node.path;
  add(out, "type", node.type);
  out["state"] = model::name_of(node.state);
  if (node.since.ns != 0) out["since"] = time_text(node.since);
  add(out, "why", node.why);
  add(out, "host", node.host);
  if (!node.attributes.empty()) out["attributes"] = node.attributes;
  if (!node.resources.empty()) out["resources"] = strings(node.resources);
  if (node.record) out["record"] = to_json(*node.record);
  if (!node.children.empty()) {
    Array children;
    for (const TreeNode& child : node.children) children.push_back(to_json(child));
    out["children"] = std::move(children);
  }
  return out;
}

Result<TreeNode> node_from_json(const Object& object) {
  return read_node(object, 0);
}

Object to_json(const Status& status) {
  Object out;
  out["application"] = to_json(status.application);
  out["tree"] = to_json(status.tree);
  return out;
}

Result<Status> status_from_json(const Object& object) {
  Status out;
  out.application = TRY(summary_from_json(*TRY(wire::json::object_at(object, "application"))));
  out.tree = TRY(node_from_json(*TRY(wire::json::object_at(object, "tree"))));
  return out;
}

Object to_json(const Resource& resource) {
  Object out;
  out["kind"] = resource.kind;
  out["id"] = resource.id;
  out["component"] = resource.component;
  if (resource.made) out["made"] = time_text(*resource.made);
  if (resource.removed) out["removed"] = time_text(*resource.removed);
  add(out, "why", resource.why);
  return out;
}

Result<Resource> resource_from_json(const Object& object) {
  Resource out;
  out.kind = TRY(wire::json::string_at(object, "kind"));
  out.id = TRY(wire::json::string_at(object, "id"));
  out.component = TRY(text_if(object, "component"));
  out.made = TRY(time_if(object, "made"));
  out.removed = TRY(time_if(object, "removed"));
  out.why = TRY(text_if(object, "why"));
  return out;
}

Object to_json(const DownProof& proof) {
  Object out;
  out["application"] = proof.application;
  add(out, "farm", proof.farm);
  out["rented"] = resources(proof.rented);
  out["returned"] = resources(proof.returned);
  out["kept"] = resources(proof.kept);
  out["left"] = resources(proof.left);
  if (!proof.notes.empty()) out["notes"] = strings(proof.notes);
  add(out, "unasked", proof.unasked);
  add(out, "others", proof.others);
  return out;
}

Result<DownProof> proof_from_json(const Object& object) {
  DownProof out;
  out.application = TRY(wire::json::string_at(object, "application"));
  out.farm = TRY(text_if(object, "farm"));
  out.rented = TRY(resources_at(object, "rented"));
  out.returned = TRY(resources_at(object, "returned"));
  out.kept = TRY(resources_at(object, "kept"));
  out.left = TRY(resources_at(object, "left"));
  out.notes = TRY(strings_if(object, "notes"));
  out.unasked = TRY(text_if(object, "unasked"));
  out.others = TRY(text_if(object, "others"));
  return out;
}

Object to_json(const UpRequest& request) {
  Object out;
  out["application"] = request.application;
  out["description"] = request.description;
  add(out, "farm", request.farm);
  add(out, "farmUrl", request.farm_url);
  add(out, "region", request.region);
  add(out, "accessKey", request.access_key);
  add(out, "secretKey", request.secret_key.reveal());
  add(out, "sessionToken", request.session_token.reveal());
  if (request.keep_on_failure) out["keepOnFailure"] = true;
  if (request.instance_limit) out["instanceLimit"] = static_cast<int64_t>(*request.instance_limit);
  if (request.lifetime) out["lifetimeMs"] = request.lifetime->ms();
  return out;
}

Result<UpRequest> up_from_json(const Object& object) {
  UpRequest out;
  out.application = TRY(wire::json::string_at(object, "application"));
  out.description = *TRY(wire::json::object_at(object, "description"));
  out.farm = TRY(text_if(object, "farm"));
  out.farm_url = TRY(text_if(object, "farmUrl"));
  out.region = TRY(text_if(object, "region"));
  out.access_key = TRY(text_if(object, "accessKey"));
  out.secret_key = Secret(TRY(text_if(object, "secretKey")));
  out.session_token = Secret(TRY(text_if(object, "sessionToken")));
  out.keep_on_failure = TRY(wire::json::bool_or(object, "keepOnFailure", false));
  if (object.contains("instanceLimit")) out.instance_limit = TRY(count_if(object, "instanceLimit"));
  if (object.contains("lifetimeMs"))
    out.lifetime =
        Duration::milliseconds(static_cast<int64_t>(TRY(count_if(object, "lifetimeMs"))));
  return out;
}

Object to_json(const DownRequest& request) {
  Object out;
  out["application"] = request.application;
  if (request.force) out["force"] = true;
  return out;
}

Result<DownRequest> down_from_json(const Object& object) {
  DownRequest out;
  out.application = TRY(wire::json::string_at(object, "application"));
  out.force = TRY(wire::json::bool_or(object, "force", false));
  return out;
}

}  // namespace croft::protocol
