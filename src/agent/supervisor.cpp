#include "agent/supervisor.h"

#include "base/log.h"
#include "base/text.h"

namespace croft::agent {
namespace {

constexpr size_t items_max = 2000;
constexpr size_t name_bytes_max = 1024;
constexpr Duration retry_pause = Duration::seconds(1);

Result<> check_name(const std::string& name) {
  bool control = false;
  for (char c : name) control |= static_cast<uint8_t>(c) < 0x20;
  if (!name.empty() && name.size() <= name_bytes_max && !control) return {};
  return fail(Code::invalid_argument, fmt::format("'{}' is no name of an item", printable(name)));
}

}  // namespace

std::shared_ptr<Supervisor::Entry> Supervisor::add(model::HostWork work) {
  auto entry = std::make_shared<Entry>();
  entry->name = work.name;
  entry->item = make_(place_, std::move(work), [this](const auto& state) { changed(state); });
  entries_[entry->name] = entry;
  return entry;
}

aio::Task<Result<>> Supervisor::start() {
  scope_.emplace(co_await aio::here());
  std::vector<Mark> marks = place_.launcher.marks(), strays;
  std::vector<std::shared_ptr<Entry>> loaded;
  for (Folder::Kept& kept : CO_TRY(co_await place_.folder.load_works())) {
    auto entry = add(std::move(kept.work));
    entry->lacks_secrets = kept.lacks_secrets;
    if (kept.lacks_secrets) entry->item->lacks_secrets();
    loaded.push_back(std::move(entry));
  }
  for (Mark& mark : marks) {
    auto found = entries_.find(mark.name);
    bool known = found != entries_.end() && found->second->item->work().digest == mark.digest &&
                 !found->second->mark;
    if (known)
      found->second->mark = std::move(mark);
    else
      strays.push_back(std::move(mark));
  }
  CO_TRY(co_await clear_strays(std::move(strays)));
  for (auto& entry : loaded) {
    if (entry->mark) entry->item->adopt(*std::move(entry->mark));
    scope_->spawn(drive(entry));
  }
  co_return Result<>{};
}

/// Processes of items that are not so any more: an agent died while it ended them.
aio::Task<Result<>> Supervisor::clear_strays(std::vector<Mark> strays) {
  for (const Mark& mark : strays) {
    Running running = place_.launcher.adopt(mark, cgroup_name(mark.name));
    if (start_ticks(mark.pid) == mark.started) {
      log::warn("agent", "process {} of '{}' belongs to no item: it is ended", mark.pid, mark.name);
      auto cleared = co_await running.clear();
      if (!cleared) log::warn("agent", "{}", cleared.error().line());
    }
    place_.launcher.forget(mark);
  }
  co_return Result<>{};
}

aio::Task<Result<>> Supervisor::finish() {
  scope_->cancel();
  auto joined = co_await scope_->join();
  scope_.reset();
  co_return joined;
}

/// Until another thing is wanted of it.
aio::Task<Result<>> Supervisor::keep_one(Entry& entry) {
  if (entry.half_changed && !entry.removing) co_return co_await until_poked(entry, retry_pause);
  if (entry.lacks_secrets) {
    entry.item->say(Item::Phase::waiting,
                    "the machine started anew: its secrets come again from a controller");
    co_return co_await until_poked(entry, {});
  }
  auto outcome = co_await aio::race(entry.item->keep(), entry.poke.wait());
  if (outcome.index() == 1) co_return std::get<1>(std::move(outcome));
  auto kept = std::get<0>(std::move(outcome));
  if (!kept && kept.error().code == Code::cancelled) co_return kept;
  if (!kept) entry.item->say(Item::Phase::failing, kept.error().line());
  co_return co_await until_poked(entry, {});
}

/// Or, with `most`, so long, whatever is wanted.
aio::Task<Result<>> Supervisor::until_poked(Entry& entry, Duration most) {
  if (most > Duration()) co_return co_await place_.world.clock.sleep(most);
  co_return co_await entry.poke.wait();
}

/// True: the item is gone.
aio::Task<Result<bool>> Supervisor::change(Entry& entry) {
  entry.poke.reset();
  if (entry.removing) {
    auto ended = co_await entry.item->end(nullptr);
    if (ended) ended = co_await place_.folder.erase_work(entry.name);
    if (!ended && ended.error().code == Code::cancelled) co_return fail(std::move(ended).error());
    if (!ended) entry.item->say(Item::Phase::failing, ended.error().line());
    entry.removing = false;
    bool gone = ended.has_value();
    entry.end = std::move(ended);
    entry.removed.notify();
    if (gone || !entry.next) co_return gone;
  }
  if (!entry.next) co_return false;
  // Where only its secrets were gone with the machine's memory it is what it was: a program that
  // has run does not run again.
  bool same = entry.lacks_secrets && entry.item->work().digest == entry.next->digest;
  auto ended = same ? Result<>{} : co_await entry.item->end(&*entry.next);
  if (!ended && ended.error().code == Code::cancelled) co_return fail(std::move(ended).error());
  if (!ended) {
    // What was is half undone, so it is not kept any more: the way on is to try again.
    entry.item->say(Item::Phase::failing, ended.error().line());
    entry.half_changed = true;
    co_return false;
  }
  entry.half_changed = false;
  entry.lacks_secrets = false;
  entry.item = make_(place_, *std::exchange(entry.next, std::nullopt),
                     [this](const auto& state) { changed(state); });
  co_return false;
}

aio::Task<Result<>> Supervisor::drive(std::shared_ptr<Entry> entry) {
  for (;;) {
    CO_TRY(co_await keep_one(*entry));
    if (!CO_TRY(co_await change(*entry))) continue;
    entry->item->say(Item::Phase::gone);
    auto found = entries_.find(entry->name);
    if (found != entries_.end() && found->second == entry) entries_.erase(found);
    co_return Result<>{};
  }
}

aio::Task<Result<model::WorkState>> Supervisor::apply(model::HostWork work) {
  CO_TRY(check_name(work.name));
  auto found = entries_.find(work.name);
  if (found != entries_.end()) {
    std::shared_ptr<Entry> entry = found->second;
    auto lock = CO_TRY(co_await entry->writing.lock());
    if (entry->removing)
      co_return fail(Code::conflict, fmt::format("'{}' is being removed", work.name));
    const model::HostWork& wanted = entry->next ? *entry->next : entry->item->work();
    if (wanted.digest == work.digest && !entry->lacks_secrets) co_return entry->item->state();
    CO_TRY(co_await place_.folder.save_work(work));
    model::WorkState state = entry->item->state();
    state.digest = work.digest;
    state.phase = Item::Phase::waiting;
    entry->next = std::move(work);
    entry->poke.set();
    co_return state;
  }
  if (entries_.size() >= items_max)
    co_return fail(Code::resource_exhausted,
                   fmt::format("a host takes {} items, and has them", items_max));
  auto entry = add(work);
  auto lock = CO_TRY(co_await entry->writing.lock());
  // It begins at once: a mark without an item is cleared by the next agent, should this one die.
  scope_->spawn(drive(entry));
  auto saved = co_await place_.folder.save_work(work);
  if (saved) co_return entry->item->state();
  entry->removing = true;
  entry->poke.set();
  co_return fail(std::move(saved).error());
}

aio::Task<Result<>> Supervisor::remove(std::string name) {
  auto found = entries_.find(name);
  if (found == entries_.end()) co_return Result<>{};
  std::shared_ptr<Entry> entry = found->second;
  {
    auto lock = CO_TRY(co_await entry->writing.lock());
    entry->next.reset();
    entry->removing = true;
    entry->end.reset();
    entry->poke.set();
  }
  while (!entry->end) CO_TRY(co_await entry->removed.wait());
  co_return *entry->end;
}

std::vector<model::WorkState> Supervisor::states() const {
  std::vector<model::WorkState> out;
  for (const auto& [name, entry] : entries_) out.push_back(entry->item->state());
  return out;
}

std::vector<Workload> Supervisor::workloads() const {
  std::vector<Workload> out;
  for (const auto& [name, entry] : entries_)
    if (entry->item->state().pid > 0)
      out.push_back({entry->item->state(), place_.launcher.group(cgroup_name(name))});
  return out;
}

std::vector<const Item*> Supervisor::tellers() const {
  std::vector<const Item*> out;
  for (const auto& [name, entry] : entries_) {
    const auto* process = std::get_if<model::ProcessWork>(&entry->item->work().what);
    if (process && process->metrics && entry->item->state().pid > 0)
      out.push_back(entry->item.get());
  }
  return out;
}

Result<const Item*> Supervisor::find(const std::string& name) const {
  auto found = entries_.find(name);
  if (found != entries_.end()) return found->second->item.get();
  std::vector<std::string> names;
  for (const auto& [each, entry] : entries_) names.push_back(each);
  Error error(Code::not_found, fmt::format("this host has no item '{}'", printable(name)));
  if (std::string hint = did_you_mean(name, names); !hint.empty()) error.hint(hint);
  return fail(std::move(error));
}

Result<> Supervisor::signal(const std::string& name, int number) {
  TRY(find(name));
  return entries_.find(name)->second->item->signal(number);
}

aio::Task<Result<>> Supervisor::tend_logs() {
  std::vector<std::pair<std::string, LogLimits>> long_ones;
  WallTime now = place_.world.clock.wall();
  for (const auto& [name, entry] : entries_) {
    auto limits = entry->item->log_limits();
    if (!limits) continue;
    std::string file = place_.folder.log_file(name);
    uint64_t size = size_of(file);
    if (std::exchange(entry->log_size, size) != size) note_log_time(file, now, size);
    if (size > log_share(*limits)) long_ones.emplace_back(std::move(file), *limits);
  }
  for (const auto& [file, limits] : long_ones)
    CO_TRY(co_await aio::blocking(place_.world, aio::Pool::disk,
                                  [&file = file, &limits = limits]() -> Result<> {
                                    rotate_log(file, limits);
                                    return {};
                                  }));
  co_return Result<>{};
}

}  // namespace croft::agent
