// Files, clocks, pools and crash points of the RealWorld.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "aio/real/real_world.h"

namespace croft::aio {
namespace {

class DiskTest : public testing::Test {
 protected:
  DiskTest() {
    char name[] = "/tmp/croft-test-XXXXXX";
    folder = mkdtemp(name);
  }
  ~DiskTest() override { std::system(("rm -rf " + folder).c_str()); }
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    return real->run(deadline(world.clock, Duration::seconds(20), std::move(task), "the test"));
  }
  std::string folder;
  std::unique_ptr<RealWorld> real = RealWorld::open().value();
  World& world = real->world();
};

Task<Result<>> whole_files(Disk& disk, std::string folder) {
  std::string path = folder + "/file";
  CO_TRY(co_await disk.write_file(path, "one"));
  CO_TRY(co_await disk.write_file(path, std::string(300'000, 'x'), 0644));
  EXPECT_EQ(CO_TRY(co_await disk.read_file(path, Bytes(300'000))), std::string(300'000, 'x'));
  EXPECT_EQ((co_await disk.read_file(path, Bytes(299'999))).error().code, Code::resource_exhausted);
  EXPECT_EQ((co_await disk.read_file(folder, Bytes(1))).error().code, Code::invalid_argument);
  EXPECT_EQ((co_await disk.read_file(folder + "/none", Bytes(1))).error().code, Code::not_found);
  EXPECT_EQ((co_await disk.write_file(folder + "/none/file", "x")).error().code, Code::not_found);
  EXPECT_EQ(CO_TRY(co_await disk.info(path)).mode, 0644u);
  EXPECT_EQ(CO_TRY(co_await disk.info(path)).size, 300'000u);
  EXPECT_EQ(CO_TRY(co_await disk.list(folder)),
            std::vector<std::string>{"file"});  // no temporary left
  EXPECT_FALSE(CO_TRY(co_await disk.read_file("/proc/self/status", Bytes::kib(64))).empty());
  EXPECT_EQ(CO_TRY(co_await disk.read_file("/dev/null", Bytes(10))), "");
  co_return Result<>{};
}

TEST_F(DiskTest, the_leavings_of_a_killed_process_are_no_obstacle) {
  for (int i = 0; i < 2000; ++i)
    std::ofstream(fmt::format("{}/file.tmp.{}.{}", folder, getpid(), i)) << "old";
  auto result = run(world.disk.write_file(folder + "/file", "new"));
  EXPECT_TRUE(result) << result.error().render();
  EXPECT_EQ(run(world.disk.read_file(folder + "/file", Bytes(9))).value(), "new");
}

TEST_F(DiskTest, whole_files) {
  auto result = run(whole_files(world.disk, folder));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> trees(Disk& disk, std::string folder) {
  CO_TRY(co_await disk.make_dirs(folder + "/a/b/c", 0750));
  CO_TRY(co_await disk.make_dirs(folder + "/a/b/c"));
  EXPECT_EQ(CO_TRY(co_await disk.info(folder + "/a/b")).mode, 0750u);
  CO_TRY(co_await disk.write_file(folder + "/a/b/2", ""));
  CO_TRY(co_await disk.write_file(folder + "/a/b/1", ""));
  EXPECT_EQ(CO_TRY(co_await disk.list(folder + "/a/b")), (std::vector<std::string>{"1", "2", "c"}));
  EXPECT_EQ((co_await disk.make_dirs(folder + "/a/b/1/x")).error().code, Code::invalid_argument);
  EXPECT_EQ((co_await disk.remove(folder + "/a/b/3")).error().code, Code::not_found);
  CO_TRY(co_await disk.rename(folder + "/a/b/1", folder + "/a/1"));
  CO_TRY(co_await disk.sync_dir(folder + "/a"));
  EXPECT_EQ(symlink("/etc", (folder + "/a/link").c_str()), 0);
  CO_TRY(co_await disk.remove_tree(folder + "/a"));
  CO_TRY(co_await disk.remove_tree(folder + "/a"));
  EXPECT_EQ(access("/etc/passwd", R_OK), 0);
  EXPECT_EQ((co_await disk.list(folder + "/a")).error().code, Code::not_found);
  co_return Result<>{};
}

TEST_F(DiskTest, folders) {
  auto result = run(trees(world.disk, folder));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> open_files(Disk& disk, std::string path) {
  EXPECT_EQ((co_await disk.open(path, OpenMode::read)).error().code, Code::not_found);
  EXPECT_EQ((co_await disk.open(path, OpenMode::read_write)).error().code, Code::not_found);
  auto file = CO_TRY(co_await disk.open(path, OpenMode::create_new));
  EXPECT_EQ((co_await disk.open(path, OpenMode::create_new)).error().code, Code::already_exists);
  std::string text(500'000, 'y');
  CO_TRY(co_await file->write_at(10, text));
  CO_TRY(co_await file->sync());
  EXPECT_EQ(CO_TRY(co_await file->size()), 500'010u);
  for (size_t size : {size_t{5}, size_t{100'000}, size_t{400'000}, size_t{600'000}}) {
    std::string into(size, '\0');
    size_t got = CO_TRY(co_await file->read_at(10, into));
    EXPECT_EQ(got, std::min<size_t>(size, 500'000));
    EXPECT_TRUE(into.substr(0, got) == text.substr(0, got));
  }
  std::string into(5, '\0');
  EXPECT_EQ(CO_TRY(co_await file->read_at(1'000'000, into)), 0u);
  CO_TRY(co_await file->truncate(11));
  auto again = CO_TRY(co_await disk.open(path, OpenMode::read));
  EXPECT_EQ(CO_TRY(co_await again->read_at(8, into)), 3u);
  EXPECT_EQ(into.substr(0, 3), std::string("\0\0y", 3));
  co_return Result<>{};
}

TEST_F(DiskTest, open_files) {
  auto result = run(open_files(world.disk, folder + "/file"));
  EXPECT_TRUE(result) << result.error().render();
}

Task<Result<>> write_one(Disk& disk, std::string path, int number) {
  for (int i = 0; i < 5; ++i)
    CO_TRY(co_await disk.write_file(path, std::string(1000, static_cast<char>('a' + number))));
  co_return Result<>{};
}

Task<Result<std::string>> many_writers(Disk& disk, std::string path) {
  Scope scope(co_await here());
  for (int i = 0; i < 10; ++i) scope.spawn(write_one(disk, path, i));
  CO_TRY(co_await scope.join());
  co_return co_await disk.read_file(path, Bytes(2000));
}

TEST_F(DiskTest, writers_of_one_file_do_not_mix) {
  auto result = run(many_writers(world.disk, folder + "/file"));
  ASSERT_TRUE(result) << result.error().render();
  EXPECT_EQ(*result, std::string(1000, result->front()));
}

Task<Result<int>> count_up(World& world, std::atomic<int>& counter) {
  co_await blocking(world, Pool::hash, [&counter] { ++counter; });
  co_return 1;
}

Task<Result<>> ignore_number(Task<Result<int>> task) {
  CO_TRY(co_await task);
  co_return Result<>{};
}

Task<Result<>> pool_crowd(World& world, std::atomic<int>& counter) {
  Scope scope(co_await here());
  for (int i = 0; i < 500; ++i) scope.spawn(ignore_number(count_up(world, counter)));
  co_return co_await scope.join();
}

TEST_F(DiskTest, pools_run_everything_once) {
  std::atomic<int> counter = 0;
  EXPECT_TRUE(run(pool_crowd(world, counter)));
  EXPECT_EQ(counter, 500);
}

TEST_F(DiskTest, clock) {
  auto start = world.clock.now();
  EXPECT_TRUE(run(world.clock.sleep(Duration::milliseconds(5))));
  EXPECT_GE(world.clock.now() - start, Duration::milliseconds(5));
  EXPECT_TRUE(run(world.clock.sleep(Duration())));
  EXPECT_GT(world.clock.wall().unix_seconds(), 1'700'000'000);
  auto late = run(deadline(world.clock, Duration::milliseconds(5),
                           world.clock.sleep(Duration::hours(1)), "the wait"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().what, "the wait took longer than 5 ms");
}

Task<Result<int>> ordered(Clock& clock, std::vector<int>& order, int rank) {
  CO_TRY(co_await clock.sleep(Duration::milliseconds(rank)));
  order.push_back(rank);
  co_return rank;
}

Task<Result<>> timers(Clock& clock, std::vector<int>& order) {
  Scope scope(co_await here());
  for (int i = 20; i > 0; --i) scope.spawn(ignore_number(ordered(clock, order, i)));
  auto stopped = clock.call_at(clock.now() + Duration::milliseconds(1),
                               [] { ADD_FAILURE() << "was stopped"; });
  clock.stop(stopped);
  co_return co_await scope.join();
}

TEST_F(DiskTest, timers_fire_in_order) {
  std::vector<int> order;
  EXPECT_TRUE(run(timers(world.clock, order)));
  EXPECT_TRUE(std::ranges::is_sorted(order));
  EXPECT_EQ(order.size(), 20u);
}

TEST_F(DiskTest, random_numbers) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(world.random.hex_id(17));
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(seen.begin()->size(), 17u);
  for (int i = 0; i < 100; ++i) {
    EXPECT_LT(world.random.below(7), 7u);
    EXPECT_LT(world.random.unit(), 1.0);
  }
}

TEST_F(DiskTest, crash_points) {
  std::string log = folder + "/log";
  pid_t child = fork();
  if (child == 0) {
    setenv("CROFT_CRASH_AT", "3", 1);
    setenv("CROFT_CRASH_LOG", log.c_str(), 1);
    auto own = RealWorld::open();
    if (!own) _exit(1);
    for (const char* name : {"one", "two", "three", "four"}) (*own)->world().crash.pass(name);
    _exit(2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  std::ifstream in(log);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text, "1 one\n2 two\n3 three\n");
}

}  // namespace
}  // namespace croft::aio
