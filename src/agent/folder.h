// What an agent keeps: FOLDER/agent.json (who it is, whom it obeys), its key and certificate,
// works.log (items, without their secrets), works/ (how those that ran have ended), pids/ and ends/
// (marks of workloads), logs/. Secrets lie only in RUN, a tmpfs of this machine. Everything is 0600
// and belongs to the agent. One agent owns a folder: it holds a lock. Loop thread only.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/works.h"
#include "aio/world.h"
#include "base/secret.h"
#include "model/host_work.h"
#include "trust/authority.h"
#include "wire/json.h"

namespace croft::agent {

struct Identity {
  std::vector<std::string> controllers;  ///< HOST:PORT
  std::string pin, instance, address;
  std::string rendezvous;  ///< URL of {"controllers":[...],"epoch":N}; empty: none
  uint64_t epoch = 0;      ///< of the rendezvous object last believed
  uint64_t fence = 0;      ///< the highest seen
};

/// How an item ended that is not begun again: a program that ran, a process that may not restart.
struct Done {
  std::string digest;
  int code = 0, signal = 0;
  std::string why, output;
  WallTime at;
};

/// What the machine is otherwise asked for. Given by a simulation, whose machines are not this one:
/// there is then no lock, and no process to leave a mark.
struct Ground {
  std::string memory;  ///< RUN: a folder that goes when the machine loses its power
  std::string boot;    ///< changes with every start of the machine
};

class Folder {
 public:
  Folder(aio::World& world, std::string path, std::optional<Ground> ground = {})
      : world_(world), path_(std::move(path)), ground_(std::move(ground)), works_(world) {}
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  /// Makes what is missing, takes the lock (Code::conflict when another agent has it) and finds a
  /// tmpfs. What the machine's last start left in pids/ and ends/ goes.
  aio::Task<Result<>> open();
  const std::string& path() const { return path_; }
  const std::string& boot() const { return boot_; }
  /// Changes with every start of the machine (a sandbox, too, where the kernel's own id stays).
  static std::string boot_id();

  /// Code::not_found before the first save.
  aio::Task<Result<Identity>> load();
  aio::Task<Result<>> save(Identity identity);

  /// Certificate and key, together or not at all.
  struct Keys {
    std::string certificate;
    Secret key;
  };
  aio::Task<Result<Keys>> load_keys();
  /// The key and request to join with: the same ones until save_keys(), also over a restart, so
  /// that a join whose answer was lost may be asked again.
  aio::Task<Result<trust::KeyPair>> joining_key(std::string name);
  aio::Task<Result<>> save_keys(Keys keys);

  aio::Task<Result<>> save_work(const model::HostWork& work);
  aio::Task<Result<>> erase_work(std::string name);
  struct Kept {
    model::HostWork work;
    bool lacks_secrets = false;  ///< the machine started anew: only the controller has them
  };
  /// As they were when the folder was opened; once.
  aio::Task<Result<std::vector<Kept>>> load_works();

  aio::Task<Result<>> save_done(std::string name, Done done);
  aio::Task<Result<std::optional<Done>>> load_done(std::string name);
  aio::Task<Result<>> erase_done(std::string name);

  std::string log_file(const std::string& name) const;    ///< logs/NAME.log; then .1, .2 ...
  std::string own_folder(const std::string& name) const;  ///< data/NAME: a working directory
  Result<std::string> secrets_folder(const std::string& name) const;  ///< in RUN
  /// Says for which item the agent has made /run/NAME: no other folder there is used or removed.
  std::string runtime_mark(const std::string& name) const;
  /// A short path in RUN for a unix socket; in FOLDER where there is no tmpfs.
  std::string socket_file(const std::string& name) const;

 private:
  Result<> find_tmpfs();
  Result<> make_marks(const std::string& name);
  Result<> take_lock();
  aio::Task<Result<>> find_ground();
  aio::Task<Result<>> open_works();
  aio::World& world_;
  std::string path_, run_, boot_;
  std::optional<Ground> ground_;
  Works works_;
  std::vector<Works::Text> loaded_;
  std::set<std::string> done_;  ///< file names of those that are there: most items have none
  int lock_ = -1;
};

/// A file name for an item: readable where it can be, unambiguous always.
std::string file_name(const std::string& item);
/// The item without what must not lie on a disk; true when something was taken out.
bool strip_secrets(model::HostWork& work);

}  // namespace croft::agent
