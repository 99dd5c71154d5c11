#include "agent/stats.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "agent/plain_files.h"
#include "aio/scope.h"
#include "base/text.h"
#include "probe/probe.h"
#include "wire/metrics_text.h"

namespace croft::agent {
namespace {

// Of the fields of /proc/PID/stat behind the name (proc(5)).
constexpr size_t session_field = 3, user_field = 11, system_field = 12, ended_user_field = 13,
                 ended_system_field = 14, pages_field = 21;
constexpr Bytes page_most = Bytes::kib(256);
constexpr size_t figures_most = 64;

struct Process {
  int64_t session = 0;
  int64_t memory = 0;
  int64_t cpu = 0, cpu_of_ended = 0;  ///< its own; that of children which it has waited for
};

std::map<int64_t, Process> processes() {
  std::map<int64_t, Process> out;
  DIR* folder = opendir("/proc");
  if (!folder) return out;
  int64_t tick = 1'000'000'000 / sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
  while (dirent* entry = readdir(folder)) {
    auto pid = parse_i64(entry->d_name);
    if (!pid) continue;
    auto text = read_plain(fmt::format("/proc/{}/stat", *pid));
    size_t end = text ? text->rfind(')') : std::string::npos;
    if (end == std::string::npos) continue;
    auto fields = split(trim(std::string_view(*text).substr(end + 1)), ' ');
    if (fields.size() <= pages_field) continue;
    auto number = [&fields](size_t at) { return parse_i64(fields[at]).value_or(0); };
    out[*pid] = {number(session_field), number(pages_field) * page,
                 (number(user_field) + number(system_field)) * tick,
                 (number(ended_user_field) + number(ended_system_field)) * tick};
  }
  closedir(folder);
  return out;
}

int64_t open_files(int64_t pid) {
  DIR* folder = opendir(fmt::format("/proc/{}/fd", pid).c_str());
  if (!folder) return 0;
  int64_t count = 0;
  while (dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

void add(model::WorkUsage& usage, int64_t pid, const Process& process) {
  usage.memory = Bytes(usage.memory.count() + process.memory);
  usage.cpu = usage.cpu + Duration::nanoseconds(process.cpu + process.cpu_of_ended);
  usage.files += open_files(pid);
  ++usage.processes;
}

wire::json::Object written(const model::WorkUsage& usage) {
  wire::json::Object out;
  out["memory"] = usage.memory.count();
  out["cpu"] = usage.cpu.ns();
  out["files"] = usage.files;
  out["processes"] = usage.processes;
  return out;
}

}  // namespace

Usages measure(const std::vector<Workload>& workloads) {
  Usages out;
  auto all = processes();
  if (auto own = all.extract(getpid())) {
    own.mapped().cpu_of_ended = 0;  // workloads are its children
    add(out.agent, own.key(), own.mapped());
  }
  std::multimap<int64_t, int64_t> by_session;
  for (const auto& [pid, process] : all) by_session.emplace(process.session, pid);
  for (const Workload& each : workloads) {
    std::vector<int64_t> pids;
    for (int pid : processes_of(each.group)) pids.push_back(pid);
    auto [from, to] = by_session.equal_range(each.state.pid);
    for (auto at = from; at != to; ++at) pids.push_back(at->second);
    std::ranges::sort(pids);
    pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
    model::WorkUsage& usage = out.items[each.state.name];
    for (int64_t pid : pids)
      if (auto found = all.find(pid); found != all.end()) add(usage, pid, found->second);
    if (auto counted = cpu_of(each.group)) usage.cpu = *counted;
  }
  return out;
}

wire::json::Object stats_of(const std::vector<Workload>& workloads) {
  Usages usages = measure(workloads);
  wire::json::Array items;
  for (const Workload& each : workloads) {
    wire::json::Object item = written(usages.items[each.state.name]);
    item["name"] = each.state.name;
    item["pid"] = each.state.pid;
    item["restarts"] = each.state.restarts;
    items.push_back(std::move(item));
  }
  wire::json::Object out;
  out["agent"] = written(usages.agent);
  out["items"] = std::move(items);
  return out;
}

namespace {

aio::Task<Result<std::string>> page_at(aio::World& world, model::Probe asked) {
  if (asked.kind == model::Probe::Kind::file)
    co_return co_await world.disk.read_file(asked.path, page_most);
  auto response = CO_TRY(co_await probe::page(world, asked, page_most));
  if (response.status != 200)
    co_return fail(Code::unavailable, fmt::format("{} answers {}", asked.url, response.status));
  co_return std::move(response.body);
}

}  // namespace

aio::Task<Result<std::map<std::string, double>>> figures_at(aio::World& world, model::Probe probe,
                                                            std::vector<std::string> names) {
  Duration limit = probe.timeout;
  std::string page = CO_TRY(co_await aio::deadline(
      world.clock, limit, page_at(world, std::move(probe)), "reading the metrics"));
  co_return wire::metrics_in(page, names, figures_most);
}

}  // namespace croft::agent
