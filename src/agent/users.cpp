#include <unistd.h>

#include "agent/launch.h"
#include "agent/plain_files.h"
#include "base/text.h"

namespace croft::agent {
namespace {

// The files alone: a static program cannot load the C library's other sources of names.
std::vector<std::vector<std::string>> table(const char* path, size_t columns) {
  std::vector<std::vector<std::string>> out;
  for (const std::string& line : split(read_plain(path).value_or(""), '\n')) {
    auto fields = split(line, ':');
    if (fields.size() >= columns) out.push_back(std::move(fields));
  }
  return out;
}

std::unexpected<Error> unknown(std::string_view kind, const std::string& name,
                               const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row[0]);
  Error error(Code::not_found, fmt::format("this machine has no {} '{}'", kind, printable(name)));
  if (std::string hint = did_you_mean(name, names); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

Result<int64_t> find_group(const std::string& group,
                           const std::vector<std::vector<std::string>>& groups) {
  for (const auto& row : groups)
    if (row[0] == group || row[2] == group) return parse_i64(row[2]).value_or(-1);
  if (auto number = parse_u64(group); number && *number <= UINT32_MAX)
    return static_cast<int64_t>(*number);
  return unknown("group", group, groups);
}

}  // namespace

Result<User> find_user(const std::string& user, const std::string& group) {
  auto users = table("/etc/passwd", 7), groups = table("/etc/group", 4);
  User out;
  std::string wanted = user.empty() ? fmt::format("{}", geteuid()) : user;
  for (const auto& row : users) {
    if (row[0] != wanted && row[2] != wanted) continue;
    out.name = row[0];
    out.uid = parse_i64(row[2]).value_or(-1);
    out.gid = parse_i64(row[3]).value_or(-1);
    out.home = row[5].empty() ? "/" : row[5];
    out.shell = row[6].empty() ? "/bin/sh" : row[6];
    break;
  }
  if (out.uid < 0) {
    auto number = parse_u64(wanted);
    if (!number || *number > UINT32_MAX) return unknown("user", wanted, users);
    out.uid = static_cast<int64_t>(*number);
    out.gid = user.empty() ? int64_t{getegid()} : out.uid;
    out.name = wanted;
  }
  if (!group.empty()) out.gid = TRY(find_group(group, groups));
  out.groups.push_back(static_cast<uint32_t>(out.gid));
  for (const auto& row : groups)
    for (const std::string& member : split(row[3], ','))
      if (member == out.name)
        if (auto number = parse_u64(row[2])) out.groups.push_back(static_cast<uint32_t>(*number));
  return out;
}

}  // namespace croft::agent
