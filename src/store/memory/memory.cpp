// The store for tests and simulation: nothing is kept. Behaves as sqlite/ does in all else.
#include "store/queued_store.h"

namespace croft::store {
namespace {

class Nothing : public Backing {
 public:
  aio::Task<Result<>> persist(const Batch&) override { co_return Result<>{}; }
  aio::Task<Result<>> close() override { co_return Result<>{}; }
};

}  // namespace

std::unique_ptr<Store> open_memory(aio::World& world) {
  return make_queued_store(world, std::make_unique<Nothing>(), {});
}

}  // namespace croft::store
