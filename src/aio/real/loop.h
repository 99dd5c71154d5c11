// The event loop of a RealWorld: libuv's loop, the queue of ready coroutines, work that other
// threads hand in, and the readiness of descriptors. The rest of aio/real does its own system calls
// on non-blocking descriptors and comes here only to wait. Loop thread only, except Mailbox::post.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "aio/waiter.h"

struct uv_loop_s;
struct uv_poll_s;

namespace croft::aio {

/// Where other threads leave work for the loop. Outlives the loop where a thread still holds it;
/// what is posted then is dropped.
class Mailbox {
 public:
  using Work = std::move_only_function<void()>;
  void post(Work work);

 private:
  friend class Loop;
  std::mutex mutex_;
  std::vector<Work> work_;
  void* async_ = nullptr;  // uv_async_t; null once the loop is closed
};

class Loop final : public Executor {
 public:
  static Result<std::unique_ptr<Loop>> open();
  /// Every Poll must be gone.
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void resume_soon(std::coroutine_handle<> handle) override { ready_.push_back(handle); }
  /// Turns until `done`; whoever sets it calls interrupt().
  void run(const bool& done);
  void interrupt();
  /// Resumes what is ready. Every callback of libuv ends with it: no turn is lost before a
  /// coroutine sees its event. Bounded, so that endless ready work cannot starve the descriptors.
  void drain();

  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  uv_loop_s* uv() const;

 private:
  friend class Poll;
  struct Handles;
  Loop();
  void take_mail();

  static constexpr size_t resumptions_per_turn = 64;
  std::unique_ptr<Handles> handles_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::deque<std::coroutine_handle<>> ready_;
  bool draining_ = false;
  bool idling_ = false;
  size_t polls_ = 0;
};

/// Readiness of one descriptor. Interest in reading stays registered from one wait to the next, so
/// that a request-and-answer exchange costs no epoll_ctl; an event that nobody awaits ends it.
/// The descriptor must be closed after close(), not before.
class Poll {
 public:
  enum Direction : int { reading = 1, writing = 2 };

  Poll(Loop& loop, int fd) : loop_(loop), fd_(fd) { prepare(); }
  ~Poll() { close(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  /// `co_await poll.ready(Poll::reading)`: Result<>. One waiter a direction.
  Waiter<>& ready(Direction direction);
  bool waiting(Direction direction) const { return side(direction).waiting; }
  /// Waiters end with Code::unavailable.
  void close();

 private:
  struct Side {
    Waiter<> waiter;
    bool waiting = false;
  };
  void prepare();
  Result<> listen(int mask);
  void event(int status, int events);
  void finish(Side& side, Result<> result);
  Side& side(Direction direction) { return direction == reading ? read_ : write_; }
  const Side& side(Direction direction) const { return direction == reading ? read_ : write_; }

  Loop& loop_;
  int fd_;
  uv_poll_s* handle_ = nullptr;  // made at the first wait; freed by libuv's close callback
  int mask_ = 0;
  bool closed_ = false;
  Side read_, write_;
};

/// Calls a function whenever a descriptor is readable (level-triggered) until it is dropped.
class Watch {
 public:
  static Result<std::unique_ptr<Watch>> open(Loop& loop, int fd, std::function<void()> readable);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  /// No further calls.
  void stop();

 private:
  Watch(Loop& loop, std::function<void()> readable) : loop_(loop), readable_(std::move(readable)) {}
  Loop& loop_;
  std::function<void()> readable_;
  uv_poll_s* handle_ = nullptr;
};

}  // namespace croft::aio
