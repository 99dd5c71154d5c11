#include "farm/ec2/plain.h"

#include <algorithm>

#include "base/text.h"

namespace croft::farm::ec2 {

namespace {

constexpr Duration deleted_stay = Duration::hours(1);

const std::vector<const PlainKind*>& all_kinds() {
  static const std::vector<const PlainKind*> all = [] {
    std::vector<const PlainKind*> out;
    for (auto topic : {option_kinds(), gateway_kinds(), vpn_kinds(), endpoint_kinds(),
                       peering_kinds(), prefix_kinds(), transit_kinds(), attachment_kinds(),
                       host_kinds(), reservation_kinds(), fleet_kinds()})
      for (const PlainKind& kind : topic) out.push_back(&kind);
    return out;
  }();
  return all;
}

const PlainKind& kind_of_action(std::string_view action) {
  for (const PlainKind* kind : all_kinds())
    if (kind->create == action || kind->remove == action || kind->describe == action) return *kind;
  CHECK(false, "an action of the table of plain resources has a kind");
  return *all_kinds().front();
}

bool is_deleted(const PlainKind& kind, const Plain& one) {
  return !kind.deleted_state.empty() && one.state == kind.deleted_state;
}

void write_whole(Xml& xml, Core& core, const PlainKind& kind, const Plain& one) {
  kind.write(xml, core, one);
  if (!kind.bare || !one.tags.empty()) write_tag_set(xml, one.tags);
}

/// Those that were deleted long ago.
void forget_deleted(Core& core, std::vector<store::Change>& changes) {
  std::vector<std::string> old;
  for (const auto& [id, one] : core.state.plains.all())
    if (one.ended.ns > 0 && one.ended + deleted_stay < core.now()) old.push_back(id);
  for (const std::string& id : old) {
    core.state.plains.erase(id);
    changes.push_back(core.state.plains.remove(id));
  }
}

}  // namespace

const PlainKind* plain_kind(std::string_view prefix) {
  for (const PlainKind* kind : all_kinds())
    if (kind->prefix == prefix) return kind;
  return nullptr;
}

std::vector<Plain*> plains_of(Core& core, std::string_view account, std::string_view prefix,
                              std::string_view wanted) {
  std::vector<Plain*> out;
  for (auto& [id, one] : core.state.plains.all())
    // A peering is seen by the accounts of both its networks.
    if (one.kind == prefix && (wanted.empty() || id == wanted) &&
        (one.account == account || one.value("peerOwner") == account))
      out.push_back(&one);
  return out;
}

Plain* find_plain(Core& core, std::string_view account, std::string_view prefix,
                  std::string_view id) {
  Plain* found = core.state.plains.find(account, id);
  const PlainKind* kind = plain_kind(prefix);
  return found && found->kind == prefix && kind && !is_deleted(*kind, *found) ? found : nullptr;
}

Result<Plain*> named_plain(Core& core, const Call& call, std::string_view parameter,
                           std::string_view prefix) {
  std::string id = call.params.text(parameter);
  Plain* found = find_plain(core, call.account(), prefix, id);
  if (!found) return fail(not_found(*id_kind(prefix), {id}));
  return found;
}

std::string plain_answer(Core& core, const Plain& one) {
  const PlainKind& kind = *plain_kind(one.kind);
  Xml xml;
  xml.in(kind.element, [&] { write_whole(xml, core, kind, one); });
  return xml.take();
}

aio::Task<Answer> create_plain(Core& core, Call call) {
  const PlainKind& kind = kind_of_action(call.action);
  std::string_view type = id_kind(kind.prefix)->resource_type;
  Plain one;
  one.kind = std::string(kind.prefix);
  one.account = call.account();
  one.created = core.now();
  CO_TRY(kind.read(core, call, one));
  auto specs = CO_TRY(read_tag_specs(call.params, {type}));
  if (plains_of(core, one.account, kind.prefix).size() >= max_of_a_kind)
    co_return fail(aws_error("ResourceLimitExceeded", 400,
                             fmt::format("The account has {} of {} already", max_of_a_kind, type)));
  CO_TRY(call.effect());
  one.id = new_id(core.context.world.random, kind.prefix);
  one.tags = tags_for(specs, type);
  std::vector<store::Change> changes;
  forget_deleted(core, changes);
  Plain& kept = core.state.plains.add(one);
  if (kind.made) kind.made(core, kept, changes);
  changes.push_back(core.state.plains.put(kept));
  std::string text = plain_answer(core, kept);
  auto answer = co_await finish(core, call, "create-plain", std::move(changes), std::move(text));
  if (!answer) core.state.plains.erase(one.id);
  co_return answer;
}

aio::Task<Answer> delete_plain(Core& core, Call call) {
  const PlainKind& kind = kind_of_action(call.action);
  Plain* one = CO_TRY(named_plain(core, call, kind.id, kind.prefix));
  if (kind.may_go) CO_TRY(kind.may_go(core, *one));
  CO_TRY(call.effect());
  std::vector<store::Change> changes;
  if (kind.release) kind.release(core, *one, changes);
  std::string text;
  if (kind.deleted_state.empty()) {
    text = kind.gone ? kind.gone(core, *one) : answer_true();
    changes.push_back(core.state.plains.remove(one->id));
    core.state.plains.erase(std::string(one->id));
  } else {
    one->state = std::string(kind.deleted_state);
    one->ended = core.now();
    text = kind.gone ? kind.gone(core, *one) : answer_true();
    changes.push_back(core.state.plains.put(*one));
  }
  co_return co_await finish(core, call, "delete-plain", std::move(changes), std::move(text));
}

Answer describe_plain(Core& core, const Call& call) {
  const PlainKind& kind = kind_of_action(call.action);
  return describe_view(
      core, call,
      {kind.prefix, kind.list_parameter(), kind.list, kind.fields, kind.write, nullptr, kind.bare});
}

Answer describe_view(Core& core, const Call& call, const PlainView& view) {
  auto tags = +[](const Plain& one) -> const Tags& { return one.tags; };
  auto matches = TRY(Matcher<Plain>::make(call.filters, view.fields, tags));
  auto ids = call.params.list(view.ids);
  std::vector<std::pair<std::string, Plain*>> items;
  for (Plain* one : plains_of(core, call.account(), view.prefix))
    if ((one->ended.ns == 0 || one->ended + deleted_stay >= core.now()) &&
        (!view.shown || view.shown(*one)))
      items.emplace_back(one->id, one);
  std::vector<std::string> missing;
  for (const std::string& id : ids)
    if (std::ranges::none_of(items, [&](const auto& item) { return item.first == id; }))
      missing.push_back(id);
  if (!missing.empty()) return fail(not_found(*id_kind(view.prefix), missing));
  std::erase_if(items, [&](const auto& item) {
    bool wanted = ids.empty() || std::ranges::find(ids, item.first) != ids.end();
    return !wanted || !matches(*item.second);
  });
  std::ranges::sort(items);
  std::string next = cut_page(call.action, call.page, items);
  Xml xml;
  xml.list(view.list, items, [&](const auto& item) {
    view.write(xml, core, *item.second);
    if (!view.bare || !item.second->tags.empty()) write_tag_set(xml, item.second->tags);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

}  // namespace croft::farm::ec2
