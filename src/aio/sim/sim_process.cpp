#include "aio/sim/sim_process.h"

#include <algorithm>

#include "aio/waiter.h"

namespace croft::aio {

namespace {
std::unexpected<Error> killed() {
  return fail(Code::cancelled, "this process was killed");
}

constexpr Moment first_second{1'000'000'000};  // SimProcessOptions::started is its wall time

class SimClock final : public Clock {
 public:
  SimClock(SimLoop& loop, WallTime started) : loop_(loop), started_(started) {}
  Moment now() override { return loop_.now(); }
  /// The same for all processes, also for one that starts again.
  WallTime wall() override { return started_ + shift_ + (loop_.now() - first_second); }
  void step_wall(Duration by) { shift_ = shift_ + by; }
  void pause(Moment until) {
    paused_until_ = until;
    for (TimerId timer : own_) loop_.events.not_before(timer, until);
  }
  TimerId call_at(Moment at, std::move_only_function<void()> function) override {
    // A dead process has no time left to wait.
    at = dead_ ? loop_.now() : std::max(at, paused_until_);
    auto slot = std::make_shared<TimerId>(0);
    *slot = loop_.events.add(at, [this, slot, run = std::move(function)]() mutable {
      own_.erase(*slot);
      run();
    });
    own_.insert(*slot);
    return *slot;
  }
  void stop(TimerId timer) override {
    own_.erase(timer);
    loop_.events.remove(timer);
  }
  void die() {
    dead_ = true;
    for (TimerId timer : own_) loop_.events.reschedule(timer, loop_.now());
  }

 private:
  SimLoop& loop_;
  WallTime started_;
  Duration shift_;
  Moment paused_until_{};
  bool dead_ = false;
  std::set<TimerId> own_;
};

/// Counts what a process does and ends it at a chosen step.
class Fuse {
 public:
  explicit Fuse(std::function<void(std::string)> kill) : kill_(std::move(kill)) {}
  void arm(uint64_t number) { at_ = number == 0 ? 0 : count_ + number; }
  void step(std::string_view what) {
    if (++count_ == at_) kill_(fmt::format("{} #{}", what, count_));
  }
  uint64_t count() const { return count_; }

 private:
  std::function<void(std::string)> kill_;
  uint64_t count_ = 0;
  uint64_t at_ = 0;
};

/// The machine's disk as a process uses it: counted, and out of reach once the process is dead.
class ProcessDisk final : public SyncDisk {
 public:
  ProcessDisk(SimDisk& disk, Fuse& fuse) : disk_(disk), fuse_(fuse) {}
  bool dead = false;

  /// Before every step that a crash could separate from the next.
  Result<> step(std::string_view what) {
    if (!dead) fuse_.step(what);
    if (dead) return killed();
    return {};
  }
  Result<std::unique_ptr<SyncFile>> open(const std::string& path, OpenMode mode) override;
  Result<> rename(const std::string& from, const std::string& to) override {
    TRY(step("disk rename"));
    return disk_.rename(from, to);
  }
  Result<> remove(const std::string& path) override {
    TRY(step("disk remove"));
    return disk_.remove(path);
  }
  Result<> remove_tree(const std::string& path) override {
    TRY(step("disk remove_tree"));
    return disk_.remove_tree(path);
  }
  Result<> make_dirs(const std::string& path) override {
    TRY(step("disk make_dirs"));
    return disk_.make_dirs(path);
  }
  Result<> sync_dir(const std::string& path) override {
    TRY(step("disk sync_dir"));
    return disk_.sync_dir(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    if (dead) return killed();
    return disk_.list(path);
  }
  Result<FileInfo> info(const std::string& path) override {
    if (dead) return killed();
    return disk_.info(path);
  }

 private:
  SimDisk& disk_;
  Fuse& fuse_;
};

class ProcessFile final : public SyncFile {
 public:
  ProcessFile(ProcessDisk& disk, std::unique_ptr<SyncFile> file)
      : disk_(disk), file_(std::move(file)) {}
  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    if (disk_.dead) return killed();
    return file_->read_at(offset, into);
  }
  Result<> write_at(uint64_t offset, std::string_view data) override {
    TRY(disk_.step("disk write"));
    return file_->write_at(offset, data);
  }
  Result<> sync() override {
    TRY(disk_.step("disk sync"));
    return file_->sync();
  }
  Result<uint64_t> size() override {
    if (disk_.dead) return killed();
    return file_->size();
  }
  Result<> truncate(uint64_t size) override {
    TRY(disk_.step("disk truncate"));
    return file_->truncate(size);
  }

 private:
  ProcessDisk& disk_;
  std::unique_ptr<SyncFile> file_;
};

Result<std::unique_ptr<SyncFile>> ProcessDisk::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::create || mode == OpenMode::create_new) TRY(step("disk open"));
  if (dead) return killed();
  return std::make_unique<ProcessFile>(*this, TRY(disk_.open(path, mode)));
}

/// The same disk for coroutines: every operation takes a drawn time, and happens at its end.
class AsyncDisk final : public Disk {
 public:
  AsyncDisk(SimLoop& loop, Clock& clock, ProcessDisk& disk, const SimProcessOptions& options)
      : loop_(loop), clock_(clock), disk_(disk), options_(options) {}
  /// Not cancellable, as work on a pool thread is not.
  Task<void> turn() {
    Waiter<> waiter;
    waiter.on_cancel([] {});
    auto length = loop_.random.between(options_.disk_delay_min, options_.disk_delay_max);
    clock_.call_at(clock_.now() + length, [&waiter] { waiter.complete({}); });
    auto ignored = co_await waiter;
    static_cast<void>(ignored);
  }
  Task<Result<std::unique_ptr<File>>> open(std::string path, OpenMode mode) override;
  Task<Result<std::string>> read_file(std::string path, Bytes limit) override {
    co_await turn();
    auto file = CO_TRY(disk_.open(path, OpenMode::read));
    uint64_t size = CO_TRY(file->size());
    if (size > static_cast<uint64_t>(limit.count()))
      co_return fail(Code::resource_exhausted,
                     fmt::format("'{}' is larger than {}", path, limit.text()));
    std::string out(size, '\0');
    CO_TRY(file->read_at(0, out));
    co_return out;
  }
  Task<Result<>> write_file(std::string path, std::string data, uint32_t) override {
    co_await turn();
    path = sim_path(path);
    auto temporary = fmt::format("{}.tmp.{}", path, ++counter_);
    auto result = co_await fill(temporary, path, data);
    if (!result) static_cast<void>(disk_.remove(temporary));
    co_return result;
  }
  Task<Result<>> rename(std::string from, std::string to) override {
    co_await turn();
    co_return disk_.rename(from, to);
  }
  Task<Result<>> remove(std::string path) override {
    co_await turn();
    co_return disk_.remove(path);
  }
  Task<Result<>> remove_tree(std::string path) override {
    co_await turn();
    co_return disk_.remove_tree(path);
  }
  Task<Result<>> make_dirs(std::string path, uint32_t) override {
    co_await turn();
    co_return disk_.make_dirs(path);
  }
  Task<Result<>> sync_dir(std::string path) override {
    co_await turn();
    co_return disk_.sync_dir(path);
  }
  Task<Result<std::vector<std::string>>> list(std::string path) override {
    co_await turn();
    co_return disk_.list(path);
  }
  Task<Result<FileInfo>> info(std::string path) override {
    co_await turn();
    co_return disk_.info(path);
  }
  SyncDisk* sync_disk() override { return &disk_; }

 private:
  Task<Result<>> fill(std::string temporary, std::string path, std::string_view data) {
    auto file = CO_TRY(disk_.open(temporary, OpenMode::create));
    CO_TRY(file->truncate(0));  // a killed process may have left one
    CO_TRY(file->write_at(0, data));
    co_await turn();
    CO_TRY(file->sync());
    CO_TRY(disk_.rename(temporary, path));
    co_await turn();
    co_return disk_.sync_dir(path.substr(0, std::max<size_t>(path.rfind('/'), 1)));
  }
  SimLoop& loop_;
  Clock& clock_;
  ProcessDisk& disk_;
  const SimProcessOptions& options_;
  uint64_t counter_ = 0;
};

class AsyncFile final : public File {
 public:
  AsyncFile(AsyncDisk& disk, std::unique_ptr<SyncFile> file)
      : disk_(disk), file_(std::move(file)) {}
  Task<Result<size_t>> read_at(uint64_t offset, std::span<char> into) override {
    co_await disk_.turn();
    co_return file_->read_at(offset, into);
  }
  Task<Result<>> write_at(uint64_t offset, std::string_view data) override {
    co_await disk_.turn();
    co_return file_->write_at(offset, data);
  }
  Task<Result<>> sync() override {
    co_await disk_.turn();
    co_return file_->sync();
  }
  Task<Result<uint64_t>> size() override { co_return file_->size(); }
  Task<Result<>> truncate(uint64_t size) override {
    co_await disk_.turn();
    co_return file_->truncate(size);
  }

 private:
  AsyncDisk& disk_;
  std::unique_ptr<SyncFile> file_;
};

Task<Result<std::unique_ptr<File>>> AsyncDisk::open(std::string path, OpenMode mode) {
  co_await turn();
  co_return std::make_unique<AsyncFile>(*this, CO_TRY(disk_.open(path, mode)));
}

class SimPools final : public Pools {
 public:
  SimPools(SimLoop& loop, Clock& clock, const SimProcessOptions& options)
      : loop_(loop), clock_(clock), options_(options) {}
  void submit(Pool, std::move_only_function<void()> work,
              std::move_only_function<void()> done) override {
    auto length = loop_.random.between(Duration(), options_.pool_delay_max);
    clock_.call_at(clock_.now() + length, [run = std::move(work), end = std::move(done)]() mutable {
      run();
      end();
    });
  }

 private:
  SimLoop& loop_;
  Clock& clock_;
  const SimProcessOptions& options_;
};

class SimProcesses final : public Processes {
 public:
  SimProcesses(SimLoop& loop, SimProcess& process) : loop_(loop), process_(process) {}
  Result<std::unique_ptr<Child>> start(ProcessOptions options) override {
    if (process_.dead()) return killed();
    if (!process_.on_start) return fail(Code::unsupported, "this simulation starts no programs");
    return process_.on_start(std::move(options));
  }
  Task<Result<int>> signal(std::vector<int> numbers) override {
    if (process_.dead()) co_return killed();
    for (int number : numbers)
      if (pending_.erase(number) > 0) co_return number;
    Wait wait{std::move(numbers), {}};
    waits_.push_back(&wait);
    ++loop_.waiting.signals;
    auto result = co_await wait.waiter;
    --loop_.waiting.signals;
    if (!result) std::erase(waits_, &wait);
    co_return result;
  }
  void raise(int number) {
    bool taken = false;
    auto all = std::exchange(waits_, {});
    for (Wait* each : all) {
      bool mine = std::ranges::find(each->numbers, number) != each->numbers.end();
      if (mine)
        each->waiter.complete(number);
      else
        waits_.push_back(each);
      taken = taken || mine;
    }
    if (!taken) pending_.insert(number);
  }
  void die() {
    for (Wait* each : std::exchange(waits_, {})) each->waiter.complete(killed());
  }

 private:
  struct Wait {
    std::vector<int> numbers;
    Waiter<int> waiter;
  };
  SimLoop& loop_;
  SimProcess& process_;
  std::vector<Wait*> waits_;
  std::set<int> pending_;
};

class SimCrashPoints final : public CrashPoints {
 public:
  SimCrashPoints(SimLoop& loop, SimProcess& process, Fuse& fuse)
      : loop_(loop), process_(process), fuse_(fuse) {}
  void pass(std::string_view name) override {
    if (process_.dead()) return;
    loop_.trace(name);
    log.emplace_back(name);
    fuse_.step(fmt::format("crash point '{}'", name));
  }
  std::vector<std::string> log;

 private:
  SimLoop& loop_;
  SimProcess& process_;
  Fuse& fuse_;
};
}  // namespace

struct SimProcess::Parts {
  std::string name;
  std::string reason;
  SimProcessOptions options;
  SimLoop& loop;
  SimDisk& machine_disk;
  CancelState cancel;
  Fuse points, disk_steps;
  SimClock clock;
  SimNet net;
  ProcessDisk process_disk;
  AsyncDisk disk;
  SimProcesses processes;
  SimRandom random;
  SimPools pools;
  SimCrashPoints crash;
  World world;

  Parts(SimProcess& self, std::string name_in, SimLoop& loop_in, SimNetwork& network,
        SimDisk& disk_in, SimProcessOptions options_in)
      : name(std::move(name_in)),
        options(std::move(options_in)),
        loop(loop_in),
        machine_disk(disk_in),
        points([&self](std::string why) { self.kill(std::move(why)); }),
        disk_steps([&self](std::string why) { self.kill(std::move(why)); }),
        clock(loop, options.started),
        net(network, clock, options.host),
        process_disk(disk_in, disk_steps),
        disk(loop, clock, process_disk, options),
        processes(loop, self),
        random(loop.random.draw()),
        pools(loop, clock, options),
        crash(loop, self, points),
        world{loop, clock, net, disk, processes, random, pools, crash} {}
};

SimProcess::SimProcess(std::string name, SimLoop& loop, SimNetwork& network, SimDisk& disk,
                       SimProcessOptions options)
    : parts_(std::make_unique<Parts>(*this, std::move(name), loop, network, disk,
                                     std::move(options))) {}
SimProcess::~SimProcess() = default;

const std::string& SimProcess::name() const {
  return parts_->name;
}
World& SimProcess::world() {
  return parts_->world;
}
SimDisk& SimProcess::disk() {
  return parts_->machine_disk;
}
Context SimProcess::context() {
  return {&parts_->loop, &parts_->cancel};
}
bool SimProcess::dead() const {
  return !parts_->reason.empty();
}
const std::string& SimProcess::reason() const {
  return parts_->reason;
}
void SimProcess::crash_at(uint64_t number) {
  parts_->points.arm(number);
}
void SimProcess::crash_at_disk(uint64_t number) {
  parts_->disk_steps.arm(number);
}
uint64_t SimProcess::crash_points() const {
  return parts_->points.count();
}
uint64_t SimProcess::disk_operations() const {
  return parts_->disk_steps.count();
}
const std::vector<std::string>& SimProcess::crash_log() const {
  return parts_->crash.log;
}
void SimProcess::raise(int number) {
  parts_->processes.raise(number);
}

void SimProcess::pause(Duration lasts) {
  parts_->loop.trace("pause " + parts_->name);
  parts_->clock.pause(parts_->loop.now() + lasts);
}
void SimProcess::step_wall(Duration by) {
  parts_->loop.trace("step the clock of " + parts_->name);
  parts_->clock.step_wall(by);
}

void SimProcess::kill(std::string why) {
  if (dead()) return;
  parts_->reason = why.empty() ? "killed" : std::move(why);
  parts_->loop.trace("kill " + parts_->name + ": " + parts_->reason);
  parts_->process_disk.dead = true;
  parts_->net.die();
  parts_->clock.die();
  parts_->processes.die();
  parts_->cancel.request();
}

}  // namespace croft::aio
