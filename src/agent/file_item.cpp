// A file or a folder that is as it should be.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "agent/item.h"
#include "agent/plain_files.h"
#include "aio/scope.h"
#include "aio/system_error.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr const char* made_by_us = "made";

std::unexpected<Error> refused(const char* what, const std::string& path) {
  return fail(aio::system_error(errno, fmt::format("cannot {} '{}'", what, path)));
}

Result<> set_owner(const std::string& path, int mode, const User& owner) {
  if (geteuid() == 0 &&
      ::chown(path.c_str(), static_cast<uid_t>(owner.uid), static_cast<gid_t>(owner.gid)) != 0)
    return refused("give away", path);
  if (chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) return refused("set the mode of", path);
  return {};
}

Result<> put_directory(const model::FileWork& work, const User& owner) {
  if (mkdir(work.path.c_str(), 0700) != 0) {
    struct stat info{};
    if (errno != EEXIST || stat(work.path.c_str(), &info) != 0) return refused("make", work.path);
    if (!S_ISDIR(info.st_mode))
      return fail(Code::conflict, fmt::format("'{}' is there and no folder", work.path));
  }
  return set_owner(work.path, work.mode, owner);
}

Result<> put(const model::FileWork& work) {
  if (!work.path.starts_with('/') || work.path.ends_with('/'))
    return fail(Code::invalid_argument,
                fmt::format("'{}' is no absolute path of a file", printable(work.path)));
  User owner = TRY(find_user(work.owner, work.group));
  TRY(make_parents(work.path));
  if (work.kind == model::FileWork::Kind::directory) return put_directory(work, owner);
  struct stat info{};
  bool there = lstat(work.path.c_str(), &info) == 0;
  if (there && S_ISDIR(info.st_mode))
    return fail(Code::conflict, fmt::format("'{}' is there and a folder", work.path));
  // The same content is left alone: who watches the file sees no change.
  if (there && S_ISREG(info.st_mode) && read_plain(work.path).value_or("") == work.content &&
      static_cast<size_t>(info.st_size) == work.content.size())
    return set_owner(work.path, work.mode, owner);
  return put_file(work.path, work.content, work.mode, owner);
}

class FileItem final : public Item {
 public:
  FileItem(Place& place, model::HostWork work, std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)) {}

  aio::Task<Result<>> keep() override {
    const auto& file = std::get<model::FileWork>(work_.what);
    // Only a folder that we made is taken away again; so it is remembered before it is made.
    auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
    struct stat info{};
    if (file.kind == model::FileWork::Kind::directory && !done &&
        lstat(file.path.c_str(), &info) != 0)
      CO_TRY(co_await place_.folder.save_done(
          work_.name, {work_.digest, 0, 0, made_by_us, "", place_.world.clock.wall()}));
    CO_TRY(co_await aio::blocking(place_.world, aio::Pool::disk, [&file] { return put(file); }));
    say(Phase::ready);
    co_return Result<>{};
  }

  aio::Task<Result<>> end(const model::HostWork* next) override {
    const auto& file = std::get<model::FileWork>(work_.what);
    const auto* then = next ? std::get_if<model::FileWork>(&next->what) : nullptr;
    if (then && then->path == file.path && then->kind == file.kind) co_return Result<>{};
    auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
    struct stat info{};
    bool folder = lstat(file.path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    // A folder where a file was wanted was never ours: put() has refused it.
    bool ours =
        file.kind == model::FileWork::Kind::file ? !folder : done && done->why == made_by_us;
    if (!file.keep && ours) {
      std::error_code error;
      if (file.kind == model::FileWork::Kind::directory)
        std::filesystem::remove_all(file.path, error);
      else
        std::filesystem::remove(file.path, error);
      if (error)
        co_return fail(
            aio::system_error(error.value(), fmt::format("cannot remove '{}'", file.path)));
    }
    co_return co_await place_.folder.erase_done(work_.name);
  }
};

}  // namespace

std::unique_ptr<Item> make_file_item(Place& place, model::HostWork work,
                                     std::function<void(const model::WorkState&)> changed) {
  return std::make_unique<FileItem>(place, std::move(work), std::move(changed));
}

}  // namespace croft::agent
