#include "aio/real/loop.h"

#include <uv.h>

#include "aio/system_error.h"

namespace croft::aio {

struct Loop::Handles {
  uv_loop_t loop;
  uv_async_t mail;
  uv_idle_t idle;
};

void Mailbox::post(Work work) {
  std::lock_guard lock(mutex_);
  if (!async_) return;
  work_.push_back(std::move(work));
  if (work_.size() == 1) uv_async_send(static_cast<uv_async_t*>(async_));
}

Loop::Loop() : handles_(std::make_unique<Handles>()) {}

Result<std::unique_ptr<Loop>> Loop::open() {
  std::unique_ptr<Loop> self(new Loop());
  Handles& handles = *self->handles_;
  if (int status = uv_loop_init(&handles.loop); status != 0) {
    self->handles_.reset();
    return fail(system_error(-status, "cannot make an event loop"));
  }
  int status = uv_async_init(&handles.loop, &handles.mail, [](uv_async_t* mail) {
    auto* loop = static_cast<Loop*>(mail->data);
    loop->take_mail();
    loop->drain();
  });
  CHECK(status == 0,
        "uv_async_init fails only without descriptors, and the loop has its own by now");
  handles.mail.data = self.get();
  self->mailbox_->async_ = &handles.mail;
  uv_idle_init(&handles.loop, &handles.idle);
  handles.idle.data = self.get();
  return self;
}

Loop::~Loop() {
  if (!handles_) return;
  CHECK(polls_ == 0, "a stream, listener or child outlives its RealWorld");
  {
    std::lock_guard lock(mailbox_->mutex_);
    mailbox_->async_ = nullptr;
    mailbox_->work_.clear();
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->mail), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->idle), nullptr);
  // The first turn may end at once: interrupt() is remembered until a turn has seen it.
  for (int turns = 0; turns < 2; ++turns) uv_run(&handles_->loop, UV_RUN_DEFAULT);
  int status = uv_loop_close(&handles_->loop);
  CHECK(status == 0, "a libuv handle was left open");
}

uv_loop_s* Loop::uv() const {
  return &handles_->loop;
}

void Loop::run(const bool& done) {
  drain();
  while (!done) uv_run(&handles_->loop, UV_RUN_DEFAULT);
}

void Loop::interrupt() {
  uv_stop(&handles_->loop);
}

void Loop::drain() {
  if (draining_) return;
  draining_ = true;
  for (size_t left = resumptions_per_turn; left > 0 && !ready_.empty(); --left) {
    auto handle = ready_.front();
    ready_.pop_front();
    handle.resume();
  }
  draining_ = false;
  if (idling_ == !ready_.empty()) return;
  idling_ = !idling_;
  // An active idle handle makes the next poll return at once.
  if (idling_)
    uv_idle_start(&handles_->idle,
                  [](uv_idle_t* idle) { static_cast<Loop*>(idle->data)->drain(); });
  else
    uv_idle_stop(&handles_->idle);
}

void Loop::take_mail() {
  std::vector<Mailbox::Work> work;
  {
    std::lock_guard lock(mailbox_->mutex_);
    work.swap(mailbox_->work_);
  }
  for (auto& each : work) each();
}

static_assert(int{Poll::reading} == int{UV_READABLE} && int{Poll::writing} == int{UV_WRITABLE});

void Poll::prepare() {
  ++loop_.polls_;
  for (Side* each : {&read_, &write_})
    each->waiter.on_cancel([this, each] { finish(*each, fail(cancelled_error())); });
}

void Poll::finish(Side& side, Result<> result) {
  side.waiting = false;
  side.waiter.complete(std::move(result));
}

Waiter<>& Poll::ready(Direction direction) {
  Side& here = side(direction);
  CHECK(!here.waiting, "two tasks wait for the same direction of one descriptor");
  if (closed_) {
    here.waiter.complete(fail(Code::unavailable, "closed on this side"));
    return here.waiter;
  }
  here.waiting = true;
  if (!(mask_ & direction))
    if (auto result = listen(mask_ | direction); !result) finish(here, std::move(result));
  return here.waiter;
}

Result<> Poll::listen(int mask) {
  if (!handle_) {
    auto handle = std::make_unique<uv_poll_t>();
    if (int status = uv_poll_init(loop_.uv(), handle.get(), fd_); status != 0)
      return fail(system_error(-status, "cannot wait for a descriptor"));
    handle_ = handle.release();
    handle_->data = this;
  }
  int status = uv_poll_start(handle_, mask, [](uv_poll_t* handle, int failure, int events) {
    auto* self = static_cast<Poll*>(handle->data);
    Loop& loop = self->loop_;
    self->event(failure, events);
    loop.drain();
  });
  if (status != 0) return fail(system_error(-status, "cannot wait for a descriptor"));
  mask_ = mask;
  return {};
}

void Poll::event(int status, int events) {
  if (status < 0) {
    // EPOLLERR: libuv has stopped watching. The next system call tells what is wrong.
    events = reading | writing;
    mask_ = 0;
  }
  int keep = mask_ & ~writing;  // a socket is writable nearly always: ask again when it matters
  if ((events & reading) && !read_.waiting) keep &= ~reading;
  if (!(events & writing) && write_.waiting) keep |= writing;
  if ((events & reading) && read_.waiting) finish(read_, {});
  if ((events & writing) && write_.waiting) finish(write_, {});
  if (keep == mask_) return;
  if (auto result = listen(keep); !result) mask_ = 0;
}

void Poll::close() {
  if (closed_) return;
  closed_ = true;
  --loop_.polls_;
  for (Side* each : {&read_, &write_})
    if (each->waiting) finish(*each, fail(Code::unavailable, "closed on this side"));
  if (!handle_) return;
  handle_->data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(handle_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
  handle_ = nullptr;
}

Result<std::unique_ptr<Watch>> Watch::open(Loop& loop, int fd, std::function<void()> readable) {
  std::unique_ptr<Watch> self(new Watch(loop, std::move(readable)));
  auto handle = std::make_unique<uv_poll_t>();
  if (int status = uv_poll_init(loop.uv(), handle.get(), fd); status != 0)
    return fail(system_error(-status, "cannot wait for a descriptor"));
  self->handle_ = handle.release();
  self->handle_->data = self.get();
  int status = uv_poll_start(self->handle_, UV_READABLE, [](uv_poll_t* poll, int, int) {
    auto* watch = static_cast<Watch*>(poll->data);
    Loop& its_loop = watch->loop_;
    watch->readable_();
    its_loop.drain();
  });
  if (status != 0) return fail(system_error(-status, "cannot wait for a descriptor"));
  return self;
}

void Watch::stop() {
  uv_poll_stop(handle_);
}

Watch::~Watch() {
  if (!handle_) return;
  uv_close(reinterpret_cast<uv_handle_t*>(handle_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
}

}  // namespace croft::aio
