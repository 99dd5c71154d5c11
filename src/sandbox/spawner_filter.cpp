// The spawner's part in the packet filter: the farm says what groups let through and who is in
// them, the policy words it, nft makes it true.
#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>

#include "sandbox/router.h"
#include "sandbox/spawner_state.h"

namespace croft::sandbox {

/// Everything, from what the policy and the machines know.
Result<> Spawner::apply_all() {
  std::vector<Member> members;
  for (const auto& [id, machine] : machines_)
    if (machine.phase != MachineState::Phase::clearing && !machine.member.address.empty())
      members.push_back(machine.member);
  return nft_.run(policy_.whole(members));
}

Result<> Spawner::apply(const std::string& line) {
  auto done = nft_.run(line);
  if (done || done.error().code != Code::unavailable) return done;
  // nft itself has ended: a new one, told everything.
  nft_ = TRY(NftShell::open());
  return apply_all();
}

Result<std::vector<nft::Element>> Spawner::elements_for(const Member& member) {
  TRY(apply(policy_.prepare(member)));
  return policy_.elements_of(member);
}

void Spawner::set_groups(const Sheet& request) {
  int64_t serial = request.number("serial");
  std::string line;
  for (const PacketGroup& group : packet_groups_from(request))
    line += (line.empty() ? "" : "; ") + policy_.set_group(group);
  auto done = apply(line);
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

void Spawner::set_links(const Sheet& request) {
  int64_t serial = request.number("serial");
  auto done = apply(policy_.set_links(links_from(request)));
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

/// Everything at once: marks of networks and chains of borders hang together.
void Spawner::set_networks(const Sheet& request) {
  int64_t serial = request.number("serial");
  policy_.set_networks(networks_from(request));
  auto done = apply_all();
  if (!done && done.error().code == Code::unavailable) {
    auto shell = NftShell::open();
    if (!shell) return answer_error(serial, shell.error());
    nft_ = std::move(*shell);
    done = apply_all();
  }
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

void Spawner::forget_group(const Sheet& request) {
  int64_t serial = request.number("serial");
  std::string name = request.text("name");
  for (const auto& [id, machine] : machines_) {
    const auto& groups = machine.member.groups;
    if (std::find(groups.begin(), groups.end(), name) != groups.end())
      return answer_error(
          serial,
          Error(Code::conflict, fmt::format("the machine {} is in the group {}", id, name)));
  }
  auto done = apply(policy_.remove_group(name));
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

void Spawner::join_groups(const Sheet& request) {
  int64_t serial = request.number("serial");
  auto at = machines_.find(request.text("id"));
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running)
    return answer_error(
        serial, Error(Code::conflict, "the machine " + request.text("id") + " does not run"));
  MachineState& machine = at->second;
  auto before = policy_.elements_of(machine.member);
  Member after = machine.member;
  after.groups = groups_from(request);
  auto elements = elements_for(after);
  if (!elements) return answer_error(serial, elements.error());
  auto filter = Netlink::open(NETLINK_NETFILTER);
  if (!filter) return answer_error(serial, filter.error());
  if (auto done = filter->run(nft::change(before, *elements)); !done)
    return answer_error(serial, done.error());
  machine.member = std::move(after);
  const std::string path = shop_.layout.machine(at->first) + "/machine";
  Sheet record;
  auto data = read_whole(path);
  if (data && Sheet::decode(*data, record)) {
    Sheet changed;
    for (const auto& [key, value] : record.entries())
      if (key != "address" && key != "network" && key != "group") changed.add(key, value);
    put_member(changed, machine.member);
    if (auto kept = replace_file(path, changed.encode(), 0600); !kept)
      return answer_error(serial, kept.error());
  }
  answer(Sheet().add("serial", serial));
}

void Spawner::set_public(const Sheet& request) {
  int64_t serial = request.number("serial");
  std::string address = request.text("address");
  std::string inside = request.text("private");
  auto work = [&]() -> Result<> {
    TRY(ipv4(address));
    if (!inside.empty()) {
      TRY(ipv4(inside));
      TRY(link_to_host(shop_.layout, host_network_.get(), own_network_.get()));
    }
    TRY(apply(policy_.set_public(address, inside)));
    auto routed = route_public(shop_.layout, host_network_.get(), own_network_.get(), address,
                               !inside.empty());
    // A second time, or after the link went with its router: as good as done.
    if (!routed && (inside.empty() || routed.error().code == Code::already_exists)) return {};
    return routed;
  };
  auto done = work();
  if (!done) return answer_error(serial, done.error());
  answer(Sheet().add("serial", serial));
}

}  // namespace croft::sandbox
