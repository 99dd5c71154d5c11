// Space on the disk that is put by for deletions: on a full disk SQLite could not even log that
// something goes away. A file beside the database, allocated and empty of meaning; given back when
// the disk is full, filled again before anything else may grow. Blocks; one thread at a time.
#pragma once
#include <string>

#include "base/units.h"

namespace croft::store {

class Reserve {
 public:
  Reserve(std::string file, Bytes size) : file_(std::move(file)), size_(size) {}

  bool whole() const { return whole_; }
  /// Allocates what is missing of it. False: there is no room for it.
  bool fill();
  /// Where the disk is full, a share of it is the disk's for a while, so that a process can start.
  /// True: it was; fill() takes it again.
  bool lend();
  /// Its space is the disk's again.
  void give_back();

 private:
  std::string file_;
  Bytes size_;
  bool whole_ = false;
};

}  // namespace croft::store
