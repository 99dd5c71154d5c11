#include "agent/item.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "agent/plain_files.h"
#include "aio/system_error.h"
#include "base/mask.h"
#include "base/text.h"

namespace croft::agent {
namespace {

std::vector<model::SecretFile> secrets_in(const model::HostWork& work) {
  if (const auto* process = std::get_if<model::ProcessWork>(&work.what)) return process->secrets;
  if (const auto* run = std::get_if<model::RunWork>(&work.what)) return run->secrets;
  return {};
}

std::unexpected<Error> refused(const char* what, const std::string& path) {
  return fail(aio::system_error(errno, fmt::format("cannot {} '{}'", what, path)));
}

Result<> make_owned(const std::string& path, mode_t mode, const User& owner) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return refused("make", path);
  if (geteuid() == 0 &&
      lchown(path.c_str(), static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
    return refused("give away", path);
  if (chmod(path.c_str(), mode) != 0) return refused("set the mode of", path);
  return {};
}

}  // namespace

Item::Item(Place& place, model::HostWork work, std::function<void(const model::WorkState&)> changed)
    : place_(place), work_(std::move(work)), changed_(std::move(changed)) {
  state_.name = work_.name;
  state_.digest = work_.digest;
  state_.since = place_.world.clock.wall();
  for (const model::SecretFile& each : secrets_in(work_)) add_masked(secrets_, each.value.reveal());
}

std::string Item::written(const std::string& log_file, uint64_t from) const {
  std::string out = last_lines(log_file, from);
  mask(out, secrets_);
  return out;
}

void Item::say(Phase phase, std::string why) {
  mask(why, secrets_);
  if (state_.phase == phase && state_.why == why) return;
  if (state_.phase != phase) state_.since = place_.world.clock.wall();
  state_.phase = phase;
  state_.why = std::move(why);
  changed_(state_);
}

Result<> Item::signal(int) {
  return fail(Code::conflict, fmt::format("'{}' has no process", work_.name));
}

std::unique_ptr<Item> make_item(Place& place, model::HostWork work,
                                std::function<void(const model::WorkState&)> changed) {
  using Make = std::unique_ptr<Item> (*)(Place&, model::HostWork,
                                         std::function<void(const model::WorkState&)>);
  struct {
    Make operator()(const model::ProcessWork&) { return make_process_item; }
    Make operator()(const model::RunWork&) { return make_run_item; }
    Make operator()(const model::FileWork&) { return make_file_item; }
    Make operator()(const model::FetchWork&) { return make_fetch_item; }
    Make operator()(const model::ProbeWork&) { return make_probe_item; }
  } maker;
  Make make = std::visit(maker, work.what);
  return make(place, std::move(work), std::move(changed));
}

Result<> make_parents(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    std::string folder = path.substr(0, at);
    if (mkdir(folder.c_str(), 0755) == 0) {
      chmod(folder.c_str(), 0755);  // whatever our umask is
      continue;
    }
    if (errno != EEXIST) return refused("make the folder", folder);
  }
  return {};
}

Result<> put_file(const std::string& path, const std::string& content, int mode,
                  const User& owner) {
  std::string temporary = path + ".croft-XXXXXX";
  int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return refused("write beside", path);
  auto give_up = [&](const char* what) {
    auto error = refused(what, path);
    ::close(fd);
    unlink(temporary.c_str());
    return error;
  };
  for (std::string_view rest = content; !rest.empty();) {
    ssize_t put = ::write(fd, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return give_up("write");
    rest.remove_prefix(static_cast<size_t>(put));
  }
  if (geteuid() == 0 &&
      fchown(fd, static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
    return give_up("give away");
  if (fchmod(fd, static_cast<mode_t>(mode)) != 0) return give_up("set the mode of");
  if (fsync(fd) != 0) return give_up("write");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return give_up("put in place");
  ::close(fd);
  return {};
}

namespace {

/// What is there already and was not made for this item is somebody else's: /run/lock, say.
Result<> make_runtime_directory(Folder& folder, const std::string& item, const std::string& name,
                                const User& user) {
  std::string path = "/run/" + name, mark = folder.runtime_mark(name);
  bool known = read_plain(mark).value_or("") == item;
  struct stat there{};
  bool exists = lstat(path.c_str(), &there) == 0;
  if (exists && (!known || !S_ISDIR(there.st_mode)))
    return fail(Code::conflict, fmt::format("'{}' is there already and is another's", path));
  TRY(write_plain(mark, item));
  return make_owned(path, 0700, user);
}

}  // namespace

void remove_runtime_directory(Folder& folder, const std::string& item, const std::string& name) {
  std::string mark = folder.runtime_mark(name);
  if (name.empty() || read_plain(mark).value_or("") != item) return;
  std::error_code ignored;
  std::filesystem::remove_all("/run/" + name, ignored);
  unlink(mark.c_str());
}

Result<Launch> prepare_launch(Folder& folder, const Program& program) {
  Launch launch;
  User user = TRY(find_user(program.user, program.group));
  if (!program.user.empty() || !program.group.empty()) launch.user = user;
  launch.directory = program.directory;
  if (launch.directory.empty()) {
    launch.directory = folder.own_folder(program.name);
    TRY(make_owned(launch.directory, 0750, user));
  }
  std::map<std::string, std::string> environment{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", user.home},
      {"USER", user.name},
      {"LOGNAME", user.name},
      {"SHELL", user.shell}};
  if (program.secrets && !program.secrets->empty()) {
    std::string secrets = TRY(folder.secrets_folder(program.name));
    std::error_code ignored;
    std::filesystem::remove_all(secrets, ignored);
    TRY(make_owned(secrets, 0500, user));
    for (const model::SecretFile& each : *program.secrets) {
      if (each.name.empty() || each.name.find('/') != std::string::npos || each.name[0] == '.')
        return fail(Code::invalid_argument,
                    fmt::format("'{}' is no name for a secret's file", printable(each.name)));
      TRY(put_file(secrets + "/" + each.name, each.value.reveal(), 0400, user));
    }
    environment["CREDENTIALS_DIRECTORY"] = secrets;
  }
  if (!program.runtime_directory.empty()) {
    std::string runtime = "/run/" + program.runtime_directory;
    TRY(make_runtime_directory(folder, program.name, program.runtime_directory, user));
    environment["RUNTIME_DIRECTORY"] = runtime;
  }
  if (!program.notify_socket.empty()) environment["NOTIFY_SOCKET"] = program.notify_socket;
  if (program.environment)
    for (const auto& [name, value] : *program.environment) environment[name] = value;
  for (const auto& [name, value] : environment) launch.environment.push_back(name + "=" + value);
  launch.output_file = folder.log_file(program.name);
  launch.cgroup = cgroup_name(program.name);
  return launch;
}

void remove_traces(Folder& folder, const std::string& name) {
  std::error_code ignored;
  std::filesystem::remove_all(folder.own_folder(name), ignored);
  if (auto secrets = folder.secrets_folder(name)) std::filesystem::remove_all(*secrets, ignored);
  remove_log(folder.log_file(name));
}

std::string cgroup_name(const std::string& name) {
  return "croft-" + replace_all(file_name(name), ":", ".");
}

}  // namespace croft::agent
