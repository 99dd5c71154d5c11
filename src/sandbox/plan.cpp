#include "sandbox/plan.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>

#include "base/text.h"

namespace croft::sandbox {

namespace {

// Root of a machine may do what root of a rented one does to its own files and processes. Nothing
// that reaches a mount, a module, the clock or the network's set-up: those are the farm's.
const std::vector<std::string> kept_capabilities = {
    "cap_chown",   "cap_dac_override",     "cap_fowner",  "cap_fsetid",
    "cap_kill",    "cap_setgid",           "cap_setuid",  "cap_setpcap",
    "cap_setfcap", "cap_net_bind_service", "cap_net_raw", "cap_sys_chroot",
};

Result<> valid_name(std::string_view field, std::string_view text, size_t longest) {
  bool fits = !text.empty() && text.size() <= longest && text[0] != '-' && text[0] != '.';
  for (char c : text) {
    fits = fits && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.');
  }
  if (fits) return {};
  return fail(
      Code::invalid_argument,
      fmt::format("MachineSpec.{}: '{}' is not a name of 1 to {} letters, digits, '-' and '.'",
                  field, printable(text), longest));
}

Result<> check(const MachineSpec& spec) {
  TRY(valid_name("id", spec.id, 64));
  TRY(valid_name("hostname", spec.hostname, 63));
  TRY(ipv4(spec.private_address));
  if (spec.memory < Bytes::mib(16)) {
    return fail(Code::invalid_argument,
                fmt::format("MachineSpec.memory: {} is below 16 MiB", spec.memory.text()));
  }
  if (spec.disk < Bytes::mib(32)) {
    return fail(Code::invalid_argument,
                fmt::format("MachineSpec.disk: {} is below 32 MiB", spec.disk.text()));
  }
  if (spec.pids < 8 || spec.cpu_permille < 10) {
    return fail(Code::invalid_argument,
                "MachineSpec: below 8 processes or a hundredth of a core nothing runs");
  }
  if (!spec.image.empty() && spec.image[0] != '/') {
    return fail(Code::invalid_argument,
                fmt::format("MachineSpec.image: '{}' is not an absolute path", spec.image));
  }
  constexpr size_t most_listeners = 32;
  if (spec.listeners.size() > most_listeners)
    return fail(Code::invalid_argument, "MachineSpec.listeners: more than 32");
  for (const InsideListener& listener : spec.listeners) TRY(ipv4(listener.address));
  for (const VolumeSpec& volume : spec.volumes) TRY(check_volume(volume));
  return {};
}

}  // namespace

Result<> check_volume(const VolumeSpec& volume) {
  TRY(valid_name("volumes.name", volume.name, 64));
  for (const std::string& path : {volume.image, volume.source})
    if (!path.empty() && path[0] != '/')
      return fail(Code::invalid_argument,
                  fmt::format("VolumeSpec: '{}' is not an absolute path", path));
  if (volume.image.empty()) return fail(Code::invalid_argument, "VolumeSpec.image is empty");
  return {};
}

namespace {

Node device(std::string name, uint32_t major, uint32_t minor) {
  return {Node::Kind::device, std::move(name), 0666, major, minor, {}};
}
Node link_to(std::string name, std::string to) {
  return {Node::Kind::link, std::move(name), 0777, 0, 0, std::move(to)};
}
Node folder(std::string name, uint32_t mode) {
  return {Node::Kind::folder, std::move(name), mode, 0, 0, {}};
}

void plan_image(SandboxPlan& plan, const MachineSpec& spec, const FarmLayout& layout) {
  plan.outer.push_back({StepKind::disk, plan.disk_image, "disk", {}});
  // redirect_dir: package managers rename folders that lie in the image.
  const std::string writable = "redirect_dir=on,";
  if (!spec.image.empty()) {
    plan.outer.push_back({StepKind::attach, spec.image, "image", {}});
    plan.outer.push_back({StepKind::overlay,
                          writable + "lowerdir=image,upperdir=disk/root,workdir=disk/work",
                          "root",
                          {}});
    return;
  }
  plan.outer.push_back({StepKind::attach, layout.base(), "base", {}});
  plan.outer.push_back({StepKind::attach, "/usr", "usr", {}});
  plan.outer.push_back({StepKind::overlay,
                        writable + "lowerdir=base/root,upperdir=disk/root,workdir=disk/work",
                        "root",
                        {}});
  plan.outer.push_back({StepKind::overlay,
                        writable + "lowerdir=base/usr:usr,upperdir=disk/usr,workdir=disk/usr-work",
                        "root/usr",
                        {}});
  if (layout.package_records) {
    plan.outer.push_back({StepKind::attach, "/var/lib/dpkg", "dpkg", {}});
    plan.outer.push_back({StepKind::overlay,
                          writable + "lowerdir=dpkg,upperdir=disk/dpkg,workdir=disk/dpkg-work",
                          "root/var/lib/dpkg",
                          {}});
  }
}

void plan_devices(SandboxPlan& plan, const MachineSpec& spec) {
  std::string owner = fmt::format("uid={0},gid={0}", plan.lease.first_id);
  Step devices{StepKind::scratch, "mode=0755,size=64k,nr_inodes=64," + owner, "root/dev", {}};
  devices.content = {
      device("null", 1, 3),
      device("zero", 1, 5),
      device("full", 1, 7),
      device("random", 1, 8),
      device("urandom", 1, 9),
      device("tty", 5, 0),
      folder("pts", 0755),
      folder("shm", 01777),
      {Node::Kind::fifo, "console", 0622, 0, 0, {}},
      link_to("ptmx", "pts/ptmx"),
      link_to("fd", "/proc/self/fd"),
      link_to("stdin", "/proc/self/fd/0"),
      link_to("stdout", "/proc/self/fd/1"),
      link_to("stderr", "/proc/self/fd/2"),
  };
  plan.outer.push_back(std::move(devices));
  constexpr int terminals_most = 128;     // the kernel has 3,072 for all mounts together
  constexpr uint32_t terminal_group = 5;  // "tty" in Debian's group.master and everywhere else
  plan.outer.push_back({StepKind::terminals,
                        fmt::format("ptmxmode=0666,mode=0620,max={},gid={}", terminals_most,
                                    plan.lease.first_id + terminal_group),
                        "root/dev/pts",
                        {}});
  plan.outer.push_back({StepKind::scratch,
                        fmt::format("mode=1777,size={},{}", spec.memory.count() / 2, owner),
                        "root/dev/shm",
                        {}});
  plan.outer.push_back({StepKind::scratch,
                        fmt::format("mode=0755,size={},{}", spec.memory.count() / 4, owner),
                        "root/run",
                        {folder("lock", 01777)}});
}

void plan_inner(SandboxPlan& plan) {
  plan.inner.push_back({StepKind::processes, "hidepid=invisible", "proc", {}});
  for (const char* name :
       {"proc/kcore", "proc/keys", "proc/key-users", "proc/sysrq-trigger", "proc/timer_list",
        "proc/kmsg", "proc/sched_debug", "proc/latency_stats", "proc/kallsyms", "proc/config.gz"}) {
    plan.inner.push_back({StepKind::hide_file, {}, name, {}});
  }
  for (const char* name : {"proc/acpi", "proc/scsi", "proc/irq", "proc/bus", "proc/fs"}) {
    plan.inner.push_back({StepKind::hide_folder, {}, name, {}});
  }
  plan.inner.push_back({StepKind::read_only, {}, "proc/sys", {}});
}

void plan_network(SandboxPlan& plan, const MachineSpec& spec) {
  plan.address = spec.private_address;
  plan.link_name = fmt::format("v{}", plan.lease.link_index);
  plan.listeners = spec.listeners;
  for (const InsideListener& listener : spec.listeners) {
    bool own = listener.address.starts_with("127.") || listener.address == spec.private_address;
    auto& list = plan.inside_addresses;
    if (!own && is_inside(listener) &&
        std::find(list.begin(), list.end(), listener.address) == list.end())
      list.push_back(listener.address);
  }
}

std::string_view name_of(StepKind kind) {
  switch (kind) {
    case StepKind::disk:
      return "disk";
    case StepKind::attach:
      return "attach";
    case StepKind::volume:
      return "volume";
    case StepKind::overlay:
      return "overlay";
    case StepKind::scratch:
      return "scratch";
    case StepKind::terminals:
      return "terminals";
    case StepKind::processes:
      return "processes";
    case StepKind::hide_file:
      return "hide-file";
    case StepKind::hide_folder:
      return "hide-folder";
    case StepKind::read_only:
      return "read-only";
  }
  return "?";
}

std::string text_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::device:
      return fmt::format("{} device {:04o} {}:{}", node.name, node.mode, node.major, node.minor);
    case Node::Kind::fifo:
      return fmt::format("{} fifo {:04o}", node.name, node.mode);
    case Node::Kind::folder:
      return fmt::format("{} folder {:04o}", node.name, node.mode);
    case Node::Kind::link:
      return fmt::format("{} -> {}", node.name, node.to);
  }
  return "?";
}

}  // namespace

Result<SandboxPlan> plan_machine(const MachineSpec& spec, const FarmLayout& layout,
                                 const Lease& lease) {
  TRY(check(spec));
  SandboxPlan plan;
  plan.id = spec.id;
  plan.hostname = spec.hostname;
  plan.namespaces = {"user", "mount", "pid", "network", "uts", "ipc", "cgroup"};
  plan.lease = lease;
  plan.disk_image = layout.machine(spec.id) + "/disk.img";
  plan.disk_size = spec.disk;
  plan.cgroup = layout.cgroup() + "/" + spec.id;
  plan.disk_source = spec.disk_source;
  plan.volumes = spec.volumes;
  plan.limits = {spec.memory, spec.cpu_permille, spec.pids};
  plan.gateway = layout.gateway;
  plan.capabilities = kept_capabilities;
  plan_image(plan, spec, layout);
  for (const VolumeSpec& volume : spec.volumes)
    plan.outer.push_back({StepKind::volume, volume.image, "root/volumes/" + volume.name, {}});
  plan_devices(plan, spec);
  plan_inner(plan);
  plan_network(plan, spec);
  return plan;
}

std::string SandboxPlan::text() const {
  std::string out;
  auto say = [&out](std::string line) { out += line + "\n"; };
  say(fmt::format("machine {} hostname {}", id, hostname));
  say(fmt::format("namespaces {}", join(namespaces, " ")));
  say(fmt::format("ids 0..65535 are {}..{} outside", lease.first_id, lease.first_id + 65535));
  say(fmt::format("cgroup {} memory {} cpu {}/1000 pids {}", cgroup, limits.memory.text(),
                  limits.cpu_permille, limits.pids));
  say(fmt::format("root disk {} of {}", disk_image, disk_size.text()));
  for (const Step& step : outer) {
    say(fmt::format("mount {} {} [{}]", name_of(step.kind), step.target, step.source));
    for (const Node& node : step.content) say("  " + text_of(node));
  }
  for (const Step& step : inner)
    say(fmt::format("inside {} /{} [{}]", name_of(step.kind), step.target, step.source));
  say(fmt::format("link {} index {} <-> eth0 {}/32 via {}", link_name, lease.link_index, address,
                  gateway));
  for (const std::string& extra : inside_addresses) say(fmt::format("lo {}/32", extra));
  for (const InsideListener& listener : listeners) {
    say(fmt::format("listen {} {} {}:{}", listener.name, listener.datagram ? "udp" : "tcp",
                    listener.address, listener.port));
  }
  for (const nft::Element& element : filter) {
    say(fmt::format("filter {} {{ {}{}{} }}", element.set, hex(element.key),
                    element.data.empty() ? "" : " : " + hex(element.data),
                    element.jump.empty() ? "" : " : jump " + element.jump));
  }
  say("capabilities " + join(capabilities, " "));
  say(fmt::format("no-new-privileges, seccomp, open files {}, no core dumps", open_files));
  return out;
}

uint64_t namespace_flags(const std::vector<std::string>& namespaces) {
  uint64_t flags = 0;
  for (const std::string& name : namespaces) {
    if (name == "user")
      flags |= CLONE_NEWUSER;
    else if (name == "mount")
      flags |= CLONE_NEWNS;
    else if (name == "pid")
      flags |= CLONE_NEWPID;
    else if (name == "network")
      flags |= CLONE_NEWNET;
    else if (name == "uts")
      flags |= CLONE_NEWUTS;
    else if (name == "ipc")
      flags |= CLONE_NEWIPC;
    else if (name == "cgroup")
      flags |= CLONE_NEWCGROUP;
  }
  return flags;
}

}  // namespace croft::sandbox
