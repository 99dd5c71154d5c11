#include "image/unpack.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "image/layout.h"
#include "image/source.h"

namespace croft::image {

namespace {

std::unexpected<Error> system_failure(const std::string& what) {
  int error = errno;
  Code code = error == ENOSPC || error == EDQUOT ? Code::resource_exhausted : Code::io;
  return fail(code, fmt::format("cannot {}: {}", what, strerror(error)));
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// Never outside of `top`, never through a link.
Fd open_inside(int top, const std::string& path, uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(
      syscall(SYS_openat2, top, path.empty() ? "." : path.c_str(), &how, sizeof how)));
}

Result<> remove_tree(const std::string& path) {
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  if (failed) return fail(Code::io, fmt::format("cannot remove {}: {}", path, failed.message()));
  return {};
}

/// Puts the entries of archives into a folder, layer over layer.
class Tree {
 public:
  Tree(Fd top, std::string folder, UnpackLimits limits, Unpacked& count)
      : top_(std::move(top)), folder_(std::move(folder)), limits_(limits), count_(count) {}

  Result<> add(const std::string& archive) {
    auto source = TRY(open_source(archive));
    TarReader reader([&](std::span<char> into) { return source->read(into); });
    fresh_.clear();
    ++count_.layers;
    for (;;) {
      std::optional<TarEntry> entry = TRY(reader.next());
      if (!entry) return {};
      if (++count_.entries > limits_.entries)
        return fail(Code::resource_exhausted,
                    fmt::format("the image has more than {} entries", limits_.entries));
      TRY(put(reader, *entry));
    }
  }

 private:
  struct Place {
    Fd parent;
    std::string name;
  };
  Result<Place> place_of(const std::string& path) {
    size_t slash = path.rfind('/');
    std::string above = slash == path.npos ? "" : path.substr(0, slash);
    TRY(make_folders(above));
    Fd parent = open_inside(top_.get(), above, O_RDONLY | O_DIRECTORY);
    if (!parent.valid()) return system_failure("open the folder of " + path);
    return Place{std::move(parent), slash == path.npos ? path : path.substr(slash + 1)};
  }
  /// Folders that an archive does not name itself; one that a link stands for is replaced, so that
  /// no archive writes through a link.
  Result<> make_folders(const std::string& path) {
    if (path.empty()) return {};
    Fd found = open_inside(top_.get(), path, O_RDONLY | O_DIRECTORY);
    if (found.valid()) return {};
    Place place = TRY(place_of(path));
    if (unlinkat(place.parent.get(), place.name.c_str(), 0) != 0 && errno != ENOENT)
      return system_failure("replace " + path);
    if (mkdirat(place.parent.get(), place.name.c_str(), 0755) != 0)
      return system_failure("make the folder " + path);
    return {};
  }
  Result<> clear(const std::string& path) {
    Place place = TRY(place_of(path));
    if (unlinkat(place.parent.get(), place.name.c_str(), 0) == 0 || errno == ENOENT) return {};
    if (errno != EISDIR && errno != EPERM) return system_failure("replace " + path);
    // place_of() has found only folders on the way: no link is in this path.
    return remove_tree(folder_ + "/" + path);
  }

  Result<> put(TarReader& reader, const TarEntry& entry) {
    size_t slash = entry.path.rfind('/');
    std::string name = slash == entry.path.npos ? entry.path : entry.path.substr(slash + 1);
    if (name.starts_with(".wh.")) return whiteout(entry.path, name);
    fresh_.insert(entry.path);
    switch (entry.kind) {
      case TarEntry::Kind::file:
        return put_file(reader, entry);
      case TarEntry::Kind::folder:
        return put_folder(entry);
      case TarEntry::Kind::link:
        return put_link(entry);
      case TarEntry::Kind::hard_link:
        return put_hard_link(entry);
      case TarEntry::Kind::device:
        ++count_.devices;
        return {};
    }
    return {};
  }
  /// What a layer takes away from those below it.
  Result<> whiteout(const std::string& path, const std::string& name) {
    std::string above = path.substr(0, path.size() - name.size());
    if (name != ".wh..wh..opq") {
      std::string victim = name.substr(4);
      if (victim.empty() || victim == "." || victim == "..")
        return fail(Code::corrupt, "the image is damaged: a whiteout of nothing");
      return clear(above + victim);
    }
    TRY(make_folders(above.empty() ? "" : above.substr(0, above.size() - 1)));
    std::error_code failed;
    std::vector<std::string> victims;
    for (const auto& item : std::filesystem::directory_iterator(folder_ + "/" + above, failed))
      victims.push_back(above + item.path().filename().string());
    for (const std::string& victim : victims)
      if (!fresh_.contains(victim)) TRY(clear(victim));
    return {};
  }
  Result<> finish(int fd, const TarEntry& entry) {
    timespec times[2] = {{entry.modified, 0}, {entry.modified, 0}};
    if (fchown(fd, entry.uid, entry.gid) != 0 || fchmod(fd, entry.mode) != 0 ||
        futimens(fd, times) != 0)
      return system_failure("set owner and mode of " + entry.path);
    return {};
  }
  Result<> put_file(TarReader& reader, const TarEntry& entry) {
    TRY(clear(entry.path));
    Place place = TRY(place_of(entry.path));
    Fd file(openat(place.parent.get(), place.name.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return system_failure("create " + entry.path);
    std::array<char, 65536> buffer;
    for (;;) {
      size_t got = TRY(reader.read(buffer));
      if (got == 0) break;
      count_.bytes += got;
      if (count_.bytes > static_cast<uint64_t>(limits_.bytes.count()))
        return fail(Code::resource_exhausted,
                    fmt::format("the image is larger than {}", limits_.bytes.text()));
      for (size_t done = 0; done < got;) {
        ssize_t wrote = ::write(file.get(), buffer.data() + done, got - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return system_failure("write " + entry.path);
        done += static_cast<size_t>(wrote);
      }
    }
    return finish(file.get(), entry);
  }
  Result<> put_folder(const TarEntry& entry) {
    TRY(make_folders(entry.path));
    Fd folder = open_inside(top_.get(), entry.path, O_RDONLY | O_DIRECTORY);
    if (!folder.valid()) return system_failure("open " + entry.path);
    return finish(folder.get(), entry);
  }
  /// Links may say anything: they are followed inside of a machine only.
  Result<> put_link(const TarEntry& entry) {
    TRY(clear(entry.path));
    Place place = TRY(place_of(entry.path));
    if (symlinkat(entry.target.c_str(), place.parent.get(), place.name.c_str()) != 0 ||
        fchownat(place.parent.get(), place.name.c_str(), entry.uid, entry.gid,
                 AT_SYMLINK_NOFOLLOW) != 0)
      return system_failure("make the link " + entry.path);
    return {};
  }
  Result<> put_hard_link(const TarEntry& entry) {
    if (entry.target == entry.path) return {};
    size_t slash = entry.target.rfind('/');
    std::string above = slash == entry.target.npos ? "" : entry.target.substr(0, slash);
    std::string name = slash == entry.target.npos ? entry.target : entry.target.substr(slash + 1);
    Fd from = open_inside(top_.get(), above, O_RDONLY | O_DIRECTORY);
    TRY(clear(entry.path));
    Place place = TRY(place_of(entry.path));
    // Without AT_SYMLINK_FOLLOW a link is linked as it is.
    if (!from.valid() ||
        linkat(from.get(), name.c_str(), place.parent.get(), place.name.c_str(), 0) != 0)
      return system_failure(fmt::format("link {} to {}", entry.path, entry.target));
    return {};
  }

  Fd top_;
  std::string folder_;
  UnpackLimits limits_;
  Unpacked& count_;
  std::set<std::string, std::less<>> fresh_;  ///< of this layer
};

Result<Fd> open_top(const std::string& folder) {
  Fd top(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top.valid()) return system_failure("open " + folder);
  return top;
}

Result<Unpacked> fill(const std::string& source, const std::string& folder, UnpackLimits limits) {
  Unpacked count;
  std::vector<std::string> archives{source};
  std::string inner = folder + ".layout";
  struct stat info{};
  if (stat(source.c_str(), &info) != 0) return system_failure("find " + source);
  if (S_ISDIR(info.st_mode)) {
    archives = TRY(layers_of(source));
  } else if (TRY(is_layout_archive(source))) {
    // A layout as one file: laid out first, then read like a folder.
    if (mkdir(inner.c_str(), 0700) != 0) return system_failure("make " + inner);
    Unpacked ignored;
    Tree layout(TRY(open_top(inner)), inner, limits, ignored);
    TRY(layout.add(source));
    archives = TRY(layers_of(inner));
  }
  if (mkdir(folder.c_str(), 0755) != 0) return system_failure("make " + folder);
  Tree tree(TRY(open_top(folder)), folder, limits, count);
  for (const std::string& archive : archives) TRY(tree.add(archive));
  if (count.entries == 0) return fail(Code::corrupt, fmt::format("{} is empty", source));
  return count;
}

}  // namespace

Result<Unpacked> unpack_image(const std::string& source, const std::string& folder,
                              UnpackLimits limits) {
  auto done = fill(source, folder, limits);
  auto cleared = remove_tree(folder + ".layout");
  if (done && cleared) return done;
  auto removed = remove_tree(folder);
  if (!done) return done;
  TRY(std::move(cleared));
  TRY(std::move(removed));
  return done;
}

}  // namespace croft::image
