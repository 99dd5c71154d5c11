// SQLite on a simulated disk, so that a simulated crash loses or tears what SQLite had not synced.
// One VFS a store; no locks (one process uses a file), no shared memory (exclusive WAL needs none).
#pragma once
#include <memory>
#include <string>

#include "aio/world.h"

namespace croft::store {

/// Registered while it lives; must outlive the connections that use it. `disk` and `world` too.
class SimVfs {
 public:
  SimVfs(aio::World& world, aio::SyncDisk& disk);
  ~SimVfs();
  SimVfs(const SimVfs&) = delete;
  SimVfs& operator=(const SimVfs&) = delete;
  const std::string& name() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace croft::store
