// The store on one machine: Database does the blocking work on a pool thread, one call at a time.
#include "aio/scope.h"
#include "store/queued_store.h"
#include "store/sqlite/database.h"
#include "store/sqlite/sim_vfs.h"

namespace croft::store {
namespace {

// Of one step of tidying: some milliseconds of reading, moving and one sync.
constexpr int tidy_pages_idle = 512;
constexpr int tidy_pages_busy = 64;

class SqliteBacking : public Backing {
 public:
  SqliteBacking(aio::World& world, std::unique_ptr<SimVfs> vfs, std::unique_ptr<Database> database)
      : world_(world), vfs_(std::move(vfs)), database_(std::move(database)) {}

  aio::Task<Result<>> persist(const Batch& batch) override {
    co_return co_await aio::blocking(world_, aio::Pool::disk, [database = database_.get(), &batch] {
      return database->write(batch);
    });
  }
  aio::Task<Result<ColdValues>> read(const std::vector<std::string>& keys) override {
    co_return co_await aio::blocking(world_, aio::Pool::disk, [database = database_.get(), &keys] {
      return database->read_cold(keys);
    });
  }
  void started() override { database_->started(); }
  bool untidy() const override { return database_->untidy(); }
  aio::Task<Result<>> tidy(bool busy) override {
    int pages = busy ? tidy_pages_busy : tidy_pages_idle;
    co_return co_await aio::blocking(world_, aio::Pool::disk, [database = database_.get(), pages] {
      return database->tidy(pages);
    });
  }
  aio::Task<Result<>> close() override {
    co_return co_await aio::blocking(world_, aio::Pool::disk,
                                     [database = database_.get()] { return database->close(); });
  }

 private:
  aio::World& world_;
  std::unique_ptr<SimVfs> vfs_;  ///< in the simulation; outlives the database
  std::unique_ptr<Database> database_;
};

struct Opened {
  std::unique_ptr<Database> database;
  Content content;
};

Result<Opened> open_and_load(const std::string& file, const DatabaseOptions& options) {
  Opened opened;
  opened.database = TRY(Database::open(file, options));
  opened.content = TRY(opened.database->load());
  return opened;
}

}  // namespace

aio::Task<Result<std::unique_ptr<Store>>> open_sqlite(aio::World& world, std::string file,
                                                      SqliteOptions options) {
  DatabaseOptions settings;
  settings.sync = options.sync;
  settings.reserve = options.reserve;
  std::unique_ptr<SimVfs> vfs;
  if (aio::SyncDisk* disk = world.disk.sync_disk()) {
    vfs = std::make_unique<SimVfs>(world, *disk);
    settings.vfs = vfs->name();
    settings.lock_file = false;
  }
  Opened opened = CO_TRY(co_await aio::blocking(
      world, aio::Pool::disk, [&file, &settings] { return open_and_load(file, settings); }));
  auto backing = std::make_unique<SqliteBacking>(world, std::move(vfs), std::move(opened.database));
  co_return make_queued_store(world, std::move(backing), std::move(opened.content));
}

}  // namespace croft::store
