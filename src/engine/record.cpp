#include "engine/record.h"

#include <fmt/format.h>

#include <algorithm>

namespace croft::engine {
namespace {

namespace json = wire::json;

json::Object map_json(const std::map<std::string, std::string>& map) {
  json::Object out;
  for (const auto& [name, text] : map) out[name] = text;
  return out;
}

Result<std::map<std::string, std::string>> map_from(const json::Object& object,
                                                    std::string_view name) {
  std::map<std::string, std::string> out;
  if (const json::Object* found = TRY(json::object_if(object, name)))
    for (const auto& item : *found)
      out[std::string(item.key())] = TRY(json::string_at(*found, item.key()));
  return out;
}

Result<WallTime> time_at(const json::Object& object, std::string_view name) {
  return protocol::time_from_text(TRY(json::string_at(object, name)));
}

Result<std::optional<WallTime>> time_if(const json::Object& object, std::string_view name) {
  if (!object.contains(name)) return std::optional<WallTime>{};
  return std::optional(TRY(time_at(object, name)));
}

json::Object rented_json(const Rented& rented) {
  json::Object out{{"kind", rented.kind},
                   {"id", rented.id},
                   {"component", rented.component},
                   {"since", protocol::time_text(rented.since)}};
  if (rented.returned) out["returned"] = protocol::time_text(*rented.returned);
  if (rented.kept) out["kept"] = true;
  if (rented.adopted) out["adopted"] = true;
  if (rented.forgotten) out["forgotten"] = true;
  return out;
}

Result<Rented> rented_from(const json::Object& object) {
  Rented out;
  out.kind = TRY(json::string_at(object, "kind"));
  out.id = TRY(json::string_at(object, "id"));
  out.component = TRY(json::string_at(object, "component"));
  out.since = TRY(time_at(object, "since"));
  out.returned = TRY(time_if(object, "returned"));
  out.kept = TRY(json::bool_or(object, "kept", false));
  out.adopted = TRY(json::bool_or(object, "adopted", false));
  out.forgotten = TRY(json::bool_or(object, "forgotten", false));
  return out;
}

std::string_view kind_name(cloud::FarmKind kind) {
  switch (kind) {
    case cloud::FarmKind::embedded:
      return "embedded";
    case cloud::FarmKind::aws:
      return "aws";
    case cloud::FarmKind::url:
      return "url";
  }
  return "url";
}

json::Object endpoint_json(const cloud::Endpoint& endpoint) {
  return {{"url", endpoint.url.text()},
          {"region", endpoint.region},
          {"pathStyle", endpoint.path_style}};
}

Result<std::optional<cloud::Endpoint>> endpoint_from(const json::Object& object,
                                                     std::string_view name,
                                                     cloud::Service service) {
  const json::Object* found = TRY(json::object_if(object, name));
  if (!found) return std::optional<cloud::Endpoint>{};
  cloud::Endpoint out;
  out.service = service;
  out.url = TRY(net::Url::parse(TRY(json::string_at(*found, "url"))));
  out.region = TRY(json::string_at(*found, "region"));
  out.path_style = TRY(json::bool_or(*found, "pathStyle", true));
  return std::optional(std::move(out));
}

json::Object farm_json(const cloud::Farm& farm) {
  json::Object out{{"kind", kind_name(farm.kind)}, {"why", farm.why}, {"region", farm.region}};
  if (farm.ec2) out["ec2"] = endpoint_json(*farm.ec2);
  if (farm.s3) out["s3"] = endpoint_json(*farm.s3);
  return out;
}

Result<cloud::Farm> farm_from(const json::Object& object) {
  cloud::Farm out;
  std::string kind = TRY(json::string_at(object, "kind"));
  out.kind = kind == "embedded" ? cloud::FarmKind::embedded
             : kind == "aws"    ? cloud::FarmKind::aws
                                : cloud::FarmKind::url;
  out.why = TRY(json::string_or(object, "why", ""));
  out.region = TRY(json::string_or(object, "region", "us-east-1"));
  out.ec2 = TRY(endpoint_from(object, "ec2", cloud::Service::ec2));
  out.s3 = TRY(endpoint_from(object, "s3", cloud::Service::s3));
  return out;
}

json::Object options_json(const Options& options) {
  json::Object out{{"keepOnFailure", options.keep_on_failure}, {"owner", options.owner}};
  if (options.max_instances) out["maxInstances"] = *options.max_instances;
  if (options.account_instances) out["accountInstances"] = *options.account_instances;
  if (options.allow_shell) out["allowShell"] = true;
  if (!options.allow_files.empty()) {
    json::Array folders;
    for (const std::string& folder : options.allow_files) folders.push_back(json::Value(folder));
    out["allowFiles"] = std::move(folders);
  }
  for (auto [member, paths] : {std::pair{"targets", &options.scope.targets},
                               std::pair{"excludes", &options.scope.excludes}})
    if (!paths->empty()) out[member] = json::Array(paths->begin(), paths->end());
  if (options.parallelism) out["parallelism"] = *options.parallelism;
  if (options.lifetime) out["lifetimeMs"] = options.lifetime->ms();
  if (options.up_timeout) out["upTimeoutMs"] = options.up_timeout->ms();
  return out;
}

Result<Options> options_from(const json::Object& object) {
  Options out;
  out.keep_on_failure = TRY(json::bool_or(object, "keepOnFailure", false));
  if (object.contains("maxInstances"))
    out.max_instances = TRY(json::int_at(object, "maxInstances"));
  out.owner = TRY(json::string_or(object, "owner", ""));
  out.allow_shell = TRY(json::bool_or(object, "allowShell", false));
  if (const json::Array* folders = TRY(json::array_if(object, "allowFiles")))
    for (const auto& folder : *folders)
      if (folder.is_string()) out.allow_files.emplace_back(folder.get_string());
  for (auto [member, into] :
       {std::pair{"targets", &out.scope.targets}, std::pair{"excludes", &out.scope.excludes}})
    if (object.contains(member)) *into = TRY(json::strings_at(object, member));
  if (object.contains("parallelism"))
    out.parallelism = static_cast<size_t>(TRY(json::int_at(object, "parallelism")));
  if (object.contains("accountInstances"))
    out.account_instances = TRY(json::int_at(object, "accountInstances"));
  if (object.contains("upTimeoutMs"))
    out.up_timeout = Duration::milliseconds(TRY(json::int_at(object, "upTimeoutMs")));
  if (object.contains("lifetimeMs"))
    out.lifetime = Duration::milliseconds(TRY(json::int_at(object, "lifetimeMs")));
  return out;
}

Result<std::optional<model::TerminationRecord>> end_from(const json::Object& object) {
  const json::Object* found = TRY(json::object_if(object, "record"));
  if (!found) return std::optional<model::TerminationRecord>{};
  return std::optional(TRY(protocol::record_from_json(*found)));
}

}  // namespace

bool ComponentRecord::holds() const {
  return intent.has_value() || std::ranges::any_of(rented, &Rented::open);
}

wire::json::Object to_json(const ComponentRecord& record, const protocol::SecretSealer* sealer) {
  json::Object out{{"path", record.path},
                   {"type", record.type},
                   {"identity", record.identity},
                   {"version", record.version},
                   {"state", name_of(record.state)},
                   {"since", protocol::time_text(record.since)},
                   {"position", record.position},
                   {"generation", record.generation},
                   {"compound", record.compound},
                   {"orderedEnd", record.ordered_end}};
  json::Array needs, rented;
  for (const auto& path : record.needs) needs.emplace_back(path);
  for (const auto& thing : record.rented) rented.emplace_back(rented_json(thing));
  if (!needs.empty()) out["needs"] = std::move(needs);
  if (!rented.empty()) out["rented"] = std::move(rented);
  if (record.intent)
    out["intent"] = json::Object{{"seq", record.intent->seq},
                                 {"action", record.intent->action},
                                 {"facts", map_json(record.intent->facts)}};
  json::Object published;
  for (const auto& [name, value] : record.published)
    if (auto packed = protocol::pack(value, sealer)) published[name] = *std::move(packed);
  if (!published.empty()) out["published"] = std::move(published);
  if (!record.memory.empty()) out["memory"] = map_json(record.memory);
  if (!record.made_from.empty()) out["made_from"] = record.made_from;
  if (record.detached) out["detached"] = true;
  if (record.quiet) out["quiet"] = true;
  if (record.end_order > 0) out["endOrder"] = record.end_order;
  if (!record.why.empty()) out["why"] = record.why;
  if (record.record) out["record"] = protocol::to_json(*record.record);
  return out;
}

Result<ComponentRecord> component_record_from_json(const wire::json::Object& object,
                                                   const protocol::SecretSealer* sealer) {
  ComponentRecord out;
  out.path = TRY(json::string_at(object, "path"));
  out.type = TRY(json::string_at(object, "type"));
  out.identity = TRY(json::string_at(object, "identity"));
  out.version = static_cast<uint64_t>(TRY(json::int_at(object, "version")));
  auto state = model::state_from_name(TRY(json::string_at(object, "state")));
  if (!state) return fail(Code::corrupt, fmt::format("{} has an unknown state", out.path));
  out.state = *state;
  out.since = TRY(time_at(object, "since"));
  out.position = static_cast<uint64_t>(TRY(json::int_at(object, "position")));
  out.generation = static_cast<uint64_t>(TRY(json::int_at(object, "generation")));
  out.compound = TRY(json::bool_or(object, "compound", false));
  out.ordered_end = TRY(json::bool_or(object, "orderedEnd", false));
  if (object.contains("needs")) out.needs = TRY(json::strings_at(object, "needs"));
  if (const json::Array* rented = TRY(json::array_if(object, "rented")))
    for (const auto& item : *rented) {
      if (!item.is_object())
        return fail(Code::corrupt, fmt::format("{}: 'rented' holds no object", out.path));
      out.rented.push_back(TRY(rented_from(item.get_object())));
    }
  if (const json::Object* intent = TRY(json::object_if(object, "intent"))) {
    Intent open;
    open.seq = static_cast<uint64_t>(TRY(json::int_at(*intent, "seq")));
    open.action = TRY(json::string_at(*intent, "action"));
    open.facts = TRY(map_from(*intent, "facts"));
    out.intent = std::move(open);
  }
  if (const json::Object* published = TRY(json::object_if(object, "published")))
    for (const auto& item : *published) {
      const json::Object* packed = TRY(json::object_at(*published, item.key()));
      out.published[std::string(item.key())] = TRY(protocol::unpack_value(*packed, sealer));
    }
  out.memory = TRY(map_from(object, "memory"));
  out.made_from = TRY(json::string_or(object, "made_from", ""));
  out.detached = TRY(json::bool_or(object, "detached", false));
  out.quiet = TRY(json::bool_or(object, "quiet", false));
  if (object.contains("endOrder"))
    out.end_order = static_cast<uint64_t>(TRY(json::int_at(object, "endOrder")));
  out.why = TRY(json::string_or(object, "why", ""));
  out.record = TRY(end_from(object));
  return out;
}

wire::json::Object to_json(const ApplicationRecord& record) {
  json::Object out{{"name", record.name},
                   {"uid", record.uid},
                   {"file", record.file},
                   {"digest", record.digest},
                   {"version", record.version},
                   {"desired", record.desired == Desired::up ? "up" : "down"},
                   {"state", protocol::name_of(record.state)},
                   {"created", protocol::time_text(record.created)},
                   {"since", protocol::time_text(record.since)},
                   {"farm", farm_json(record.farm)},
                   {"farmAdmin", record.farm_admin},
                   {"options", options_json(record.options)},
                   {"removeKept", record.remove_kept},
                   {"upVersion", record.up_version},
                   {"why", record.why}};
  if (record.restored) out["restored"] = true;
  if (record.ends) out["ends"] = protocol::time_text(*record.ends);
  if (!record.properties.empty()) out["properties"] = map_json(record.properties);
  if (!record.imports.empty()) out["imports"] = map_json(record.imports);
  json::Array events;
  for (const KeptEvent& event : record.kept_events)
    events.push_back(json::Object{{"to", event.to}, {"text", event.text}});
  if (!events.empty()) out["keptEvents"] = std::move(events);
  if (record.record) out["record"] = protocol::to_json(*record.record);
  if (record.error) out["error"] = protocol::to_json(*record.error);
  return out;
}

Result<ApplicationRecord> application_record_from_json(const wire::json::Object& object) {
  ApplicationRecord out;
  out.name = TRY(json::string_at(object, "name"));
  out.uid = TRY(json::string_at(object, "uid"));
  out.file = TRY(json::string_or(object, "file", ""));
  out.digest = TRY(json::string_or(object, "digest", ""));
  out.version = static_cast<uint64_t>(TRY(json::int_at(object, "version")));
  out.desired = TRY(json::string_at(object, "desired")) == "down" ? Desired::down : Desired::up;
  auto state = protocol::application_state_from_name(TRY(json::string_at(object, "state")));
  if (!state)
    return fail(Code::corrupt, fmt::format("application {} has an unknown state", out.name));
  out.state = *state;
  out.created = TRY(time_at(object, "created"));
  out.since = TRY(time_at(object, "since"));
  out.properties = TRY(map_from(object, "properties"));
  out.imports = TRY(map_from(object, "imports"));
  out.up_version = static_cast<uint64_t>(TRY(json::int_or(object, "upVersion", 0)));
  if (const json::Array* events = TRY(json::array_if(object, "keptEvents")))
    for (const auto& item : *events) {
      if (!item.is_object())
        return fail(Code::corrupt, fmt::format("{}: 'keptEvents' holds no object", out.name));
      out.kept_events.push_back({TRY(json::string_at(item.get_object(), "to")),
                                 TRY(json::string_at(item.get_object(), "text"))});
    }
  out.restored = TRY(json::bool_or(object, "restored", false));
  out.ends = TRY(time_if(object, "ends"));
  out.farm = TRY(farm_from(*TRY(json::object_at(object, "farm"))));
  out.farm_admin = TRY(json::string_or(object, "farmAdmin", ""));
  out.options = TRY(options_from(*TRY(json::object_at(object, "options"))));
  out.remove_kept = TRY(json::bool_or(object, "removeKept", false));
  out.why = TRY(json::string_or(object, "why", ""));
  out.record = TRY(end_from(object));
  if (const json::Object* error = TRY(json::object_if(object, "error")))
    out.error = protocol::error_from_json(*error);
  return out;
}

std::string application_key(std::string_view name, std::string_view rest) {
  return fmt::format("v1/app/{}/{}", name, rest);
}

}  // namespace croft::engine
