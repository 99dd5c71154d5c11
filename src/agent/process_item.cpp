// A process kept running: started, asked whether it is ready and alive, started again when it ends.
#include <signal.h>
#include <unistd.h>

#include "agent/item.h"
#include "agent/notify.h"
#include "aio/scope.h"
#include "aio/sync.h"
#include "base/log.h"
#include "probe/probe.h"

namespace croft::agent {
namespace {

using model::ProcessWork;

// A life this long was one: the next end is not held against it.
constexpr Duration lasting = Duration::seconds(10);

class ProcessItem final : public Item {
 public:
  ProcessItem(Place& place, model::HostWork work,
              std::function<void(const model::WorkState&)> changed)
      : Item(place, std::move(work), std::move(changed)),
        process_(std::get<ProcessWork>(work_.what)) {}

  void adopt(Mark mark) override { adopted_ = std::move(mark); }
  aio::Task<Result<>> keep() override;
  aio::Task<Result<>> end(const model::HostWork* next) override;
  Result<> signal(int number) override {
    if (!running_) return fail(Code::conflict, fmt::format("'{}' does not run now", work_.name));
    return running_->signal(number);
  }
  std::optional<LogLimits> log_limits() const override {
    return LogLimits{process_.log_most, process_.log_files};
  }

 private:
  Result<> start();
  void take_over();
  // A process that runs well costs memory for live() and watch() all the time. The others are not
  // inlined: what they need would be part of that, thousands of bytes each.
  aio::Task<Result<Ended>> live();
  aio::Task<Result<>> watch();
  [[gnu::noinline]] aio::Task<Result<>> become_ready();
  [[gnu::noinline]] aio::Task<Result<>> ask_until_ready(model::Probe probe);
  [[gnu::noinline]] aio::Task<Result<>> hear_until_ready();
  [[gnu::noinline]] aio::Task<Result<>> stay_alive();
  [[gnu::noinline]] aio::Task<Result<>> hear_on();
  /// In place of what there is nothing for.
  [[gnu::noinline]] static aio::Task<Result<>> forever() {
    aio::Event never;
    co_return co_await never.wait();
  }
  [[gnu::noinline]] aio::Task<Result<>> stop();
  [[gnu::noinline]] aio::Task<Result<>> bury(Ended ended);
  [[gnu::noinline]] aio::Task<Result<bool>> rest(Ended ended);
  [[gnu::noinline]] aio::Task<Result<bool>> ended_before();
  void fail_or_back_off(const std::string& how, Duration delay);
  bool notifies() const {
    return process_.ready && process_.ready->kind == model::Probe::Kind::notify;
  }
  bool crash_looping() const { return short_lives_ >= process_.crash_loop; }
  void tell(Phase phase, std::string why);

  const ProcessWork& process_;  // in work_
  std::optional<Mark> adopted_, mark_;
  std::optional<Running> running_;
  std::optional<NotifySocket> socket_;
  bool ready_ = false;
  bool was_alive_ = false;  ///< said yes since it began
  Moment began_;
  int short_lives_ = 0;
  std::string ended_because_;  ///< of us: a probe that said no
};

// A crash loop is told until it is over, not only between two starts.
void ProcessItem::tell(Phase phase, std::string why) {
  state_.pid = running_ ? running_->pid() : 0;
  if (crash_looping() && (phase == Phase::starting || phase == Phase::ready)) {
    if (state_.phase != Phase::failing) say(Phase::failing, "started too often in a row");
    return;
  }
  say(phase, std::move(why));
}

Result<> ProcessItem::start() {
  ready_ = was_alive_ = false;
  if (notifies() && !socket_) {
    socket_.emplace(place_.world, place_.folder.socket_file(work_.name));
    TRY(socket_->open());
  }
  Launch launch =
      TRY(prepare_launch(place_.folder, {.name = work_.name,
                                         .user = process_.user,
                                         .group = process_.group,
                                         .directory = process_.directory,
                                         .environment = &process_.environment,
                                         .secrets = &process_.secrets,
                                         .notify_socket = socket_ ? socket_->path() : std::string(),
                                         .runtime_directory = process_.runtime_directory}));
  launch.command = process_.command;
  launch.limits = process_.limits;
  launch.mark = Mark{work_.name, work_.digest, state_.restarts, size_of(launch.output_file), 0, 0};
  running_.emplace(TRY(place_.launcher.start(launch)));
  mark_ = launch.mark;
  mark_->pid = running_->pid();
  return {};
}

void ProcessItem::take_over() {
  mark_ = std::move(adopted_);
  adopted_.reset();
  running_.emplace(place_.launcher.adopt(*mark_, cgroup_name(work_.name)));
  state_.restarts = mark_->restarts;
  ready_ = place_.launcher.was_ready(mark_->pid);
  began_ = place_.world.clock.now();
  if (!notifies()) return;
  socket_.emplace(place_.world, place_.folder.socket_file(work_.name));
  if (auto opened = socket_->open(); !opened) log::warn("agent", "{}", opened.error().line());
}

aio::Task<Result<>> ProcessItem::keep() {
  if (process_.command.empty())
    co_return fail(Code::invalid_argument, "there is no command to run");
  if (process_.alive && process_.alive->kind == model::Probe::Kind::notify)
    co_return fail(Code::invalid_argument,
                   "'notify' tells that a process is ready, not that it is alive");
  if (CO_TRY(co_await ended_before())) co_return Result<>{};
  if (adopted_) take_over();
  for (;;) {
    Ended ended{127, 0, true};
    if (!running_) {
      began_ = place_.world.clock.now();  // also of one that cannot even be started
      auto started = start();
      if (!started) ended_because_ = started.error().line();
    }
    if (running_) {
      ended = CO_TRY(co_await live());
      CO_TRY(co_await bury(ended));
    }
    if (!CO_TRY(co_await rest(ended))) co_return Result<>{};
    ++state_.restarts;
  }
}

/// It is one that is not started again, and has ended.
aio::Task<Result<bool>> ProcessItem::ended_before() {
  auto done = CO_TRY(co_await place_.folder.load_done(work_.name));
  if (!done || done->digest != work_.digest) co_return false;
  state_.exit_code = done->code;
  if (done->signal) state_.exit_signal = done->signal;
  say(Phase::ended, done->why);
  co_return true;
}

/// From now to its end.
aio::Task<Result<Ended>> ProcessItem::live() {
  auto outcome = co_await aio::race(running_->wait(), watch());
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  auto& watched = std::get<1>(outcome);
  CHECK(!watched, "a process is watched until it ends or is to be ended");
  if (watched.error().code == Code::cancelled) co_return fail(std::move(watched).error());
  ended_because_ = watched.error().line();
  // One that is never ready in time fails at once: so often would take many times as long.
  if (!ready_ && watched.error().code == Code::timeout)
    short_lives_ = std::max(short_lives_, process_.crash_loop - 1);
  tell(Phase::stopping, ended_because_);
  CO_TRY(co_await stop());
  co_return co_await running_->wait();
}

/// Ends with an error: it has to be ended, or nobody watches any more.
aio::Task<Result<>> ProcessItem::watch() {
  if (!ready_) {
    tell(Phase::starting, "");
    CO_TRY(co_await become_ready());
    ready_ = true;
    place_.launcher.note_ready(running_->pid());
  }
  state_.output.clear();
  tell(Phase::ready, "");
  auto outcome = co_await aio::race(process_.alive ? stay_alive() : forever(),
                                    socket_ ? hear_on() : forever());
  co_return outcome.index() == 0 ? std::get<0>(std::move(outcome))
                                 : std::get<1>(std::move(outcome));
}

aio::Task<Result<>> ProcessItem::become_ready() {
  if (!process_.ready) co_return Result<>{};
  const model::Probe& probe = *process_.ready;
  auto asked = notifies() ? hear_until_ready() : ask_until_ready(probe);
  auto ready = co_await aio::deadline(place_.world.clock, process_.ready_within, std::move(asked),
                                      "becoming ready");
  if (!ready && ready.error().code == Code::timeout && !state_.why.empty())
    co_return fail(Code::timeout, fmt::format("not ready within {}: {}",
                                              process_.ready_within.text(), state_.why));
  co_return ready;
}

aio::Task<Result<>> ProcessItem::ask_until_ready(model::Probe probe) {
  std::string log = place_.folder.log_file(work_.name);
  uint64_t from = mark_ ? mark_->log_from : 0;
  std::optional<probe::LogScan> scan;
  if (probe.kind == model::Probe::Kind::log)
    scan.emplace(place_.world, log, from, CO_TRY(Pattern::compile(probe.pattern)));
  // Most programs are ready long before a whole period is over: the first questions come sooner.
  for (Duration pause = Duration::milliseconds(5);; pause = std::min(pause * 2, probe.period)) {
    Result<> answer;
    if (scan) {
      if (CO_TRY(co_await scan->look())) co_return Result<>{};
      answer = fail(Code::unavailable, fmt::format("no line with '{}' yet", probe.pattern));
    } else {
      answer = co_await probe::ask(place_.world, probe);
    }
    if (answer) co_return answer;
    if (answer.error().code == Code::cancelled || answer.error().code == Code::invalid_argument ||
        answer.error().code == Code::syntax)
      co_return answer;
    tell(Phase::starting, answer.error().line());
    CO_TRY(co_await place_.world.clock.sleep(pause));
  }
}

aio::Task<Result<>> ProcessItem::hear_until_ready() {
  if (!socket_) co_return fail(Code::internal, "a process that notifies has no socket");
  for (;;) {
    std::string message = CO_TRY(co_await socket_->receive());
    if (notified(message, "READY") == "1") co_return Result<>{};
    if (std::string status = notified(message, "STATUS"); !status.empty())
      tell(Phase::starting, std::move(status));
  }
}

// Nobody else empties the socket, and a full one would stop the process.
aio::Task<Result<>> ProcessItem::hear_on() {
  for (;;) {
    std::string message = CO_TRY(co_await socket_->receive());
    if (std::string status = notified(message, "STATUS"); !status.empty())
      tell(Phase::ready, std::move(status));
  }
}

aio::Task<Result<>> ProcessItem::stay_alive() {
  model::Probe probe = *process_.alive;
  probe::Surroundings around;
  around.log_file = place_.folder.log_file(work_.name);
  around.log_from = mark_ ? mark_->log_from : 0;
  for (int refused = 0;;) {
    CO_TRY(co_await place_.world.clock.sleep(probe.period));
    auto answer = co_await probe::ask(place_.world, probe, around);
    if (!answer && answer.error().code == Code::cancelled) co_return answer;
    refused = answer ? 0 : refused + 1;
    was_alive_ = was_alive_ || answer;
    if (refused >= std::max(probe.failures, 1))
      co_return fail(Code::unavailable, fmt::format("not alive, {} times in a row: {}", refused,
                                                    answer.error().line()));
  }
}

/// Signal, a while to end, then KILL to all of it.
aio::Task<Result<>> ProcessItem::stop() {
  int number = signal_number(process_.stop_signal).value_or(SIGTERM);
  auto sent = running_->signal(number);
  if (sent) {
    auto stopped = running_->signal(SIGCONT);  // a frozen one cannot hear
    static_cast<void>(stopped);
    auto ended = co_await aio::deadline(place_.world.clock, process_.stop_within, running_->wait(),
                                        "ending");
    if (!ended && ended.error().code != Code::timeout) co_return fail(std::move(ended).error());
  }
  co_return co_await running_->clear();
}

/// What is left of a process that has ended.
aio::Task<Result<>> ProcessItem::bury(Ended ended) {
  auto cleared = co_await running_->clear();
  if (!cleared && cleared.error().code == Code::cancelled) co_return cleared;
  if (!cleared) log::warn("agent", "{}: {}", work_.name, cleared.error().line());
  place_.launcher.forget(*mark_);
  running_.reset();
  state_.output = written(place_.folder.log_file(work_.name), mark_->log_from);
  state_.exit_code.reset();
  state_.exit_signal.reset();
  if (ended.known && ended.signal) state_.exit_signal = ended.signal;
  if (ended.known && !ended.signal) state_.exit_code = ended.code;
  state_.pid = 0;
  co_return Result<>{};
}

void ProcessItem::fail_or_back_off(const std::string& how, Duration delay) {
  if (crash_looping())
    say(Phase::failing, fmt::format("{}; {} starts in a row did not last, the next in {}", how,
                                    short_lives_, delay.text()));
  else
    say(Phase::backoff, fmt::format("{}, started again in {}", how, delay.text()));
}

/// False: it stays ended.
aio::Task<Result<bool>> ProcessItem::rest(Ended ended) {
  bool well = ended.known && ended.code == 0 && ended.signal == 0 && ended_because_.empty();
  std::string how = ended_because_.empty() ? text_of(ended) : std::exchange(ended_because_, {});
  bool again = process_.restart == ProcessWork::Restart::always ||
               (process_.restart == ProcessWork::Restart::on_failure && !well);
  if (!again) {
    CO_TRY(co_await place_.folder.save_done(
        work_.name, {work_.digest, ended.code, ended.signal, how, "", place_.world.clock.wall()}));
    say(Phase::ended, how);
    co_return false;
  }
  // How often it is asked says nothing of how long it served.
  bool served = ready_ && (was_alive_ || !process_.alive);
  bool lasted = served && place_.world.clock.now() - began_ >= lasting;
  short_lives_ = lasted ? 0 : short_lives_ + 1;
  // The first is started again at once; from the second in a row on each waits twice as long.
  Duration delay;
  if (short_lives_ > 1) {
    delay = process_.backoff;
    for (int i = 2; i < short_lives_ && delay < process_.backoff_most; ++i) delay = delay * 2;
    delay = std::min(delay, process_.backoff_most);
  }
  fail_or_back_off(how, delay);
  if (delay > Duration()) CO_TRY(co_await place_.world.clock.sleep(delay));
  co_return true;
}

aio::Task<Result<>> ProcessItem::end(const model::HostWork* next) {
  if (adopted_) take_over();
  if (running_) {
    say(Phase::stopping, "");
    CO_TRY(co_await stop());
    CO_TRY(co_await bury(CO_TRY(co_await running_->wait())));
  }
  if (socket_) socket_->remove_file();
  socket_.reset();
  CO_TRY(co_await place_.folder.erase_done(work_.name));
  remove_runtime_directory(place_.folder, work_.name, process_.runtime_directory);
  if (!next) remove_traces(place_.folder, work_.name);
  co_return Result<>{};
}

}  // namespace

std::unique_ptr<Item> make_process_item(Place& place, model::HostWork work,
                                        std::function<void(const model::WorkState&)> changed) {
  return std::make_unique<ProcessItem>(place, std::move(work), std::move(changed));
}

}  // namespace croft::agent
