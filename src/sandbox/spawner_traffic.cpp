// What machines moved (traffic_meter.h): kept when they end, told until the farm has taken it.
#include <fmt/format.h>
#include <linux/netlink.h>

#include "sandbox/spawner_state.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {

std::string file_of(const FarmLayout& layout, const std::string& id, uint64_t start_time) {
  return fmt::format("{}/{}.{}", traffic_folder(layout), id, start_time);
}

Traffic traffic_of(const std::string& id, uint64_t start_time, const Counted& counted, bool ended) {
  return {id, start_time, counted.in, counted.out, counted.public_in, counted.public_out, ended};
}

}  // namespace

/// Exactly those that run are counted, also those of a spawner or router from before.
Result<> Spawner::count_traffic() {
  Netlink filter = TRY(Netlink::open(NETLINK_NETFILTER));
  auto counted = TRY(read_counters(filter));
  for (const auto& [id, machine] : machines_) {
    // It was about to be ended; its last word is yet to come.
    unlink(file_of(shop_.layout, id, machine.start_time).c_str());
    if (!counted.extract(machine.member.address).empty()) continue;
    TRY(filter.run(nft::change({}, traffic_elements(machine.member.address))));
  }
  for (const auto& [address, left] : counted)
    for (const nft::Element& element : traffic_elements(address))
      static_cast<void>(filter.run(nft::change({element}, {})));
  return {};
}

std::map<std::string, Counted> Spawner::counters() {
  auto filter = Netlink::open(NETLINK_NETFILTER);
  if (!filter) return {};
  auto counted = read_counters(*filter);
  if (!counted) complain("what machines moved is not read: " + counted.error().line());
  return std::move(counted).value_or(std::map<std::string, Counted>{});
}

void Spawner::keep_traffic(const std::string& id, uint64_t start_time, const Counted& counted) {
  Sheet said;
  put_traffic(said, traffic_of(id, start_time, counted, true));
  auto kept = replace_file(file_of(shop_.layout, id, start_time), said.encode(), 0600);
  if (!kept) complain(fmt::format("what {} moved is not kept: {}", id, kept.error().line()));
}

/// The last word of machines that are about to be cleared away.
void Spawner::note_traffic(const std::vector<std::string>& ids) {
  auto counted = counters();
  for (const std::string& id : ids) {
    const MachineState& machine = machines_[id];
    auto at = counted.find(machine.member.address);
    if (machine.start_time != 0 && at != counted.end())
      keep_traffic(id, machine.start_time, at->second);
  }
}

void Spawner::tell_traffic(const Sheet& request) {
  constexpr size_t most_of_a_packet = 1000;
  int64_t serial = request.number("serial");
  std::vector<Traffic> all;
  for (const std::string& name : list_folder(traffic_folder(shop_.layout))) {
    auto data = read_whole(traffic_folder(shop_.layout) + "/" + name);
    Sheet kept;
    if (!data || !Sheet::decode(*data, kept)) continue;
    for (Traffic& one : traffic_from(kept)) all.push_back(std::move(one));
  }
  auto counted = counters();
  for (const auto& [id, machine] : machines_) {
    auto at = counted.find(machine.member.address);
    bool runs = machine.phase == MachineState::Phase::running ||
                machine.phase == MachineState::Phase::ending;
    if (runs && at != counted.end())
      all.push_back(traffic_of(id, machine.start_time, at->second, false));
  }
  Sheet said;
  for (size_t i = 0; i < all.size(); ++i) {
    put_traffic(said, all[i]);
    if ((i + 1) % most_of_a_packet == 0 && i + 1 < all.size())
      answer(std::move(std::exchange(said, {}).add("serial", serial).add("more", 1)));
  }
  answer(std::move(said.add("serial", serial)));
}

void Spawner::traffic_taken(const Sheet& request) {
  for (const Traffic& one : traffic_from(request))
    if (valid_id(one.id)) unlink(file_of(shop_.layout, one.id, one.start_time).c_str());
  answer(Sheet().add("serial", request.number("serial")));
}

}  // namespace croft::sandbox
