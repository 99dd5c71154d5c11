// Programs started by a RealWorld, and signals. A child inherits nothing but what ProcessOptions
// says: environment, descriptors, signal mask and dispositions are fresh. Its end is seen through a
// pidfd, so other code's waitpid or SIGCHLD do not interfere. Loop thread only.
#pragma once
#include <list>
#include <map>
#include <memory>
#include <set>

#include "aio/real/loop.h"
#include "aio/world.h"

namespace croft::aio {

class RealProcesses final : public Processes {
 public:
  explicit RealProcesses(Loop& loop) : loop_(loop) {}
  /// Children run on.
  ~RealProcesses() override;
  Result<std::unique_ptr<Child>> start(ProcessOptions options) override;
  Task<Result<int>> signal(std::vector<int> numbers) override;

  struct Exit;

 private:
  struct Caught;
  struct SignalWait {
    std::vector<int> numbers;
    Waiter<int> waiter;
  };
  Result<> catch_signal(int number);
  static void close(Caught* caught);
  void arrived(int number);

  Loop& loop_;
  std::set<std::shared_ptr<Exit>> running_;
  std::map<int, Caught*> caught_;  // freed by libuv's close callback
  std::set<int> pending_;
  std::list<SignalWait*> waits_;
};

}  // namespace croft::aio
