// All the items of a host: taken durably, made so, kept so, by itself whether or not a controller
// is there. A workload outlives the Supervisor; the next one finds it. Loop thread only.
#pragma once
#include <map>
#include <memory>
#include <optional>

#include "agent/item.h"
#include "agent/stats.h"
#include "aio/scope.h"
#include "aio/sync.h"

namespace croft::agent {

class Supervisor {
 public:
  /// `make`: another makes the items (a simulation's, which start no processes).
  Supervisor(aio::World& world, Folder& folder, Launcher& launcher, ItemMaker make = make_item)
      : place_{world, folder, launcher}, make_(std::move(make)) {}

  /// Takes up what the folder holds. The running coroutine must await finish() at the end.
  aio::Task<Result<>> start();
  /// Stops supervising; workloads run on.
  aio::Task<Result<>> finish();

  /// Returns once the item is kept. The same item (name and digest) again changes nothing.
  aio::Task<Result<model::WorkState>> apply(model::HostWork work);
  /// Returns once it is gone. No such item: success.
  aio::Task<Result<>> remove(std::string name);
  std::vector<model::WorkState> states() const;
  /// Those whose process runs.
  std::vector<Workload> workloads() const;
  /// Items that tell figures of their own, and run.
  std::vector<const Item*> tellers() const;
  /// Code::not_found with the nearest name.
  Result<const Item*> find(const std::string& name) const;
  Result<> signal(const std::string& name, int number);
  /// To be called now and then: keeps logs within their limits.
  aio::Task<Result<>> tend_logs();

  /// Told of every change of a state.
  std::function<void(const model::WorkState&)> on_change;

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Item> item;
    std::optional<Mark> mark;
    std::optional<model::HostWork> next;
    bool removing = false, lacks_secrets = false;
    bool half_changed = false;  ///< it could not be ended to become another
    aio::Event poke;            ///< something else is wanted
    aio::Signal removed;
    std::optional<Result<>> end;  ///< how removing went
    uint64_t log_size = 0;        ///< when it was last looked at
    aio::Mutex writing;
  };
  using Entries = std::map<std::string, std::shared_ptr<Entry>>;

  std::shared_ptr<Entry> add(model::HostWork work);
  aio::Task<Result<>> drive(std::shared_ptr<Entry> entry);
  // Not inlined: what they need is no part of what each item holds all the time.
  [[gnu::noinline]] aio::Task<Result<bool>> change(Entry& entry);
  [[gnu::noinline]] aio::Task<Result<>> until_poked(Entry& entry, Duration most);
  aio::Task<Result<>> keep_one(Entry& entry);
  aio::Task<Result<>> clear_strays(std::vector<Mark> strays);
  void changed(const model::WorkState& state) {
    if (on_change) on_change(state);
  }

  Place place_;
  ItemMaker make_;
  Entries entries_;
  std::optional<aio::Scope> scope_;
};

}  // namespace croft::agent
