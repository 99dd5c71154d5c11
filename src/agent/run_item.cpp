// A program that runs to its end once, or at the times of a schedule.
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cron.h"
#include "agent/item.h"
#include "aio/scope.h"
#include "aio/system_error.h"
#include "base/log.h"

namespace croft::agent {
namespace {

constexpr LogLimits run_log{Bytes::mib(4), 2};

/// A file in memory with this text, at its beginning: a standard input that nobody has to feed.
Result<int> text_descriptor(const std::string& text) {
  int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) return fail(aio::system_error(errno, "cannot hold a program's input"));
  for (std::string_view rest = text; !rest.empty();) {
    ssize_t put = ::write(fd, rest.data(), rest.size());
    if (put > 0) {
      rest.remove_prefix(static_cast<size_t>(put));
      continue;
    }
    int number = errno;
    ::close(fd);
    return fail(aio::system_error(number, "cannot hold a program's input"));
  }
  ::lseek(fd, 0, SEEK_SET);
  return fd;
}

class RunItem final : public Item {
 public:
  RunItem(Place& place, model::HostWork work, std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)),
        run_(std::get<model::RunWork>(work_.what)) {}

  void adopt(Mark mark) override { adopted_ = std::move(mark); }
  aio::Task<Result<>> keep() override;
  aio::Task<Result<>> end(const model::HostWork* next) override;
  Result<> signal(int number) override {
    if (!running_) return fail(Code::conflict, fmt::format("'{}' does not run now", work_.name));
    return running_->signal(number);
  }
  std::optional<LogLimits> log_limits() const override { return run_log; }

 private:
  void take_over();
  Result<> start(const std::vector<std::string>& command, const std::string& input);
  aio::Task<Result<Ended>> finish();
  aio::Task<Result<>> run_once();
  aio::Task<Result<>> run_by(Cron cron);
  void show(const Done& done);

  const model::RunWork& run_;  // in work_
  std::optional<Mark> adopted_, mark_;
  std::optional<Running> running_;
};

Result<> RunItem::start(const std::vector<std::string>& command, const std::string& input) {
  Launch launch = TRY(prepare_launch(place_.folder, {.name = work_.name,
                                                     .user = run_.user,
                                                     .group = run_.group,
                                                     .directory = run_.directory,
                                                     .environment = &run_.environment,
                                                     .secrets = &run_.secrets,
                                                     .notify_socket = {}}));
  launch.command = command;
  launch.mark = Mark{work_.name, work_.digest, state_.restarts, size_of(launch.output_file), 0, 0};
  int fd = input.empty() ? -1 : TRY(text_descriptor(input));
  launch.input = fd;
  auto started = place_.launcher.start(launch);
  if (fd >= 0) ::close(fd);
  running_.emplace(TRY(std::move(started)));
  mark_ = launch.mark;
  mark_->pid = running_->pid();
  state_.pid = running_->pid();
  return {};
}

void RunItem::take_over() {
  mark_ = std::move(adopted_);
  adopted_.reset();
  running_.emplace(place_.launcher.adopt(*mark_, cgroup_name(work_.name)));
  state_.pid = mark_->pid;
}

/// Waits for what runs, within its time, and takes away what it left running.
aio::Task<Result<Ended>> RunItem::finish() {
  auto ended = co_await aio::deadline(place_.world.clock, run_.within, running_->wait(),
                                      fmt::format("'{}'", run_.command.front()));
  if (!ended && ended.error().code != Code::timeout) co_return ended;
  CO_TRY(co_await running_->clear());
  place_.launcher.forget(*mark_);
  state_.output = written(place_.folder.log_file(work_.name), mark_->log_from);
  state_.pid = 0;
  running_.reset();
  co_return ended;
}

void RunItem::show(const Done& done) {
  state_.exit_code.reset();
  state_.exit_signal.reset();
  if (done.signal)
    state_.exit_signal = done.signal;
  else
    state_.exit_code = done.code;
  state_.output = done.output;
  bool well = done.code == 0 && done.signal == 0;
  say(well ? Phase::ready : Phase::failing, done.why);
}

/// Runs it, or goes on waiting for it, and keeps how it ended.
aio::Task<Result<>> RunItem::run_once() {
  Result<Ended> ended = fail(Code::internal, "nothing ran");
  bool begun = running_.has_value();
  say(Phase::starting, "runs");
  if (!begun) {
    auto started = start(run_.command, run_.input);
    begun = started.has_value();
    if (!started) ended = fail(std::move(started).error());
  }
  if (begun) ended = co_await finish();
  if (!ended && ended.error().code == Code::cancelled) co_return fail(std::move(ended).error());
  Done done{work_.digest, 0, 0, "", state_.output, place_.world.clock.wall()};
  if (ended) {
    done.code = ended->known ? ended->code : 1;
    done.signal = ended->signal;
    done.why = text_of(*ended);
  } else {
    done.code = 127;
    done.why = ended.error().line();
  }
  CO_TRY(co_await place_.folder.save_done(work_.name, done));
  show(done);
  co_return Result<>{};
}

aio::Task<Result<>> RunItem::run_by(Cron cron) {
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  if (done && done->digest == work_.digest) show(*done);
  if (running_) CO_TRY(co_await run_once());
  for (;;) {
    // Asked again after each wait: the clock may have been set meanwhile.
    WallTime at = CO_TRY(cron.next(place_.world.clock.wall()));
    std::string next = "next at " + at.iso8601();
    bool failed = state_.phase == Phase::failing;
    say(failed ? Phase::failing : Phase::ready,
        failed ? state_.why.substr(0, state_.why.find("; next")) + "; " + next : next);
    while (place_.world.clock.wall() < at)
      CO_TRY(co_await place_.world.clock.sleep(
          std::min(at - place_.world.clock.wall(), Duration::minutes(10))));
    ++state_.restarts;
    CO_TRY(co_await run_once());
  }
}

aio::Task<Result<>> RunItem::keep() {
  if (run_.command.empty()) co_return fail(Code::invalid_argument, "there is no command to run");
  if (adopted_) take_over();
  if (!run_.schedule.empty()) co_return co_await run_by(CO_TRY(Cron::parse(run_.schedule)));
  if (running_) co_return co_await run_once();
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  if (done && done->digest == work_.digest) {
    show(*done);
    co_return Result<>{};
  }
  if (!run_.creates.empty() && access(run_.creates.c_str(), F_OK) == 0) {
    say(Phase::ready, fmt::format("'{}' is there", run_.creates));
    co_return Result<>{};
  }
  co_return co_await run_once();
}

aio::Task<Result<>> RunItem::end(const model::HostWork* next) {
  if (adopted_) take_over();
  if (running_) {
    say(Phase::stopping, "");
    CO_TRY(co_await running_->clear());
    place_.launcher.forget(*mark_);
    running_.reset();
  }
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  CO_TRY(co_await place_.folder.erase_done(work_.name));
  if (next) co_return Result<>{};
  // What never ran has nothing to undo.
  if (done && !run_.undo.empty()) {
    say(Phase::stopping, "undoes");
    auto started = start(run_.undo, "");
    Result<Ended> ended = started ? co_await finish() : fail(std::move(started).error());
    if (!ended && ended.error().code == Code::cancelled) co_return fail(std::move(ended).error());
    if (!ended)
      log::warn("agent", "{}: {}", work_.name, ended.error().line());
    else if (ended->code != 0 || ended->signal != 0)
      log::warn("agent", "{}: undoing it: {}", work_.name, text_of(*ended));
  }
  remove_traces(place_.folder, work_.name);
  co_return Result<>{};
}

}  // namespace

std::unique_ptr<Item> make_run_item(Place& place, model::HostWork work,
                                    std::function<void(const model::WorkState&)> changed) {
  return std::make_unique<RunItem>(place, std::move(work), std::move(changed));
}

}  // namespace croft::agent
