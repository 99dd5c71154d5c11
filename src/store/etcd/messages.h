// The messages of etcd's JSON gateway that the store sends and reads: keys and values in base64,
// 64-bit numbers as text, zero left out. Pure.
#pragma once
#include "store/store.h"
#include "wire/json.h"

namespace croft::store::etcd {

using wire::json::Array;
using wire::json::Object;

/// Holds when the key was last written by `modified`; 0: when it is absent.
Object unchanged(std::string_view key, uint64_t modified);

// Parts of a transaction.
Object put(std::string_view key, std::string_view value, uint64_t lease);
/// Leaves the value, ends its tie to a lease.
Object untie(std::string_view key);
Object remove(std::string_view key);
Object remove_all(const Range& range);
Object get(std::string_view key, bool keys_only);

struct Txn {
  Array compare;
  Array success;
  Array failure;
  Object object() &&;
  Object part() &&;  ///< within another transaction
};

/// A request for a page of a range. `revision` 0: the latest.
Object range_request(const Range& range, size_t limit, uint64_t revision);
Object watch_request(const Range& range, uint64_t from);

/// A number that travels as text; 0 when absent.
Result<uint64_t> number(const Object& object, std::string_view name);
/// Of an answer's header; 0 when it has none.
Result<uint64_t> revision_of(const Object& answer);

/// `kvs` of a range's answer, with `strip` bytes taken off each key.
Result<std::vector<Entry>> entries(const Object& answer, size_t strip);
/// The answer of the `index`th part of a transaction.
Result<const Object*> part_at(const Object& answer, size_t index, std::string_view kind);

/// One line of a watch.
struct WatchNews {
  std::vector<Watched> changes;
  bool cancelled = false;
  uint64_t compacted = 0;  ///< the history before it is gone, and so is the watch
  std::string reason;
};
Result<WatchNews> watch_news(std::string_view line, size_t strip);

/// What a member says instead of an answer; `status` is HTTP's.
Error refusal(int status, std::string_view body);
/// The same in a stream: {"error": {...}}.
Error refusal_in_stream(const Object& error);

}  // namespace croft::store::etcd
