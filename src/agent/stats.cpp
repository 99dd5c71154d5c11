#include "agent/stats.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <map>

#include "agent/plain_files.h"
#include "base/text.h"

namespace croft::agent {
namespace {

// Of the fields of /proc/PID/stat behind the name (proc(5)).
constexpr size_t session_field = 3, user_field = 11, system_field = 12, pages_field = 21;

struct Usage {
  int64_t memory = 0, cpu = 0;
};

/// One walk over /proc for all sessions.
std::map<int64_t, Usage> usage_by_session(int64_t own_session) {
  std::map<int64_t, Usage> out;
  DIR* folder = opendir("/proc");
  if (!folder) return out;
  int64_t tick = 1'000'000'000 / sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
  while (dirent* entry = readdir(folder)) {
    if (!parse_u64(entry->d_name)) continue;
    auto text = read_plain(fmt::format("/proc/{}/stat", entry->d_name));
    size_t end = text ? text->rfind(')') : std::string::npos;
    if (end == std::string::npos) continue;
    auto fields = split(trim(std::string_view(*text).substr(end + 1)), ' ');
    if (fields.size() <= pages_field) continue;
    auto number = [&fields](size_t at) { return parse_i64(fields[at]).value_or(0); };
    bool own = std::string_view(entry->d_name) == fmt::format("{}", getpid());
    int64_t session = own ? own_session : number(session_field);
    out[session].memory += number(pages_field) * page;
    out[session].cpu += (number(user_field) + number(system_field)) * tick;
  }
  closedir(folder);
  return out;
}

}  // namespace

wire::json::Object stats_of(const std::vector<model::WorkState>& states) {
  int64_t own = -1;  // the agent alone, not what shares its session
  auto usage = usage_by_session(own);
  auto written = [&usage](int64_t session) {
    wire::json::Object out;
    out["memory"] = usage[session].memory;
    out["cpu"] = usage[session].cpu;
    return out;
  };
  wire::json::Array items;
  for (const model::WorkState& state : states) {
    if (state.pid == 0) continue;
    wire::json::Object item = written(state.pid);
    item["name"] = state.name;
    item["pid"] = state.pid;
    item["restarts"] = state.restarts;
    items.push_back(std::move(item));
  }
  wire::json::Object out;
  out["agent"] = written(own);
  out["items"] = std::move(items);
  return out;
}

}  // namespace croft::agent
