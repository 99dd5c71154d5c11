// CreateTags, DeleteTags and DescribeTags over every kind of resource that can carry tags.
#include <algorithm>
#include <functional>

#include "base/text.h"
#include "farm/ec2/handlers.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

namespace {

/// A resource of this account that may carry tags.
struct Tagged {
  std::string id;
  Tags* tags = nullptr;
  std::function<store::Change()> put = {};
};

Result<Tagged> find_tagged(Core& core, const std::string& account, const std::string& id) {
  const IdKind* kind = id_kind_of(id);
  if (!kind || !well_formed(*kind, id))
    return fail(
        aws_error("InvalidID", 400, fmt::format("The ID '{}' is not valid", printable(id))));
  Tagged out{id};
  if (Instance* instance = core.state.find_instance(account, id)) {
    out.tags = &instance->tags;
    out.put = [instance] { return State::put(*instance); };
  } else if (KeyPair* key = core.state.find_key_by_id(account, id)) {
    out.tags = &key->tags;
    out.put = [key] { return State::put(*key); };
  } else if (Image* image = core.state.find_image(account, id)) {
    if (image->owner != account)
      return fail(
          aws_error("UnauthorizedOperation", 403,
                    fmt::format("The image '{}' is not this account's: it cannot be tagged", id)));
    out.tags = &image->tags;
    out.put = [image] { return State::put(*image); };
  } else if (kind->prefix == "sgr") {
    for (SecurityGroup* group : core.state.groups.of(account))
      for (GroupRule& rule : group->rules)
        if (rule.id == id) {
          out.tags = &rule.tags;
          out.put = [&core, group] { return core.state.groups.put(*group); };
        }
  } else if (Instance* instance = core.owner_of_part(account, id)) {
    out.tags = kind->prefix == "vol" ? &instance->volume_tags : &instance->interface_tags;
    out.put = [instance] { return State::put(*instance); };
  } else {
    core.state.each_table([&](auto& table, std::string_view) {
      auto* item = table.find(account, id);
      if (!item) return;
      out.tags = &item->tags;
      out.put = [&table, item] { return table.put(*item); };
    });
  }
  if (!out.tags) return fail(not_found(*kind, {id}));
  return out;
}

Result<std::vector<Tagged>> named_resources(Core& core, const Call& call) {
  std::vector<Tagged> out;
  for (const std::string& id : call.params.list("ResourceId"))
    out.push_back(TRY(find_tagged(core, call.account(), id)));
  return out;
}

aio::Task<Answer> commit_tags(Core& core, std::string point, std::vector<Tagged> resources) {
  std::vector<store::Change> changes;
  // An instance, its root disk and its interface are one record.
  for (const Tagged& resource : resources)
    if (store::Change change = resource.put();
        std::ranges::find(changes, change.key, &store::Change::key) == changes.end())
      changes.push_back(std::move(change));
  CO_TRY(co_await core.state.commit(std::move(point), std::move(changes)));
  co_return answer_true();
}

}  // namespace

aio::Task<Answer> create_tags(Core& core, Call call) {
  auto resources = CO_TRY(named_resources(core, call));
  Tags wanted;
  for (const Params& tag : call.params.items("Tag")) {
    std::string key = tag.text("Key"), value = tag.text("Value");
    CO_TRY(check_tag(key, value));
    if (!wanted.emplace(key, value).second)
      co_return fail(aws_error("InvalidParameterValue", 400,
                               fmt::format("Duplicate tag key '{}' specified.", key)));
  }
  std::vector<Tags> results;
  for (const Tagged& resource : resources) {
    Tags merged = wanted;
    merged.insert(resource.tags->begin(), resource.tags->end());
    CO_TRY(check_tag_count(merged));
    results.push_back(std::move(merged));
  }
  CO_TRY(call.effect());
  for (size_t i = 0; i < resources.size(); ++i) *resources[i].tags = std::move(results[i]);
  co_return co_await commit_tags(core, "tag", std::move(resources));
}

aio::Task<Answer> delete_tags(Core& core, Call call) {
  auto resources = CO_TRY(named_resources(core, call));
  auto named = call.params.items("Tag");
  for (const Params& tag : named)
    if (tag.text("Key").starts_with("aws:"))
      co_return fail(aws_error("InvalidParameterValue", 400,
                               "Tag keys starting with 'aws:' are reserved for internal use"));
  CO_TRY(call.effect());
  for (const Tagged& resource : resources) {
    if (named.empty()) resource.tags->clear();
    for (const Params& tag : named) {
      auto found = resource.tags->find(tag.text("Key"));
      if (found == resource.tags->end()) continue;
      // A value names this pair alone; without one, whatever the key holds goes.
      if (!tag.has("Value") || tag.text("Value") == found->second) resource.tags->erase(found);
    }
  }
  co_return co_await commit_tags(core, "untag", std::move(resources));
}

namespace {

struct TagRow {
  std::string resource_id;
  std::string_view resource_type;
  std::string key;
  std::string value;
};
using Out = std::vector<std::string>&;

constexpr FilterField<TagRow> tag_fields[] = {
    {"resource-id", [](const TagRow& t, Out out) { out.push_back(t.resource_id); }},
    {"resource-type", [](const TagRow& t, Out out) { out.emplace_back(t.resource_type); }},
    {"key", [](const TagRow& t, Out out) { out.push_back(t.key); }},
    {"value", [](const TagRow& t, Out out) { out.push_back(t.value); }},
};

}  // namespace

Answer describe_tags(Core& core, const Call& call) {
  // tag:KEY = VALUE asks for rows with this key and value.
  std::vector<Filter> filters = call.filters;
  std::vector<Filter> pairs;
  std::erase_if(filters, [&](const Filter& f) {
    if (!f.name.starts_with("tag:")) return false;
    pairs.push_back(f);
    return true;
  });
  auto matches = TRY(Matcher<TagRow>::make(std::move(filters), tag_fields, nullptr));
  std::vector<std::pair<std::string, TagRow>> rows;
  auto add = [&](const std::string& id, std::string_view type, const Tags& tags) {
    for (const auto& [key, value] : tags) {
      TagRow row{id, type, key, value};
      bool all = matches(row);
      for (const Filter& f : pairs)
        all = all && f.name.substr(4) == key && filter_value_matches(f, value);
      if (all) rows.emplace_back(id + "\n" + key, std::move(row));
    }
  };
  std::string account = call.account();
  for (Instance* i : core.state.instances_of(account)) {
    add(i->id, "instance", i->tags);
    if (i->state == InstanceState::terminated) continue;
    add(core.root_volume(*i).id, "volume", i->volume_tags);
    if (i->interface.empty()) add(core.interface_of(*i), "network-interface", i->interface_tags);
  }
  for (KeyPair* k : core.state.keys_of(account)) add(k->id, "key-pair", k->tags);
  for (Image* i : core.state.images_of(account))
    if (i->owner == account) add(i->id, "image", i->tags);
  for (SecurityGroup* group : core.state.groups.of(account))
    for (const GroupRule& rule : group->rules) add(rule.id, "security-group-rule", rule.tags);
  core.state.each_table([&](auto& table, std::string_view) {
    for (auto* item : table.of(account))
      add(item->id, id_kind_of(item->id)->resource_type, item->tags);
  });
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first; });
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("tagSet", rows, [&](const auto& item) {
    const TagRow& row = item.second;
    xml.text("resourceId", row.resource_id).text("resourceType", row.resource_type);
    xml.text("key", row.key).text("value", row.value);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

}  // namespace croft::farm::ec2
