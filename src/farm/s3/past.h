// The consistency of 2008 on demand: for a set time after a change, reads and lists answer as
// before it. Off by default: the store is strongly consistent. Remembers what was replaced within
// the window, and keeps its files from being removed meanwhile. Loop thread only. Limit:
// max_remembered changes; older ones are then seen at once.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aio/world.h"
#include "farm/s3/data_files.h"
#include "farm/s3/object_cache.h"

namespace croft::farm::s3 {

struct Consistency {
  Duration reads;  ///< a GET or HEAD is out of date for so long after a write
  Duration lists;  ///< and a list for so long
};

inline constexpr Duration max_delay = Duration::minutes(10);

class Past {
 public:
  static constexpr size_t max_remembered = 100'000;

  Past(aio::World& world, DataFiles& files) : world_(world), files_(files) {}

  void set(Consistency wanted);
  Consistency consistency() const { return wanted_; }
  bool active() const { return wanted_.reads > Duration() || wanted_.lists > Duration(); }

  /// `before`: what was there until now; null: nothing. Call before its files are given up.
  void changed(const std::string& name, ObjectRef before);
  /// What a read of `name` shall find, if it differs from what is there: nullopt when it does not.
  std::optional<ObjectRef> seen_by_read(const std::string& name);
  /// The same for all names in [from, to), for a list.
  std::map<std::string, ObjectRef> seen_by_list(const std::string& from, const std::string& to);
  void prune();
  /// The bucket whose names all begin so is gone: whoever makes the next one of its name sees
  /// nothing of it.
  void forget(const std::string& prefix);

 private:
  struct Change {
    Moment at;
    ObjectRef before;
    bool pinned = false;
  };
  void release(const Change& change);
  const Change* first_after(const std::deque<Change>& changes, Duration age) const;

  aio::World& world_;
  DataFiles& files_;
  Consistency wanted_;
  std::map<std::string, std::deque<Change>> by_name_;
  std::deque<std::pair<Moment, std::string>> order_;
};

}  // namespace croft::farm::s3
