// The durable side of one application: what changed is collected and committed together; whoever
// must know that it is durable awaits flush(), and all who wait share one sync. Also reads it back.
// Loop thread only. Bounds: events_per_read at once; a commit carries what came in since the last,
// at most changes_per_commit of it.
//
// What is put becomes durable in the order in which it was put: after a crash the store holds all
// up to some point between two puts, and nothing behind it. Where one record speaks of another, the
// other is put first: the text of a description before the records that name its version, a line of
// the journal and events before the component's record, what a parent takes over of a part before
// the part is erased, components and proof before the state of the application that follows from
// them. So no two records have to stand in one commit.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/sync.h"
#include "engine/history.h"
#include "engine/record.h"
#include "protocol/events.h"
#include "protocol/journal.h"
#include "store/store.h"

namespace croft::engine {

struct Loaded {
  ApplicationRecord application;
  std::vector<ComponentRecord> components;  ///< in the description's order
  std::optional<protocol::DownProof> proof;
};

/// The last of the numbers, dense from some first one on, under which keys stand below `prefix`; 0:
/// there is none.
aio::Task<Result<uint64_t>> last_number(store::Store& store, std::string prefix);

/// Our own record could not be written (a full disk, a store that is away): nothing is wrong with
/// what it was written for.
inline bool is_of_record(const Error& error) {
  return !error.fact("record").empty();
}

class Ledger {
 public:
  /// `sealer`: for secrets in what components publish; null: such values are not kept.
  Ledger(aio::World& world, store::Store& store, std::string application,
         const protocol::SecretSealer* sealer = nullptr);

  // ---- writing: collected until the next flush ----
  void put(const ApplicationRecord& record);
  void put(const ComponentRecord& record);
  void put(const protocol::DownProof& proof);
  void erase_component(std::string_view path);
  void put_text(std::string_view key, std::string text);  ///< below the application's key
  void erase_text(std::string_view key);
  /// Gives it its number and the time. The last events_kept are there, those before go.
  uint64_t event(protocol::Event event);
  static constexpr uint64_t events_kept = 20'000;
  uint64_t journal(protocol::JournalRecord record);
  uint64_t history(HistoryEntry entry);

  /// All that was put before this call is durable on return.
  aio::Task<Result<>> flush();
  /// Flushes whenever something was put; until cancelled.
  aio::Task<Result<>> flush_loop();

  // ---- reading ----
  static aio::Task<Result<std::vector<std::string>>> names(store::Store& store);
  /// Also finds where the numbers of events and journal go on. Code::not_found.
  aio::Task<Result<Loaded>> load();
  aio::Task<Result<std::optional<std::string>>> text(std::string_view key);
  static constexpr size_t events_per_read = 500;
  static constexpr size_t changes_per_commit = 4096;   ///< the store takes more
  static constexpr size_t bytes_per_commit = 8 << 20;  ///< one value may exceed it, alone
  /// Durable events from `seq` on, at most events_per_read.
  aio::Task<Result<std::vector<protocol::Event>>> events(uint64_t seq);
  /// Whatever was asked of it, first to last: people's requests, few even in years.
  aio::Task<Result<std::vector<HistoryEntry>>> all_history();
  /// What the journal holds from `seq` on, at most events_per_read.
  aio::Task<Result<std::vector<protocol::JournalRecord>>> journal_from(uint64_t seq);
  uint64_t last_event() const { return next_event_ - 1; }
  /// Notified when events became durable.
  aio::Signal& committed() { return committed_; }

 private:
  /// What one commit makes durable; a key that is put again before it stands there once.
  struct Batch {
    std::map<std::string, std::optional<std::string>> changes;
    size_t bytes = 0;
    uint64_t upto = 0;  ///< the last put that is in it
    bool full() const { return changes.size() >= changes_per_commit || bytes >= bytes_per_commit; }
  };
  aio::Task<Result<>> commit_first();
  aio::Task<Result<std::vector<store::Entry>>> numbered(std::string_view kind, uint64_t seq);
  void change(std::string key, std::optional<std::string> value);

  aio::World& world_;
  store::Store& store_;
  std::string application_;
  const protocol::SecretSealer* sealer_;
  std::deque<Batch> batches_;
  uint64_t put_ = 0;      // counts changes
  uint64_t durable_ = 0;  // up to this one they are
  bool committing_ = false;
  uint64_t next_event_ = 1, next_journal_ = 1, next_history_ = 1;
  aio::Signal committed_, dirty_;
};

}  // namespace croft::engine
