#include "aio/scope.h"
#include "base/log.h"
#include "store/changes.h"
#include "store/etcd/committer.h"
#include "store/etcd/watcher.h"

namespace croft::store {
namespace {

using namespace etcd;

constexpr size_t page_keys = 500;
constexpr Duration farewell = Duration::seconds(2);

/// Shared by the Store and its detached tasks, so that either may end first. Keys: PREFIXk/... is
/// the table, PREFIXl/... the lanes, PREFIXc/... the cold values.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(aio::World& world, std::unique_ptr<Gateway> gateway)
      : world_(world), gateway_(std::move(gateway)) {}

  static aio::Task<Result<uint64_t>> commit(std::shared_ptr<Core> self,
                                            std::vector<Condition> conditions,
                                            std::vector<Change> changes);
  static aio::Task<Result<std::vector<Entry>>> range(std::shared_ptr<Core> self, Range range);
  static aio::Task<Result<std::optional<std::string>>> get_cold(std::shared_ptr<Core> self,
                                                                std::string key);
  static aio::Task<Result<uint64_t>> grant(std::shared_ptr<Core> self, Duration ttl);
  static aio::Task<Result<>> renew(std::shared_ptr<Core> self, uint64_t lease);
  static aio::Task<Result<>> revoke(std::shared_ptr<Core> self, uint64_t lease);
  static aio::Task<Result<>> close(std::shared_ptr<Core> self);
  static aio::Task<Result<>> open(std::shared_ptr<Core> self);
  Result<std::unique_ptr<Watch>> watch(Range range);
  uint64_t revision() const { return gateway_->revision(); }
  void abandon() {
    closing_ = true;
    background_.request();
    watcher_.close();
  }

 private:
  using Job = aio::Task<Result<>> (*)(Core&);
  static aio::Task<void> background(std::shared_ptr<Core> self, Job job);
  void start(Job job) {
    ++jobs_;
    aio::detach(world_.executor, background(shared_from_this(), job), &background_);
  }
  Result<> usable() const {
    if (closing_) return fail(Code::unavailable, "the store is closed");
    return {};
  }

  aio::World& world_;
  std::unique_ptr<Gateway> gateway_;
  std::string root_ = gateway_->options().prefix;
  std::string table_ = root_ + "k/";
  Session session_{*gateway_, root_ + "l/"};
  Cold cold_{*gateway_, session_, root_ + "c/"};
  Committer committer_{*gateway_, session_, cold_, table_};
  // Lanes are written with every change: what the watch says of them tells that it keeps up.
  Watcher watcher_{*gateway_, Range{table_, root_ + "m"}, table_};
  size_t commits_ = 0;
  size_t jobs_ = 0;
  bool closing_ = false;
  bool closed_ = false;
  aio::CancelState background_;
  aio::Signal quiet_;
};

aio::Task<void> Core::background(std::shared_ptr<Core> self, Job job) {
  auto ended = co_await job(*self);
  if (!ended && ended.error().code != Code::cancelled)
    log::warn("store", "etcd: {}", ended.error().line());
  --self->jobs_;
  self->quiet_.notify();
}

aio::Task<Result<>> Core::open(std::shared_ptr<Core> self) {
  CO_TRY(co_await self->session_.open());
  Range none = prefix(self->table_, 1);
  none.keys_only = true;
  CO_TRY(co_await read_range(*self->gateway_, std::move(none), 0, 1));
  self->start([](Core& core) { return core.session_.keep(); });
  co_return Result<>{};
}

aio::Task<Result<uint64_t>> Core::commit(std::shared_ptr<Core> self,
                                         std::vector<Condition> conditions,
                                         std::vector<Change> changes) {
  CO_TRY(self->usable());
  CO_TRY(check_changes(changes));
  ++self->commits_;
  auto done = co_await self->committer_.commit(std::move(conditions), std::move(changes));
  --self->commits_;
  self->quiet_.notify();
  co_return done;
}

aio::Task<Result<std::vector<Entry>>> Core::range(std::shared_ptr<Core> self, Range range) {
  CO_TRY(self->usable());
  CO_TRY(co_await self->session_.settle());
  range.from = self->table_ + range.from;
  if (!range.to.empty()) range.to = self->table_ + range.to;
  co_return co_await read_range(*self->gateway_, std::move(range), self->table_.size(), page_keys);
}

aio::Task<Result<std::optional<std::string>>> Core::get_cold(std::shared_ptr<Core> self,
                                                             std::string key) {
  CO_TRY(self->usable());
  CO_TRY(co_await self->session_.settle());
  co_return co_await self->cold_.read(std::move(key));
}

aio::Task<Result<uint64_t>> Core::grant(std::shared_ptr<Core> self, Duration ttl) {
  CO_TRY(self->usable());
  CO_TRY(check_ttl(ttl));
  uint64_t lease = new_lease_id(self->world_);
  CO_TRY(co_await grant_lease(*self->gateway_, lease, ttl));
  co_return lease;
}

aio::Task<Result<>> Core::renew(std::shared_ptr<Core> self, uint64_t lease) {
  CO_TRY(self->usable());
  co_return co_await renew_lease(*self->gateway_, lease);
}

aio::Task<Result<>> Core::revoke(std::shared_ptr<Core> self, uint64_t lease) {
  CO_TRY(self->usable());
  co_return co_await revoke_lease(*self->gateway_, lease);
}

Result<std::unique_ptr<Watch>> Core::watch(Range range) {
  TRY(usable());
  bool first = !watcher_.started();
  auto watch = watcher_.add(std::move(range), gateway_->revision());
  if (first) start([](Core& core) { return core.watcher_.run(); });
  return watch;
}

aio::Task<Result<>> Core::close(std::shared_ptr<Core> self) {
  if (self->closed_) co_return Result<>{};
  self->closing_ = true;
  while (self->commits_ > 0) {
    auto waited = co_await aio::shield(self->quiet_.wait());
    static_cast<void>(waited);
  }
  self->background_.request();
  while (self->jobs_ > 0) {
    auto waited = co_await aio::shield(self->quiet_.wait());
    static_cast<void>(waited);
  }
  if (self->closed_) co_return Result<>{};
  self->closed_ = true;
  self->watcher_.close();
  // Where it fails, the session ends by itself.
  auto ended = co_await aio::shield(
      aio::deadline(self->world_.clock, farewell, self->session_.close(), "leaving etcd"));
  static_cast<void>(ended);
  co_return Result<>{};
}

class EtcdStore final : public Store {
 public:
  explicit EtcdStore(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~EtcdStore() override { core_->abandon(); }

  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes) override {
    return Core::commit(core_, std::move(conditions), std::move(changes));
  }
  aio::Task<Result<std::optional<Entry>>> get(std::string key) override {
    Range one{std::move(key), "", 1, false};
    std::vector<Entry> found = CO_TRY(co_await Core::range(core_, std::move(one)));
    if (found.empty()) co_return std::nullopt;
    co_return std::move(found.front());
  }
  aio::Task<Result<std::vector<Entry>>> range(Range range) override {
    return Core::range(core_, std::move(range));
  }
  aio::Task<Result<std::optional<std::string>>> get_cold(std::string key) override {
    return Core::get_cold(core_, std::move(key));
  }
  Result<std::unique_ptr<Watch>> watch(Range range) override {
    return core_->watch(std::move(range));
  }
  aio::Task<Result<uint64_t>> grant(Duration ttl) override { return Core::grant(core_, ttl); }
  aio::Task<Result<>> renew(uint64_t lease) override { return Core::renew(core_, lease); }
  aio::Task<Result<>> revoke(uint64_t lease) override { return Core::revoke(core_, lease); }
  uint64_t revision() const override { return core_->revision(); }
  aio::Task<Result<>> close() override { return Core::close(core_); }

 private:
  std::shared_ptr<Core> core_;
};

aio::Task<Result<std::unique_ptr<Store>>> open_core(aio::World& world, EtcdOptions options) {
  if (!options.prefix.ends_with('/')) options.prefix += '/';
  auto core = std::make_shared<Core>(world, CO_TRY(Gateway::make(world, std::move(options))));
  CO_TRY(co_await Core::open(core));
  co_return std::make_unique<EtcdStore>(std::move(core));
}

}  // namespace

aio::Task<Result<std::unique_ptr<Store>>> open_etcd(aio::World& world, EtcdOptions options) {
  auto store = co_await open_core(world, std::move(options));
  if (!store) co_return fail(std::move(store).error().frame("opening the store on etcd"));
  co_return store;
}

}  // namespace croft::store
