#include "store/sqlite/sim_vfs.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cstring>

#include "aio/sync_disk.h"

namespace croft::store {

namespace {

/// What a registered VFS points at.
struct Context {
  aio::World& world;
  aio::SyncDisk& disk;
  std::string name;
  uint64_t temporary = 0;
  sqlite3_vfs vfs{};
};

Context& of(sqlite3_vfs* vfs) {
  return *static_cast<Context*>(vfs->pAppData);
}

/// What SQLite allocates for an open file; the part behind `base` is ours.
struct OpenFile {
  sqlite3_file base;
  aio::SyncFile* file;
  aio::SyncDisk* disk;
  std::string* path;  ///< for files that go at close, and for the folder's sync
  bool delete_on_close;
  bool sync_folder;  ///< a new log: its name is durable only with its folder
};

OpenFile& of(sqlite3_file* file) {
  return *reinterpret_cast<OpenFile*>(file);
}

int code_of(const Error& error, int otherwise) {
  return error.code == Code::resource_exhausted ? SQLITE_FULL : otherwise;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

int file_close(sqlite3_file* base) {
  OpenFile& file = of(base);
  delete file.file;
  if (file.delete_on_close) {
    auto ignored = file.disk->remove(*file.path);
    static_cast<void>(ignored);
  }
  delete file.path;
  return SQLITE_OK;
}

int file_read(sqlite3_file* base, void* into, int size, sqlite3_int64 offset) {
  auto got = of(base).file->read_at(static_cast<uint64_t>(offset),
                                    {static_cast<char*>(into), static_cast<size_t>(size)});
  if (!got) return SQLITE_IOERR_READ;
  if (*got == static_cast<size_t>(size)) return SQLITE_OK;
  memset(static_cast<char*>(into) + *got, 0, static_cast<size_t>(size) - *got);
  return SQLITE_IOERR_SHORT_READ;
}

int file_write(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
  auto done = of(base).file->write_at(static_cast<uint64_t>(offset),
                                      {static_cast<const char*>(data), static_cast<size_t>(size)});
  return done ? SQLITE_OK : code_of(done.error(), SQLITE_IOERR_WRITE);
}

int file_truncate(sqlite3_file* base, sqlite3_int64 size) {
  return of(base).file->truncate(static_cast<uint64_t>(size)) ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int file_sync(sqlite3_file* base, int) {
  OpenFile& file = of(base);
  if (!file.file->sync()) return SQLITE_IOERR_FSYNC;
  if (!file.sync_folder) return SQLITE_OK;
  if (!file.disk->sync_dir(folder_of(*file.path))) return SQLITE_IOERR_DIR_FSYNC;
  file.sync_folder = false;
  return SQLITE_OK;
}

int file_size(sqlite3_file* base, sqlite3_int64* out) {
  auto size = of(base).file->size();
  if (!size) return SQLITE_IOERR_FSTAT;
  *out = static_cast<sqlite3_int64>(*size);
  return SQLITE_OK;
}

int file_lock(sqlite3_file*, int) {
  return SQLITE_OK;
}
int file_reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int file_control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int file_sector(sqlite3_file*) {
  return 512;
}
int file_character(sqlite3_file*) {
  return 0;
}

const sqlite3_io_methods methods = [] {
  sqlite3_io_methods out{};
  out.iVersion = 1;
  out.xClose = file_close;
  out.xRead = file_read;
  out.xWrite = file_write;
  out.xTruncate = file_truncate;
  out.xSync = file_sync;
  out.xFileSize = file_size;
  out.xLock = file_lock;
  out.xUnlock = file_lock;
  out.xCheckReservedLock = file_reserved;
  out.xFileControl = file_control;
  out.xSectorSize = file_sector;
  out.xDeviceCharacteristics = file_character;
  return out;
}();

int vfs_open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* base, int flags,
             int* out_flags) {
  Context& context = of(vfs);
  OpenFile& file = of(base);
  file = {};
  std::string path = name ? name : fmt::format("/.croft-temporary-{}", ++context.temporary);
  bool create = (flags & SQLITE_OPEN_CREATE) != 0;
  bool fresh = create && !context.disk.exists(path);
  auto opened = context.disk.open(path, create ? aio::OpenMode::create : aio::OpenMode::read_write);
  if (!opened) return SQLITE_CANTOPEN;
  file.file = opened->release();
  file.disk = &context.disk;
  file.path = new std::string(std::move(path));
  file.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  // As SQLite does on Unix: of the files it makes, only logs get their folder synced.
  file.sync_folder =
      fresh &&
      (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
  file.base.pMethods = &methods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

int vfs_delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  auto removed = of(vfs).disk.remove(name);
  if (!removed)
    return removed.error().code == Code::not_found ? SQLITE_IOERR_DELETE_NOENT
                                                   : SQLITE_IOERR_DELETE;
  if (sync_folder && !of(vfs).disk.sync_dir(folder_of(name))) return SQLITE_IOERR_DIR_FSYNC;
  return SQLITE_OK;
}

int vfs_access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  auto info = of(vfs).disk.info(name);
  if (!info && info.error().code != Code::not_found) return SQLITE_IOERR_ACCESS;
  // An empty log counts as absent, as SQLite's own VFS has it.
  *out = info && (flags != SQLITE_ACCESS_EXISTS || info->size > 0) ? 1 : 0;
  return SQLITE_OK;
}

int vfs_full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  size_t length = strlen(name);
  if (length + 1 > static_cast<size_t>(size)) return SQLITE_CANTOPEN;
  memcpy(out, name, length + 1);
  return SQLITE_OK;
}

int vfs_random(sqlite3_vfs* vfs, int size, char* out) {
  of(vfs).world.random.fill({reinterpret_cast<uint8_t*>(out), static_cast<size_t>(size)});
  return size;
}

int vfs_sleep(sqlite3_vfs*, int microseconds) {
  return microseconds;
}

int vfs_time(sqlite3_vfs* vfs, sqlite3_int64* out) {
  constexpr sqlite3_int64 unix_epoch_ms = 210'866'760'000'000;  // in SQLite's Julian milliseconds
  *out = unix_epoch_ms + of(vfs).world.clock.wall().ns / 1'000'000;
  return SQLITE_OK;
}

int vfs_time_double(sqlite3_vfs* vfs, double* out) {
  sqlite3_int64 now = 0;
  vfs_time(vfs, &now);
  *out = static_cast<double>(now) / 86'400'000.0;
  return SQLITE_OK;
}

int vfs_last_error(sqlite3_vfs*, int, char*) {
  return 0;
}

}  // namespace

struct SimVfs::State : Context {};

SimVfs::SimVfs(aio::World& world, aio::SyncDisk& disk) : state_(new State{{world, disk, {}}}) {
  static int count = 0;
  state_->name = fmt::format("croft-sim-{}", ++count);
  sqlite3_vfs& vfs = state_->vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 1024;
  vfs.zName = state_->name.c_str();
  vfs.pAppData = static_cast<Context*>(state_.get());
  vfs.xOpen = vfs_open;
  vfs.xDelete = vfs_delete;
  vfs.xAccess = vfs_access;
  vfs.xFullPathname = vfs_full_path;
  vfs.xRandomness = vfs_random;
  vfs.xSleep = vfs_sleep;
  vfs.xCurrentTime = vfs_time_double;
  vfs.xCurrentTimeInt64 = vfs_time;
  vfs.xGetLastError = vfs_last_error;
  sqlite3_vfs_register(&vfs, 0);
  // SQLite draws the salt of its log from one generator of its own: seeded, or a run would not
  // repeat.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED,
                       static_cast<int>(world.random.below(1U << 30)) + 1,
                       static_cast<sqlite3*>(nullptr));
}

SimVfs::~SimVfs() {
  sqlite3_vfs_unregister(&state_->vfs);
}

const std::string& SimVfs::name() const {
  return state_->name;
}

}  // namespace croft::store
