// One item of host work, made so and kept so. Each kind of work has one subclass. The Supervisor
// drives it: keep() until something else is wanted, then end(). Loop thread only.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "agent/folder.h"
#include "agent/launch.h"
#include "agent/logs.h"
#include "aio/world.h"

namespace croft::agent {

/// What items need of the agent.
struct Place {
  aio::World& world;
  Folder& folder;
  Launcher& launcher;
};

class Item {
 public:
  using Phase = model::WorkState::Phase;
  Item(Place& place, model::HostWork work, std::function<void(const model::WorkState&)> changed);
  virtual ~Item() = default;
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  /// A process of it that runs from before this agent's start. Before keep().
  virtual void adopt(Mark mark) { static_cast<void>(mark); }
  /// Makes it so and keeps it so until cancelled. Returns early when there is nothing to keep; an
  /// error: it is not so, and another try is pointless. A workload survives the cancellation.
  virtual aio::Task<Result<>> keep() = 0;
  /// Undoes it, after keep() has returned. `next`: what the item becomes; null: it is removed.
  virtual aio::Task<Result<>> end(const model::HostWork* next) = 0;
  virtual Result<> signal(int number);
  /// Of items that have an output.
  virtual std::optional<LogLimits> log_limits() const { return std::nullopt; }

  const model::WorkState& state() const { return state_; }
  const model::HostWork& work() const { return work_; }
  /// Tells a change, once: the same phase with the same words is none. Its secrets are masked.
  void say(Phase phase, std::string why = "");
  /// Its secrets went with the machine's memory: it is not what it was any more, and says so.
  void lacks_secrets() { state_.digest.clear(); }

 protected:
  /// What its program wrote, to be told: its secrets are masked.
  std::string written(const std::string& log_file, uint64_t from) const;

  Place& place_;
  model::HostWork work_;
  model::WorkState state_;

 private:
  std::function<void(const model::WorkState&)> changed_;
  std::set<std::string> secrets_;
};

using ItemMaker = std::function<std::unique_ptr<Item>(
    Place& place, model::HostWork work, std::function<void(const model::WorkState&)> changed)>;

/// Of the kind that `work` is.
std::unique_ptr<Item> make_item(Place& place, model::HostWork work,
                                std::function<void(const model::WorkState&)> changed);

std::unique_ptr<Item> make_process_item(Place&, model::HostWork,
                                        std::function<void(const model::WorkState&)>);
std::unique_ptr<Item> make_run_item(Place&, model::HostWork,
                                    std::function<void(const model::WorkState&)>);
std::unique_ptr<Item> make_file_item(Place&, model::HostWork,
                                     std::function<void(const model::WorkState&)>);
std::unique_ptr<Item> make_fetch_item(Place&, model::HostWork,
                                      std::function<void(const model::WorkState&)>);
std::unique_ptr<Item> make_probe_item(Place&, model::HostWork,
                                      std::function<void(const model::WorkState&)>);

// ---- what items of several kinds do alike ----

/// Whole or not at all, with its owner and mode from the first moment on. Blocks.
Result<> put_file(const std::string& path, const std::string& content, int mode, const User& owner);
/// Missing folders above `path`, 0755. Blocks.
Result<> make_parents(const std::string& path);
/// Environment, user, folders and secrets of a program of this item. Blocks.
struct Program {
  std::string name, user, group, directory;
  const std::map<std::string, std::string>* environment = nullptr;
  const std::vector<model::SecretFile>* secrets = nullptr;
  std::string notify_socket;
  std::string runtime_directory;  ///< a name in /run
};
Result<Launch> prepare_launch(Folder& folder, const Program& program);
/// The folder that prepare_launch() made for it in /run; another's stays. Blocks.
void remove_runtime_directory(Folder& folder, const std::string& item, const std::string& name);
/// Its own folder, its secrets, its log files. Blocks.
void remove_traces(Folder& folder, const std::string& name);
/// The cgroup's name of an item's processes.
std::string cgroup_name(const std::string& name);

}  // namespace croft::agent
