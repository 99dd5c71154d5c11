// Things that exist become an application's, and things of it become nobody's: `croft import` and
// `croft forget`.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "engine/application.h"
#include "protocol/events.h"

namespace croft::engine {

namespace {

constexpr const char* import_intent = "Import";
constexpr const char* forget_intent = "Forget";
constexpr const char* forgotten_why = "it was forgotten";
constexpr std::string_view own_tags = "croft:";

std::vector<std::string> ids_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::string_view id : split(text, ' '))
    if (!id.empty()) out.emplace_back(id);
  return out;
}

/// What did not get an answer; all else was refused, and changed nothing.
bool may_have_happened(const Error& error) {
  return is_outage(error.code) || error.code == Code::cancelled || error.code == Code::io ||
         error.code == Code::internal || is_of_record(error);
}

/// Code::conflict where another application holds it.
Result<> check_free(const std::string& kind, const std::string& id,
                    const std::vector<cloud::Tag>& tags, const std::string& application) {
  std::string holder = cloud::tag_value(tags, cloud::tag_application);
  if (holder.empty() || holder == application) return {};
  return fail(Error(Code::conflict, fmt::format("the {} {} belongs to {}", kind, id, holder))
                  .hint(fmt::format("croft forget {}:PATH makes it nobody's first", holder)));
}

aio::Task<Result<std::vector<cloud::Tag>>> tags_of(cloud::Ec2 ec2, std::string id) {
  cloud::DescribeInstances query;
  query.ids = {id};
  auto found = CO_TRY(co_await ec2.describe_instances(std::move(query)));
  if (found.empty()) co_return fail(Code::not_found, fmt::format("there is no instance {}", id));
  auto state = found[0].state;
  if (state != cloud::InstanceState::running && state != cloud::InstanceState::pending)
    co_return fail(Code::conflict, fmt::format("instance {} is {}", id, name_of(state)));
  co_return std::move(found[0].tags);
}

}  // namespace

/// Code::not_found where a description has no component of that path.
Result<> Application::describes(const model::Description& description,
                                const std::string& path) const {
  auto at = description.config;
  for (auto rest = cut(path, ':'); rest;) {
    auto next = cut(rest->second, ':');
    std::string part(next ? next->first : rest->second);
    auto child = at ? at->component(part) : nullptr;
    if (!child && at) {
      std::vector<std::string> names;
      for (const auto& attribute : at->attributes())
        if (attribute.value.as_component()) names.push_back(attribute.name);
      Error error(Code::not_found,
                  fmt::format("{} is described nowhere: nothing can be imported there", path));
      if (std::string hint = did_you_mean(part, names); !hint.empty()) error.hint(hint);
      return fail(std::move(error).hint(
          "what comes with a new description is imported with it: croft up FILE --import PATH=ID"));
    }
    at = child;
    rest = next;
  }
  return {};
}

std::string Application::whole_path(const std::string& given) const {
  return plan::inside(given, name()) ? given : fmt::format("{}:{}", name(), given);
}

aio::Task<Result<>> Application::import(Imports things, std::string by) {
  for (auto& [given, ids] : things) {
    std::string path = whole_path(given);
    CO_TRY(describes(description_, path));
    if (Node* node = find(path); node && node->record.holds())
      co_return fail(Error(Code::conflict, fmt::format("{} holds something already", path))
                         .hint("only what is not made yet can take over what exists"));
    record_.imports.insert_or_assign(path, ids);
    note(by, "import", fmt::format("{} of {}", ids, path));
  }
  ledger_.put(record_);
  co_return co_await ledger_.flush();
}

/// What new components are to have instead of making it is theirs before they start.
aio::Task<Result<>> Application::take_imports() {
  auto wanted = record_.imports;
  for (const auto& [given, ids] : wanted) {
    std::string path = whole_path(given);
    auto found = nodes_.find(path);
    Result<> done = Result<>{};
    if (found == nodes_.end()) {
      done = fail(
          Error(Code::not_found,
                fmt::format("{} is to take over {}, and nothing is described there", path, ids))
              .hint("an import names a component of the description"));
    } else {
      std::shared_ptr<Node> node = found->second;
      done = co_await take_import(*node, ids);
    }
    // A wish that was refused is over: the next `up` does not stumble over it.
    bool refused =
        !done &&
        (done.error().code == Code::not_found || done.error().code == Code::conflict ||
         done.error().code == Code::unsupported || done.error().code == Code::invalid_argument);
    if (!done && !refused) co_return done;
    record_.imports.erase(given);
    ledger_.put(record_);
    if (refused) co_return done;
  }
  co_return co_await ledger_.flush();
}

aio::Task<Result<>> Application::take_import(Node& node, std::string ids) {
  const std::string& path = node.record.path;
  std::string kind = node.object ? node.object->imports() : "";
  if (kind.empty())
    co_return fail(
        Error(Code::unsupported, fmt::format("{} is of a type that takes nothing over", path))
            .hint("instances go to an ImageInstance, buckets to an S3Bucket")
            .fact("component", path));
  auto keys = CO_TRY(co_await node.object->account(node.context));
  if (!keys) co_return fail(Code::unsupported, fmt::format("{} has no account", path));
  CO_TRY(co_await node.context.intend(import_intent, {{"kind", kind}, {"ids", ids}}));
  auto taken = co_await tag_imported(node, kind, ids, *keys);
  if (taken) {
    node.context.event(protocol::event::adopted, fmt::format("it takes over {}", ids));
    co_return co_await node.context.settle(*std::move(taken));
  }
  // What was refused was not touched; where the answer was lost the next `up` asks again.
  Error error = std::move(taken).error();
  if (!may_have_happened(error)) CO_TRY(co_await node.context.settle({}, {}, error));
  co_return fail(std::move(error).frame("importing " + ids).fact("component", path));
}

aio::Task<Result<std::vector<Rented>>> Application::tag_imported(Node& node, std::string kind,
                                                                 std::string ids, Keys keys) {
  auto tags = CO_TRY(node.object->wanted_tags(node.context));
  std::vector<Rented> taken;
  if (kind == "instance") {
    auto ec2 = CO_TRY(co_await node.context.ec2(keys.access_key, keys.secret_key));
    for (const std::string& id : ids_in(ids)) {
      CO_TRY(check_free(kind, id, CO_TRY(co_await tags_of(ec2, id)), name()));
      taken.push_back(node.context.rented(kind, id));
    }
    CO_TRY(co_await node.context.outside("CreateTags", ec2.create_tags(ids_in(ids), tags)));
    co_return taken;
  }
  auto s3 = CO_TRY(co_await node.context.s3(keys.access_key, keys.secret_key));
  // All are looked at before the first is touched.
  std::vector<std::pair<std::string, std::vector<cloud::Tag>>> before;
  for (const std::string& id : ids_in(ids)) {
    before.emplace_back(id, CO_TRY(co_await s3.get_bucket_tags(id)));
    CO_TRY(check_free(kind, id, before.back().second, name()));
  }
  for (const auto& [id, old] : before) {
    auto all = old;
    for (const cloud::Tag& tag : tags) {
      std::erase_if(all, [&](const cloud::Tag& each) { return each.key == tag.key; });
      all.push_back(tag);
    }
    auto done = co_await node.context.outside("tag bucket", s3.put_bucket_tags(id, std::move(all)));
    if (done) {
      taken.push_back(node.context.rented(kind, id));
      continue;
    }
    // What carries our tags and is in no record would be removed with the rest of ours.
    for (size_t i = 0; i < taken.size(); ++i) {
      auto restored = co_await s3.put_bucket_tags(before[i].first, before[i].second);
      if (!restored) node.context.event(protocol::event::attention, restored.error().line());
    }
    co_return fail(std::move(done).error());
  }
  co_return taken;
}

/// Of an import whose end nobody saw: what carries the tags of this life is the component's, as was
/// wished. All else is whoever's it was.
aio::Task<Result<std::vector<Rented>>> Application::imported_already(Node& node, std::string kind,
                                                                     std::vector<std::string> ids) {
  std::vector<Rented> taken;
  auto keys = CO_TRY(co_await node.object->account(node.context));
  if (!keys) co_return taken;
  auto is_ours = [this](const std::vector<cloud::Tag>& tags) {
    return cloud::tag_value(tags, cloud::tag_application) == name() &&
           cloud::tag_value(tags, tag_incarnation) == record_.uid;
  };
  for (const std::string& id : ids) {
    Result<std::vector<cloud::Tag>> tags = std::vector<cloud::Tag>{};
    if (kind == "instance")
      tags = co_await tags_of(CO_TRY(co_await node.context.ec2(keys->access_key, keys->secret_key)),
                              id);
    else
      tags = co_await CO_TRY(co_await node.context.s3(keys->access_key, keys->secret_key))
                 .get_bucket_tags(id);
    if (!tags && may_have_happened(tags.error())) co_return fail(std::move(tags).error());
    if (tags && is_ours(*tags)) taken.push_back(node.context.rented(kind, id));
  }
  co_return taken;
}

aio::Task<Result<>> Application::finish_own_intent(Node& node) {
  if (!node.record.intent) co_return Result<>{};
  auto facts = node.record.intent->facts;
  if (node.record.intent->action == import_intent) {
    co_return co_await node.context.settle(
        CO_TRY(co_await imported_already(node, facts["kind"], ids_in(facts["ids"]))));
  }
  if (node.record.intent->action == forget_intent)
    co_return co_await release(node, ids_in(facts["ids"]));
  co_return Result<>{};
}

/// What a process that died was about to forget is forgotten, and over.
aio::Task<Result<>> Application::finish_forgets() {
  for (const auto& node : nodes_inside(name())) {
    if (!node->record.intent || node->record.intent->action != forget_intent || !node->object)
      continue;
    auto done = co_await finish_own_intent(*node);
    if (!done) {
      node->context.event(protocol::event::attention, done.error().line());
      continue;
    }
    node->record.record = model::TerminationRecord::normal(node->record.path, forgotten_why);
    node->record.quiet = true;
    ledger_.put(node->record);
  }
  co_return Result<>{};
}

aio::Task<Result<>> Application::release(Node& node, std::vector<std::string> ids) {
  auto keys = CO_TRY(co_await node.object->account(node.context));
  if (!keys) co_return Result<>{};
  CO_TRY(co_await node.context.intend(forget_intent, {{"ids", join(ids, " ")}}));
  std::vector<std::string> names;
  for (const auto& tag : node.context.tags()) names.push_back(tag.key);
  names.emplace_back(cloud::tag_keep);
  std::vector<std::string> instances;
  for (const Rented& thing : node.record.rented) {
    if (std::ranges::find(ids, thing.id) == ids.end()) continue;
    if (thing.kind == "instance") instances.push_back(thing.id);
    if (thing.kind != "bucket") continue;
    auto s3 = CO_TRY(co_await node.context.s3(keys->access_key, keys->secret_key));
    auto tags = co_await s3.get_bucket_tags(thing.id);
    if (!tags) continue;  // gone, or on a farm that keeps none: nothing says whose it is
    std::erase_if(*tags, [](const cloud::Tag& tag) { return tag.key.starts_with(own_tags); });
    CO_TRY(co_await node.context.outside("tag bucket", s3.put_bucket_tags(thing.id, *tags)));
  }
  if (!instances.empty()) {
    auto ec2 = CO_TRY(co_await node.context.ec2(keys->access_key, keys->secret_key));
    auto done = co_await node.context.outside("DeleteTags", ec2.delete_tags(instances, names));
    if (!done && done.error().code != Code::not_found) co_return done;
  }
  for (Rented& thing : node.record.rented)
    if (std::ranges::find(ids, thing.id) != ids.end()) thing.adopted = thing.forgotten = true;
  node.context.event(protocol::event::forgotten,
                     fmt::format("{} stays on the farm and is croft's no longer", join(ids, ", ")));
  co_return co_await node.context.settle({});
}

aio::Task<Result<std::vector<std::string>>> Application::forget(std::string path, std::string by) {
  if (!plan::inside(path, name())) path = fmt::format("{}:{}", name(), path);
  if (!find(path)) co_return fail(Code::not_found, fmt::format("there is no component {}", path));
  std::vector<std::string> all;
  auto nodes = nodes_inside(path);
  for (const auto& node : nodes) {
    bool holds = std::ranges::any_of(
        node->record.rented, [](const Rented& thing) { return !thing.returned && !thing.adopted; });
    if (holds && node->live && node->context.is_host())
      co_return fail(Error(Code::conflict, fmt::format("components run on {}: it is not forgotten",
                                                       node->record.path))
                         .hint("an `up` without them comes first"));
    if (node->record.intent)
      co_return fail(
          Error(Code::conflict, fmt::format("{} is in the middle of {}", node->record.path,
                                            node->record.intent->action))
              .hint("`croft up` or `croft down` ends that first"));
  }
  for (const auto& node : nodes) {
    std::vector<std::string> ids;
    for (const Rented& thing : node->record.rented)
      if (!thing.returned && !thing.adopted) ids.push_back(thing.id);
    if (ids.empty() || !node->object) continue;
    CO_TRY(co_await release(*node, ids));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  if (all.empty())
    co_return fail(
        Error(Code::not_found, fmt::format("{} holds nothing that could be forgotten", path))
            .hint("`croft status` shows what each component has rented"));
  note(std::move(by), "forget", fmt::format("{} of {}", join(all, " "), path));
  if (Node* node = find(path); node && node->live)
    end_quietly(path, model::TerminationRecord::normal(path, forgotten_why));
  CO_TRY(co_await ledger_.flush());
  co_return all;
}

}  // namespace croft::engine
