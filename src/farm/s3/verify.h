// `croft farm verify`: reads every object, every older version and every part, and holds it against
// the checksums it was stored with; looks for files that are missing and for files that nothing
// names. Reads only; the farm may serve meanwhile. Loop thread; hashes on the pool.
#pragma once
#include <set>
#include <string>

#include "farm/s3/data_files.h"
#include "farm/s3/record.h"
#include "store/store.h"

namespace croft::farm::s3 {

struct VerifyReport {
  static constexpr size_t damages_max = 1000;  ///< named; further ones are counted only
  struct Damage {
    std::string where;  ///< "BUCKET/KEY", with "?versionId=..." or "part N of upload ID"
    std::string what;   ///< "its ETag says ..., its bytes ...", "a data file is missing"
  };
  uint64_t objects = 0;
  uint64_t parts = 0;
  uint64_t bytes = 0;
  uint64_t damaged = 0;
  uint64_t changed = 0;  ///< replaced or removed while they were looked at
  uint64_t strays = 0;   ///< files that nothing names
  std::vector<Damage> damages;
  bool whole() const { return damaged == 0; }
};
std::string to_json(const VerifyReport& report);

class Verifier {
 public:
  Verifier(aio::World& world, store::Store& store, DataFiles& files)
      : world_(world), store_(store), files_(files) {}
  aio::Task<Result<VerifyReport>> run();

 private:
  struct Item {
    std::string entry;  ///< its key in the store
    std::string where;
    ObjectRecord record;
  };
  aio::Task<Result<>> walk(std::string prefix, bool parts);
  aio::Task<Result<>> check(Item item);
  aio::Task<Result<>> check_stored(const Item& item);
  aio::Task<Result<>> check_files(const Item& item);
  aio::Task<Result<bool>> hash_piece(const Piece& piece, Digests& piece_digest, Digests* whole);
  aio::Task<Result<>> damage(const Item& item, std::string what);
  aio::Task<Result<>> look_for_strays();

  aio::World& world_;
  store::Store& store_;
  DataFiles& files_;
  VerifyReport report_;
  std::string buffer_;
};

}  // namespace croft::farm::s3
