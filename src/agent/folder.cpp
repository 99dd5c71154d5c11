#include "agent/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/launch.h"
#include "agent/plain_files.h"
#include "aio/system_error.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "protocol/agent.h"

namespace croft::agent {
namespace {

constexpr Bytes state_most = Bytes::mib(16);
constexpr wire::json::Limits work_limits{state_most, 32};
constexpr Bytes key_most = Bytes::kib(64);
constexpr size_t readable_name_max = 100;
constexpr const char* marks[] = {"/pids", "/ends"};
constexpr unsigned long tmpfs_magic = 0x01021994, ramfs_magic = 0x858458f6;

bool in_memory(const std::string& path) {
  struct statfs info{};
  if (statfs(path.c_str(), &info) != 0) return false;
  auto kind = static_cast<unsigned long>(info.f_type);
  return kind == tmpfs_magic || kind == ramfs_magic;
}

wire::json::Object to_json(const Identity& identity) {
  wire::json::Array controllers;
  for (const std::string& each : identity.controllers) controllers.emplace_back(each);
  wire::json::Object out;
  out["controllers"] = std::move(controllers);
  out["pin"] = identity.pin;
  out["instance"] = identity.instance;
  out["address"] = identity.address;
  out["rendezvous"] = identity.rendezvous;
  out["epoch"] = static_cast<int64_t>(identity.epoch);
  out["fence"] = static_cast<int64_t>(identity.fence);
  return out;
}

Result<Identity> identity_from(const wire::json::Object& object) {
  Identity out;
  out.controllers = TRY(wire::json::strings_at(object, "controllers"));
  out.pin = TRY(wire::json::string_at(object, "pin"));
  out.instance = TRY(wire::json::string_or(object, "instance", ""));
  out.address = TRY(wire::json::string_or(object, "address", ""));
  out.rendezvous = TRY(wire::json::string_or(object, "rendezvous", ""));
  out.epoch = static_cast<uint64_t>(TRY(wire::json::int_or(object, "epoch", 0)));
  out.fence = static_cast<uint64_t>(TRY(wire::json::int_or(object, "fence", 0)));
  return out;
}

/// A file that may be absent.
aio::Task<Result<>> erase(aio::World& world, std::string file) {
  auto removed = co_await world.disk.remove(std::move(file));
  if (!removed && removed.error().code != Code::not_found) co_return removed;
  co_return Result<>{};
}

}  // namespace

std::string file_name(const std::string& item) {
  std::string out;
  for (char c : item) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_' || c == ':' || (c == '.' && !out.empty());
    out += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<uint8_t>(c));
  }
  if (out.size() <= readable_name_max) return out;
  return out.substr(0, readable_name_max / 2) + "%" + sha256_hex(item).substr(0, 32);
}

bool strip_secrets(model::HostWork& work) {
  if (auto* process = std::get_if<model::ProcessWork>(&work.what))
    return !std::exchange(process->secrets, {}).empty();
  if (auto* run = std::get_if<model::RunWork>(&work.what))
    return !std::exchange(run->secrets, {}).empty();
  if (auto* file = std::get_if<model::FileWork>(&work.what); file && file->secret)
    return !std::exchange(file->content, {}).empty();
  return false;
}

Folder::~Folder() {
  if (ground_) return;
  // Only empty ones go: nothing is left in memory of an agent that had nothing to keep.
  if (!run_.empty()) {
    for (const char* each : {"/works", marks[0], marks[1]}) rmdir((run_ + each).c_str());
    rmdir(run_.c_str());
  }
  if (lock_ >= 0) ::close(lock_);
}

std::string Folder::boot_id() {
  std::string text = read_plain("/proc/sys/kernel/random/boot_id").value_or("");
  text += fmt::format("/{}", start_ticks(1).value_or(0));
  return sha256_hex(text).substr(0, 32);
}

Result<> Folder::find_tmpfs() {
  std::string name = sha256_hex(path_).substr(0, 12);
  std::string own = path_ + "/run";
  mkdir(own.c_str(), 0711);
  // A mark in the page cache would not do: these texts must be gone when the machine is off.
  for (const std::string& base : {own, std::string("/run"), std::string("/dev/shm")}) {
    if (!in_memory(base)) continue;
    run_ = base == own ? own : fmt::format("{}/croft-{}", base, name);
    if (mkdir(run_.c_str(), 0711) != 0 && errno != EEXIST) continue;
    struct stat info{};
    if (lstat(run_.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid()) {
      chmod(run_.c_str(), 0711);
      return {};
    }
  }
  if (::mount("tmpfs", own.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0711,size=16m") == 0) {
    run_ = own;
    return {};
  }
  run_.clear();
  return fail(aio::system_error(errno, "this machine has no tmpfs for secrets"));
}

/// Marks are of one start of the machine: they lie in its memory, where a file costs no disk.
Result<> Folder::make_marks(const std::string& name) {
  std::string own = path_ + name, there = run_ + name;
  bool memory = !run_.empty() && (mkdir(there.c_str(), 0700) == 0 || errno == EEXIST);
  // One that is there already, of this agent or an earlier version, stays what it is.
  int made = memory ? symlink(there.c_str(), own.c_str()) : mkdir(own.c_str(), 0700);
  if (made == 0 || errno == EEXIST) return {};
  return fail(aio::system_error(errno, fmt::format("cannot make '{}'", own)));
}

Result<> Folder::take_lock() {
  chmod(path_.c_str(), 0711);
  chmod((path_ + "/data").c_str(), 0711);
  lock_ = ::open((path_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  return fail(errno == EWOULDBLOCK
                  ? Error(Code::conflict, fmt::format("another agent runs in {}", path_))
                  : aio::system_error(errno, fmt::format("cannot lock {}", path_)));
}

/// Memory that goes with the machine, and what was kept of its last start.
aio::Task<Result<>> Folder::find_ground() {
  if (ground_) {
    run_ = ground_->memory;
    boot_ = ground_->boot;
    co_return co_await world_.disk.make_dirs(run_);
  }
  if (auto found = find_tmpfs(); !found) log::warn("agent", "{}", found.error().line());
  boot_ = boot_id();
  auto before = co_await world_.disk.read_file(path_ + "/boot", key_most);
  bool same = before && *before == boot_;
  for (const char* each : marks) {
    if (!same) CO_TRY(co_await world_.disk.remove_tree(path_ + each));
    CO_TRY(make_marks(each));
  }
  if (same) co_return Result<>{};
  co_return co_await world_.disk.write_file(path_ + "/boot", boot_);
}

aio::Task<Result<>> Folder::open() {
  for (const char* each : {"", "/works", "/logs", "/data"})
    CO_TRY(co_await world_.disk.make_dirs(path_ + each, *each ? 0700 : 0711));
  if (!ground_) CO_TRY(take_lock());
  for (std::string& name : CO_TRY(co_await world_.disk.list(path_ + "/works")))
    if (name.ends_with(".done")) done_.insert(std::move(name));
  CO_TRY(co_await find_ground());
  co_return co_await open_works();
}

/// What an agent of an earlier version kept in a file each moves into the one of all.
aio::Task<Result<>> Folder::open_works() {
  loaded_ = CO_TRY(co_await works_.open(path_ + "/works.log"));
  for (const std::string& name : CO_TRY(co_await world_.disk.list(path_ + "/works"))) {
    if (!name.ends_with(".json")) continue;
    std::string file = path_ + "/works/" + name;
    std::string text = CO_TRY(co_await world_.disk.read_file(file, state_most));
    auto object = wire::json::parse_object(text, name, work_limits);
    auto item = object ? wire::json::string_at(*object, "name")
                       : Result<std::string>(fail(std::move(object).error()));
    if (!item) {
      log::error("agent", "an item is left out: {}", item.error().line());
      continue;
    }
    std::string compact = wire::json::compact(*object);
    CO_TRY(co_await works_.put(*item, compact));
    loaded_.push_back({*std::move(item), std::move(compact)});
    CO_TRY(co_await world_.disk.remove(file));
  }
  co_return Result<>{};
}

aio::Task<Result<Identity>> Folder::load() {
  std::string text = CO_TRY(co_await world_.disk.read_file(path_ + "/agent.json", state_most));
  co_return identity_from(CO_TRY(wire::json::parse_object(text, path_ + "/agent.json")));
}

aio::Task<Result<>> Folder::save(Identity identity) {
  co_return co_await world_.disk.write_file(path_ + "/agent.json",
                                            wire::json::pretty(to_json(identity)));
}

aio::Task<Result<Folder::Keys>> Folder::load_keys() {
  std::string text = CO_TRY(co_await world_.disk.read_file(path_ + "/identity.pem", key_most));
  size_t end = text.rfind("-----BEGIN PRIVATE KEY-----");
  if (end == std::string::npos)
    co_return fail(Code::corrupt, fmt::format("{}/identity.pem holds no key", path_));
  co_return Keys{text.substr(0, end), Secret(text.substr(end))};
}

aio::Task<Result<>> Folder::save_keys(Keys keys) {
  CO_TRY(co_await world_.disk.write_file(path_ + "/identity.pem",
                                         keys.certificate + keys.key.reveal()));
  co_return co_await erase(world_, path_ + "/joining.pem");
}

aio::Task<Result<trust::KeyPair>> Folder::joining_key(std::string name) {
  std::string file = path_ + "/joining.pem";
  auto text = co_await world_.disk.read_file(file, key_most);
  size_t begin = text ? text->find("-----BEGIN CERTIFICATE REQUEST-----") : std::string::npos;
  if (begin != std::string::npos && begin > 0)
    co_return trust::KeyPair{Secret(text->substr(0, begin)), text->substr(begin)};
  auto pair = CO_TRY(trust::make_key(name));
  CO_TRY(co_await world_.disk.write_file(file, pair.key_pem.reveal() + pair.request_pem));
  co_return pair;
}

aio::Task<Result<>> Folder::save_work(const model::HostWork& given) {
  model::HostWork work = given;
  std::string name = file_name(work.name) + ".json";
  wire::json::Object whole = protocol::to_json(work);
  bool stripped = strip_secrets(work);
  if (stripped && run_.empty())
    co_return fail(Code::unsupported,
                   "the item has secrets, and this machine has no tmpfs to keep them in");
  if (stripped) {
    CO_TRY(co_await world_.disk.make_dirs(run_ + "/works"));
    CO_TRY(co_await world_.disk.write_file(run_ + "/works/" + name, wire::json::compact(whole)));
  }
  wire::json::Object kept = protocol::to_json(work);
  kept["stripped"] = stripped;
  co_return co_await works_.put(work.name, wire::json::compact(kept));
}

aio::Task<Result<>> Folder::erase_work(std::string name) {
  std::string file = file_name(name) + ".json";
  if (!run_.empty()) CO_TRY(co_await erase(world_, run_ + "/works/" + file));
  CO_TRY(co_await works_.erase(name));
  co_return co_await erase_done(name);
}

aio::Task<Result<std::vector<Folder::Kept>>> Folder::load_works() {
  std::vector<Kept> out;
  for (const Works::Text& each : std::exchange(loaded_, {})) {
    std::string name = file_name(each.name) + ".json";
    auto object = wire::json::parse_object(each.text, each.name, work_limits);
    auto work = object ? protocol::host_work_from(*object)
                       : Result<model::HostWork>(fail(std::move(object).error()));
    if (!work) {
      log::error("agent", "an item is left out: {}", work.error().line());
      continue;
    }
    Kept kept{*std::move(work), wire::json::bool_or(*object, "stripped", false).value_or(false)};
    if (kept.lacks_secrets && !run_.empty()) {
      auto whole = co_await world_.disk.read_file(run_ + "/works/" + name, state_most);
      auto parsed = whole ? wire::json::parse_object(*whole, name, work_limits)
                          : Result<wire::json::Object>(fail(std::move(whole).error()));
      auto complete = parsed ? protocol::host_work_from(*parsed)
                             : Result<model::HostWork>(fail(std::move(parsed).error()));
      if (complete && complete->digest == kept.work.digest) kept = {*std::move(complete), false};
    }
    out.push_back(std::move(kept));
  }
  co_return out;
}

aio::Task<Result<>> Folder::save_done(std::string name, Done done) {
  done_.insert(file_name(name) + ".done");
  wire::json::Object object;
  object["digest"] = done.digest;
  object["code"] = done.code;
  object["signal"] = done.signal;
  object["why"] = done.why;
  object["output"] = done.output;
  object["at"] = done.at.ns;
  co_return co_await world_.disk.write_file(path_ + "/works/" + file_name(name) + ".done",
                                            wire::json::compact(object));
}

aio::Task<Result<std::optional<Done>>> Folder::load_done(std::string name) {
  if (!done_.contains(file_name(name) + ".done")) co_return std::nullopt;
  std::string file = path_ + "/works/" + file_name(name) + ".done";
  auto text = co_await world_.disk.read_file(file, state_most);
  if (!text && text.error().code == Code::not_found) co_return std::nullopt;
  if (!text) co_return fail(std::move(text).error());
  auto object = CO_TRY(wire::json::parse_object(*text, file));
  Done out;
  out.digest = CO_TRY(wire::json::string_at(object, "digest"));
  out.code = static_cast<int>(CO_TRY(wire::json::int_at(object, "code")));
  out.signal = static_cast<int>(CO_TRY(wire::json::int_at(object, "signal")));
  out.why = CO_TRY(wire::json::string_or(object, "why", ""));
  out.output = CO_TRY(wire::json::string_or(object, "output", ""));
  out.at.ns = CO_TRY(wire::json::int_or(object, "at", 0));
  co_return out;
}

aio::Task<Result<>> Folder::erase_done(std::string name) {
  if (done_.erase(file_name(name) + ".done") == 0) co_return Result<>{};
  co_return co_await erase(world_, path_ + "/works/" + file_name(name) + ".done");
}

std::string Folder::log_file(const std::string& name) const {
  return path_ + "/logs/" + file_name(name) + ".log";
}

std::string Folder::own_folder(const std::string& name) const {
  return path_ + "/data/" + file_name(name);
}

Result<std::string> Folder::secrets_folder(const std::string& name) const {
  if (run_.empty()) return fail(Code::unsupported, "this machine has no tmpfs for secrets");
  return run_ + "/secrets-" + file_name(name);
}

std::string Folder::runtime_mark(const std::string& name) const {
  return (run_.empty() ? path_ : run_) + "/runtime-" + name;
}

std::string Folder::socket_file(const std::string& name) const {
  return (run_.empty() ? path_ : run_) + "/n-" + sha256_hex(name).substr(0, 16);
}

}  // namespace croft::agent
