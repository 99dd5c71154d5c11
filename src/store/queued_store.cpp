#include "store/queued_store.h"

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/log.h"
#include "store/batch_planner.h"
#include "store/changes.h"
#include "store/watch_hub.h"

namespace croft::store {
namespace {

constexpr size_t waiting_max = 65'536;  // commits; further ones are refused
constexpr size_t batch_commits_max = 1'024;
// Small against what the log holds before it is folded, and the reserve of a full disk is measured
// by both. One commit may exceed it, alone.
constexpr size_t batch_bytes_max = 2 << 20;
constexpr size_t reads_max = 64;  // cold values between two batches
constexpr Duration expiry_retry = Duration::seconds(1);
constexpr Duration tidy_pause_idle = Duration::milliseconds(20);  // between two steps
constexpr Duration tidy_pause_busy = Duration::milliseconds(100);

struct Lease {
  Duration ttl;
  Moment expires;
  bool ending = false;  ///< its end is being written
};

/// One call that waits for its batch.
struct Request {
  enum class Kind { commit, grant, revoke, expire };
  Kind kind = Kind::commit;
  std::vector<Condition> conditions;
  std::vector<Change> changes;
  uint64_t lease = 0;
  Duration ttl;
  size_t bytes = 0;
  bool frees = false;  ///< may be written when the disk is full
  Result<uint64_t> outcome = 0;
  aio::Waiter<uint64_t> done;
};
using RequestPtr = std::shared_ptr<Request>;

/// One call that waits for a cold value.
struct Reading {
  std::string key;
  aio::Waiter<std::optional<std::string>> done;
};
using ReadingPtr = std::shared_ptr<Reading>;

/// Shared by the Store and its detached tasks, so that either may end first.
class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(aio::World& world, std::unique_ptr<Backing> backing, Content content)
      : world_(world),
        backing_(std::move(backing)),
        table_(std::move(content.table)),
        revision_(content.revision) {
    for (const auto& [lease, ttl] : content.leases)
      leases_[lease] = {ttl, world_.clock.now() + ttl};
  }

  static aio::Task<Result<uint64_t>> submit(std::shared_ptr<Core> self, RequestPtr request);
  static aio::Task<Result<std::optional<std::string>>> read(std::shared_ptr<Core> self,
                                                            std::string key);
  static aio::Task<Result<>> close(std::shared_ptr<Core> self);
  void start_expiry();
  void start_tidy();
  void started() { backing_->started(); }
  Result<> renew(uint64_t lease);
  uint64_t new_lease();
  void abandon() {
    closing_ = true;
    expiry_cancel_.request();
    tidy_cancel_.request();
    hub->close();
  }

  const Table& table() const { return table_; }
  uint64_t revision() const { return revision_; }
  std::shared_ptr<WatchHub> hub = std::make_shared<WatchHub>();

 private:
  static aio::Task<void> write_loop(std::shared_ptr<Core> self);
  static aio::Task<void> expire_loop(std::shared_ptr<Core> self);
  static aio::Task<void> tidy_loop(std::shared_ptr<Core> self);
  aio::Task<void> write_all(std::vector<RequestPtr> requests);
  aio::Task<Result<>> write_batch(std::vector<RequestPtr> requests, bool frees);
  aio::Task<void> tidy_step();
  aio::Task<void> read_batch();
  void start_work();
  std::vector<RequestPtr> take_batch();
  Result<uint64_t> plan(BatchPlanner& planner, Request& request);
  void settle(Batch batch);
  bool lives(uint64_t lease) const;
  std::vector<uint64_t> due() const;
  std::optional<Moment> next_expiry() const;

  aio::World& world_;
  std::unique_ptr<Backing> backing_;
  Table table_;
  uint64_t revision_;
  std::map<uint64_t, Lease> leases_;
  std::deque<RequestPtr> queue_;
  std::deque<ReadingPtr> readings_;
  bool writing_ = false;
  bool expiring_ = false;
  bool tidying_ = false;
  bool tidy_due_ = false;   ///< the write loop is to do a step
  uint64_t batches_ = 0;    ///< written so far
  uint64_t tidied_at_ = 0;  ///< `batches_` at the last step
  bool closing_ = false;
  bool closed_ = false;
  aio::CancelState expiry_cancel_;
  aio::CancelState tidy_cancel_;
  aio::Signal tidied_;
  aio::Signal leases_changed_;
  aio::Signal quiet_;  ///< a detached task ended
};

aio::Task<Result<uint64_t>> Core::submit(std::shared_ptr<Core> self, RequestPtr request) {
  if (self->closing_) co_return fail(Code::unavailable, "the store is closed");
  if (self->queue_.size() >= waiting_max)
    co_return fail(Code::resource_exhausted,
                   fmt::format("{} commits wait for the disk already", waiting_max));
  for (const Change& change : request->changes)
    request->bytes += change.key.size() + (change.value ? change.value->size() : 0);
  request->frees = request->kind == Request::Kind::commit ? frees(request->changes, self->table_)
                                                          : request->kind != Request::Kind::grant;
  // While it waits it can be taken back; once its batch is being written it has to be awaited.
  request->done.on_cancel([core = self.get(), raw = request.get()] {
    auto it = std::find_if(core->queue_.begin(), core->queue_.end(),
                           [&](const RequestPtr& r) { return r.get() == raw; });
    if (it == core->queue_.end()) return;
    RequestPtr keep = *it;
    core->queue_.erase(it);
    raw->done.complete(fail(aio::cancelled_error()));
  });
  self->queue_.push_back(request);
  self->start_work();
  co_return co_await request->done;
}

void Core::start_work() {
  if (writing_) return;
  writing_ = true;
  aio::detach(world_.executor, write_loop(shared_from_this()));
}

aio::Task<Result<std::optional<std::string>>> Core::read(std::shared_ptr<Core> self,
                                                         std::string key) {
  if (self->closing_) co_return fail(Code::unavailable, "the store is closed");
  if (self->readings_.size() >= waiting_max)
    co_return fail(Code::resource_exhausted,
                   fmt::format("{} reads wait for the disk already", waiting_max));
  auto reading = std::make_shared<Reading>();
  reading->key = std::move(key);
  reading->done.on_cancel([core = self.get(), raw = reading.get()] {
    // One that is being read is awaited.
    if (std::erase_if(core->readings_, [raw](const ReadingPtr& r) { return r.get() == raw; }) > 0)
      raw->done.complete(fail(aio::cancelled_error()));
  });
  self->readings_.push_back(reading);
  self->start_work();
  co_return co_await reading->done;
}

aio::Task<void> Core::read_batch() {
  std::vector<ReadingPtr> taken;
  std::vector<std::string> keys;
  while (!readings_.empty() && taken.size() < reads_max) {
    keys.push_back(readings_.front()->key);
    taken.push_back(std::move(readings_.front()));
    readings_.pop_front();
  }
  if (taken.empty()) co_return;
  Result<ColdValues> values = co_await backing_->read(keys);
  for (size_t i = 0; i < taken.size(); ++i) {
    if (values)
      taken[i]->done.complete(std::move((*values)[i]));
    else
      taken[i]->done.complete(std::unexpected(values.error()));
  }
}

/// One call of the backing at a time: a batch of commits, then what waits to be read; now and then
/// a step of tidying.
aio::Task<void> Core::write_loop(std::shared_ptr<Core> self) {
  while (!self->queue_.empty() || !self->readings_.empty() || self->tidy_due_) {
    co_await self->read_batch();
    if (!self->queue_.empty()) co_await self->write_all(self->take_batch());
    if (self->tidy_due_) co_await self->tidy_step();
  }
  self->writing_ = false;
  self->quiet_.notify();
}

aio::Task<void> Core::write_all(std::vector<RequestPtr> requests) {
  ++batches_;
  Result<> written = co_await write_batch(requests, false);
  std::vector<RequestPtr> again;
  for (const RequestPtr& request : requests) {
    if (written) continue;
    if (request->frees && written.error().code == Code::resource_exhausted)
      again.push_back(request);
    else if (request->outcome)
      request->outcome = std::unexpected(written.error());
  }
  // On a full disk what takes away goes on without what adds.
  if (!again.empty()) {
    written = co_await write_batch(again, true);
    for (const RequestPtr& request : again)
      if (!written && request->outcome) request->outcome = std::unexpected(written.error());
  }
  for (const RequestPtr& request : requests) request->done.complete(std::move(request->outcome));
  start_tidy();
}

void Core::start_tidy() {
  if (tidying_ || closing_ || !backing_->untidy()) return;
  tidying_ = true;
  aio::detach(world_.executor, tidy_loop(shared_from_this()), &tidy_cancel_);
}

aio::Task<void> Core::tidy_step() {
  bool busy = batches_ != tidied_at_;
  Result<> done = co_await backing_->tidy(busy);
  if (!done) log::warn("store", "giving free space back: {}", done.error().line());
  tidied_at_ = batches_;
  tidy_due_ = false;
  tidied_.notify();
}

/// Gives back what deletions left, in steps that others hardly notice.
aio::Task<void> Core::tidy_loop(std::shared_ptr<Core> self) {
  while (!self->closing_ && self->backing_->untidy()) {
    bool busy = self->batches_ != self->tidied_at_;
    auto slept = co_await self->world_.clock.sleep(busy ? tidy_pause_busy : tidy_pause_idle);
    if (!slept || self->closing_) break;
    self->tidy_due_ = true;
    self->start_work();
    while (self->tidy_due_) {
      auto waited = co_await aio::shield(self->tidied_.wait());
      static_cast<void>(waited);
    }
  }
  self->tidying_ = false;
  self->quiet_.notify();
}

std::vector<RequestPtr> Core::take_batch() {
  std::vector<RequestPtr> out;
  size_t bytes = 0;
  while (!queue_.empty() && out.size() < batch_commits_max) {
    if (!out.empty() && bytes + queue_.front()->bytes > batch_bytes_max) break;
    bytes += queue_.front()->bytes;
    out.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return out;
}

aio::Task<Result<>> Core::write_batch(std::vector<RequestPtr> requests, bool frees) {
  BatchPlanner planner(table_, revision_);
  for (const RequestPtr& request : requests) request->outcome = plan(planner, *request);
  if (planner.empty()) co_return Result<>{};
  Batch batch = std::move(planner.batch());
  batch.frees = frees;
  world_.crash.pass("store.commit.before");
  Result<> written = co_await backing_->persist(batch);
  world_.crash.pass("store.commit.after");
  if (!written) {
    for (const LeaseWrite& lease : batch.leases)
      if (auto it = leases_.find(lease.lease); it != leases_.end()) it->second.ending = false;
    co_return written;
  }
  settle(std::move(batch));
  co_return Result<>{};
}

Result<uint64_t> Core::plan(BatchPlanner& planner, Request& request) {
  auto lease_lives = [this](uint64_t lease) { return lives(lease); };
  switch (request.kind) {
    case Request::Kind::commit:
      // One that frees may have to be planned a second time.
      if (request.frees) return planner.commit(request.conditions, request.changes, lease_lives);
      return planner.commit(request.conditions, std::move(request.changes), lease_lives);
    case Request::Kind::grant:
      planner.grant(request.lease, request.ttl);
      return request.lease;
    case Request::Kind::revoke:
    case Request::Kind::expire: {
      auto it = leases_.find(request.lease);
      if (it == leases_.end() || it->second.ending)
        return fail(Code::not_found, fmt::format("lease {:x} has ended", request.lease));
      // A renewal may have come between the alarm and this turn.
      if (request.kind == Request::Kind::expire && it->second.expires > world_.clock.now())
        return request.lease;
      it->second.ending = true;
      planner.drop(request.lease);
      return request.lease;
    }
  }
  return fail(Code::internal, "unknown kind of request");
}

void Core::settle(Batch batch) {
  revision_ = batch.revision;
  for (const LeaseWrite& lease : batch.leases) {
    if (lease.deleted)
      leases_.erase(lease.lease);
    else
      leases_[lease.lease] = {lease.ttl, world_.clock.now() + lease.ttl};
  }
  if (!batch.leases.empty()) start_expiry();
  std::vector<Watched> told = table_.apply(std::move(batch.writes));
  hub->tell(told);
}

bool Core::lives(uint64_t lease) const {
  auto it = leases_.find(lease);
  return it != leases_.end() && !it->second.ending && it->second.expires > world_.clock.now();
}

Result<> Core::renew(uint64_t lease) {
  if (closing_) return fail(Code::unavailable, "the store is closed");
  if (!lives(lease)) return fail(Code::not_found, fmt::format("lease {:x} has ended", lease));
  Lease& found = leases_[lease];
  found.expires = world_.clock.now() + found.ttl;
  return {};
}

uint64_t Core::new_lease() {
  // Not told to anyone before it is durable, so a clash with another new one is only a chance of
  // 2^-63.
  uint64_t lease = 0;
  while (lease == 0 || leases_.contains(lease)) lease = world_.random.next() >> 1;
  return lease;
}

std::optional<Moment> Core::next_expiry() const {
  std::optional<Moment> next;
  for (const auto& [id, lease] : leases_)
    if (!lease.ending && (!next || lease.expires < *next)) next = lease.expires;
  return next;
}

std::vector<uint64_t> Core::due() const {
  std::vector<uint64_t> out;
  for (const auto& [id, lease] : leases_)
    if (!lease.ending && lease.expires <= world_.clock.now()) out.push_back(id);
  return out;
}

void Core::start_expiry() {
  leases_changed_.notify();
  if (expiring_ || closing_ || leases_.empty()) return;
  expiring_ = true;
  aio::detach(world_.executor, expire_loop(shared_from_this()), &expiry_cancel_);
}

aio::Task<void> Core::expire_loop(std::shared_ptr<Core> self) {
  while (!self->closing_) {
    std::optional<Moment> next = self->next_expiry();
    if (!next) break;
    Moment now = self->world_.clock.now();
    if (*next > now) {
      // A shorter lease than the ones we sleep for wakes us.
      auto woken =
          co_await aio::race(self->world_.clock.sleep(*next - now), self->leases_changed_.wait());
      static_cast<void>(woken);
      continue;
    }
    for (uint64_t lease : self->due()) {
      auto request = std::make_shared<Request>();
      request->kind = Request::Kind::expire;
      request->lease = lease;
      Result<uint64_t> ended = co_await submit(self, request);
      if (ended || self->closing_ || ended.error().code == Code::not_found) continue;
      log::warn("store", "lease {:x} could not be ended: {}", lease, ended.error().line());
      auto slept = co_await self->world_.clock.sleep(expiry_retry);
      static_cast<void>(slept);
    }
  }
  self->expiring_ = false;
  self->quiet_.notify();
}

aio::Task<Result<>> Core::close(std::shared_ptr<Core> self) {
  if (self->closed_) co_return Result<>{};
  self->closing_ = true;
  self->expiry_cancel_.request();
  self->tidy_cancel_.request();
  while (self->writing_ || self->expiring_ || self->tidying_) {
    auto waited = co_await aio::shield(self->quiet_.wait());
    static_cast<void>(waited);
  }
  if (self->closed_) co_return Result<>{};
  self->closed_ = true;
  self->hub->close();
  co_return co_await aio::shield(self->backing_->close());
}

class QueuedStore : public Store {
 public:
  explicit QueuedStore(std::shared_ptr<Core> core) : core_(std::move(core)) {
    core_->start_expiry();
    core_->start_tidy();
  }
  ~QueuedStore() override { core_->abandon(); }

  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes) override {
    CO_TRY(check_changes(changes));
    auto request = std::make_shared<Request>();
    request->conditions = std::move(conditions);
    request->changes = std::move(changes);
    co_return co_await Core::submit(core_, std::move(request));
  }
  void started() override { core_->started(); }
  aio::Task<Result<std::optional<Entry>>> get(std::string key) override {
    const Row* row = core_->table().find(key);
    if (!row) co_return std::optional<Entry>{};
    co_return Entry{std::move(key), row->value, row->created, row->modified, row->lease};
  }
  aio::Task<Result<std::vector<Entry>>> range(Range range) override {
    co_return core_->table().range(range);
  }
  aio::Task<Result<std::optional<std::string>>> get_cold(std::string key) override {
    co_return co_await Core::read(core_, std::move(key));
  }
  Result<std::unique_ptr<Watch>> watch(Range range) override {
    return core_->hub->add(std::move(range));
  }

  aio::Task<Result<uint64_t>> grant(Duration ttl) override {
    CO_TRY(check_ttl(ttl));
    auto request = std::make_shared<Request>();
    request->kind = Request::Kind::grant;
    request->lease = core_->new_lease();
    request->ttl = ttl;
    co_return co_await Core::submit(core_, std::move(request));
  }
  aio::Task<Result<>> renew(uint64_t lease) override { co_return core_->renew(lease); }
  aio::Task<Result<>> revoke(uint64_t lease) override {
    auto request = std::make_shared<Request>();
    request->kind = Request::Kind::revoke;
    request->lease = lease;
    CO_TRY(co_await Core::submit(core_, std::move(request)));
    co_return Result<>{};
  }
  uint64_t revision() const override { return core_->revision(); }
  aio::Task<Result<>> close() override { co_return co_await Core::close(core_); }

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace

aio::Task<Result<>> Backing::tidy(bool) {
  co_return Result<>{};
}

aio::Task<Result<std::optional<std::string>>> Store::get_cold(std::string) {
  co_return fail(Code::unsupported, "this store keeps no cold values");
}

std::unique_ptr<Store> make_queued_store(aio::World& world, std::unique_ptr<Backing> backing,
                                         Content content) {
  return std::make_unique<QueuedStore>(
      std::make_shared<Core>(world, std::move(backing), std::move(content)));
}

}  // namespace croft::store
