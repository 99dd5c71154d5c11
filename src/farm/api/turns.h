// Fairness between accounts. The loop serves whoever is ready in the order in which the kernel says
// so: an account with a thousand connections would get a thousand times the turns of one with one.
// So while several accounts are at work, each gets `burst` turns in a `slice` of time; what comes
// beyond waits in its account's lane, and lanes take turns. And no account holds more than `share`
// requests at once. One account alone is never held up. Loop thread only. Memory: a lane an account
// seen of late, an entry a waiting request.
#pragma once
#include <deque>
#include <map>
#include <string>

#include "aio/sync.h"
#include "aio/waiter.h"
#include "aio/world.h"

namespace croft::farm {

struct TurnLimits {
  size_t burst = 16;       ///< of a lane in a slice, without waiting
  size_t handed_out = 32;  ///< to those that wait, of all lanes, in a slice
  Duration slice = Duration::milliseconds(1);
  Duration memory = Duration::milliseconds(200);  ///< so long an account counts as at work
  Duration max_wait = Duration::seconds(2);
  size_t share = 2048;  ///< requests of one account underway
};

class Turns {
 public:
  /// A request underway, from its turn to its answer.
  class Turn {
   public:
    Turn(Turns* turns, std::string lane) : turns_(turns), lane_(std::move(lane)) {}
    Turn(Turn&& other) noexcept
        : turns_(std::exchange(other.turns_, nullptr)), lane_(std::move(other.lane_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_) turns_->leave(lane_);
    }

   private:
    Turns* turns_;
    std::string lane_;
  };

  explicit Turns(aio::Clock& clock, TurnLimits limits = {}) : clock_(clock), limits_(limits) {}
  ~Turns();
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// Code::throttled when the account has its share, when it would wait too long, or `deadline`
  /// passes.
  aio::Task<Result<Turn>> enter(std::string lane, Moment deadline);
  /// Hands out turns, until cancelled.
  aio::Task<Result<>> run();

  size_t waiting() const { return waiting_; }
  uint64_t waited() const { return waited_; }
  uint64_t refused() const { return refused_; }

 private:
  struct Caller {
    aio::Waiter<> waiter;
    aio::Clock::TimerId timer = 0;
  };
  struct Lane {
    Moment seen, slice;
    size_t taken = 0;     ///< in this slice
    size_t underway = 0;  ///< have had their turn and no answer yet
    std::deque<Caller*> callers;
  };
  bool at_once(const std::string& name, Lane& lane);
  void leave(const std::string& name);
  void hand_out();
  void forget_old();
  std::unexpected<Error> refuse(std::string_view why);

  aio::Clock& clock_;
  TurnLimits limits_;
  std::map<std::string, Lane, std::less<>> lanes_;
  std::string last_;  ///< the lane that came last
  Moment other_;      ///< when the one before it was another
  std::string turn_;  ///< the lane that was served last of those that wait
  aio::Signal came_;  ///< somebody waits
  size_t waiting_ = 0;
  uint64_t waited_ = 0, refused_ = 0;
};

}  // namespace croft::farm
