#include "aio/real/pools.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace croft::aio {

namespace {
struct Job {
  std::move_only_function<void()> work;
  std::move_only_function<void()> done;
};
}  // namespace

/// One kind's queue and threads. Shared with the threads: a lookup may outlive the pools.
struct RealPools::Line {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<Job> jobs;
  std::vector<std::thread> threads;
  std::shared_ptr<Mailbox> mailbox;
  size_t threads_max = 0;
  size_t idle = 0;
  bool closing = false;

  static void serve(std::shared_ptr<Line> line) {
    std::unique_lock lock(line->mutex);
    for (;;) {
      ++line->idle;
      line->wake.wait(lock, [&] { return line->closing || !line->jobs.empty(); });
      --line->idle;
      if (line->closing) return;
      Job job = std::move(line->jobs.front());
      line->jobs.pop_front();
      lock.unlock();
      job.work();
      line->mailbox->post(std::move(job.done));
      job = {};
      lock.lock();
    }
  }
};

RealPools::RealPools(Loop& loop) {
  size_t cores = std::max(1u, std::thread::hardware_concurrency());
  for (Pool pool : {Pool::disk, Pool::dns, Pool::hash}) {
    auto line = std::make_shared<Line>();
    line->mailbox = loop.mailbox();
    switch (pool) {
      case Pool::disk:
        line->threads_max = std::max<size_t>(4, 2 * cores);
        break;
      case Pool::dns:
        line->threads_max = 4;
        break;
      case Pool::hash:
        line->threads_max = cores;
        break;
    }
    lines_[static_cast<size_t>(pool)] = std::move(line);
  }
}

RealPools::~RealPools() {
  for (auto& line : lines_) {
    {
      std::lock_guard lock(line->mutex);
      line->closing = true;
      line->jobs.clear();
    }
    line->wake.notify_all();
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    for (auto& thread : lines_[i]->threads) {
      if (i == static_cast<size_t>(Pool::dns))
        thread.detach();
      else
        thread.join();
    }
  }
}

void RealPools::submit(Pool pool, std::move_only_function<void()> work,
                       std::move_only_function<void()> done) {
  auto& line = lines_[static_cast<size_t>(pool)];
  std::lock_guard lock(line->mutex);
  line->jobs.push_back({std::move(work), std::move(done)});
  // `idle` counts threads that a notification is already on its way to: compare with the queue.
  if (line->idle < line->jobs.size() && line->threads.size() < line->threads_max)
    line->threads.emplace_back(Line::serve, line);
  else
    line->wake.notify_one();
}

}  // namespace croft::aio
