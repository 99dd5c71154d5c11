// One watch on all keys of the store, from which those who watch are told. A watch of etcd is taken
// for a hint (releases before 3.4.25 may lose events, a member that is cut off is just silent): it
// is doubted every few seconds, and begun again where it was when it does not keep up. Loop thread
// only.
#pragma once
#include "aio/sync.h"
#include "store/etcd/gateway.h"
#include "store/watch_hub.h"

namespace croft::store::etcd {

class Watcher {
 public:
  /// `all`: every key that commits write; told are those behind `prefix`.
  Watcher(Gateway& gateway, Range all, std::string prefix)
      : gateway_(gateway), all_(std::move(all)), prefix_(std::move(prefix)) {}

  /// Changes behind `revision` will be told.
  std::unique_ptr<Watch> add(Range range, uint64_t revision);
  /// Reads what etcd tells, until it is cancelled.
  aio::Task<Result<>> run();
  void close() { hub_->close(); }
  bool started() const { return next_ != 0; }

 private:
  aio::Task<Result<>> follow(size_t member);
  aio::Task<Result<>> doubt(size_t member);
  aio::Task<Result<>> take(std::string_view line);
  aio::Task<Result<>> start_over();

  Gateway& gateway_;
  Range all_;
  std::string prefix_;
  std::shared_ptr<WatchHub> hub_ = std::make_shared<WatchHub>();
  uint64_t next_ = 0;  ///< the first revision that was not told yet
};

}  // namespace croft::store::etcd
