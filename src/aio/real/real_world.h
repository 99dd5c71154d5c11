// The World of a running program: libuv's loop, the kernel's sockets, files, processes and clocks.
//   auto real = TRY(RealWorld::open());
//   Result<> result = real->run(serve(real->world()));
// Ownership: everything made through world() must be gone before the RealWorld. One thread uses it;
// several RealWorlds may live in one process, each on its own thread. SIGPIPE is ignored from
// open() on.
#pragma once
#include <memory>

#include "aio/scope.h"
#include "aio/world.h"

namespace croft::aio {

class RealWorld {
 public:
  static Result<std::unique_ptr<RealWorld>> open();
  ~RealWorld();
  RealWorld(const RealWorld&) = delete;
  RealWorld& operator=(const RealWorld&) = delete;

  World& world();

  /// Runs the loop until `task` has ended; may be called again. Detached tasks go on only while a
  /// run() lasts.
  template <class T>
  T run(Task<T> task) {
    bool done = false;
    if constexpr (std::is_void_v<T>) {
      root(*this, std::move(task), done).start({&world().executor, nullptr});
      turn_until(done);
    } else {
      std::optional<T> out;
      root(*this, std::move(task), out, done).start({&world().executor, nullptr});
      turn_until(done);
      return std::move(*out);
    }
  }

 private:
  struct Parts;
  RealWorld();
  void turn_until(const bool& done);
  void interrupt();

  template <class T>
  static detail::Detached root(RealWorld& self, Task<T> task, std::optional<T>& out, bool& done) {
    out.emplace(co_await task);
    task = {};
    done = true;
    self.interrupt();
  }
  static detail::Detached root(RealWorld& self, Task<void> task, bool& done);

  std::unique_ptr<Parts> parts_;
};

}  // namespace croft::aio
