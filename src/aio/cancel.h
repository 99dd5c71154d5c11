// Cancellation as a tree: a Scope, race or deadline hangs its own CancelState under its parent's.
// Leaves (timers, sockets) register a callback and complete with Code::cancelled. Loop thread only.
#pragma once
#include <cstdint>
#include <functional>
#include <map>

namespace croft::aio {

class CancelState {
 public:
  using Callback = std::function<void()>;
  using Entry = uint64_t;

  CancelState() = default;
  explicit CancelState(CancelState* parent);
  CancelState(const CancelState&) = delete;
  CancelState& operator=(const CancelState&) = delete;
  ~CancelState();

  bool requested() const { return requested_; }
  /// Runs every callback once, in the order of registration.
  void request();

  /// Check requested() first: a callback added afterwards never runs.
  Entry add(Callback callback);
  /// No effect when it has run already.
  void remove(Entry entry) { callbacks_.erase(entry); }

 private:
  bool requested_ = false;
  Entry next_ = 1;
  std::map<Entry, Callback> callbacks_;
  CancelState* parent_ = nullptr;
  Entry in_parent_ = 0;
};

}  // namespace croft::aio
