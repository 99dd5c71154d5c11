#include "store/etcd/watcher.h"

#include "aio/scope.h"
#include "base/log.h"

namespace croft::store::etcd {
namespace {

constexpr Duration pause_max = Duration::milliseconds(300);
constexpr size_t line_max = 512 << 20;

/// Tells nothing of what was there when it was made: the stream may lag behind.
class Later final : public Watch {
 public:
  Later(std::unique_ptr<Watch> inner, uint64_t revision)
      : inner_(std::move(inner)), revision_(revision) {}
  aio::Task<Result<std::vector<Watched>>> next() override {
    for (;;) {
      std::vector<Watched> changes = CO_TRY(co_await inner_->next());
      std::erase_if(changes, [&](const Watched& one) { return one.entry.modified <= revision_; });
      if (!changes.empty()) co_return changes;
    }
  }

 private:
  std::unique_ptr<Watch> inner_;
  uint64_t revision_;
};

}  // namespace

std::unique_ptr<Watch> Watcher::add(Range range, uint64_t revision) {
  if (next_ == 0) next_ = revision + 1;
  return std::make_unique<Later>(hub_->add(std::move(range)), revision);
}

aio::Task<Result<>> Watcher::run() {
  aio::World& world = gateway_.world();
  size_t member = gateway_.current();
  for (;;) {
    auto ended = co_await aio::race(follow(member), doubt(member));
    Result<> why = ended.index() == 0 ? std::get<0>(ended) : std::get<1>(ended);
    // The one that lost the race was cancelled; so is the winner when we are.
    if ((co_await aio::here()).cancelled()) co_return fail(aio::cancelled_error());
    if (!why) log::debug("store", "the watch at etcd begins again: {}", why.error().line());
    member = (member + 1) % gateway_.members();
    CO_TRY(co_await world.clock.sleep(Duration::nanoseconds(
        static_cast<int64_t>(world.random.unit() * static_cast<double>(pause_max.ns())))));
  }
}

aio::Task<Result<>> Watcher::follow(size_t member) {
  auto stream = CO_TRY(co_await gateway_.stream(member, "watch", watch_request(all_, next_)));
  std::string buffer;
  std::array<char, 16 << 10> some;
  size_t searched = 0;
  for (;;) {
    size_t got = CO_TRY(co_await stream->read(some));
    if (got == 0) co_return fail(Code::unavailable, "the member ended the watch");
    buffer.append(some.data(), got);
    size_t begin = 0;
    for (size_t end; (end = buffer.find('\n', std::max(begin, searched))) != buffer.npos;) {
      CO_TRY(co_await take(std::string_view(buffer).substr(begin, end - begin)));
      begin = end + 1;
    }
    buffer.erase(0, begin);
    searched = buffer.size();
    if (buffer.size() > line_max) co_return fail(Code::corrupt, "etcd tells an event without end");
  }
}

aio::Task<Result<>> Watcher::take(std::string_view line) {
  if (line.empty()) co_return Result<>{};
  WatchNews news = CO_TRY(watch_news(line, 0));
  if (news.compacted) co_return co_await start_over();
  if (news.cancelled) co_return fail(Code::unavailable, "etcd ended the watch: " + news.reason);
  for (const Watched& change : news.changes) next_ = std::max(next_, change.entry.modified + 1);
  if (!news.changes.empty()) gateway_.saw(next_ - 1);
  std::erase_if(news.changes,
                [&](const Watched& one) { return !one.entry.key.starts_with(prefix_); });
  for (Watched& change : news.changes) change.entry.key.erase(0, prefix_.size());
  hub_->tell(news.changes);
  co_return Result<>{};
}

/// The history that we have not read is gone: all who watch must read again.
aio::Task<Result<>> Watcher::start_over() {
  Range one = all_;
  one.keys_only = true;
  Object answer = CO_TRY(co_await gateway_.call("kv/range", range_request(one, 1, 0)));
  next_ = CO_TRY(revision_of(answer)) + 1;
  hub_->lose();
  co_return fail(Code::unavailable, "etcd's history was compacted");
}

/// Ends with an error when `member` does not answer, or has told less than it knows.
aio::Task<Result<>> Watcher::doubt(size_t member) {
  aio::World& world = gateway_.world();
  Duration limit = gateway_.options().attempt * 2;
  for (;;) {
    CO_TRY(co_await world.clock.sleep(gateway_.options().watch_check));
    Range any = all_;
    any.keys_only = true;
    Object request = range_request(any, 1, 0);
    request["min_mod_revision"] = std::to_string(next_);
    Object answer = CO_TRY(co_await gateway_.ask(member, "kv/range", std::move(request), limit));
    std::vector<Entry> found = CO_TRY(entries(answer, 0));
    if (found.empty()) continue;
    // It may be on its way.
    CO_TRY(co_await world.clock.sleep(gateway_.options().attempt));
    if (next_ <= found.front().modified)
      co_return fail(Code::unavailable, "the watch keeps changes to itself");
  }
}

}  // namespace croft::store::etcd
