#include "aio/real/processes.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "aio/real/net.h"
#include "aio/real/spawn.h"
#include "aio/sync.h"
#include "aio/system_error.h"

namespace croft::aio {

/// How a child ended, or will. Kept by its Child and, until then, by RealProcesses: a child that
/// nobody holds any more leaves no zombie.
struct RealProcesses::Exit {
  int pid = 0;
  int pidfd = -1;
  Event ended;
  Result<ExitStatus> status;
  std::unique_ptr<Watch> watch;

  ~Exit() {
    watch.reset();
    if (pidfd >= 0) ::close(pidfd);
  }
  void reap() {
    siginfo_t info{};
    constexpr auto by_pidfd = static_cast<idtype_t>(P_PIDFD);
    if (::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
      status = fail(system_error(errno, fmt::format("cannot learn how process {} ended", pid)));
    else if (info.si_code == CLD_EXITED)
      status = ExitStatus{info.si_status, 0};
    else
      status = ExitStatus{0, info.si_status};
    watch->stop();
    ended.set();
  }
};

namespace {
class RealChild final : public Child {
 public:
  RealChild(Loop& loop, std::shared_ptr<RealProcesses::Exit> exit, const Spawned& spawned)
      : exit_(std::move(exit)) {
    if (spawned.input >= 0) input_.emplace(loop, spawned.input, DescriptorStream::Kind::pipe);
    if (spawned.output >= 0) output_.emplace(loop, spawned.output, DescriptorStream::Kind::pipe);
  }
  int pid() const override { return exit_->pid; }
  Task<Result<ExitStatus>> wait() override {
    auto exit = exit_;
    CO_TRY(co_await exit->ended.wait());
    co_return exit->status;
  }
  Result<> kill(int signal) override {
    if (exit_->ended.is_set())
      return fail(Code::not_found, fmt::format("process {} has ended", pid()));
    if (::syscall(SYS_pidfd_send_signal, exit_->pidfd, signal, nullptr, 0) == 0) return {};
    if (errno == ESRCH) return fail(Code::not_found, fmt::format("process {} has ended", pid()));
    return fail(system_error(errno, fmt::format("cannot signal process {}", pid())));
  }
  Task<Result<>> write(std::string data) override {
    if (!input_) co_return fail(Code::unsupported, "the process was started without pipe_input");
    std::vector<std::string_view> pieces{data};
    co_return co_await input_->write(std::move(pieces));
  }
  void close_input() override {
    if (input_) input_->close();
  }
  Task<Result<size_t>> read(std::span<char> into) override {
    if (!output_) co_return fail(Code::unsupported, "the process was started without pipe_output");
    co_return co_await output_->read(into);
  }

 private:
  std::shared_ptr<RealProcesses::Exit> exit_;
  std::optional<DescriptorStream> input_, output_;
};
}  // namespace

struct RealProcesses::Caught {
  uv_signal_t handle;
};

RealProcesses::~RealProcesses() {
  for (auto& [number, caught] : caught_) close(caught);
}

void RealProcesses::close(Caught* caught) {
  uv_close(reinterpret_cast<uv_handle_t*>(&caught->handle),
           [](uv_handle_t* handle) { delete reinterpret_cast<Caught*>(handle); });
}

Result<std::unique_ptr<Child>> RealProcesses::start(ProcessOptions options) {
  Spawned spawned = TRY(spawn(options));
  auto exit = std::make_shared<Exit>();
  exit->pid = spawned.pid;
  auto child = std::make_unique<RealChild>(loop_, exit, spawned);
  // Nobody else waits for this pid, so it cannot have been given away yet.
  exit->pidfd = static_cast<int>(::syscall(SYS_pidfd_open, spawned.pid, 0));
  int number = errno;
  Result<std::unique_ptr<Watch>> watch =
      fail(system_error(number, "cannot watch a started program"));
  if (exit->pidfd >= 0)
    watch = Watch::open(loop_, exit->pidfd, [this, raw = exit.get()] {
      raw->reap();
      // Dropped from the mailbox, not here: this function belongs to it.
      auto found = std::ranges::find_if(running_, [raw](auto& each) { return each.get() == raw; });
      loop_.mailbox()->post([last = *found] {});
      running_.erase(found);
    });
  if (!watch) {
    ::kill(spawned.pid, SIGKILL);
    ::waitpid(spawned.pid, nullptr, 0);
    return fail(std::move(watch).error());
  }
  exit->watch = std::move(*watch);
  running_.insert(std::move(exit));
  return child;
}

Result<> RealProcesses::catch_signal(int number) {
  if (caught_.contains(number)) return {};
  auto* caught = new Caught;
  uv_signal_init(loop_.uv(), &caught->handle);
  caught->handle.data = this;
  int status = uv_signal_start(
      &caught->handle,
      [](uv_signal_t* handle, int signum) {
        auto* self = static_cast<RealProcesses*>(handle->data);
        Loop& loop = self->loop_;
        self->arrived(signum);
        loop.drain();
      },
      number);
  if (status == 0) {
    caught_[number] = caught;
    return {};
  }
  close(caught);
  return fail(system_error(-status, fmt::format("cannot catch signal {}", number)));
}

void RealProcesses::arrived(int number) {
  bool taken = false;
  for (auto it = waits_.begin(); it != waits_.end();) {
    SignalWait* wait = *it;
    if (std::ranges::find(wait->numbers, number) == wait->numbers.end()) {
      ++it;
      continue;
    }
    it = waits_.erase(it);
    wait->waiter.complete(number);
    taken = true;
  }
  if (!taken) pending_.insert(number);
}

Task<Result<int>> RealProcesses::signal(std::vector<int> numbers) {
  for (int number : numbers) CO_TRY(catch_signal(number));
  for (int number : numbers)
    if (pending_.erase(number) > 0) co_return number;
  SignalWait wait{std::move(numbers), {}};
  waits_.push_back(&wait);
  auto result = co_await wait.waiter;
  if (!result) std::erase(waits_, &wait);
  co_return result;
}

}  // namespace croft::aio
