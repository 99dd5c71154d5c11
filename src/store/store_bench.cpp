// The store against its limits, in one run: commits a second alone and grouped against a bare
// write + fdatasync, reads a second against a bare std::map, opening and memory of a large file.
//   store_bench [DIR] [KEYS]
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>

#include "aio/real/real_world.h"
#include "base/text.h"
#include "store/store.h"

namespace croft::store {
namespace {

constexpr int rounds = 5;
constexpr int commits_alone = 300;
constexpr int commits_grouped = 6400;
constexpr int writers = 64;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// What one durable append costs with no database at all: a log record of a page, and its sync.
double syncs_per_second(const std::string& folder) {
  std::string path = folder + "/floor";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  std::string page(4096, 'x');
  for (int i = 0; i < commits_alone; ++i)
    static_cast<void>(!::pwrite(fd, page.data(), page.size(), i * 4096));
  ::fdatasync(fd);
  double begin = now_s();
  for (int i = 0; i < commits_alone; ++i) {
    static_cast<void>(!::pwrite(fd, page.data(), page.size(), i * 4096));
    ::fdatasync(fd);
  }
  double rate = commits_alone / (now_s() - begin);
  ::close(fd);
  ::unlink(path.c_str());
  return rate;
}

std::string key_of(int64_t i) {
  return fmt::format("object/bucket-{:03}/folder/{:09}.dat", i % 100, i);
}

aio::Task<Result<>> write_some(Store& store, int writer, int count) {
  for (int i = 0; i < count; ++i) {
    std::vector<Change> changes{{key_of(writer * 1'000'000LL + i), std::string(300, 'v'), 0}};
    CO_TRY(co_await store.commit({}, std::move(changes)));
  }
  co_return Result<>{};
}

aio::Task<Result<double>> commits_per_second(Store& store, int tasks, int all) {
  double begin = now_s();
  aio::Scope scope(co_await aio::here());
  for (int i = 0; i < tasks; ++i) scope.spawn(write_some(store, i, all / tasks));
  CO_TRY(co_await scope.join());
  co_return all / (now_s() - begin);
}

aio::Task<Result<double>> gets_per_second(Store& store, int64_t keys) {
  constexpr int count = 200'000;
  uint64_t seed = 1;
  uint64_t found = 0;
  double begin = now_s();
  for (int i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    auto entry = CO_TRY(co_await store.get(
        key_of(static_cast<int64_t>((seed >> 33) % static_cast<uint64_t>(keys)))));
    found += entry.has_value();
  }
  double rate = count / (now_s() - begin);
  if (found != count) co_return fail(Code::internal, "keys are missing");
  co_return rate;
}

double map_gets_per_second(int64_t keys) {
  std::map<std::string, std::string, std::less<>> map;
  for (int64_t i = 0; i < keys; ++i) map.emplace(key_of(i), std::string(300, 'v'));
  constexpr int count = 200'000;
  uint64_t seed = 1;
  size_t bytes = 0;
  double begin = now_s();
  for (int i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    bytes += map.find(key_of(static_cast<int64_t>((seed >> 33) % static_cast<uint64_t>(keys))))
                 ->second.size();
  }
  double rate = count / (now_s() - begin);
  return bytes > 0 ? rate : 0;
}

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  size_t total = 0, resident = 0;
  in >> total >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

aio::Task<Result<>> fill(Store& store, int64_t keys) {
  constexpr int64_t a_commit = 10'000;
  for (int64_t from = 0; from < keys; from += a_commit) {
    std::vector<Change> changes;
    for (int64_t i = from; i < std::min(keys, from + a_commit); ++i)
      changes.push_back({key_of(i), std::string(300, 'v'), 0});
    CO_TRY(co_await store.commit({}, std::move(changes)));
  }
  co_return Result<>{};
}

aio::Task<Result<>> measure_commits(aio::World& world, std::string folder) {
  std::vector<double> floor, alone, grouped, unsynced;
  for (int round = 0; round < rounds; ++round) {
    floor.push_back(syncs_per_second(folder));
    for (bool sync : {true, false}) {
      std::string file = fmt::format("{}/commits-{}-{}.db", folder, round, sync);
      auto store = CO_TRY(co_await open_sqlite(world, file, {sync}));
      if (sync) {
        alone.push_back(CO_TRY(co_await commits_per_second(*store, 1, commits_alone)));
        grouped.push_back(CO_TRY(co_await commits_per_second(*store, writers, commits_grouped)));
      } else {
        unsynced.push_back(CO_TRY(co_await commits_per_second(*store, writers, commits_grouped)));
      }
      CO_TRY(co_await store->close());
    }
  }
  double base = median(floor);
  fmt::print("write + fdatasync of 4 KiB       {:10.0f} /s   (the limit, one at a time)\n", base);
  fmt::print("commit, alone                    {:10.0f} /s   {:.2f} of the limit\n", median(alone),
             median(alone) / base);
  fmt::print("commit, {} writers               {:10.0f} /s   {:.1f} x the limit\n", writers,
             median(grouped), median(grouped) / base);
  fmt::print("commit, {} writers, sync off     {:10.0f} /s   {:.1f} x\n", writers, median(unsynced),
             median(unsynced) / base);
  co_return Result<>{};
}

aio::Task<Result<>> measure_reads(aio::World& world, std::string folder, int64_t keys) {
  std::string file = folder + "/reads.db";
  auto store = CO_TRY(co_await open_sqlite(world, file));
  double begin = now_s();
  CO_TRY(co_await fill(*store, keys));
  fmt::print("{} keys of 300 bytes written in    {:.1f} s, file {:.0f} MiB\n", keys,
             now_s() - begin, static_cast<double>(std::filesystem::file_size(file)) / (1 << 20));
  CO_TRY(co_await store->close());
  store.reset();
  double before = resident_mib();
  begin = now_s();
  store = CO_TRY(co_await open_sqlite(world, file));
  fmt::print("opened again in                  {:10.2f} s    {:.0f} bytes of memory a key\n",
             now_s() - begin, (resident_mib() - before) * (1 << 20) / static_cast<double>(keys));
  double gets = CO_TRY(co_await gets_per_second(*store, keys));
  begin = now_s();
  size_t listed = CO_TRY(co_await store->range(prefix("object/bucket-050/"))).size();
  double range_ms = (now_s() - begin) * 1000;
  CO_TRY(co_await store->close());
  store.reset();
  double map = map_gets_per_second(keys);
  fmt::print(
      "get                              {:10.0f} /s   {:.2f} of a bare std::map ({:.0f} /s)\n",
      gets, gets / map, map);
  fmt::print("range of {} entries            {:10.2f} ms\n", listed, range_ms);
  co_return Result<>{};
}

aio::Task<Result<>> measure(aio::World& world, std::string folder, int64_t keys) {
  CO_TRY(co_await measure_commits(world, folder));
  co_return co_await measure_reads(world, folder, keys);
}

}  // namespace
}  // namespace croft::store

int main(int argc, char** argv) {
  std::string base = argc > 1 ? argv[1] : "/tmp";
  int64_t keys = argc > 2 ? croft::parse_i64(argv[2]).value_or(200'000) : 200'000;
  std::string folder = base + "/croft-store-bench-XXXXXX";
  if (!mkdtemp(folder.data())) return 1;
  auto real = croft::aio::RealWorld::open();
  if (!real) return 1;
  auto done = (*real)->run(croft::store::measure((*real)->world(), folder, keys));
  std::filesystem::remove_all(folder);
  if (!done) fmt::print(stderr, "{}\n", done.error().render());
  return done ? 0 : 1;
}
