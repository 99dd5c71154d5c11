#include "agent/unpack.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "agent/plain_files.h"
#include "aio/scope.h"
#include "aio/system_error.h"
#include "base/text.h"

namespace croft::agent {
namespace {

namespace fs = std::filesystem;
constexpr size_t listing_most = 32 << 20;
constexpr int64_t growth_most = 16;  // archives of logs and sources shrink so much, seldom more
constexpr std::string_view zip_mark = "PK\x03\x04";

aio::Task<Result<std::string>> output_of(aio::World& world, std::vector<std::string> command,
                                         std::string log) {
  std::string name = command.front() == "/bin/sh" ? command[3] : command.front();
  aio::ProcessOptions options;
  options.command = std::move(command);
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LC_ALL=C.UTF-8"};
  options.output_file = log;
  options.pipe_output = true;
  options.new_session = true;
  auto child = CO_TRY(world.processes.start(std::move(options)));
  std::string out;
  std::string buffer(64 << 10, '\0');
  Result<> reading;
  while (reading && out.size() <= listing_most) {
    auto got = co_await child->read(buffer);
    if (!got) reading = fail(std::move(got).error());
    if (!reading || *got == 0) break;
    out.append(buffer.data(), *got);
  }
  if (!reading || out.size() > listing_most) {
    auto killed = child->kill(SIGKILL);
    static_cast<void>(killed);
    auto reaped = co_await aio::shield(child->wait());
    static_cast<void>(reaped);
    CO_TRY(std::move(reading));
    co_return fail(Code::resource_exhausted, "the archive lists more names than any needs to have");
  }
  auto status = CO_TRY(co_await child->wait());
  if (status.code == 0 && status.signal == 0) co_return out;
  std::string why = read_plain(log).value_or("");
  co_return fail(Code::corrupt, fmt::format("{} cannot read the archive: {}", name,
                                            printable(trim(why).substr(0, 300))));
}

/// Sizes, links and kinds of what was unpacked; gives it to its owner. Blocks.
Result<> check_tree(const std::string& root, const User& owner, int64_t bytes_most) {
  int64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    std::string path = it->path().string();
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0)
      return fail(aio::system_error(errno, fmt::format("cannot look at '{}'", path)));
    std::string at = path.substr(root.size() + 1);
    total += S_ISREG(info.st_mode) ? info.st_size : 0;
    if (total > bytes_most)
      return fail(Code::resource_exhausted, "the archive grows beyond its limit when unpacked");
    if (S_ISLNK(info.st_mode)) {
      auto target = fs::read_symlink(it->path(), error);
      if (error || leads_out(at, target.string()))
        return fail(Code::corrupt,
                    fmt::format("a link of the archive leads out of it: '{}'", printable(at)));
    } else if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
      return fail(Code::corrupt,
                  fmt::format("the archive has a special file: '{}'", printable(at)));
    }
    if (S_ISREG(info.st_mode) && (info.st_mode & (S_ISUID | S_ISGID)))
      return fail(
          Code::corrupt,
          fmt::format("the archive has a program that runs as its owner: '{}'", printable(at)));
    if (geteuid() == 0 &&
        lchown(path.c_str(), static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
      return fail(aio::system_error(errno, fmt::format("cannot give away '{}'", path)));
  }
  if (error) return fail(aio::system_error(error.value(), "cannot look through the unpacked"));
  if (geteuid() == 0 &&
      lchown(root.c_str(), static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
    return fail(aio::system_error(errno, fmt::format("cannot give away '{}'", root)));
  return {};
}

/// What lies in folders of `root` comes one step up, into a folder beside it that takes its place.
Result<> strip_once(const std::string& root) {
  std::error_code error;
  std::string up = root + ".up";
  fs::create_directory(up, error);
  for (fs::directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    if (!it->is_directory() || it->is_symlink()) continue;
    for (fs::directory_iterator inner(it->path(), error), last; !error && inner != last;
         inner.increment(error))
      fs::rename(inner->path(), fs::path(up) / inner->path().filename(), error);
  }
  if (!error) fs::remove_all(root, error);
  if (!error) fs::rename(up, root, error);
  if (error) return fail(aio::system_error(error.value(), "cannot drop the archive's folders"));
  return {};
}

/// The fresh folder where the old one was. Blocks.
Result<> swap_in(const std::string& fresh, const std::string& into) {
  std::string old = into + ".croft-old";
  std::error_code error;
  fs::remove_all(old, error);
  bool there = ::rename(into.c_str(), old.c_str()) == 0;
  if (!there && errno != ENOENT)
    return fail(aio::system_error(errno, fmt::format("cannot move '{}' aside", into)));
  if (::rename(fresh.c_str(), into.c_str()) != 0) {
    auto failed = aio::system_error(errno, fmt::format("cannot put '{}' in place", into));
    if (there) ::rename(old.c_str(), into.c_str());
    return fail(std::move(failed));
  }
  fs::remove_all(old, error);
  return {};
}

aio::Task<Result<>> unpack_into(aio::World& world, Unpacking order, std::string fresh) {
  std::string head;
  {
    auto file = CO_TRY(co_await world.disk.open(order.archive, aio::OpenMode::read));
    head.resize(zip_mark.size());
    head.resize(CO_TRY(co_await file->read_at(0, head)));
  }
  bool zip = head == zip_mark;
  std::string log = order.archive + ".log";
  auto listing = zip ? std::vector<std::string>{"unzip", "-Z1", order.archive}
                     : std::vector<std::string>{"tar", "-tf", order.archive};
  std::string names = CO_TRY(co_await output_of(world, std::move(listing), log));
  for (const std::string& name : split(names, '\n'))
    if (std::string why = unsafe_name(name); !why.empty())
      co_return fail(Code::corrupt, fmt::format("the archive has the name '{}', which {}",
                                                printable(name.substr(0, 200)), why));
  // Folders that the archive only implies are for everybody to enter, whatever our umask is.
  std::vector<std::string> command = {"/bin/sh", "-c", "umask 022; exec \"$0\" \"$@\""};
  if (zip)
    command.insert(command.end(), {"unzip", "-q", "-o", order.archive, "-d", fresh});
  else
    command.insert(command.end(), {"tar", "-x", "-f", order.archive, "-C", fresh, "--no-same-owner",
                                   fmt::format("--strip-components={}", order.strip)});
  CO_TRY(co_await output_of(world, std::move(command), log));
  co_return co_await aio::blocking(world, aio::Pool::disk, [&]() -> Result<> {
    for (int i = 0; zip && i < order.strip; ++i) TRY(strip_once(fresh));
    TRY(check_tree(fresh, order.owner, order.most.count() * growth_most));
    chmod(fresh.c_str(), 0755);
    return swap_in(fresh, order.into);
  });
}

}  // namespace

std::string unsafe_name(std::string_view name) {
  if (name.starts_with('/')) return "is absolute";
  for (const std::string& part : split(name, '/'))
    if (part == "..") return "leads out of its folder";
  return {};
}

bool leads_out(std::string_view at, std::string_view target) {
  if (target.starts_with('/')) return true;
  size_t depth = split(at, '/').size() - 1, up = 0;
  bool inside = false;
  for (const std::string& part : split(target, '/')) {
    if (part.empty() || part == ".") continue;
    // After a name that may itself be a link, ".." leads nobody knows where.
    if (part == ".." && (inside || ++up > depth)) return true;
    inside = inside || part != "..";
  }
  return false;
}

aio::Task<Result<>> unpack(aio::World& world, Unpacking order) {
  std::string fresh = order.into + ".croft-new";
  CO_TRY(co_await world.disk.remove_tree(fresh));
  CO_TRY(co_await world.disk.make_dirs(fresh));
  Duration within = order.within;
  std::string log = order.archive + ".log";
  auto done = co_await aio::deadline(world.clock, within,
                                     unpack_into(world, std::move(order), fresh), "unpacking");
  unlink(log.c_str());
  if (!done) {
    auto removed = co_await aio::shield(world.disk.remove_tree(fresh));
    static_cast<void>(removed);
  }
  co_return done;
}

}  // namespace croft::agent
