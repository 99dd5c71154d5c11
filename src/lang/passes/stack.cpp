// A larger stack for descriptions whose templates or references lead to each other thousands deep:
// the limit on such chains is a number with a message, not the size of whatever stack we run on.
#include <pthread.h>

#include "lang/passes/graph.h"

namespace croft::lang {
namespace {

constexpr size_t ordinary_use = 768u << 10;  // of the stack we were called on
constexpr size_t large_stack = 1024u << 20;  // address space; pages come when touched
constexpr size_t large_use = 960u << 20;

char* here() {
  return static_cast<char*>(__builtin_frame_address(0));
}

struct Job {
  void (*entry)(void*);
  void* context;
  char** base;
};

void* run_job(void* argument) {
  auto* job = static_cast<Job*>(argument);
  *job->base = here();
  job->entry(job->context);
  return nullptr;
}

}  // namespace

StackGuard::StackGuard() : base_(here()) {}

bool StackGuard::nearly_full() const {
  auto used = static_cast<size_t>(std::abs(base_ - here()));
  return used > (large_ ? large_use : ordinary_use);
}

bool StackGuard::run_on_large_stack(void (*entry)(void*), void* context) {
  if (large_) return false;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_t thread{};
  char* old_base = base_;
  Job job{entry, context, &base_};
  large_ = true;
  bool started = pthread_attr_setstacksize(&attributes, large_stack) == 0 &&
                 pthread_create(&thread, &attributes, run_job, &job) == 0;
  pthread_attr_destroy(&attributes);
  if (started) pthread_join(thread, nullptr);
  large_ = false;
  base_ = old_base;
  return started;
}

}  // namespace croft::lang
