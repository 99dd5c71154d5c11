#include "store/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite/migration.h"

namespace croft::store {
namespace {

// quick_check reads the whole file; below this it costs less than about a second.
constexpr int64_t check_bytes_max = 256LL << 20;

Code code_of(int sqlite) {
  switch (sqlite & 0xff) {
    case SQLITE_FULL:
      return Code::resource_exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Code::conflict;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Code::permission_denied;
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Code::resource_exhausted;
    default:
      return Code::io;
  }
}

Error system_failure(std::string_view doing, const std::string& file, int number) {
  Code code = Code::io;
  if (number == EACCES || number == EPERM || number == EROFS) code = Code::permission_denied;
  if (number == ENOENT || number == ENOTDIR) code = Code::not_found;
  if (number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE)
    code = Code::resource_exhausted;
  Where where;
  where.file = file;
  return Error(code, fmt::format("cannot {}: {}", doing, strerror(number)), std::move(where));
}

std::string blob(sqlite3_stmt* statement, int column) {
  const void* data = sqlite3_column_blob(statement, column);
  int size = sqlite3_column_bytes(statement, column);
  return data ? std::string(static_cast<const char*>(data), static_cast<size_t>(size))
              : std::string();
}

void bind_blob(sqlite3_stmt* statement, int index, const std::string& text) {
  // The bytes outlive the step; sqlite3_reset and the next bind drop the pointer.
  static constexpr char nothing = 0;
  sqlite3_bind_blob(statement, index, text.empty() ? &nothing : text.data(),
                    static_cast<int>(text.size()), SQLITE_STATIC);
}

void bind_integer(sqlite3_stmt* statement, int index, uint64_t value) {
  sqlite3_bind_int64(statement, index, static_cast<int64_t>(value));
}

}  // namespace

Error Database::failure(const char* doing, int code) const {
  Where where;
  where.file = file_;
  std::string reason = db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code);
  Error error(code_of(code), fmt::format("cannot {}: {}", doing, reason), std::move(where));
  if (db_ && code_of(code) == Code::io)
    if (int number = sqlite3_system_errno(db_); number != 0) {
      error.what += fmt::format(" ({})", strerror(number));
      if (number == ENOSPC || number == EDQUOT) error.code = Code::resource_exhausted;
    }
  if (error.code == Code::resource_exhausted)
    error.hint("free some space on the disk; nothing was changed");
  return error;
}

Result<std::unique_ptr<Database>> Database::open(std::string file, DatabaseOptions options) {
  std::unique_ptr<Database> database(new Database());
  database->file_ = std::move(file);
  if (options.lock_file) TRY(database->lock());
  if (options.lock_file && options.reserve > Bytes()) {
    database->reserve_.emplace(database->file_ + "-reserve", options.reserve);
    database->lending_ = database->reserve_->lend();
  }
  Result<> prepared = database->set_up(options);
  if (!prepared && database->reserve_ && prepared.error().code == Code::resource_exhausted) {
    // A full disk must not keep it shut: reading and deleting are what makes room.
    database->reserve_->give_back();
    TRY(database->disconnect());
    prepared = database->set_up(options);
  }
  TRY(std::move(prepared));
  // Where there is no room for it now, there may be some at the next write.
  if (database->reserve_ && !database->lending_) database->reserve_->fill();
  return database;
}

Result<> Database::set_up(const DatabaseOptions& options) {
  TRY(connect(options));
  TRY(prepare_schema());
  TRY(check_after_unclean_end());
  TRY(make_shrinkable());
  TRY(prepare_statements());
  return look_for_free_pages();
}

Database::~Database() {
  // Without close() the WAL stays: the next opening reads it back.
  auto ignored = close();
  static_cast<void>(ignored);
}

/// The lock file is never removed: removing it would let two holders lock two different files.
Result<> Database::lock() {
  std::string path = file_ + ".lock";
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_fd_ < 0) return fail(system_failure("open the lock file", path, errno));
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_failure("lock", path, errno));
    char text[32] = {};
    ssize_t size = ::pread(lock_fd_, text, sizeof text - 1, 0);
    std::string_view holder =
        trim(std::string_view(text, size > 0 ? static_cast<size_t>(size) : 0));
    ::close(std::exchange(lock_fd_, -1));
    Where where;
    where.file = file_;
    std::string who = holder.empty() ? "another process" : fmt::format("process {}", holder);
    return fail(Error(Code::conflict, "in use by " + who, std::move(where))
                    .fact("reason", "in use")
                    .fact("pid", std::string(holder)));
  }
  std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock_fd_, 0) != 0 || ::pwrite(lock_fd_, pid.data(), pid.size(), 0) < 0) {
    // The name of the holder is for people; the lock holds without it.
  }
  int made = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (made < 0) return fail(system_failure("open the database", file_, errno));
  struct stat info{};
  // POSIX locks of SQLite vanish when any descriptor of the file is closed: this one closes before.
  if (::fstat(made, &info) == 0 && (info.st_mode & 077) != 0) ::fchmod(made, 0600);
  ::close(made);
  TRY(sync_folder());
  struct stat wal{};
  unclean_ = ::stat((file_ + "-wal").c_str(), &wal) == 0 && wal.st_size > 0;
  return {};
}

/// SQLite does not sync the folder of a new database: without this its name may be lost.
Result<> Database::sync_folder() {
  size_t slash = file_.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : file_.substr(0, slash);
  int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(system_failure("open the folder", folder, errno));
  bool synced = ::fsync(fd) == 0 || errno == EINVAL;
  int number = errno;
  ::close(fd);
  if (!synced) return fail(system_failure("sync the folder", folder, number));
  return {};
}

Result<> Database::connect(const DatabaseOptions& options) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(file_.c_str(), &db_, flags,
                             options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (code != SQLITE_OK) return fail(failure("open the database", code));
  sqlite3_extended_result_codes(db_, 1);
  // Exclusive before WAL: the index of the WAL then lives in this process's memory, no -shm file.
  TRY(execute("PRAGMA locking_mode = EXCLUSIVE"));
  // Before anything is written: it is a property of the file. No page moves but in tidy(). A file
  // that has it is left alone: on a full disk nothing could be written.
  if (TRY(single_value("PRAGMA auto_vacuum")) != "2")
    TRY(execute("PRAGMA auto_vacuum = INCREMENTAL"));
  std::string mode = TRY(single_value("PRAGMA journal_mode = WAL"));
  if (mode != "wal")
    return fail(Error(Code::unsupported,
                      fmt::format("the file system refuses a write-ahead log (mode '{}')", mode),
                      [&] {
                        Where where;
                        where.file = file_;
                        return where;
                      }()));
  TRY(execute(options.sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL"));
  TRY(execute("PRAGMA journal_size_limit = 67108864"));
  TRY(execute("PRAGMA cache_size = -8192"));
  return {};
}

Result<> Database::prepare_schema() {
  std::string id = TRY(single_value("PRAGMA application_id"));
  std::string tables = TRY(single_value("SELECT count(*) FROM sqlite_schema"));
  Where where;
  where.file = file_;
  bool fresh = tables == "0";
  if (!fresh && id != std::to_string(application_id))
    return fail(Error(Code::conflict, "a SQLite database that croft did not make", std::move(where))
                    .hint("choose another file or folder"));
  int format = fresh
                   ? 0
                   : static_cast<int>(
                         parse_u64(TRY(single_value("SELECT value FROM meta WHERE name='format'")))
                             .value_or(0));
  if (format > format_current)
    return fail(Error(Code::unsupported,
                      fmt::format("written in format {}, this croft reads up to {}", format,
                                  format_current),
                      std::move(where))
                    .hint("use the croft that wrote it, or a later one"));
  if (format == format_current) return {};
  TRY(execute("BEGIN IMMEDIATE"));
  for (int step = format; step < format_current; ++step)
    TRY(execute(migrations[static_cast<size_t>(step)]));
  TRY(execute(
      fmt::format("UPDATE meta SET value = {} WHERE name = 'format'", format_current).c_str()));
  TRY(execute(fmt::format("PRAGMA application_id = {}", application_id).c_str()));
  return execute("COMMIT");
}

Result<> Database::check_after_unclean_end() {
  if (!unclean_) return {};
  struct stat info{};
  if (::stat(file_.c_str(), &info) != 0 || info.st_size > check_bytes_max) return {};
  std::string report = TRY(single_value("PRAGMA quick_check(10)"));
  if (report == "ok") return {};
  Where where;
  where.file = file_;
  return fail(Error(Code::corrupt, "the database is damaged: " + replace_all(report, "\n", "; "),
                    std::move(where))
                  .hint("put back a copy of it; croft does not go on with a damaged record"));
}

void Database::poison(const Error& error) {
  if (poisoned_) return;
  poisoned_ = error;
  poisoned_->hint("the disk failed to make a commit durable: look at it");
  poisoned_->fact(broken_fact, "broken");
}

/// Folds the log into the database; `cut`: its space is the disk's again.
Result<> Database::checkpoint(bool cut) {
  int mode = cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  Error error = failure("fold the log into the database", code);
  if (code == SQLITE_IOERR_FSYNC) poison(error);
  return fail(std::move(error));
}

/// Nothing grows while the reserve is not whole: what a deletion gives back fills it first, so that
/// the next deletion finds it.
Result<> Database::make_room(bool frees) {
  if (!reserve_) return {};
  if (!frees) {
    if (lending_ || reserve_->fill()) return {};
    Result<> cut = checkpoint(true);
    if (poisoned_) return cut;
    if (cut && reserve_->fill()) return {};
    note_full_disk();
    Where where;
    where.file = file_;
    return fail(Error(Code::resource_exhausted, "cannot write to the database: the disk is full",
                      std::move(where))
                    .hint("free some space on the disk; nothing was changed"));
  }
  reserve_->give_back();
  // A log that is folded begins anew where it lies: then it needs no further space at all. Where
  // that fails it is appended to, as far as the reserve goes.
  if (Result<> folded = checkpoint(false); !folded && poisoned_) return folded;
  return {};
}

Result<> Database::prepare_statements() {
  begin_ = TRY(prepare("BEGIN IMMEDIATE"));
  commit_ = TRY(prepare("COMMIT"));
  rollback_ = TRY(prepare("ROLLBACK"));
  put_ = TRY(prepare(
      "INSERT INTO entry VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO UPDATE SET value=?2,"
      " created=?3, modified=?4, lease=?5"));
  remove_ = TRY(prepare("DELETE FROM entry WHERE key=?1"));
  put_lease_ = TRY(prepare("INSERT OR REPLACE INTO lease VALUES(?1, ?2)"));
  remove_lease_ = TRY(prepare("DELETE FROM lease WHERE id=?1"));
  set_revision_ = TRY(prepare("UPDATE meta SET value=?1 WHERE name='revision'"));
  put_cold_ = TRY(prepare("INSERT OR REPLACE INTO cold(key, value) VALUES(?1, ?2)"));
  remove_cold_ = TRY(prepare("DELETE FROM cold WHERE key=?1"));
  get_cold_ = TRY(prepare("SELECT value FROM cold WHERE key=?1"));
  free_pages_ = TRY(prepare("PRAGMA freelist_count"));
  return {};
}

Result<Content> Database::load() {
  Content content;
  std::string revision = TRY(single_value("SELECT value FROM meta WHERE name='revision'"));
  content.revision = parse_u64(revision).value_or(0);
  sqlite3_stmt* rows =
      TRY(prepare("SELECT key, value, created, modified, lease FROM entry ORDER BY key"));
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
    Row row;
    row.value = blob(rows, 1);
    row.created = static_cast<uint64_t>(sqlite3_column_int64(rows, 2));
    row.modified = static_cast<uint64_t>(sqlite3_column_int64(rows, 3));
    row.lease = static_cast<uint64_t>(sqlite3_column_int64(rows, 4));
    content.table.load(blob(rows, 0), std::move(row));
  }
  sqlite3_finalize(rows);
  if (code != SQLITE_DONE) return fail(failure("read the database", code));
  sqlite3_stmt* leases = TRY(prepare("SELECT id, ttl FROM lease"));
  while ((code = sqlite3_step(leases)) == SQLITE_ROW)
    content.leases[static_cast<uint64_t>(sqlite3_column_int64(leases, 0))] =
        Duration::nanoseconds(sqlite3_column_int64(leases, 1));
  sqlite3_finalize(leases);
  if (code != SQLITE_DONE) return fail(failure("read the leases", code));
  return content;
}

Result<> Database::write(const Batch& batch) {
  if (poisoned_) return fail(*poisoned_);
  if (!db_) return fail(Code::unavailable, "the database is closed");
  TRY(make_room(batch.frees));
  TRY(step_done(begin_));
  Result<> written = write_rows(batch);
  if (written) written = step_done(commit_);
  if (written && !batch.frees) short_of_space_ = false;
  if (written) {
    // What cannot be counted is not tidied; the batch itself is safe.
    if (batch.removes() && !look_for_free_pages()) untidy_ = false;
    return {};
  }
  int code = sqlite3_extended_errcode(db_);
  // After a failed sync the kernel may have dropped the pages: neither a retry nor a rollback says
  // what the disk holds.
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) poison(written.error());
  if (!sqlite3_get_autocommit(db_))
    if (Result<> undone = step_done(rollback_); !undone) poison(undone.error());
  if (poisoned_) return fail(*poisoned_);
  if (written.error().code == Code::resource_exhausted) note_full_disk();
  return written;
}

Result<> Database::write_rows(const Batch& batch) {
  for (const Write& write : batch.writes) {
    sqlite3_stmt* statement = write.deleted ? remove_ : put_;
    bind_blob(statement, 1, write.key);
    if (!write.deleted) {
      bind_blob(statement, 2, write.row.value);
      bind_integer(statement, 3, write.row.created);
      bind_integer(statement, 4, write.row.modified);
      bind_integer(statement, 5, write.row.lease);
    }
    TRY(step_done(statement));
  }
  for (const LeaseWrite& lease : batch.leases) {
    sqlite3_stmt* statement = lease.deleted ? remove_lease_ : put_lease_;
    bind_integer(statement, 1, lease.lease);
    if (!lease.deleted) sqlite3_bind_int64(statement, 2, lease.ttl.ns());
    TRY(step_done(statement));
  }
  for (const ColdWrite& cold : batch.cold) {
    sqlite3_stmt* statement = cold.value ? put_cold_ : remove_cold_;
    bind_blob(statement, 1, cold.key);
    if (cold.value) bind_blob(statement, 2, *cold.value);
    TRY(step_done(statement));
  }
  bind_integer(set_revision_, 1, batch.revision);
  return step_done(set_revision_);
}

Result<ColdValues> Database::read_cold(const std::vector<std::string>& keys) {
  if (!db_) return fail(Code::unavailable, "the database is closed");
  ColdValues out;
  for (const std::string& key : keys) {
    bind_blob(get_cold_, 1, key);
    int code = sqlite3_step(get_cold_);
    Result<> failed;
    if (code == SQLITE_ROW)
      out.emplace_back(blob(get_cold_, 0));
    else if (code == SQLITE_DONE)
      out.emplace_back(std::nullopt);
    else
      failed = fail(failure("read the database", code));
    sqlite3_reset(get_cold_);
    if (!failed) return fail(std::move(failed).error());
  }
  return out;
}

Result<> Database::close() {
  Result<> result = disconnect();
  if (lock_fd_ >= 0) ::close(std::exchange(lock_fd_, -1));
  return result;
}

Result<> Database::disconnect() {
  for (sqlite3_stmt** statement :
       {&begin_, &commit_, &rollback_, &put_, &remove_, &put_lease_, &remove_lease_, &set_revision_,
        &put_cold_, &remove_cold_, &get_cold_, &free_pages_})
    sqlite3_finalize(std::exchange(*statement, nullptr));
  Result<> result;
  if (db_) {
    int code = sqlite3_close(db_);
    if (code != SQLITE_OK) result = fail(failure("close the database", code));
    db_ = nullptr;
  }
  return result;
}

Result<> Database::execute(const char* sql) {
  int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(failure("prepare the database", code));
  return {};
}

Result<sqlite3_stmt*> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return fail(failure("read the database's tables", code));
  return statement;
}

Result<> Database::step_done(sqlite3_stmt* statement) {
  int code = sqlite3_step(statement);
  // Reset would give the same code again, and sqlite3_errmsg must be read before it.
  Result<> result;
  if (code != SQLITE_DONE && code != SQLITE_ROW)
    result = fail(failure("write to the database", code));
  sqlite3_reset(statement);
  return result;
}

Result<std::string> Database::single_value(const char* sql) {
  sqlite3_stmt* statement = TRY(prepare(sql));
  std::string out;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    if (!out.empty()) out += '\n';
    if (const auto* text = sqlite3_column_text(statement, 0))
      out += reinterpret_cast<const char*>(text);
  }
  sqlite3_finalize(statement);
  if (code != SQLITE_DONE) return fail(failure("read the database", code));
  return out;
}

}  // namespace croft::store
