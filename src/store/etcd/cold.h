// Cold values in etcd: keys of their own beside the table; large ones in pieces, since a member
// takes only so much at once. Pieces are laid down first, bound to the session so that those of a
// crash go with it; the commit frees them from it and writes what lists them. Loop thread only.
#pragma once
#include "store/etcd/session.h"

namespace croft::store::etcd {

struct ColdPlan {
  Array guards;                      ///< compares: what was there is there still
  std::vector<std::string> guarded;  ///< the keys of `guards`, in their order
  Array parts;                       ///< of the transaction
  std::vector<std::string> laid;     ///< ids of the pieces that lie ready
};

class Cold {
 public:
  static constexpr size_t whole_max = 256 << 10;  // larger ones are cut
  static constexpr size_t piece_bytes = 1 << 20;

  Cold(Gateway& gateway, Session& session, std::string prefix)
      : gateway_(gateway), session_(session), prefix_(std::move(prefix)) {}

  /// What the commit's transaction has to hold for the cold ones of `changes`. Lays down pieces.
  aio::Task<Result<ColdPlan>> plan(const std::vector<Change>& changes);
  /// Takes away the pieces of a plan that was not carried out.
  aio::Task<void> discard(std::vector<std::string> laid);
  aio::Task<Result<std::optional<std::string>>> read(std::string key);

 private:
  std::string whole(std::string_view key) const { return prefix_ + "whole/" + std::string(key); }
  std::string list(std::string_view key) const { return prefix_ + "list/" + std::string(key); }
  std::string pieces(std::string_view id) const {
    return prefix_ + "piece/" + std::string(id) + "/";
  }
  aio::Task<Result<std::string>> lay_down(const std::string& value, ColdPlan& plan);
  aio::Task<Result<>> add(const Change& change, const std::optional<Entry>& old, ColdPlan& plan);
  aio::Task<Result<std::string>> join(std::string listed);

  Gateway& gateway_;
  Session& session_;
  std::string prefix_;
  uint64_t laid_ = 0;
};

/// A range of the table or of pieces, as it was at one revision; `strip` bytes off each key.
aio::Task<Result<std::vector<Entry>>> read_range(Gateway& gateway, Range range, size_t strip,
                                                 size_t page);

}  // namespace croft::store::etcd
