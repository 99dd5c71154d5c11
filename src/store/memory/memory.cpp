// The store for tests and simulation: nothing is kept. Behaves as sqlite/ does in all else.
#include "store/queued_store.h"

namespace croft::store {
namespace {

class Nothing : public Backing {
 public:
  aio::Task<Result<>> persist(const Batch& batch) override {
    for (const ColdWrite& write : batch.cold) {
      if (write.value)
        cold_[write.key] = *write.value;
      else
        cold_.erase(write.key);
    }
    co_return Result<>{};
  }
  aio::Task<Result<ColdValues>> read(const std::vector<std::string>& keys) override {
    ColdValues out;
    for (const std::string& key : keys) {
      auto at = cold_.find(key);
      out.push_back(at == cold_.end() ? std::nullopt : std::optional(at->second));
    }
    co_return out;
  }
  aio::Task<Result<>> close() override { co_return Result<>{}; }

 private:
  std::map<std::string, std::string> cold_;
};

}  // namespace

std::unique_ptr<Store> open_memory(aio::World& world) {
  return make_queued_store(world, std::make_unique<Nothing>(), {});
}

}  // namespace croft::store
