// Space that removed values leave: the file can shrink, and gives it back in bounded steps.
#include <sqlite3.h>

#include "base/text.h"
#include "store/sqlite/database.h"

namespace croft::store {
namespace {

// A file made by an earlier croft is rewritten once so that it can shrink, if that costs little.
constexpr int64_t rewrite_bytes_max = 32LL << 20;
// Free pages (4 KiB each) that set tidy() to work, and that it leaves for what is written next.
constexpr int free_pages_start = 1024;
constexpr int free_pages_kept = 256;

}  // namespace

Result<> Database::make_shrinkable() {
  shrinkable_ = TRY(single_value("PRAGMA auto_vacuum")) == "2";
  if (shrinkable_) return {};
  int64_t pages = parse_i64(TRY(single_value("PRAGMA page_count"))).value_or(0);
  int64_t bytes = parse_i64(TRY(single_value("PRAGMA page_size"))).value_or(0);
  if (pages * bytes > rewrite_bytes_max) return {};
  TRY(execute("PRAGMA temp_store = MEMORY"));
  // All or nothing; where the disk has no room for it, the file stays as it was.
  if (execute("VACUUM")) shrinkable_ = TRY(single_value("PRAGMA auto_vacuum")) == "2";
  return execute("PRAGMA temp_store = DEFAULT");
}

Result<> Database::look_for_free_pages() {
  if (!shrinkable_) return {};
  int code = sqlite3_step(free_pages_);
  int pages = code == SQLITE_ROW ? sqlite3_column_int(free_pages_, 0) : 0;
  sqlite3_reset(free_pages_);
  if (code != SQLITE_ROW) return fail(failure("count the free pages", code));
  int kept = scarce() ? 0 : untidy_ ? free_pages_kept : free_pages_start;
  untidy_ = pages > kept;
  return {};
}

Result<> Database::tidy(int pages) {
  untidy_ = untidy_ && db_ && !poisoned_;
  if (!untidy_) return {};
  std::string step = fmt::format("PRAGMA incremental_vacuum({})", pages);
  Result<> done = execute(step.c_str());
  if (!done && reserve_ && done.error().code == Code::resource_exhausted) {
    // What gives space back must be logged first, too.
    done = make_room(true);
    if (done) done = execute(step.c_str());
  }
  if (done) done = look_for_free_pages();
  // The file itself shrinks with the log's next fold.
  if (done && !untidy_) done = checkpoint(scarce());
  if (!done) untidy_ = false;  // the next deletion asks again
  return done;
}

/// Every free page counts now: tidy() is to give back the last of them.
void Database::note_full_disk() {
  short_of_space_ = true;
  if (!look_for_free_pages()) untidy_ = false;
}

}  // namespace croft::store
