#include "aio/cancel.h"

namespace croft::aio {

CancelState::CancelState(CancelState* parent) : parent_(parent) {
  if (!parent_) return;
  requested_ = parent_->requested();
  if (!requested_) in_parent_ = parent_->add([this] { request(); });
}

CancelState::~CancelState() {
  if (parent_) parent_->remove(in_parent_);
}

void CancelState::request() {
  requested_ = true;
  // A callback may remove others: take them one by one.
  while (!callbacks_.empty()) {
    auto node = callbacks_.extract(callbacks_.begin());
    node.mapped()();
  }
}

CancelState::Entry CancelState::add(Callback callback) {
  callbacks_.emplace(next_, std::move(callback));
  return next_++;
}

}  // namespace croft::aio
