// Where croft keeps what must survive: an ordered map of text keys to bytes with transactions,
// ranges, watches, leases and one revision counter, in the shape of etcd's. Back ends: sqlite/
// (one machine), memory/ (tests, simulation), etcd/ (several controllers).
// One loop thread; calls may overlap, commits are grouped (one sync for all that wait).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aio/world.h"

namespace croft::store {

struct Entry {
  std::string key;
  std::string value;
  uint64_t created = 0;   ///< revision that made the key
  uint64_t modified = 0;  ///< revision that last wrote it
  uint64_t lease = 0;     ///< 0: none
};

struct Condition {
  std::string key;
  uint64_t modified = 0;  ///< 0: the key must not exist; else its `modified` must be this
};

struct Change {
  std::string key;
  std::optional<std::string> value;  ///< nullopt deletes
  uint64_t lease = 0;                ///< 0: none; else the key goes when the lease ends
  /// Stays on the disk: no memory, no part of ranges, watches and conditions; get_cold() reads it.
  bool cold = false;
};

struct Range {
  std::string from;
  std::string to;  ///< exclusive; empty: `from` alone
  size_t limit = 1000;
  bool keys_only = false;
};
/// The range of all keys that start with `prefix`.
Range prefix(std::string prefix, size_t limit = 1000);

struct Watched {
  Entry entry;
  bool deleted = false;
};

class Watch {
 public:
  virtual ~Watch() = default;
  /// The next changes, in order, at least one. Code::resource_exhausted when the reader fell too
  /// far behind: changes were dropped, read the range again and go on; Code::cancelled once closed.
  virtual aio::Task<Result<std::vector<Watched>>> next() = 0;
};

class Store {
 public:
  virtual ~Store() = default;
  /// All changes or none, durable on return. Conditions that do not hold: Code::conflict, with the
  /// key in Error::where.path. A key may be changed once per commit. Deleting what is absent
  /// changes nothing. Returns the new revision. A full disk: Code::resource_exhausted, nothing
  /// changed. Once begun, a commit is not interrupted by cancellation.
  virtual aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                             std::vector<Change> changes) = 0;
  virtual aio::Task<Result<std::optional<Entry>>> get(std::string key) = 0;
  virtual aio::Task<Result<std::vector<Entry>>> range(Range range) = 0;
  /// A value that was committed as cold. Waits for the disk, behind a commit that is under way.
  virtual aio::Task<Result<std::optional<std::string>>> get_cold(std::string key);
  virtual Result<std::unique_ptr<Watch>> watch(Range range) = 0;
  /// A lease that ends `ttl` after its last renewal; keys bound to it go with it.
  virtual aio::Task<Result<uint64_t>> grant(Duration ttl) = 0;
  virtual aio::Task<Result<>> renew(uint64_t lease) = 0;  ///< Code::not_found when it has ended
  virtual aio::Task<Result<>> revoke(uint64_t lease) = 0;
  virtual uint64_t revision() const = 0;
  /// Whoever opened it has written all that a start needs: what was lent to him from the reserve is
  /// put by again. Only where a reserve was asked for.
  virtual void started() {}
  /// Waits for running commits, then closes the files.
  virtual aio::Task<Result<>> close() = 0;
};

/// Fact of an Error, "broken": this object cannot know any more what the disk holds. All further
/// commits fail the same way; closed and opened again it reads what is there.
inline constexpr const char* broken_fact = "store";
inline bool is_broken(const Error& error) {
  return error.fact(broken_fact) == "broken";
}

/// What one key and one value may hold.
inline constexpr size_t key_bytes_max = 4096;
inline constexpr size_t value_bytes_max = 64 << 20;

struct SqliteOptions {
  /// False: a power cut may lose the last commits (never tear one). A killed process loses nothing.
  bool sync = true;
  /// Space put by on the disk so that commits that remove more than they add go through when it is
  /// full. Nothing else is written then until it is put by again. Where the disk is full at
  /// opening, a share of it is lent to the process until started(). 0: none.
  Bytes reserve;
};

/// Opens (or makes) the database file exclusively: Code::conflict "in use by process N" when
/// another process holds it; Code::corrupt with the integrity report when it is damaged.
aio::Task<Result<std::unique_ptr<Store>>> open_sqlite(aio::World& world, std::string file,
                                                      SqliteOptions options = {});
std::unique_ptr<Store> open_memory(aio::World& world);

}  // namespace croft::store
