#include "aio/sim/sim_disk.h"

#include "aio/system_error.h"
#include "base/text.h"

namespace croft::aio {

namespace {
std::unexpected<Error> failed(int number, std::string_view verb, const std::string& path) {
  return fail(system_error(number, fmt::format("cannot {} '{}'", verb, path)));
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool below(const std::string& path, const std::string& folder) {
  if (folder == "/") return true;
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}
}  // namespace

std::string sim_path(std::string_view path) {
  std::string out;
  for (const auto& part : split(path, '/'))
    if (!part.empty() && part != ".") out += "/" + part;
  return out.empty() ? "/" : out;
}

void SimDisk::Node::apply(std::string& data, const Change& change) {
  if (change.truncates) {
    data.resize(change.offset);
    return;
  }
  if (data.size() < change.offset + change.data.size())
    data.resize(change.offset + change.data.size());
  data.replace(change.offset, change.data.size(), change.data);
}

void SimDisk::NameChange::apply(std::map<std::string, NodePtr>& names, const NameChange& change) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.node;
}

void SimDisk::fail_at(Fault fault, uint64_t at, Duration lasts) {
  outage_ = {fault, at + (fault == Fault::full ? writes_ : syncs_), lasts, std::nullopt};
}

bool SimDisk::fails_now(Fault fault, uint64_t number) {
  if (outage_.at == 0 || outage_.fault != fault || number < outage_.at) return false;
  if (!outage_.until) outage_.until = loop_.now() + outage_.lasts;
  return loop_.now() < *outage_.until;
}

class SimFile final : public SyncFile {
 public:
  SimFile(SimDisk& disk, SimDisk::NodePtr node) : disk_(disk), node_(std::move(node)) {}

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    if (offset >= node_->data.size()) return size_t{0};
    size_t count = std::min<size_t>(into.size(), node_->data.size() - offset);
    memcpy(into.data(), node_->data.data() + offset, count);
    return count;
  }
  Result<> write_at(uint64_t offset, std::string_view data) override {
    if (disk_.full || disk_.fails_now(SimDisk::Fault::full, ++disk_.writes_))
      return fail(system_error(ENOSPC, "cannot write a file"));
    disk_.loop_.trace(data);
    disk_.bytes_written += data.size();
    change({offset, std::string(data), false});
    return {};
  }
  Result<> sync() override {
    disk_.loop_.trace("sync");
    if (disk_.sync_fails || disk_.fails_now(SimDisk::Fault::broken, ++disk_.syncs_))
      return fail(system_error(EIO, "cannot sync a file"));
    for (const auto& each : node_->unsynced) SimDisk::Node::apply(node_->durable, each);
    node_->unsynced.clear();
    return {};
  }
  Result<uint64_t> size() override { return node_->data.size(); }
  Result<> truncate(uint64_t size) override {
    disk_.loop_.trace("truncate");
    change({size, {}, true});
    return {};
  }

 private:
  void change(SimDisk::Change change) {
    SimDisk::Node::apply(node_->data, change);
    node_->unsynced.push_back(std::move(change));
    node_->modified = {disk_.loop_.now().ns};
  }
  SimDisk& disk_;
  SimDisk::NodePtr node_;
};

Result<> SimDisk::parent_exists(const std::string& path) const {
  if (folders_.contains(folder_of(path))) return {};
  return failed(ENOENT, "reach", path);
}

void SimDisk::change_name(NameChange change) {
  loop_.trace(change.from);
  loop_.trace(change.to);
  NameChange::apply(names_, change);
  unsynced_names_.push_back(std::move(change));
}

Result<std::unique_ptr<SyncFile>> SimDisk::open(const std::string& text, OpenMode mode) {
  std::string path = sim_path(text);
  if (folders_.contains(path)) return failed(EISDIR, "open", path);
  auto found = names_.find(path);
  if (found != names_.end()) {
    if (mode == OpenMode::create_new) return failed(EEXIST, "open", path);
    return std::make_unique<SimFile>(*this, found->second);
  }
  if (mode == OpenMode::read || mode == OpenMode::read_write) return failed(ENOENT, "open", path);
  TRY(parent_exists(path));
  auto node = std::make_shared<Node>();
  node->modified = {loop_.now().ns};
  change_name({"", path, node});
  return std::make_unique<SimFile>(*this, std::move(node));
}

Result<> SimDisk::rename(const std::string& from_text, const std::string& to_text) {
  std::string from = sim_path(from_text), to = sim_path(to_text);
  auto found = names_.find(from);
  if (found == names_.end()) {
    if (folders_.contains(from))
      return fail(Code::unsupported, "the simulated disk cannot rename a folder");
    return failed(ENOENT, "rename", from);
  }
  if (folders_.contains(to)) return failed(EISDIR, "replace", to);
  TRY(parent_exists(to));
  if (from != to) change_name({from, to, found->second});
  return {};
}

Result<> SimDisk::remove(const std::string& text) {
  std::string path = sim_path(text);
  if (folders_.contains(path)) return failed(EISDIR, "remove", path);
  if (!names_.contains(path)) return failed(ENOENT, "remove", path);
  change_name({path, "", nullptr});
  return {};
}

Result<> SimDisk::remove_tree(const std::string& text) {
  std::string path = sim_path(text);
  std::vector<std::string> gone;
  for (const auto& [name, node] : names_)
    if (name == path || below(name, path)) gone.push_back(name);
  for (const auto& name : gone) change_name({name, "", nullptr});
  std::erase_if(folders_, [&](const std::string& each) {
    return each != "/" && (each == path || below(each, path));
  });
  return {};
}

Result<> SimDisk::make_dirs(const std::string& text) {
  for (std::string path = sim_path(text); path != "/"; path = folder_of(path)) {
    if (names_.contains(path)) return failed(ENOTDIR, "make the folder", path);
    folders_.insert(path);
  }
  return {};
}

Result<> SimDisk::sync_dir(const std::string& text) {
  std::string path = sim_path(text);
  if (!folders_.contains(path)) return failed(ENOENT, "sync the folder", path);
  loop_.trace("sync_dir");
  if (sync_fails) return failed(EIO, "sync the folder", path);
  for (auto it = unsynced_names_.begin(); it != unsynced_names_.end();) {
    bool here = (!it->from.empty() && folder_of(it->from) == path) ||
                (!it->to.empty() && folder_of(it->to) == path);
    if (here) NameChange::apply(durable_names_, *it);
    it = here ? unsynced_names_.erase(it) : std::next(it);
  }
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& text) {
  std::string path = sim_path(text);
  if (!folders_.contains(path))
    return failed(names_.contains(path) ? ENOTDIR : ENOENT, "list", path);
  std::set<std::string> out;
  size_t skip = path == "/" ? 1 : path.size() + 1;
  auto add = [&](const std::string& name) {
    if (name != "/" && folder_of(name) == path) out.insert(name.substr(skip));
  };
  for (const auto& [name, node] : names_) add(name);
  for (const auto& name : folders_) add(name);
  return std::vector<std::string>(out.begin(), out.end());
}

Result<FileInfo> SimDisk::info(const std::string& text) {
  std::string path = sim_path(text);
  FileInfo out;
  if (folders_.contains(path)) {
    out.is_directory = true;
    out.mode = 0700;
    return out;
  }
  auto found = names_.find(path);
  if (found == names_.end()) return failed(ENOENT, "look at", path);
  out.size = found->second->data.size();
  out.modified = found->second->modified;
  out.mode = 0600;
  return out;
}

void SimDisk::lose(Node& node) {
  for (auto& change : node.unsynced) {
    uint64_t fate = loop_.random.below(3);
    if (fate == 0) continue;
    if (fate == 1 && !change.truncates) {
      // Torn: whole sectors reach the disk, in any combination. Sectors are aligned in the file.
      for (size_t done = 0; done < change.data.size();) {
        size_t in_sector = (change.offset + done) % sector;
        size_t count = std::min(sector - in_sector, change.data.size() - done);
        if (loop_.random.chance(0.5))
          Node::apply(node.durable, {change.offset + done, change.data.substr(done, count), false});
        done += count;
      }
      continue;
    }
    Node::apply(node.durable, change);
  }
  node.unsynced.clear();
}

void SimDisk::crash() {
  loop_.trace("power cut");
  for (const auto& change : unsynced_names_)
    if (loop_.random.chance(0.5)) NameChange::apply(durable_names_, change);
  unsynced_names_.clear();
  std::map<std::string, NodePtr> after;
  std::map<Node*, NodePtr> moved;  // one node may have two names after half a rename
  for (const auto& [name, node] : durable_names_) {
    auto& fresh = moved[node.get()];
    if (!fresh) {
      fresh = std::make_shared<Node>(*node);
      lose(*fresh);
      fresh->data = fresh->durable;
    }
    after[name] = fresh;
    for (std::string folder = folder_of(name); folder != "/"; folder = folder_of(folder))
      folders_.insert(folder);
  }
  names_ = durable_names_ = std::move(after);
}

}  // namespace croft::aio
