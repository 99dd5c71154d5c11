// Resources whose whole life is made, shown, deleted: gateways, option sets, logs. A topic
// describes its kinds as data (PlainKind), the mechanism here is their Create, Delete and Describe:
// tags, DryRun, ClientToken, filters, pages, NotFound. Loop thread only.
// Limits: max_of_a_kind records an account.
#pragma once
#include "farm/ec2/core.h"
#include "farm/ec2/ids.h"

namespace croft::farm::ec2 {

struct PlainKind {
  std::string_view prefix;                    ///< of the ids: "dopt"; also Plain::kind
  std::string_view create, remove, describe;  ///< names of the actions
  std::string_view id;       ///< the parameter of Delete: "DhcpOptionsId"; Describe has ID.N
  std::string_view element;  ///< around what Create answers: "dhcpOptions"
  std::string_view list;     ///< of Describe: "dhcpOptionsSet"
  /// Checks the parameters of Create and fills the record.
  Result<> (*read)(Core&, const Call&, Plain&);
  /// The inside of an item, without its tags.
  void (*write)(Xml&, Core&, const Plain&);
  std::span<const FilterField<Plain>> fields;
  /// Why it cannot be deleted now; null: it always can.
  Result<> (*may_go)(Core&, const Plain&) = nullptr;
  /// What Delete answers; null: true.
  std::string (*gone)(Core&, const Plain&) = nullptr;
  /// What it holds of others is free again; null: nothing. Appends to the same commit.
  void (*release)(Core&, const Plain&, std::vector<store::Change>&) = nullptr;
  /// Deleted ones are shown for an hour with this state; empty: gone at once.
  std::string_view deleted_state = "";
  std::string_view ids = "";  ///< the list parameter of Describe; empty: `id`
  /// What is made with it; null: nothing. Appends to the same commit.
  void (*made)(Core&, Plain&, std::vector<store::Change>&) = nullptr;
  bool bare = false;  ///< without tags it has no element for them

  std::string_view list_parameter() const { return ids.empty() ? id : ids; }
};

/// One of several ways to list a kind.
struct PlainView {
  std::string_view prefix, ids, list;
  std::span<const FilterField<Plain>> fields;
  void (*write)(Xml&, Core&, const Plain&);
  bool (*shown)(const Plain&) = nullptr;  ///< null: all
  bool bare = false;
};
Answer describe_view(Core& core, const Call& call, const PlainView& view);

inline constexpr size_t max_of_a_kind = 1000;

aio::Task<Answer> create_plain(Core& core, Call call);
aio::Task<Answer> delete_plain(Core& core, Call call);
Answer describe_plain(Core& core, const Call& call);

/// Of the topics.
std::span<const PlainKind> option_kinds();
std::span<const PlainKind> gateway_kinds();
std::span<const PlainKind> vpn_kinds();
std::span<const PlainKind> endpoint_kinds();
std::span<const PlainKind> peering_kinds();
std::span<const PlainKind> prefix_kinds();
std::span<const PlainKind> transit_kinds();
std::span<const PlainKind> attachment_kinds();
std::span<const PlainKind> fleet_kinds();
std::span<const PlainKind> host_kinds();
std::span<const PlainKind> reservation_kinds();

const PlainKind* plain_kind(std::string_view prefix);

/// Of this kind and account, neither deleted nor another account's.
Plain* find_plain(Core& core, std::string_view account, std::string_view prefix,
                  std::string_view id);
/// The one that a parameter names; NotFound also when it is deleted.
Result<Plain*> named_plain(Core& core, const Call& call, std::string_view parameter,
                           std::string_view prefix);
/// Also deleted ones that are still shown; the one with `id`, or all.
std::vector<Plain*> plains_of(Core& core, std::string_view account, std::string_view prefix,
                              std::string_view id = "");
/// <element>...</element> of one, with its tags.
std::string plain_answer(Core& core, const Plain& one);

// Fields that many kinds have.
inline void id_value(const Plain& p, std::vector<std::string>& out) {
  out.push_back(p.id);
}
inline void state_value(const Plain& p, std::vector<std::string>& out) {
  out.push_back(p.state);
}
inline void owner_value(const Plain& p, std::vector<std::string>& out) {
  out.push_back(p.account);
}
template <const char* name>
void named_value(const Plain& p, std::vector<std::string>& out) {
  if (std::string text = p.value(name); !text.empty()) out.push_back(std::move(text));
}
inline void vpc_value(const Plain& p, std::vector<std::string>& out) {
  if (std::string vpc = p.value("vpc"); !vpc.empty()) out.push_back(std::move(vpc));
}

}  // namespace croft::farm::ec2
