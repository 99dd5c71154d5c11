// A graph of steps that is asked for ready ones and told results, as Ninja's Plan is: no I/O, no
// clock. The engine's executor drives it. Thread-compatible. Limits: steps are numbered by 32 bits;
// all operations are O(log n) or O(edges of one step).
#pragma once
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace croft::plan {

using StepId = uint32_t;

/// What a step does to its component.
enum class Verb {
  deploy,     ///< made and checked; nothing is rented
  start,      ///< its own start; its children's follow
  live,       ///< a Compound whose children are all running
  terminate,  ///< its end, after its children's
};
std::string_view name_of(Verb verb);

struct Step {
  std::string path;
  Verb verb = Verb::deploy;
};

class Graph {
 public:
  StepId add(Step step);
  /// `later` waits for `earlier`. Adding one edge twice is harmless.
  void order(StepId earlier, StepId later);
  /// Call once after the last edge. Code::invalid_argument with the cycle, written out.
  Result<> seal();

  /// The ready step that was added first, or nullopt: nothing is ready now.
  std::optional<StepId> take();
  /// A step that did not succeed keeps back everything that needs it.
  void finished(StepId step, bool ok);

  const Step& step(StepId id) const { return nodes_[id].step; }
  size_t size() const { return nodes_.size(); }
  /// Taken and not yet finished.
  size_t running() const { return running_; }
  /// Nothing is ready, nothing runs: done, or held back by failures.
  bool idle() const { return ready_.empty() && running_ == 0; }
  bool done() const { return finished_ == nodes_.size(); }
  size_t finished_count() const { return finished_; }

 private:
  struct Node {
    Step step;
    std::vector<StepId> next;
    uint32_t waits = 0;
  };
  std::string cycle() const;
  std::vector<Node> nodes_;
  std::set<StepId> ready_;
  size_t running_ = 0;
  size_t finished_ = 0;
};

}  // namespace croft::plan
