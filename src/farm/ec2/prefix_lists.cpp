// Managed prefix lists: networks under one name. Rules of security groups may name one: what it
// holds then counts for packets, also after it was changed.
#include "farm/ec2/prefix_lists.h"

#include <algorithm>

#include "base/text.h"
#include "farm/ec2/address.h"
#include "farm/ec2/describe.h"
#include "farm/ec2/plain.h"

namespace croft::farm::ec2 {

namespace {

using Out = std::vector<std::string>&;

constexpr int64_t most_entries = 1000;

constexpr Param create_params[] = {
    {"PrefixListName", Kind::text, true, "", 1, 255},
    {"MaxEntries", Kind::integer, true, "", 1, most_entries},
    {"AddressFamily", Kind::text, true, "", 1, 8},
    {"Entry.N.Cidr", Kind::text, false, "", 1, 64},
    {"Entry.N.Description", Kind::text, false, "", 0, 255},
    {"ClientToken", Kind::text, false, "", 0, 64},
    {"TagSpecification.N.ResourceType", Kind::text, false, "", 1, 64},
    {"TagSpecification.N.Tag.N.Key", Kind::text, false, "", 0, 512},
    {"TagSpecification.N.Tag.N.Value", Kind::text, false, "", 0, 1024},
};
constexpr Param modify_params[] = {
    {"PrefixListId", Kind::id, true, "pl"},
    {"CurrentVersion", Kind::integer, false, "", 1, INT32_MAX},
    {"PrefixListName", Kind::text, false, "", 1, 255},
    {"AddEntry.N.Cidr", Kind::text, false, "", 1, 64},
    {"AddEntry.N.Description", Kind::text, false, "", 0, 255},
    {"RemoveEntry.N.Cidr", Kind::text, false, "", 1, 64},
    {"MaxEntries", Kind::integer, false, "", 1, most_entries},
    {"IpamPrefixListResolverSyncEnabled", Kind::unsupported},
};
constexpr Param one_params[] = {{"PrefixListId", Kind::id, true, "pl"}};
constexpr Param some_params[] = {{"PrefixListId.N", Kind::id, false, "pl"}};
constexpr Param entries_params[] = {
    {"PrefixListId", Kind::id, true, "pl"},
    {"TargetVersion", Kind::integer, false, "", 1, INT32_MAX},
};

Result<> check_network(const std::string& text) {
  if (text.find(':') != text.npos) {
    TRY(canonical_ipv6(text, "cidr"));
    return {};
  }
  if (masked_network(text)) return {};
  return fail(aws_error("InvalidParameterValue", 400,
                        fmt::format("The CIDR '{}' is invalid", printable(text))));
}

Result<> add_entries(Plain& one, const std::vector<Params>& entries) {
  auto cidrs = one.list("cidr");
  for (const Params& entry : entries) {
    std::string cidr = entry.text("Cidr");
    TRY(check_network(cidr));
    if (std::ranges::find(cidrs, cidr) == cidrs.end()) cidrs.push_back(cidr);
    one.values["text/" + cidr] = entry.text("Description");
  }
  one.set_list("cidr", cidrs);
  auto most = parse_u64(one.value("most")).value_or(0);
  if (cidrs.size() > most)
    return fail(aws_error("PrefixListMaxEntriesExceeded", 400,
                          fmt::format("The prefix list would have {} entries; its maximum is {}",
                                      cidrs.size(), most)));
  return {};
}

Result<> read_list(Core&, const Call& call, Plain& one) {
  const Params& p = call.params;
  std::string name = p.text("PrefixListName"), family = p.text("AddressFamily");
  if (name.starts_with("com.amazonaws"))
    return fail(aws_error("InvalidParameterValue", 400,
                          "Prefix list names may not begin with com.amazonaws"));
  if (family != "IPv4" && family != "IPv6")
    return fail(aws_error("InvalidParameterValue", 400,
                          fmt::format("Value ({}) for parameter addressFamily is invalid. Expected "
                                      "IPv4 or IPv6",
                                      printable(family))));
  one.state = "create-complete";
  one.values = {{"name", name}, {"family", family}, {"most", p.text("MaxEntries")}};
  one.values["version"] = "1";
  return add_entries(one, p.items("Entry"));
}

void write_list(Xml& xml, Core& core, const Plain& one) {
  xml.plain("prefixListId", one.id).plain("addressFamily", one.value("family"));
  xml.plain("state", one.state);
  xml.plain("prefixListArn", fmt::format("arn:aws:ec2:{}:{}:prefix-list/{}", core.context.region,
                                         one.account == "AWS" ? "aws" : one.account, one.id));
  xml.text("prefixListName", one.value("name")).plain("ownerId", one.account);
  if (one.account == "AWS") return;  // of those nobody is told how many there may be
  xml.plain("maxEntries", one.value("most")).plain("version", one.value("version"));
}

/// The security groups whose rules name it.
std::vector<std::string> groups_with(Core& core, const Plain& one) {
  std::vector<std::string> out;
  for (const SecurityGroup* group : core.state.groups.of(one.account))
    if (std::ranges::find(group->rules, one.id, &GroupRule::prefix_list) != group->rules.end())
      out.push_back(group->id);
  return out;
}

Result<> may_go(Core& core, const Plain& one) {
  auto users = groups_with(core, one);
  if (users.empty()) return {};
  return fail(
      aws_error("DependencyViolation", 400,
                fmt::format("The prefix list '{}' is in use by {}", one.id, join(users, ", "))));
}

aio::Task<Answer> modify(Core& core, Call call) {
  const Params& p = call.params;
  Plain* kept = CO_TRY(named_plain(core, call, "PrefixListId", "pl"));
  if (p.has("CurrentVersion") && p.text("CurrentVersion") != kept->value("version"))
    co_return fail(
        aws_error("PrefixListVersionMismatch", 400,
                  fmt::format("The prefix list has the version {}", kept->value("version"))));
  Plain one = *kept;
  one.values["name"] = p.text("PrefixListName", one.value("name"));
  one.values["most"] = p.text("MaxEntries", one.value("most"));
  auto going = p.items("RemoveEntry"), coming = p.items("AddEntry");
  auto cidrs = one.list("cidr");
  for (const Params& entry : going) std::erase(cidrs, entry.text("Cidr"));
  one.set_list("cidr", cidrs);
  CO_TRY(add_entries(one, coming));
  if (!going.empty() || !coming.empty())
    one.values["version"] = std::to_string(parse_u64(one.value("version")).value_or(0) + 1);
  one.state = "modify-complete";
  CO_TRY(call.effect());
  *kept = std::move(one);
  auto users = groups_with(core, *kept);
  std::vector<store::Change> changes{core.state.plains.put(*kept)};
  std::string text = plain_answer(core, *kept);
  auto answer = co_await finish(core, call, "modify-prefixes", std::move(changes), std::move(text));
  if (answer && !users.empty()) CO_TRY(co_await core.tell_groups(std::move(users)));
  co_return answer;
}

Answer entries(Core& core, const Call& call) {
  Plain* one = TRY(named_plain(core, call, "PrefixListId", "pl"));
  if (call.params.text("TargetVersion", one->value("version")) != one->value("version"))
    return fail(
        aws_error("PrefixListVersionNotFound", 400,
                  fmt::format("This farm keeps the version {} only", one->value("version"))));
  std::vector<std::pair<std::string, std::string>> rows;
  for (const std::string& cidr : one->list("cidr"))
    rows.emplace_back(cidr, one->value("text/" + cidr));
  std::ranges::sort(rows);
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("entrySet", rows, [&](const auto& row) {
    xml.text("cidr", row.first).optional("description", row.second);
  });
  xml.optional("nextToken", next);
  return xml.take();
}

constexpr FilterField<Plain> fields[] = {
    {"prefix-list-id", id_value},
    {"owner-id", owner_value},
    {"prefix-list-name", [](const Plain& p, Out out) { out.push_back(p.value("name")); }},
};

/// The lists of services that a farm has: they are inside every instance's own network.
std::vector<Plain> service_lists(Core& core) {
  std::vector<Plain> out;
  for (std::string_view service : {"ec2", "s3"}) {
    Plain one;
    one.values["name"] = fmt::format("com.amazonaws.{}.{}", core.context.region, service);
    one.id = core.derived("pl", "aws", one.values["name"]);
    one.account = "AWS";
    one.kind = "pl";
    one.state = "create-complete";
    one.values["family"] = "IPv4";
    out.push_back(std::move(one));
  }
  return out;
}

/// Of `lists`, those that ID.N names (all without) and the filters let through.
template <class Write>
Answer describe_lists(const Call& call, std::vector<Plain> lists, Write&& write) {
  auto tags = +[](const Plain& one) -> const Tags& { return one.tags; };
  auto matches = TRY(Matcher<Plain>::make(call.filters, fields, tags));
  auto ids = call.params.list("PrefixListId");
  for (const std::string& id : ids)
    if (std::ranges::find(lists, id, &Plain::id) == lists.end())
      return fail(not_found(*id_kind("pl"), {id}));
  std::vector<std::pair<std::string, Plain>> rows;
  for (Plain& one : lists)
    if ((ids.empty() || std::ranges::find(ids, one.id) != ids.end()) && matches(one))
      rows.emplace_back(one.id, std::move(one));
  std::ranges::sort(rows, {}, [](const auto& row) { return row.first; });
  std::string next = cut_page(call.action, call.page, rows);
  Xml xml;
  xml.list("prefixListSet", rows, [&](const auto& row) { write(xml, row.second); });
  xml.optional("nextToken", next);
  return xml.take();
}

/// The account's own and the service's.
Answer managed(Core& core, const Call& call) {
  auto lists = service_lists(core);
  for (const Plain* one : plains_of(core, call.account(), "pl")) lists.push_back(*one);
  return describe_lists(call, std::move(lists), [&](Xml& xml, const Plain& one) {
    write_list(xml, core, one);
    write_tag_set(xml, one.tags);
  });
}

Answer services(Core& core, const Call& call) {
  return describe_lists(call, service_lists(core), [](Xml& xml, const Plain& one) {
    xml.in("cidrSet", [&] { xml.text("item", "127.0.0.1/32"); });
    xml.plain("prefixListId", one.id).plain("prefixListName", one.value("name"));
  });
}

constexpr PlainKind kinds[] = {{.prefix = "pl",
                                .create = "CreateManagedPrefixList",
                                .remove = "DeleteManagedPrefixList",
                                .describe = "DescribeManagedPrefixLists",
                                .id = "PrefixListId",
                                .element = "prefixList",
                                .list = "prefixListSet",
                                .read = read_list,
                                .write = write_list,
                                .fields = fields,
                                .may_go = may_go,
                                .gone = plain_answer,
                                .deleted_state = "delete-complete"}};

constexpr Action table[] = {
    {"CreateManagedPrefixList", create_params, nullptr, create_plain},
    {"ModifyManagedPrefixList", modify_params, nullptr, modify},
    {"DeleteManagedPrefixList", one_params, nullptr, delete_plain},
    {"DescribeManagedPrefixLists", some_params, managed, nullptr, true, 1, ""},
    {"GetManagedPrefixListEntries", entries_params, entries, nullptr, false, 1, ""},
    {"DescribePrefixLists", some_params, services, nullptr, true, 5, "PrefixListId"},
};

}  // namespace

std::vector<std::string> networks_of_list(State& state, std::string_view id) {
  const Plain* one = state.plains.find(id);
  if (!one || one->kind != "pl" || one->state == "delete-complete") return {};
  std::vector<std::string> out;
  for (const std::string& cidr : one->list("cidr"))
    if (auto network = masked_network(cidr)) out.push_back(std::move(*network));
  return out;
}

std::span<const PlainKind> prefix_kinds() {
  return kinds;
}
std::span<const Action> prefix_actions() {
  return table;
}

}  // namespace croft::farm::ec2
