// The spawner's part in volumes and copies of disks. Each request is worked on by a process of its
// own, which may wait and change its namespaces; its answer is the request's.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <csignal>

#include "sandbox/disk.h"
#include "sandbox/mounts.h"
#include "sandbox/spawner_state.h"

namespace croft::sandbox {

namespace {

constexpr int64_t release_patience_ms = 10'000;

Result<Fd> namespace_of(int pid, const char* name) {
  Fd fd(::open(fmt::format("/proc/{}/ns/{}", pid, name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_system(fmt::format("open the {} namespace of the machine", name));
  return fd;
}

/// What the machine's programs wrote reaches its disks' images.
Result<> write_out(int pid) {
  Fd root(::open(fmt::format("/proc/{}/root", pid).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid() || syncfs(root.get()) != 0) return fail_system("write out the root disk");
  // A machine may have put anything there, links to the host above all: what is no folder is no
  // volume.
  Fd volumes(open_beneath(root.get(), "volumes", O_RDONLY | O_DIRECTORY));
  if (!volumes.valid()) return {};
  for (const std::string& name : list_folder(fmt::format("/proc/self/fd/{}", volumes.get()))) {
    Fd volume(open_beneath(volumes.get(), name, O_RDONLY | O_DIRECTORY));
    if (volume.valid() && syncfs(volume.get()) != 0) return fail_system("write out " + name);
  }
  return {};
}

}  // namespace

void Spawner::disk_work(const Sheet& request, Result<> (Spawner::*work)(const Sheet&)) {
  int64_t serial = request.number("serial");
  auto worker = fork_worker(Worker::Kind::disk, request.text("id"));
  if (!worker) return answer_error(serial, worker.error());
  if (worker->pid > 0) {
    worker->serial = serial;
    workers_.push_back(std::move(*worker));
    return;
  }
  auto done = (this->*work)(request);
  Sheet said = done ? Sheet().add("done", 1) : error_sheet(done.error());
  _exit(send_packet(worker->socket.get(), said.encode()) ? 0 : 1);
}

void Spawner::disk_done(Worker& worker, Result<Packet> packet) {
  Sheet said;
  bool heard = packet && !packet->closed && Sheet::decode(packet->data, said);
  if (!heard)
    said = error_sheet(Error(Code::internal, "the work on a disk ended without an answer"));
  answer(std::move(said.add("serial", worker.serial)));
}

Result<> Spawner::attach_volume(const Sheet& request) {
  std::string id = request.text("id");
  auto volumes = volumes_from(request);
  if (volumes.size() != 1) return fail(Code::invalid_argument, "one volume is attached at a time");
  TRY(check_volume(volumes[0]));
  auto at = machines_.find(id);
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running)
    return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  TRY(make_volume(volumes[0].image, volumes[0].source, volumes[0].size));
  Fd ids = TRY(namespace_of(at->second.pid, "user"));
  Fd mounts = TRY(namespace_of(at->second.pid, "mnt"));
  return show_volume(volumes[0], ids.get(), mounts.get(), IdRanges::id_of(at->second.slot));
}

Result<> Spawner::grow_volume(const Sheet& request) {
  auto volumes = volumes_from(request);
  if (volumes.size() != 1) return fail(Code::invalid_argument, "one volume grows at a time");
  TRY(check_volume(volumes[0]));
  return grow_mounted(volumes[0].image, volumes[0].size);
}

Result<> Spawner::detach_volume(const Sheet& request) {
  std::string id = request.text("id");
  std::string name = request.text("name");
  TRY(check_volume({name, "/", "", Bytes()}));
  auto at = machines_.find(id);
  // What a machine had is released by its end.
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running) return {};
  Fd mounts = TRY(namespace_of(at->second.pid, "mnt"));
  return hide_volume(name, mounts.get(), request.flag("force"));
}

Result<> Spawner::copy_disk(const Sheet& request) {
  std::string id = request.text("id");
  std::string from = request.text("from");
  std::string to = request.text("to");
  if (!valid_id(id) && !id.empty())
    return fail(Code::invalid_argument, fmt::format("no machine has the name '{}'", id));
  if (from.empty()) from = shop_.layout.machine(id) + "/disk.img";
  if (from[0] != '/' || to.empty() || to[0] != '/')
    return fail(Code::invalid_argument, "disks are copied between absolute paths");
  if (!exists(from)) return fail(Code::not_found, fmt::format("there is no disk {}", from));
  TRY(make_folders(to.substr(0, to.rfind('/')), 0700));
  auto at = machines_.find(id);
  bool runs = at != machines_.end() && at->second.phase == MachineState::Phase::running;
  if (!runs) return copy_image(from, to);
  // Nobody writes while the copy is made, and what was written before is in it.
  const std::string group = shop_.layout.cgroup() + "/" + id;
  auto stopped = shop_.cgroups.signal_all(group, SIGSTOP);
  Result<> copied;
  if (stopped) {
    copied = write_out(at->second.pid);
    if (copied) copied = copy_image(from, to);
  }
  auto resumed = shop_.cgroups.signal_all(group, SIGCONT);
  TRY(std::move(stopped));
  TRY(std::move(copied));
  return resumed;
}

/// A file of all that is free, as the machine's root owns it; its name says what it is.
Result<> Spawner::fill_disk(const Sheet& request) {
  constexpr const char* name = "croft-fault-disk-full";
  std::string id = request.text("id");
  auto at = machines_.find(id);
  if (at == machines_.end() || at->second.phase != MachineState::Phase::running)
    return fail(Code::conflict, fmt::format("the machine {} does not run", id));
  Fd root(::open(fmt::format("/proc/{}/root", at->second.pid).c_str(),
                 O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return fail_system("open the root disk of " + id);
  if (unlinkat(root.get(), name, 0) != 0 && errno != ENOENT)
    return fail_system("give back the space of " + id);
  if (!request.flag("full")) return {};
  uint32_t owner = IdRanges::id_of(at->second.slot);
  // The disk knows the machine's own ids only.
  setfsgid(owner);
  setfsuid(owner);
  Fd file(openat(root.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail_system("fill the root disk of " + id);
  off_t size = 0;
  for (off_t piece = off_t{1} << 34; piece >= 4096;) {
    if (fallocate(file.get(), 0, size, piece) == 0)
      size += piece;
    else if (errno == ENOSPC || errno == EFBIG)
      piece /= 2;
    else
      return fail_system("fill the root disk of " + id);
  }
  return {};
}

Result<> Spawner::remove_disk(const Sheet& request) {
  std::string image = request.text("image");
  if (image.empty() || image[0] != '/')
    return fail(Code::invalid_argument, fmt::format("'{}' is not an absolute path", image));
  int64_t until = now_ms() + release_patience_ms;
  while (!loop_device_of(image).empty()) {
    if (now_ms() > until) return fail(Code::conflict, fmt::format("{} is still attached", image));
    usleep(2000);
  }
  if (unlink(image.c_str()) != 0 && errno != ENOENT) return fail_system("remove " + image);
  return {};
}

}  // namespace croft::sandbox
