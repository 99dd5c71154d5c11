// One SQLite database file as the store uses it: opened exclusively, WAL, prepared statements.
// Every function blocks and must run on one thread at a time (a pool thread); nothing here knows
// the loop. Made for SQLite 3.40: a single connection in exclusive mode keeps clear of its
// WAL-reset bug.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "store/queued_store.h"
#include "store/sqlite/reserve.h"

struct sqlite3;
struct sqlite3_stmt;

namespace croft::store {

struct DatabaseOptions {
  bool sync = true;
  std::string vfs;        ///< name of a registered SQLite VFS; empty: the operating system's
  bool lock_file = true;  ///< FILE.lock names the holder; the simulation has one process only
  Bytes reserve;          ///< FILE-reserve: space put by for batches that free some; 0: none
};

class Database {
 public:
  /// Code::conflict (in use), permission_denied, resource_exhausted (disk full), corrupt, io,
  /// unsupported (written by a later croft).
  static Result<std::unique_ptr<Database>> open(std::string file, DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Everything in the file, for the table in memory.
  Result<Content> load();
  /// One transaction. On any error the file is as before, except after a failed sync: then what is
  /// on the disk is unknown, and every later write is refused until the file is opened again.
  Result<> write(const Batch& batch);
  Result<ColdValues> read_cold(const std::vector<std::string>& keys);
  /// Deletions have left enough free pages for tidy() to be worth while.
  bool untidy() const { return untidy_; }
  /// Gives about `pages` free pages back to the file system: a bounded piece of work. To be called
  /// again while untidy().
  Result<> tidy(int pages);
  /// The process that opened it has started: what was lent to it from the reserve is to be put by
  /// again before anything else grows. Any thread.
  void started() { lending_ = false; }
  /// Folds the WAL into the file and closes both.
  Result<> close();

 private:
  Database() = default;
  Result<> lock();
  Result<> sync_folder();
  Result<> set_up(const DatabaseOptions& options);
  Result<> connect(const DatabaseOptions& options);
  Result<> disconnect();
  Result<> prepare_schema();
  Result<> check_after_unclean_end();
  Result<> prepare_statements();
  Result<> write_rows(const Batch& batch);
  Result<> make_shrinkable();
  Result<> make_room(bool frees);
  /// From now on every commit fails with this: what the disk holds is not known any more.
  void poison(const Error& error);
  Result<> checkpoint(bool cut);
  void note_full_disk();
  bool scarce() const { return reserve_ && (short_of_space_ || !reserve_->whole()); }
  Result<> look_for_free_pages();
  Result<> execute(const char* sql);
  Result<sqlite3_stmt*> prepare(const char* sql);
  Result<> step_done(sqlite3_stmt* statement);
  Result<std::string> single_value(const char* sql);
  Error failure(const char* doing, int code) const;

  std::string file_;
  int lock_fd_ = -1;
  sqlite3* db_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  sqlite3_stmt* rollback_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* remove_ = nullptr;
  sqlite3_stmt* put_lease_ = nullptr;
  sqlite3_stmt* remove_lease_ = nullptr;
  sqlite3_stmt* set_revision_ = nullptr;
  sqlite3_stmt* put_cold_ = nullptr;
  sqlite3_stmt* remove_cold_ = nullptr;
  sqlite3_stmt* get_cold_ = nullptr;
  sqlite3_stmt* free_pages_ = nullptr;
  std::optional<Reserve> reserve_;
  std::atomic<bool> lending_ = false;
  bool shrinkable_ = false;
  bool short_of_space_ = false;
  bool untidy_ = false;
  bool unclean_ = false;
  std::optional<Error> poisoned_;
};

}  // namespace croft::store
