#include "engine/ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "aio/scope.h"
#include "base/log.h"
#include "base/text.h"

namespace croft::engine {
namespace {

constexpr wire::json::Limits record_limits{Bytes::mib(64), 512};
constexpr std::string_view all_prefix = "v1/app/";

template <class From>
auto parsed(std::string_view text, std::string_view key, From from)
    -> std::invoke_result_t<From, const wire::json::Object&> {
  auto object = wire::json::parse_object(text, key, record_limits);
  if (!object)
    return fail(std::move(object).error().frame(fmt::format("reading {} from the store", key)));
  auto value = from(*object);
  if (!value)
    return fail(std::move(value).error().frame(fmt::format("reading {} from the store", key)));
  return value;
}

std::string key_after(std::string key) {
  key.push_back('\0');
  return key;
}

}  // namespace

Ledger::Ledger(aio::World& world, store::Store& store, std::string application,
               const protocol::SecretSealer* sealer)
    : world_(world), store_(store), application_(std::move(application)), sealer_(sealer) {}

void Ledger::change(std::string key, std::optional<std::string> value) {
  if (batches_.empty() || batches_.back().full()) batches_.emplace_back();
  Batch& last = batches_.back();
  last.bytes += key.size() + (value ? value->size() : 0);
  last.changes.insert_or_assign(std::move(key), std::move(value));
  last.upto = ++put_;
  dirty_.notify();
}

void Ledger::put(const ApplicationRecord& record) {
  change(application_key(application_, "record"), wire::json::compact(to_json(record)));
}

void Ledger::put(const ComponentRecord& record) {
  change(application_key(application_, "c/" + record.path),
         wire::json::compact(to_json(record, sealer_)));
}

void Ledger::put(const protocol::DownProof& proof) {
  change(application_key(application_, "proof"), wire::json::compact(protocol::to_json(proof)));
}

void Ledger::erase_component(std::string_view path) {
  change(application_key(application_, fmt::format("c/{}", path)), std::nullopt);
}

void Ledger::put_text(std::string_view key, std::string text) {
  change(application_key(application_, key), std::move(text));
}

void Ledger::erase_text(std::string_view key) {
  change(application_key(application_, key), std::nullopt);
}

uint64_t Ledger::event(protocol::Event event) {
  event.seq = next_event_++;
  event.time = world_.clock.wall();
  change(protocol::sequence_key(application_key(application_, "e/"), event.seq),
         protocol::line_of(event));
  if (event.seq > events_kept)
    change(protocol::sequence_key(application_key(application_, "e/"), event.seq - events_kept),
           std::nullopt);
  return event.seq;
}

uint64_t Ledger::journal(protocol::JournalRecord record) {
  record.seq = next_journal_++;
  record.time = world_.clock.wall();
  change(protocol::sequence_key(application_key(application_, "j/"), record.seq),
         protocol::text_of(record));
  return record.seq;
}

uint64_t Ledger::history(HistoryEntry entry) {
  entry.seq = next_history_++;
  entry.time = world_.clock.wall();
  change(protocol::sequence_key(application_key(application_, "h/"), entry.seq),
         wire::json::compact(to_json(entry)));
  return entry.seq;
}

aio::Task<Result<>> Ledger::flush() {
  uint64_t mine = put_;
  while (durable_ < mine) {
    if (committing_)
      CO_TRY(co_await committed_.wait());
    else
      CO_TRY(co_await commit_first());
  }
  co_return Result<>{};
}

aio::Task<Result<>> Ledger::commit_first() {
  committing_ = true;
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  std::vector<store::Change> changes;
  changes.reserve(batch.changes.size());
  for (auto& [key, value] : batch.changes) changes.push_back({key, value, 0});
  world_.crash.pass("commit");
  // Not to be interrupted: half of what waits for it is not the one who was cancelled.
  auto done = co_await aio::shield(store_.commit({}, std::move(changes)));
  world_.crash.pass("committed");
  committing_ = false;
  if (done)
    durable_ = batch.upto;
  else
    batches_.push_front(std::move(batch));
  committed_.notify();
  if (!done)
    co_return fail(std::move(done)
                       .error()
                       .frame("writing the record of " + application_)
                       .fact("record", application_));
  co_return Result<>{};
}

aio::Task<Result<>> Ledger::flush_loop() {
  constexpr Duration pause_after_error = Duration::seconds(1);
  for (;;) {
    if (durable_ == put_) {
      CO_TRY(co_await dirty_.wait());
      continue;
    }
    auto flushed = co_await flush();
    if (flushed) continue;
    if (flushed.error().code == Code::cancelled || store::is_broken(flushed.error()))
      co_return flushed;
    log::error("engine", "{}", flushed.error().line());
    CO_TRY(co_await world_.clock.sleep(pause_after_error));
  }
}

aio::Task<Result<std::vector<std::string>>> Ledger::names(store::Store& store) {
  std::vector<std::string> out;
  store::Range range = store::prefix(std::string(all_prefix), 1);
  range.keys_only = true;
  for (;;) {
    auto entries = CO_TRY(co_await store.range(range));
    if (entries.empty()) co_return out;
    std::string_view rest = std::string_view(entries[0].key).substr(all_prefix.size());
    std::string name(rest.substr(0, rest.find('/')));
    out.push_back(name);
    // On to the first key behind everything of this application: '0' follows '/'.
    range.from = fmt::format("{}{}0", all_prefix, name);
  }
}

aio::Task<Result<uint64_t>> last_number(store::Store& store, std::string prefix) {
  // Numbers are dense, so a search over single keys finds the last without reading all. The first
  // need not be there any more.
  auto first = CO_TRY(co_await store.range(store::prefix(prefix, 1)));
  if (first.empty()) co_return 0;
  auto number = parse_u64(std::string_view(first.front().key).substr(prefix.size()));
  if (!number)
    co_return fail(Code::corrupt, fmt::format("'{}' ends with no number", first.front().key));
  uint64_t low = *number, step = 1, high = low + step;
  while (true) {
    auto entry = CO_TRY(co_await store.get(protocol::sequence_key(prefix, high)));
    if (!entry) break;
    low = high;
    step *= 2;
    high = low + step;
  }
  while (high - low > 1) {
    uint64_t middle = low + (high - low) / 2;
    auto entry = CO_TRY(co_await store.get(protocol::sequence_key(prefix, middle)));
    (entry ? low : high) = middle;
  }
  co_return low;
}

aio::Task<Result<Loaded>> Ledger::load() {
  Loaded out;
  auto entry = CO_TRY(co_await store_.get(application_key(application_, "record")));
  if (!entry)
    co_return fail(Code::not_found, fmt::format("there is no application '{}'", application_));
  out.application = CO_TRY(parsed(entry->value, entry->key, application_record_from_json));
  auto component = [this](const wire::json::Object& object) {
    return component_record_from_json(object, sealer_);
  };
  store::Range range = store::prefix(application_key(application_, "c/"), 1000);
  for (;;) {
    auto entries = CO_TRY(co_await store_.range(range));
    for (const auto& item : entries)
      out.components.push_back(CO_TRY(parsed(item.value, item.key, component)));
    if (entries.size() < range.limit) break;
    range.from = key_after(entries.back().key);
  }
  std::ranges::sort(out.components, {}, &ComponentRecord::position);
  auto proof = CO_TRY(co_await store_.get(application_key(application_, "proof")));
  if (proof) out.proof = CO_TRY(parsed(proof->value, proof->key, protocol::proof_from_json));
  next_event_ = 1 + CO_TRY(co_await last_number(store_, application_key(application_, "e/")));
  next_journal_ = 1 + CO_TRY(co_await last_number(store_, application_key(application_, "j/")));
  next_history_ = 1 + CO_TRY(co_await last_number(store_, application_key(application_, "h/")));
  co_return out;
}

aio::Task<Result<std::optional<std::string>>> Ledger::text(std::string_view key) {
  auto entry = CO_TRY(co_await store_.get(application_key(application_, key)));
  if (!entry) co_return std::optional<std::string>{};
  co_return std::optional(entry->value);
}

aio::Task<Result<std::vector<store::Entry>>> Ledger::numbered(std::string_view kind, uint64_t seq) {
  std::string prefix = application_key(application_, kind);
  store::Range range = store::prefix(prefix, events_per_read);
  range.from = protocol::sequence_key(prefix, seq);
  co_return co_await store_.range(range);
}

aio::Task<Result<std::vector<protocol::Event>>> Ledger::events(uint64_t seq) {
  std::vector<protocol::Event> out;
  for (const auto& entry : CO_TRY(co_await numbered("e/", seq)))
    out.push_back(CO_TRY(protocol::event_from_line(entry.value)));
  co_return out;
}

aio::Task<Result<std::vector<protocol::JournalRecord>>> Ledger::journal_from(uint64_t seq) {
  std::vector<protocol::JournalRecord> out;
  for (const auto& entry : CO_TRY(co_await numbered("j/", seq)))
    out.push_back(CO_TRY(protocol::journal_from_text(entry.value)));
  co_return out;
}

aio::Task<Result<std::vector<HistoryEntry>>> Ledger::all_history() {
  std::vector<HistoryEntry> out;
  for (;;) {
    auto entries = CO_TRY(co_await numbered("h/", out.empty() ? 1 : out.back().seq + 1));
    for (const auto& entry : entries)
      out.push_back(CO_TRY(parsed(entry.value, entry.key, history_from_json)));
    if (entries.size() < events_per_read) co_return out;
  }
}

}  // namespace croft::engine
