#include "agent/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/plain_files.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr const char* mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
constexpr int64_t cpu_period_us = 100'000;

bool put(const std::string& file, const std::string& text) {
  return write_plain(file, text).has_value();
}

/// The group this process is in, of one line of /proc/self/cgroup.
struct Membership {
  std::vector<std::string> controllers;  ///< empty: version 2
  std::string path;
};

std::vector<Membership> memberships() {
  std::vector<Membership> out;
  for (const std::string& line : split(read_plain("/proc/self/cgroup").value_or(""), '\n')) {
    auto first = cut(line, ':');
    auto second = first ? cut(first->second, ':') : std::nullopt;
    if (!second) continue;
    Membership each;
    if (!second->first.empty()) each.controllers = split(second->first, ',');
    each.path = second->second == "/" ? "" : std::string(second->second);
    out.push_back(std::move(each));
  }
  return out;
}

bool make_folder(const std::string& path) {
  return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

}  // namespace

Cgroups Cgroups::find(const std::string& agent_name) {
  Cgroups out;
  for (const Membership& each : memberships()) {
    bool unified = each.controllers.empty();
    std::vector<std::string> roots;
    if (unified)
      roots.assign(std::begin(mounts), std::end(mounts));
    else
      roots.push_back("/sys/fs/cgroup/" + join(each.controllers, ","));
    for (const std::string& root : roots) {
      std::string here = root + each.path;
      if (access((here + "/cgroup.procs").c_str(), W_OK) != 0) continue;
      Hierarchy made{here + "/" + agent_name, unified, each.controllers};
      if (!make_folder(made.folder)) continue;
      if (unified) {
        // Where processes sit in the group itself the kernel refuses: then none is given on.
        for (const char* each_controller : {"memory", "cpu", "pids"})
          if (put(here + "/cgroup.subtree_control", fmt::format("+{}", each_controller)) &&
              put(made.folder + "/cgroup.subtree_control", fmt::format("+{}", each_controller)))
            made.controllers.emplace_back(each_controller);
      }
      out.hierarchies_.push_back(std::move(made));
      break;
    }
  }
  // Of version 1 only what limits something here.
  std::erase_if(out.hierarchies_, [](const Hierarchy& each) {
    auto wanted = [](const std::string& name) {
      return name == "memory" || name == "cpu" || name == "pids";
    };
    bool useless = !each.unified && std::ranges::none_of(each.controllers, wanted);
    if (useless) rmdir(each.folder.c_str());
    return useless;
  });
  std::ranges::sort(out.hierarchies_, std::greater(), &Hierarchy::unified);
  return out;
}

bool Cgroups::has(std::string_view controller) const {
  return std::ranges::any_of(hierarchies_, [controller](const Hierarchy& each) {
    return std::ranges::find(each.controllers, controller) != each.controllers.end();
  });
}

std::vector<std::string> Cgroups::missing(const model::ProcessLimits& limits) const {
  std::vector<std::string> out;
  if (limits.memory.count() > 0 && !has("memory")) out.emplace_back("memory");
  if (limits.cpu_permille > 0 && !has("cpu")) out.emplace_back("cpu");
  if (limits.processes > 0 && !has("pids")) out.emplace_back("processes");
  return out;
}

bool Cgroups::wanted(const Hierarchy& hierarchy, const model::ProcessLimits& limits) const {
  auto here = [&hierarchy](const char* controller) {
    return std::ranges::find(hierarchy.controllers, controller) != hierarchy.controllers.end();
  };
  return &hierarchy == &hierarchies_.front() || (limits.memory.count() > 0 && here("memory")) ||
         (limits.cpu_permille > 0 && here("cpu")) || (limits.processes > 0 && here("pids"));
}

Cgroup Cgroups::existing(const std::string& name) const {
  Cgroup out;
  for (const Hierarchy& each : hierarchies_) {
    std::string folder = each.folder + "/" + name;
    if (access(folder.c_str(), F_OK) != 0) continue;
    out.unified = out.unified || each.unified;
    out.folders.push_back(std::move(folder));
  }
  return out;
}

Cgroup Cgroups::make(const std::string& name, const model::ProcessLimits& limits,
                     std::vector<int>& open) const {
  Cgroup out;
  for (const Hierarchy& hierarchy : hierarchies_) {
    std::string folder = hierarchy.folder + "/" + name;
    if (!wanted(hierarchy, limits) || !make_folder(folder)) continue;
    bool unified = hierarchy.unified;
    if (limits.memory.count() > 0)
      put(folder + (unified ? "/memory.max" : "/memory.limit_in_bytes"),
          fmt::format("{}", limits.memory.count()));
    int64_t quota = limits.cpu_permille * cpu_period_us / 1000;
    if (quota > 0 && unified) put(folder + "/cpu.max", fmt::format("{} {}", quota, cpu_period_us));
    if (quota > 0 && !unified) put(folder + "/cpu.cfs_quota_us", fmt::format("{}", quota));
    if (limits.processes > 0) put(folder + "/pids.max", fmt::format("{}", limits.processes));
    int fd = ::open((folder + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0) open.push_back(fd);
    out.unified = out.unified || unified;
    out.folders.push_back(std::move(folder));
  }
  return out;
}

void Cgroups::release() const {
  for (const Hierarchy& each : hierarchies_) rmdir(each.folder.c_str());
}

std::vector<int> processes_of(const Cgroup& group) {
  std::vector<int> out;
  for (const std::string& folder : group.folders)
    for (const std::string& line : split(read_plain(folder + "/cgroup.procs").value_or(""), '\n'))
      if (auto pid = parse_i64(line)) out.push_back(static_cast<int>(*pid));
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::optional<Duration> cpu_of(const Cgroup& group) {
  for (const std::string& folder : group.folders) {
    if (auto text = read_plain(folder + "/cpuacct.usage"))
      if (auto ns = parse_i64(trim(*text))) return Duration::nanoseconds(*ns);
    for (const std::string& line : split(read_plain(folder + "/cpu.stat").value_or(""), '\n')) {
      auto words = cut(line, ' ');
      if (!words || words->first != "usage_usec") continue;
      if (auto us = parse_i64(words->second)) return Duration::microseconds(*us);
    }
  }
  return std::nullopt;
}

void kill_all(const Cgroup& group) {
  bool killed = false;
  if (group.unified)
    for (const std::string& folder : group.folders) killed |= put(folder + "/cgroup.kill", "1");
  if (killed) return;
  for (int pid : processes_of(group)) ::kill(pid, SIGKILL);
}

void remove(const Cgroup& group) {
  for (const std::string& folder : group.folders) rmdir(folder.c_str());
}

}  // namespace croft::agent
