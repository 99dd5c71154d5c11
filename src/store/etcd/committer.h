// One commit as one transaction of etcd, done once whatever happens to its answers. Loop thread
// only.
#pragma once
#include "store/etcd/cold.h"
#include "store/etcd/key_order.h"

namespace croft::store::etcd {

class Committer {
 public:
  Committer(Gateway& gateway, Session& session, Cold& cold, std::string prefix)
      : gateway_(gateway), session_(session), cold_(cold), prefix_(std::move(prefix)) {}

  aio::Task<Result<uint64_t>> commit(std::vector<Condition> conditions,
                                     std::vector<Change> changes);
  size_t under_way() const { return order_.waiting(); }

 private:
  struct Work;
  /// nullopt: nothing was done, and it has to be planned again.
  using Outcome = Result<std::optional<uint64_t>>;
  aio::Task<Result<uint64_t>> carry_out(std::vector<Condition> conditions,
                                        std::vector<Change> changes);
  aio::Task<Outcome> attempt(const Work& work, const ColdPlan& cold);
  aio::Task<Outcome> ask(const Work& work, const ColdPlan& cold, Lane& lane);
  aio::Task<Outcome> refused(const Work& work, Lane& lane, Error error);
  Object transaction(const Work& work, const ColdPlan& cold, const Lane& lane, bool unsure) const;
  static Outcome succeeded(const Work& work, Lane& lane, const Object& answer);
  static Outcome failed(const Work& work, Lane& lane, const Object& answer, bool unsure);
  static Outcome conflict(const Work& work, const Object& answer, size_t first);

  Gateway& gateway_;
  Session& session_;
  Cold& cold_;
  std::string prefix_;
  KeyOrder order_;
};

}  // namespace croft::store::etcd
