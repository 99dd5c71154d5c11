// The SQLite store on a real disk: one holder, modes, foreign and damaged files, kill -9.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "aio/real/real_world.h"
#include "store/sqlite/migration.h"
#include "store/store.h"

namespace croft::store {
namespace {

using aio::RealWorld;
using aio::Task;

class SqliteFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/croft-store-XXXXXX";
    ASSERT_TRUE(mkdtemp(name));
    folder_ = name;
    file_ = folder_ + "/store.db";
  }
  void TearDown() override {
    for (const char* suffix : {"", "-wal", "-shm", "-journal", "-reserve", ".lock"})
      unlink((file_ + suffix).c_str());
    rmdir(folder_.c_str());
  }
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return world_->run(std::move(task));
  }
  void open_world() {
    auto world = RealWorld::open();
    ASSERT_TRUE(world) << world.error().render();
    world_ = std::move(*world);
  }
  std::unique_ptr<RealWorld> world_;
  std::string folder_, file_;
};

Task<Result<>> open_twice(aio::World& world, std::string file) {
  auto store = CO_TRY(co_await open_sqlite(world, file));
  auto second = co_await open_sqlite(world, file);
  EXPECT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_EQ(second.error().what, fmt::format("in use by process {}", getpid()));
  EXPECT_EQ(second.error().fact("pid"), std::to_string(getpid()));
  CO_TRY(co_await store->commit({}, {{"k", "v", 0}}));
  CO_TRY(co_await store->close());
  auto third = CO_TRY(co_await open_sqlite(world, file));
  EXPECT_TRUE(CO_TRY(co_await third->get("k")));
  co_return co_await third->close();
}

TEST_F(SqliteFile, HasOneHolderAtATime) {
  open_world();
  Result<> done = run(open_twice(world_->world(), file_));
  EXPECT_TRUE(done) << done.error().render();
  struct stat info{};
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

Task<Result<>> open_only(aio::World& world, std::string file) {
  auto store = CO_TRY(co_await open_sqlite(world, file));
  co_return co_await store->close();
}

TEST_F(SqliteFile, RefusesAFileThatIsNoDatabase) {
  std::ofstream(file_) << std::string(5000, 'x');
  open_world();
  Result<> done = run(open_only(world_->world(), file_));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::corrupt) << done.error().render();
}

TEST_F(SqliteFile, RefusesADatabaseOfAnotherProgram) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE t(x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  open_world();
  Result<> done = run(open_only(world_->world(), file_));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::conflict);
  EXPECT_EQ(done.error().what, "a SQLite database that croft did not make");
}

TEST_F(SqliteFile, RefusesTheFormatOfALaterCroft) {
  open_world();
  ASSERT_TRUE(run(open_only(world_->world(), file_)));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE meta SET value = 99 WHERE name = 'format'", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  Result<> done = run(open_only(world_->world(), file_));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unsupported) << done.error().render();
}

Task<Result<>> use_old_file(aio::World& world, std::string file) {
  auto store = CO_TRY(co_await open_sqlite(world, file));
  auto kept = CO_TRY(co_await store->get("k"));
  EXPECT_TRUE(kept && kept->value == "v");
  std::vector<Change> changes{{.key = "c", .value = "cold", .cold = true}};
  CO_TRY(co_await store->commit({}, std::move(changes)));
  EXPECT_EQ(CO_TRY(co_await store->get_cold("c")), "cold");
  co_return co_await store->close();
}

TEST_F(SqliteFile, TurnsAFileOfTheFirstFormatIntoTheCurrentOne) {
  open_world();
  std::string sql = fmt::format(
      "{} PRAGMA application_id = {}; INSERT INTO entry VALUES(CAST('k' AS BLOB), CAST('v' AS "
      "BLOB), 1, 1, 0); UPDATE meta SET value = 1 WHERE name = 'revision';",
      migrations[0], application_id);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
  // Made when files could not shrink: this one can from now on.
  for (int twice = 0; twice < 2; ++twice) {
    Result<> done = run(use_old_file(world_->world(), file_));
    ASSERT_TRUE(done) << done.error().render();
  }
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  std::string mode;
  auto read = [](void* into, int, char** values, char**) {
    *static_cast<std::string*>(into) = values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA auto_vacuum", read, &mode, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_EQ(mode, "2");
}

int64_t size_of_file(const std::string& file) {
  struct stat info{};
  return stat(file.c_str(), &info) == 0 ? info.st_size : -1;
}

constexpr int64_t room_kept = 3 << 20;  // what a tidied file of these tests may hold

Task<Result<>> fill_and_empty(aio::World& world, std::string file, bool waits) {
  auto store = CO_TRY(co_await open_sqlite(world, file, {.sync = false}));
  constexpr int values = 400;
  for (bool adds : {true, false}) {
    std::vector<Change> changes;
    for (int i = 0; i < values; ++i)
      changes.push_back({.key = fmt::format("k{}", i),
                         .value = adds ? std::optional(std::string(25'000, 'x')) : std::nullopt,
                         .cold = true});
    if (!adds) changes.push_back({"stays", "here", 0});
    CO_TRY(co_await store->commit({}, std::move(changes)));
  }
  Moment end = world.clock.now() + Duration::seconds(60);
  while (waits && size_of_file(file) > room_kept && world.clock.now() < end)
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(5)));
  co_return co_await store->close();
}

Task<Result<>> wait_until_small(aio::World& world, std::string file) {
  auto store = CO_TRY(co_await open_sqlite(world, file, {.sync = false}));
  Moment end = world.clock.now() + Duration::seconds(60);
  while (size_of_file(file) > room_kept && world.clock.now() < end)
    CO_TRY(co_await world.clock.sleep(Duration::milliseconds(5)));
  EXPECT_EQ(CO_TRY(co_await store->get("stays"))->value, "here");
  co_return co_await store->close();
}

TEST_F(SqliteFile, GivesTheSpaceOfDeletedValuesBack) {
  open_world();
  Result<> done = run(fill_and_empty(world_->world(), file_, true));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_LE(size_of_file(file_), room_kept);
}

TEST_F(SqliteFile, GivesItBackAfterARestartToo) {
  open_world();
  Result<> done = run(fill_and_empty(world_->world(), file_, false));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_GT(size_of_file(file_), room_kept);
  done = run(wait_until_small(world_->world(), file_));
  ASSERT_TRUE(done) << done.error().render();
  EXPECT_LE(size_of_file(file_), room_kept);
}

TEST_F(SqliteFile, KeepsAReserveAndTakesItAsItIs) {
  open_world();
  auto open_with_reserve = [](aio::World& world, std::string file) -> Task<Result<>> {
    auto store = CO_TRY(co_await open_sqlite(world, file, {.reserve = Bytes::mib(1)}));
    CO_TRY(co_await store->commit({}, {{"k", "v", 0}}));
    co_return co_await store->close();
  };
  for (int twice = 0; twice < 2; ++twice) {
    Result<> done = run(open_with_reserve(world_->world(), file_));
    ASSERT_TRUE(done) << done.error().render();
    EXPECT_EQ(size_of_file(file_ + "-reserve"), 1 << 20);
  }
}

TEST_F(SqliteFile, SaysWhichFolderIsMissing) {
  open_world();
  Result<> done = run(open_only(world_->world(), folder_ + "/no/such/store.db"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::not_found) << done.error().render();
}

constexpr int commits = 6;

Task<Result<>> commit_and_tell(aio::World& world, std::string file, int tell) {
  auto store = CO_TRY(co_await open_sqlite(world, file));
  for (int i = 1; i <= commits; ++i) {
    std::string text = std::to_string(i);
    CO_TRY(co_await store->commit({}, {{"x", text, 0}, {"y", text, 0}}));
    char byte = static_cast<char>(i);
    if (write(tell, &byte, 1) != 1) co_return fail(Code::io, "the pipe is closed");
  }
  co_return co_await store->close();
}

Task<Result<>> check_after_kill(aio::World& world, std::string file, int acknowledged) {
  auto store = CO_TRY(co_await open_sqlite(world, file));
  auto x = CO_TRY(co_await store->get("x"));
  auto y = CO_TRY(co_await store->get("y"));
  EXPECT_EQ(x.has_value(), y.has_value());
  if (x && y) EXPECT_EQ(x->value, y->value);
  int kept = x ? atoi(x->value.c_str()) : 0;
  EXPECT_TRUE(kept == acknowledged || kept == acknowledged + 1)
      << kept << " kept, " << acknowledged << " acknowledged";
  co_return co_await store->close();
}

/// A child that kills itself with -9 at a crash point. Returns how many commits it was told of; -1
/// when it came to its end.
int run_child(const std::string& file, int crash_at) {
  int ends[2];
  if (pipe(ends) != 0) return -2;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    setenv("CROFT_CRASH_AT", std::to_string(crash_at).c_str(), 1);
    auto world = RealWorld::open();
    bool fine = world && (*world)->run(commit_and_tell((*world)->world(), file, ends[1]));
    _exit(fine ? 0 : 1);
  }
  close(ends[1]);
  int acknowledged = 0;
  for (char byte; read(ends[0], &byte, 1) == 1;) acknowledged = byte;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0 ? -1 : -2;
  return acknowledged;
}

TEST_F(SqliteFile, KeepsEveryAcknowledgedCommitOverKill9AtEachCrashPoint) {
  // No world here before the forks: a child must not inherit threads' locks.
  std::vector<int> acknowledged;
  for (int at = 1; at <= 4 * commits; ++at) {
    TearDown();
    SetUp();
    int told = run_child(file_, at);
    ASSERT_NE(told, -2) << "the child failed, crash point " << at;
    if (told == -1) break;
    acknowledged.push_back(told);
    auto world = RealWorld::open();
    ASSERT_TRUE(world);
    Result<> checked = (*world)->run(check_after_kill((*world)->world(), file_, told));
    ASSERT_TRUE(checked) << "crash point " << at << ": " << checked.error().render();
    ASSERT_FALSE(HasFailure()) << "crash point " << at;
  }
  EXPECT_EQ(acknowledged.size(), 2u * commits);
}

}  // namespace
}  // namespace croft::store
