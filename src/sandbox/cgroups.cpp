#include "sandbox/cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "base/text.h"

namespace croft::sandbox {

namespace {

const std::vector<std::string> wanted = {"memory", "pids", "cpu"};

/// The path of process 1 in the hierarchy with `controller` ("" for v2), from /proc/1/cgroup.
std::string path_of(std::string_view process_one, std::string_view controller) {
  for (const std::string& line : split(process_one, '\n')) {
    auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    auto names = split(fields[1], ',');
    bool matches = controller.empty()
                       ? fields[1].empty()
                       : std::find(names.begin(), names.end(), controller) != names.end();
    if (!matches) continue;
    // Outside of a cgroup namespace of our own the path may climb; then the mount's root serves.
    std::string path = fields[2];
    if (path == "/" || path.find("..") != std::string::npos) return {};
    return path;
  }
  return {};
}

}  // namespace

Cgroups Cgroups::parse(std::string_view mountinfo, std::string_view process_one,
                       std::string_view available) {
  Cgroups found;
  std::vector<std::string> missing = wanted;
  std::string unified;
  for (const std::string& line : split(mountinfo, '\n')) {
    size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    auto left = split(std::string_view(line).substr(0, dash), ' ');
    auto right = split(std::string_view(line).substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (right[0] == "cgroup2" && unified.empty()) unified = left[4];
    if (right[0] != "cgroup") continue;
    Hierarchy hierarchy;
    for (const std::string& option : split(right[2], ',')) {
      auto at = std::find(missing.begin(), missing.end(), option);
      if (at == missing.end()) continue;
      hierarchy.controllers.push_back(option);
      missing.erase(at);
    }
    if (hierarchy.controllers.empty()) continue;
    hierarchy.root = left[4] + path_of(process_one, hierarchy.controllers.front());
    found.hierarchies_.push_back(std::move(hierarchy));
  }
  if (!unified.empty()) {
    Hierarchy hierarchy;
    hierarchy.unified = true;
    auto offered = split(trim(available), ' ');
    for (const std::string& controller : missing) {
      if (std::find(offered.begin(), offered.end(), controller) != offered.end()) {
        hierarchy.controllers.push_back(controller);
      }
    }
    // Not below process 1's own group: v2 lets no group hold both processes and limited children.
    hierarchy.root = unified;
    if (!hierarchy.controllers.empty()) found.hierarchies_.push_back(std::move(hierarchy));
  }
  return found;
}

Result<Cgroups> Cgroups::find() {
  std::string mountinfo = TRY(read_whole("/proc/self/mountinfo"));
  std::string process_one = TRY(read_whole("/proc/1/cgroup"));
  std::string available;
  for (const std::string& line : split(mountinfo, '\n')) {
    if (line.find(" - cgroup2 ") == std::string::npos) continue;
    auto fields = split(line, ' ');
    if (auto text = read_whole(fields[4] + "/cgroup.controllers")) available = *text;
    break;
  }
  return parse(mountinfo, process_one, available);
}

bool Cgroups::has(std::string_view controller) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) !=
        hierarchy.controllers.end()) {
      return true;
    }
  }
  return false;
}

std::vector<std::pair<std::string, std::string>> Cgroups::settings(const Hierarchy& hierarchy,
                                                                   const Limits& limits) {
  constexpr int64_t period_us = 100'000;
  int64_t quota_us = std::max<int64_t>(1000, period_us * limits.cpu_permille / 1000);
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& controller : hierarchy.controllers) {
    if (controller == "memory" && hierarchy.unified) {
      out.emplace_back("memory.max", std::to_string(limits.memory.count()));
      out.emplace_back("memory.swap.max", "0");
      out.emplace_back("memory.oom.group", "1");
    } else if (controller == "memory") {
      out.emplace_back("memory.limit_in_bytes", std::to_string(limits.memory.count()));
      out.emplace_back("memory.memsw.limit_in_bytes", std::to_string(limits.memory.count()));
    } else if (controller == "pids") {
      out.emplace_back("pids.max", std::to_string(limits.pids));
    } else if (controller == "cpu" && hierarchy.unified) {
      out.emplace_back("cpu.max", fmt::format("{} {}", quota_us, period_us));
    } else if (controller == "cpu") {
      out.emplace_back("cpu.cfs_period_us", std::to_string(period_us));
      out.emplace_back("cpu.cfs_quota_us", std::to_string(quota_us));
    }
  }
  return out;
}

Result<> Cgroups::prepare(const std::string& parent) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    std::string path = hierarchy.root;
    std::string below = "/" + parent;
    for (size_t at = 0; at != std::string::npos;) {
      if (hierarchy.unified) {
        for (const std::string& controller : hierarchy.controllers) {
          TRY(write_existing(path + "/cgroup.subtree_control", "+" + controller));
        }
      }
      size_t next = below.find('/', at + 1);
      path = hierarchy.root + below.substr(0, next);
      if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
        return fail_system("make the control group " + path);
      at = next;
    }
    if (!hierarchy.unified) continue;
    for (const std::string& controller : hierarchy.controllers) {
      TRY(write_existing(path + "/cgroup.subtree_control", "+" + controller));
    }
  }
  return {};
}

Result<> Cgroups::make(const std::string& name, const Limits& limits) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    std::string path = hierarchy.root + "/" + name;
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
      return fail_system("make the control group " + path);
    for (const auto& [file, text] : settings(hierarchy, limits)) {
      auto done = write_existing(path + "/" + file, text);
      // Kernels without swap accounting have no memsw file: nothing to limit there.
      bool optional = file == "memory.memsw.limit_in_bytes" || file == "memory.swap.max" ||
                      file == "memory.oom.group";
      if (!done && !optional) return done;
    }
  }
  return {};
}

Result<> Cgroups::join_v1(const std::string& name) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (hierarchy.unified) continue;
    // "0" into tasks moves the calling thread alone and so needs no lock over all processes (which
    // costs an RCU grace period, several milliseconds, for each controller).
    TRY(write_existing(hierarchy.root + "/" + name + "/tasks", "0"));
  }
  return {};
}

Result<> Cgroups::leave_v1() const {
  for (const Hierarchy& hierarchy : hierarchies_)
    if (!hierarchy.unified) TRY(write_existing(hierarchy.root + "/tasks", "0"));
  return {};
}

Result<Fd> Cgroups::open_v2(const std::string& name) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (!hierarchy.unified) continue;
    std::string path = hierarchy.root + "/" + name;
    Fd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder.valid()) return fail_system("open the control group " + path);
    return folder;
  }
  return Fd();
}

std::vector<std::string> Cgroups::folders(const std::string& name) const {
  std::vector<std::string> out;
  for (const Hierarchy& hierarchy : hierarchies_) out.push_back(hierarchy.root + "/" + name);
  return out;
}

std::set<std::string> Cgroups::below(const std::string& name) const {
  std::set<std::string> out;
  for (const std::string& folder : folders(name))
    for (const std::string& one : list_folder(folder))
      if (exists(folder + "/" + one + "/cgroup.procs")) out.insert(one);
  return out;
}

Result<> Cgroups::signal_all(const std::string& name, int signal) const {
  CHECK(name.starts_with("croft/"), "only processes of groups below croft/ are sent signals");
  constexpr int passes = 100;  // what forks while it is sent one has its children in the next pass
  std::set<int64_t> told;
  for (int pass = 0; pass < passes; ++pass) {
    bool fresh = false;
    for (const std::string& path : folders(name)) {
      auto processes = read_whole(path + "/cgroup.procs");
      if (!processes) return fail(std::move(processes).error());
      for (const std::string& line : split(*processes, '\n')) {
        auto pid = parse_i64(line);
        if (!pid || *pid <= 1 || !told.insert(*pid).second) continue;
        kill(static_cast<pid_t>(*pid), signal);
        fresh = true;
      }
    }
    if (!fresh) return {};
  }
  return fail(Code::unavailable, fmt::format("{} makes processes faster than they stop", name));
}

Result<bool> Cgroups::try_remove(const std::string& name) const {
  CHECK(name.starts_with("croft/"), "only groups below croft/ are ended and removed");
  bool gone = true;
  for (const std::string& path : folders(name)) {
    if (rmdir(path.c_str()) == 0 || errno == ENOENT) continue;
    if (errno != EBUSY) return fail_system("remove the control group " + path);
    gone = false;
    if (auto processes = read_whole(path + "/cgroup.procs")) {
      for (const std::string& line : split(*processes, '\n')) {
        if (auto pid = parse_i64(line); pid && *pid > 1) kill(static_cast<pid_t>(*pid), SIGKILL);
      }
    }
  }
  return gone;
}

Result<> Cgroups::remove(const std::string& name) const {
  constexpr int attempts = 1000;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (TRY(try_remove(name))) return {};
    usleep(1000);  // a killed process leaves its group only when the kernel has torn it down
  }
  return fail(Code::timeout, fmt::format("the control group {} stays in use", name));
}

}  // namespace croft::sandbox
