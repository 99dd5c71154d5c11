#include "sandbox/fake.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

namespace croft::sandbox {

aio::Task<Result<Machine>> FakeMachines::start(MachineSpec spec) {
  CO_TRY(co_await world_.clock.sleep(start_time));
  if (auto failing = failing_starts.extract(spec.id)) co_return fail(std::move(failing.mapped()));
  std::string id = spec.id;
  auto at = records_.find(id);
  if (at != records_.end() && at->second.runs) {
    co_return fail(Code::already_exists, fmt::format("the machine {} exists already", id));
  }
  if (at == records_.end() && !spec.first_boot)
    co_return fail(Code::not_found, fmt::format("the root disk of {} is gone", id));
  Record& record = records_[id];
  record.spec = std::move(spec);
  record.runs = true;
  for (const VolumeSpec& volume : record.spec.volumes) {
    disks.insert(volume.image);
    volumes[volume.image] = id;
  }
  record.pid = next_pid_++;
  record.console += fmt::format("croft-init: booting {}\n", record.spec.hostname);
  if (record.spec.first_boot && on_user_data) record.console += on_user_data(record.spec);
  Machine machine{id, record.pid, static_cast<uint64_t>(record.pid), {}};
  if (on_start) on_start(record.spec, machine);
  co_return machine;
}

aio::Task<Result<>> FakeMachines::stop(std::string id, Duration) {
  CO_TRY(co_await world_.clock.sleep(stop_time));
  auto at = records_.find(id);
  if (at != records_.end()) note_end(at->second);
  std::erase_if(volumes, [&](const auto& item) { return item.second == id; });
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::destroy(std::string id) {
  CO_TRY(co_await world_.clock.sleep(stop_time));
  if (auto at = records_.find(id); at != records_.end()) {
    note_end(at->second);
    records_.erase(at);
  }
  std::erase_if(volumes, [&](const auto& item) { return item.second == id; });
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::reboot(std::string id) {
  CO_TRY(co_await world_.clock.sleep(stop_time));
  auto at = records_.find(id);
  if (at == records_.end() || !at->second.runs)
    co_return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  at->second.console += "croft-init: restarting\n";
  co_return Result<>{};
}

aio::Task<Result<std::vector<Machine>>> FakeMachines::find_running(
    std::map<std::string, std::vector<InsideListener>>) {
  std::vector<Machine> machines;
  for (const auto& [id, record] : records_) {
    if (record.runs) machines.push_back({id, record.pid, static_cast<uint64_t>(record.pid), {}});
  }
  co_return machines;
}

aio::Task<Result<std::string>> FakeMachines::console(std::string id, Bytes limit) {
  auto at = records_.find(id);
  if (at == records_.end()) co_return fail(Code::not_found, fmt::format("no machine {}", id));
  const std::string& text = at->second.console;
  auto most = static_cast<size_t>(limit.count());
  co_return text.size() > most ? text.substr(text.size() - most) : text;
}

aio::Task<Result<>> FakeMachines::signal(std::string id, int signal) {
  if (signal == SIGSTOP) frozen.insert(id);
  if (signal == SIGCONT) frozen.erase(id);
  if (signal == SIGKILL) end(id, "killed by signal 9", false);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::attach_volume(std::string id, VolumeSpec volume) {
  auto at = records_.find(id);
  if (at == records_.end() || !at->second.runs)
    co_return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  if (volumes.contains(volume.image))
    co_return fail(Code::conflict, fmt::format("{} is attached already", volume.image));
  disks.insert(volume.image);
  volumes[volume.image] = id;
  at->second.spec.volumes.push_back(std::move(volume));
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::detach_volume(std::string id, std::string name, bool) {
  auto at = records_.find(id);
  if (at == records_.end()) co_return Result<>{};
  std::erase_if(at->second.spec.volumes, [&](const VolumeSpec& volume) {
    if (volume.name != name) return false;
    volumes.erase(volume.image);
    return true;
  });
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::grow_volume(std::string id, VolumeSpec volume) {
  auto at = records_.find(id);
  if (at == records_.end() || !at->second.runs)
    co_return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  for (VolumeSpec& held : at->second.spec.volumes)
    if (held.name == volume.name) held.size = volume.size;
  co_return Result<>{};
}

aio::Task<Result<std::vector<Traffic>>> FakeMachines::traffic() {
  std::vector<Traffic> out = ended;
  for (const auto& [id, traffic] : counted) out.push_back(traffic);
  co_return out;
}

aio::Task<Result<>> FakeMachines::traffic_taken(std::vector<Traffic> read) {
  for (const Traffic& one : read)
    std::erase_if(ended, [&](const Traffic& kept) {
      return kept.id == one.id && kept.start_time == one.start_time;
    });
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::copy_disk(std::string, std::string, std::string to) {
  disks.insert(std::move(to));
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::remove_disk(std::string image) {
  disks.erase(image);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::set_groups(std::vector<PacketGroup> described) {
  for (PacketGroup& group : described) groups[group.name] = group;
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::forget_group(std::string name) {
  groups.erase(name);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::join_groups(std::string id, std::vector<std::string> wanted) {
  auto at = records_.find(id);
  if (at == records_.end() || !at->second.runs)
    co_return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  at->second.spec.groups = std::move(wanted);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::set_public(std::string address, std::string private_address) {
  publics.erase(address);
  if (!private_address.empty()) publics[address] = private_address;
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::set_networks(PacketNetworks all) {
  networks = std::move(all);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::set_links(std::vector<LinkFault> faults) {
  links = std::move(faults);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::fill_disk(std::string id, bool filled) {
  full.erase(id);
  if (filled) full.insert(id);
  co_return Result<>{};
}

aio::Task<Result<>> FakeMachines::close() {
  exits_.close();
  co_return Result<>{};
}

bool FakeMachines::end(const std::string& id, std::string reason, bool by_guest) {
  auto at = records_.find(id);
  if (at == records_.end() || !at->second.runs) return false;
  note_end(at->second);
  return exits_.try_push({id, std::move(reason), by_guest});
}

void FakeMachines::found(MachineSpec spec, const Machine& machine) {
  Record& record = records_[spec.id];
  for (const VolumeSpec& volume : spec.volumes) {
    disks.insert(volume.image);
    volumes[volume.image] = spec.id;
  }
  record.spec = std::move(spec);
  record.pid = machine.pid;
  record.runs = true;
  next_pid_ = std::max(next_pid_, machine.pid + 1);
}

Bytes FakeMachines::size_of(const std::string& id, const std::string& volume) const {
  auto at = records_.find(id);
  if (at == records_.end()) return Bytes();
  for (const VolumeSpec& held : at->second.spec.volumes)
    if (held.name == volume) return held.size;
  return Bytes();
}

std::set<std::string> FakeMachines::running() const {
  std::set<std::string> out;
  for (const auto& [id, record] : records_) {
    if (record.runs) out.insert(id);
  }
  return out;
}

std::set<std::string> FakeMachines::existing() const {
  std::set<std::string> out;
  for (const auto& [id, record] : records_) out.insert(id);
  return out;
}

}  // namespace croft::sandbox
