#include "sandbox/base_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <climits>
#include <cstdlib>
#include <map>

#include "base/digest.h"
#include "base/text.h"
#include "sandbox/sys.h"

namespace croft::sandbox {

namespace {

Result<> add_link(const std::string& to, const std::string& path) {
  if (symlink(to.c_str(), path.c_str()) != 0 && errno != EEXIST) return fail_system("link " + path);
  return {};
}

Result<> add_folder(const std::string& path, uint32_t mode) {
  TRY(make_folders(path, 0755));
  if (chmod(path.c_str(), mode) != 0) return fail_system("set the mode of " + path);
  return {};
}

/// Copies owner and mode of the host's file: system ids below 100 are the same on all Debians.
Result<> add_copy(const std::string& from, const std::string& to, std::string_view text) {
  struct stat info{};
  if (stat(from.c_str(), &info) != 0) return fail_system("look at " + from);
  size_t slash = to.rfind('/');
  TRY(make_folders(to.substr(0, slash), 0755));
  TRY(write_new(to, text, info.st_mode & 07777));
  constexpr uid_t packaged_ids = 100;
  if (info.st_uid < packaged_ids && info.st_gid < packaged_ids &&
      chown(to.c_str(), info.st_uid, info.st_gid) != 0) {
    return fail_system("set the owner of " + to);
  }
  return {};
}

/// Configuration files whose content is still what their package shipped, by dpkg's own checksums.
Result<> add_packaged_configuration(const std::string& root) {
  auto status = read_whole("/var/lib/dpkg/status");
  if (!status) return {};  // not a Debian: the generated files below must do
  bool listed = false;
  for (const std::string& line : split(*status, '\n')) {
    if (line == "Conffiles:") {
      listed = true;
      continue;
    }
    if (!listed) continue;
    if (!line.starts_with(" /etc/")) {
      listed = false;
      continue;
    }
    auto fields = split(trim(line), ' ');
    if (fields.size() != 2) continue;  // obsolete, or removed on upgrade
    struct stat info{};
    if (lstat(fields[0].c_str(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    auto text = read_whole(fields[0]);
    if (!text || hex(digest(Hash::md5, *text)) != fields[1]) continue;
    TRY(add_copy(fields[0], root + fields[0], *text));
  }
  return {};
}

Result<> add_alternatives(const std::string& root) {
  TRY(add_folder(root + "/etc/alternatives", 0755));
  for (const std::string& name : list_folder("/etc/alternatives")) {
    char target[PATH_MAX] = {};
    std::string path = "/etc/alternatives/" + name;
    ssize_t size = readlink(path.c_str(), target, sizeof target - 1);
    if (size <= 0) continue;
    std::string_view to(target, static_cast<size_t>(size));
    if (to.starts_with("/usr/") && !to.starts_with("/usr/local/"))
      TRY(add_link(std::string(to), root + path));
  }
  return {};
}

/// Certificates of the ca-certificates package; those that the operator added stay outside.
Result<> add_certificates(const std::string& root) {
  const std::string folder = "/etc/ssl/certs";
  TRY(add_folder(root + folder, 0755));
  TRY(add_folder(root + "/etc/ssl/private", 0700));
  std::string bundle;
  for (const std::string& name : list_folder(folder)) {
    std::string path = folder + "/" + name;
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) continue;
    char target[PATH_MAX] = {};
    if (realpath(path.c_str(), target) == nullptr) continue;
    if (!std::string_view(target).starts_with("/usr/share/ca-certificates/")) continue;
    TRY(add_link(target, root + path));
    if (!name.ends_with(".pem")) continue;
    if (auto text = read_whole(target)) bundle += *text;
  }
  TRY(write_new(root + folder + "/ca-certificates.crt", bundle, 0644));
  const std::string java = folder + "/java/cacerts";
  // Made from all the system's certificates: only usable when the operator added none.
  if (exists(java) && list_folder("/usr/local/share/ca-certificates").empty()) {
    std::string text = TRY(read_whole(java));
    TRY(add_copy(java, root + java, text));
  }
  return {};
}

Result<> add_accounts(const std::string& etc) {
  auto accounts = read_whole("/usr/share/base-passwd/passwd.master");
  auto groups = read_whole("/usr/share/base-passwd/group.master");
  std::string passwd;
  std::string shadow;
  for (const std::string& line :
       split(accounts ? *accounts : "root:*:0:0:root:/root:/bin/bash\n", '\n')) {
    auto fields = split(line, ':');
    if (fields.size() != 7) continue;
    fields[1] = "x";
    passwd += join(fields, ":") + "\n";
    shadow += fields[0] + ":*:19000:0:99999:7:::\n";
  }
  passwd += "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n";
  shadow += "_apt:*:19000:0:99999:7:::\n";
  std::string group;
  for (const std::string& line : split(groups ? *groups : "root:*:0:\ntty:*:5:\n", '\n')) {
    auto fields = split(line, ':');
    if (fields.size() != 4) continue;
    fields[1] = "x";
    group += join(fields, ":") + "\n";
  }
  TRY(write_new(etc + "/passwd", passwd, 0644));
  TRY(write_new(etc + "/group", group, 0644));
  TRY(write_new(etc + "/shadow", shadow, 0600));
  return {};
}

Result<> add_etc(const std::string& root) {
  const std::string etc = root + "/etc";
  TRY(add_folder(etc, 0755));
  TRY(add_packaged_configuration(root));
  TRY(add_alternatives(root));
  TRY(add_certificates(root));
  TRY(add_accounts(etc));
  TRY(write_new(etc + "/nsswitch.conf",
                "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
                "protocols: files\nservices: files\n",
                0644));
  TRY(write_new(etc + "/resolv.conf", "nameserver 169.254.169.253\noptions timeout:2 attempts:2\n",
                0644));
  TRY(write_new(etc + "/fstab", "", 0644));
  TRY(write_new(etc + "/timezone", "Etc/UTC\n", 0644));
  TRY(write_new(etc + "/shells", "/bin/sh\n/bin/bash\n/usr/bin/sh\n/usr/bin/bash\n", 0644));
  TRY(add_link("/usr/share/zoneinfo/Etc/UTC", etc + "/localtime"));
  TRY(add_link("../usr/lib/os-release", etc + "/os-release"));
  TRY(add_link("../proc/self/mounts", etc + "/mtab"));
  if (auto text = read_whole("/usr/share/base-files/profile"))
    TRY(write_new(etc + "/profile", *text, 0644));
  for (const char* file : {"bashrc", "profile"}) {
    if (auto text = read_whole(std::string("/usr/share/base-files/dot.") + file)) {
      TRY(write_new(root + "/root/." + file, *text, 0644));
    }
  }
  return {};
}

Result<> add_root(const std::string& root) {
  TRY(make_folders(root, 0755));
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    std::string path = std::string("/") + name;
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0) continue;
    if (!S_ISLNK(info.st_mode)) {
      return fail(
          Code::unsupported,
          fmt::format(
              "{} is no link into /usr on this machine: the built-in image needs a merged /usr",
              path));
    }
    TRY(add_link(std::string("usr/") + name, root + path));
  }
  const std::pair<const char*, uint32_t> folders[] = {{"usr", 0755},
                                                      {"dev", 0755},
                                                      {"proc", 0555},
                                                      {"sys", 0555},
                                                      {"run", 0755},
                                                      {"tmp", 01777},
                                                      {"root", 0700},
                                                      {"home", 0755},
                                                      {"opt", 0755},
                                                      {"srv", 0755},
                                                      {"mnt", 0755},
                                                      {"media", 0755},
                                                      {"boot", 0755},
                                                      {"var/lib/dpkg", 0755},
                                                      {"var/lib/misc", 0755},
                                                      {"var/lib/cloud", 0755},
                                                      {"var/lib/apt/lists/partial", 0755},
                                                      {"var/cache/apt/archives/partial", 0755},
                                                      {"var/log", 0755},
                                                      {"var/spool", 0755},
                                                      {"var/mail", 0755},
                                                      {"var/backups", 0755},
                                                      {"var/opt", 0755},
                                                      {"var/tmp", 01777}};
  for (const auto& [name, mode] : folders) TRY(add_folder(root + "/" + name, mode));
  TRY(add_link("/run", root + "/var/run"));
  TRY(add_link("/run/lock", root + "/var/lock"));
  return add_etc(root);
}

Result<> add_usr(const std::string& usr, std::string_view init) {
  const std::string local = usr + "/local";
  for (const char* name : {"bin", "sbin", "lib", "etc", "include", "share", "src"})
    TRY(add_folder(local + "/" + name, 0755));
  if (setxattr(local.c_str(), "trusted.overlay.opaque", "y", 1, 0) != 0) {
    return fail_system(
        "mark /usr/local of the built-in image as its own (trusted.* attributes on this file "
        "system)");
  }
  TRY(write_new(local + "/sbin/croft-init", init, 0755));
  for (const char* name : {"poweroff", "reboot", "halt", "shutdown"})
    TRY(add_link("croft-init", local + "/sbin/" + name));
  return {};
}

}  // namespace

Result<> make_base_image(const std::string& folder, std::string_view init) {
  if (exists(folder)) return {};
  std::string temporary = fmt::format("{}.new{}", folder, getpid());
  TRY(remove_all(temporary));
  TRY(make_folders(temporary, 0755));
  auto made = add_root(temporary + "/root");
  if (made) made = add_usr(temporary + "/usr", init);
  if (!made) {
    static_cast<void>(remove_all(temporary));
    return fail(std::move(made.error()).frame("making the built-in image"));
  }
  if (rename(temporary.c_str(), folder.c_str()) != 0) return fail_system("name " + folder);
  return {};
}

}  // namespace croft::sandbox
