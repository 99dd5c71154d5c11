// Supervised: a Compound whose children come back when they fail, in their place and after a pause;
// too many ends in a short time are a crash loop, which is told and dealt with as `then` says.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "aio/scope.h"
#include "aio/sync.h"
#include "base/text.h"
#include "components/registry.h"
#include "components/workflow/workflow.h"
#include "engine/host.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr int doublings_max = 30;
constexpr const char* restarts = "restarts";
// Notes, each with the name of a child behind it.
const std::string ends_note = "ends ";        // when it ended within the time that counts
const std::string counted_note = "counted ";  // its last end is among these
const std::string looping_note = "looping ";
const std::string gone_note = "gone ";  // it was let go

struct Wishes {
  std::string restart, then;
  int64_t most = 5;
  Duration within = Duration::minutes(10);
  Duration first = Duration::milliseconds(100), longest = Duration::seconds(30);
};

Result<Duration> pause_in(const Context& context, const model::Value& value) {
  const auto* text = value.get<std::string>();
  auto number = value.as_integer();
  auto out = text     ? Duration::parse(*text, "ms")
             : number ? Result<Duration>(Duration::milliseconds(*number))
                      : fail(Code::type_mismatch, "it is no time");
  if (out && *out >= Duration::milliseconds(1)) return out;
  return fail(
      Error(Code::invalid_argument, "backoff holds something that is no pause",
            context.where("backoff"))
          .hint("backoff [\"100ms\", \"30s\"]: the first pause, at least 1ms, and the longest"));
}

Result<Wishes> wishes_of(const Context& context) {
  Wishes out;
  out.restart = TRY(context.string_or("restart", "ON_FAILURE"));
  out.then = TRY(context.string_or("then", "TERMINATE"));
  out.most = TRY(context.integer_or("maxRestarts", out.most));
  out.within = TRY(context.duration_or("within", "s", out.within));
  auto pauses = TRY(context.vector_or_empty("backoff"));
  if (pauses.size() > 2)
    return fail(Code::invalid_argument, "backoff has more than two elements",
                context.where("backoff"));
  if (!pauses.empty()) out.first = TRY(pause_in(context, pauses.front()));
  out.longest = pauses.empty() ? out.longest : TRY(pause_in(context, pauses.back()));
  if (out.longest < out.first)
    return fail(Code::invalid_argument, "the longest backoff is less than the first",
                context.where("backoff"));
  return out;
}

std::string told(const TerminationRecord& record) {
  std::string text = record.description;
  if (!record.cause.empty()) text += (text.empty() ? "" : ": ") + record.cause;
  return text.empty() ? std::string("it ended") : text;
}

/// "10 min", not "10 min 0 s".
std::string brief(Duration time) {
  std::string text = time.text();
  for (std::string_view zero : {" 0 s", " 0 min"})
    if (text.ends_with(zero)) text.resize(text.size() - zero.size());
  return text;
}

/// What another attempt cannot mend.
bool is_for_good(Code code) {
  return code == Code::invalid_argument || code == Code::type_mismatch ||
         code == Code::unresolved || code == Code::unsupported || code == Code::permission_denied;
}

class Supervised : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(wishes_of(context));
    co_return Result<>{};
  }
  bool takes_end_of(const Context& context, std::string_view top,
                    const TerminationRecord& record) override;
  aio::Task<Result<bool>> may_start_again(Context& context, std::string path, Error why) override;
  aio::Task<Result<>> work(Context& context) override;

 private:
  enum class Next { again, leave_it, end };
  struct After {
    Next next = Next::again;
    std::string text;
  };
  static bool comes_back(const Context& context, const TerminationRecord& record);
  aio::Task<Result<After>> pause_after(Context& context, std::string child, std::string culprit,
                                       std::string why);
  Result<Next> crash_loop(Context& context, const Wishes& wishes, const std::string& child,
                          const std::string& culprit, const std::string& text);
  static int64_t count_end(Context& context, const std::string& child, Duration within);
  aio::Task<Result<>> tend(Context& context, std::string child, TerminationRecord record);
  aio::Task<Result<>> take_away(Context& context, std::string child, TerminationRecord record);
  aio::Task<Result<>> until_ended_again(std::string child);
  void says(Context& context, const std::string& child, std::string text);

  bool working_ = false;
  std::map<std::string, TerminationRecord> ended_;  // not yet looked after
  std::set<std::string> busy_;                      // coming back
  std::map<std::string, std::string> texts_;        // for status
  std::optional<TerminationRecord> end_;
  aio::Signal changed_;
};

bool Supervised::comes_back(const Context& context, const TerminationRecord& record) {
  auto restart = context.string_or("restart", "ON_FAILURE");
  if (!restart || *restart == "NEVER") return false;
  return *restart == "ALWAYS" || record.type == "abnormal";
}

bool Supervised::takes_end_of(const Context& context, std::string_view top,
                              const TerminationRecord& record) {
  std::string child(top.substr(top.rfind(':') + 1));
  if (!comes_back(context, record)) return false;
  // Where it does not work yet, work() finds it.
  if (working_) ended_.emplace(child, record);
  changed_.notify();
  return true;
}

void Supervised::says(Context& context, const std::string& child, std::string text) {
  if (text.empty())
    texts_.erase(child);
  else
    texts_[child] = std::move(text);
  std::vector<std::string> all;
  for (const auto& [name, line] : texts_) all.push_back(line);
  context.waits(join(all, "; "));
}

/// How often it ended of late, with this end.
int64_t Supervised::count_end(Context& context, const std::string& child, Duration within) {
  WallTime now = context.world().clock.wall();
  const auto& memory = context.record().memory;
  auto known = memory.find(ends_note + child);
  std::vector<std::string> times;
  for (auto each : split(known == memory.end() ? std::string_view() : known->second, ' '))
    if (auto at = parse_i64(each); at && now - WallTime{*at} < within) times.emplace_back(each);
  if (!memory.contains(counted_note + child)) times.push_back(fmt::format("{}", now.ns));
  auto count = static_cast<int64_t>(times.size());
  constexpr size_t kept = 1000;
  if (times.size() > kept) times.erase(times.begin(), times.end() - kept);
  context.remember(ends_note + child, join(times, " "));
  context.remember(counted_note + child, "yes");
  return count;
}

/// What follows where it ends too often.
Result<Supervised::Next> Supervised::crash_loop(Context& context, const Wishes& wishes,
                                                const std::string& child,
                                                const std::string& culprit,
                                                const std::string& text) {
  if (!context.record().memory.contains(looping_note + child)) {
    context.event(protocol::event::crash_loop, text);
    context.remember(looping_note + child, "yes");
  }
  if (wishes.then == "KEEP_TRYING") return Next::again;
  if (wishes.then == "LET_GO") {
    context.event(protocol::event::attention, child + " is let go, the others go on: " + text);
    context.remember(gone_note + child, "yes");
    says(context, child, fmt::format("{} was let go: {}", child, text));
    return Next::leave_it;
  }
  if (wishes.then == "REPLACE_HOST") {
    if (auto host = context.host_of(culprit)) {
      context.event(protocol::event::replacing, fmt::format("{}: {}", host->name(), text));
      TRY(context.hosts())->give_up(context.application(), host->name(), text);
      context.forget(ends_note + child);
      context.forget(looping_note + child);
      return Next::again;
    }
    context.event(protocol::event::attention, child + " runs on no machine that could be replaced");
  }
  return Next::end;
}

aio::Task<Result<Supervised::After>> Supervised::pause_after(Context& context, std::string child,
                                                             std::string culprit, std::string why) {
  Wishes wishes = CO_TRY(wishes_of(context));
  int64_t count = count_end(context, child, wishes.within);
  bool looping = count > wishes.most;
  Duration pause = wishes.first;
  for (int64_t i = 1; i < std::min<int64_t>(count, doublings_max) && pause < wishes.longest; ++i)
    pause = pause * 2;
  pause = looping ? wishes.longest : std::min(pause, wishes.longest);
  std::string text = why;
  if (looping) {
    text = fmt::format("crash loop: {} ended {} times within {}: {}", child, count,
                       brief(wishes.within), why);
    Next next = CO_TRY(crash_loop(context, wishes, child, culprit, text));
    if (next != Next::again) co_return After{next, text};
  } else {
    context.forget(looping_note + child);
    text = fmt::format("{} ended: {}", child, why);
  }
  context.event(protocol::event::restarting, fmt::format("in {}: {}", brief(pause), text));
  says(context, child, fmt::format("{}; it is started again in {}", text, brief(pause)));
  CO_TRY(co_await context.world().clock.sleep(pause));
  says(context, child, text);
  context.forget(counted_note + child);
  int64_t before = 0;
  if (auto known = context.value_if(restarts); known && *known)
    before = (*known)->as_integer().value_or(0);
  context.publish(restarts, model::Value(before + 1));
  co_return After{};
}

aio::Task<Result<bool>> Supervised::may_start_again(Context& context, std::string path, Error why) {
  auto restart = context.string_or("restart", "ON_FAILURE");
  if (!restart || *restart == "NEVER" || is_for_good(why.code)) co_return false;
  std::string child = path.substr(context.path().size() + 1);
  child = child.substr(0, child.find(':'));
  After after = CO_TRY(co_await pause_after(context, child, path, why.line()));
  says(context, child, "");
  co_return after.next == Next::again;
}

/// Nothing of it is left on return: until then it does not come back.
aio::Task<Result<>> Supervised::take_away(Context& context, std::string child,
                                          TerminationRecord record) {
  Wishes wishes = CO_TRY(wishes_of(context));
  for (Duration pause = wishes.first;; pause = std::min(pause * 2, wishes.longest)) {
    auto done = co_await context.end_action(child, record);
    if (done || done.error().code == Code::cancelled) co_return done;
    says(context, child, fmt::format("{} cannot be ended: {}", child, done.error().line()));
    CO_TRY(co_await context.world().clock.sleep(pause));
  }
}

aio::Task<Result<>> Supervised::until_ended_again(std::string child) {
  while (!ended_.contains(child)) CO_TRY(co_await changed_.wait());
  co_return Result<>{};
}

/// From the end of a child until it runs again, or never will.
aio::Task<Result<>> Supervised::tend(Context& context, std::string child,
                                     TerminationRecord record) {
  for (;;) {
    CO_TRY(co_await take_away(context, child, record));
    std::string culprit = record.culprit.empty() ? context.path() + ":" + child : record.culprit;
    After after = CO_TRY(co_await pause_after(context, child, culprit, told(record)));
    if (after.next == Next::end)
      end_ = TerminationRecord::abnormal(culprit, "it ends too often", after.text);
    if (after.next != Next::again) break;
    ended_.erase(child);
    auto back = co_await aio::race(context.bring_back(child), until_ended_again(child));
    bool again = back.index() == 1;
    Result<> up = again ? std::get<1>(std::move(back)) : std::get<0>(std::move(back));
    if (!up && up.error().code == Code::cancelled) co_return up;
    if (end_) break;
    if (again) {
      record = ended_.at(child);
      ended_.erase(child);
    } else if (up) {
      says(context, child, "");
      break;
    } else {
      record = TerminationRecord::abnormal(context.path() + ":" + child,
                                           "it could not be brought up", up.error().line());
    }
  }
  busy_.erase(child);
  changed_.notify();
  co_return Result<>{};
}

aio::Task<Result<>> Supervised::work(Context& context) {
  working_ = true;
  end_.reset();
  ended_.clear();
  busy_.clear();
  texts_.clear();
  context.waits("");
  for (const std::string& child : context.children()) {
    auto record = context.end_record_of(child);
    if (!record || !comes_back(context, *record)) continue;
    if (context.record().memory.contains(gone_note + child))
      says(context, child, fmt::format("{} was let go: {}", child, told(*record)));
    else
      ended_.emplace(child, *std::move(record));
  }
  aio::Scope scope(co_await aio::here());
  Result<> done;
  while (done && !end_) {
    for (const auto& [child, record] : std::map(ended_))
      if (busy_.insert(child).second) {
        ended_.erase(child);
        context.forget(gone_note + child);
        scope.spawn(tend(context, child, record));
      }
    done = co_await changed_.wait();
  }
  working_ = false;
  scope.cancel();
  auto joined = co_await scope.join();
  if (!end_) co_return done ? joined : done;
  context.end_with_part(*std::move(end_));
  co_return Result<>{};
}

model::AttributeSchema word(std::string name, std::string fallback,
                            std::vector<std::string> choices, std::string doc) {
  auto out = with_default(std::move(name), Type::string, model::Value(fallback), std::move(doc));
  out.choices = std::move(choices);
  return out;
}

}  // namespace

engine::ComponentType supervised_type() {
  auto most = with_default("maxRestarts", Type::integer, int32_t{5},
                           "more ends of one child than this, within a time, are a crash loop");
  most.least = 0;
  most.most = 1000;
  auto within = with_default("within", Type::duration, model::Value("10m"),
                             "the time in which its ends are counted");
  within.bare_unit = "s";
  auto count = attribute(restarts, Type::integer, "how often something was started again");
  count.published = true;
  auto type = type_of(
      "Supervised",
      "A Compound whose children are started again, in their place, when they end abnormally or do "
      "not start; a crash loop is told, and dealt with as `then` says.",
      {word("restart", "ON_FAILURE", {"ON_FAILURE", "ALWAYS", "NEVER"},
            "which ends of a child it mends; another is its own end, as that of a Compound"),
       most, within,
       with_default("backoff", Type::vector, model::Value(model::Vector{"100ms", "30s"}),
                    "the pause before it is started again, which doubles from end to end, and the "
                    "longest"),
       word("then", "TERMINATE", {"TERMINATE", "KEEP_TRYING", "LET_GO", "REPLACE_HOST"},
            "what follows a crash loop: its end, an attempt after each longest pause, life without "
            "that child, or another machine for it"),
       count},
      [] { return std::make_unique<Supervised>(); }, "croft.Compound");
  for (auto& attribute : type.schema.attributes) attribute.change = model::Change::update;
  type.schema.container = true;
  type.compound = type.works = type.supervises = true;
  return type;
}

}  // namespace croft::components
