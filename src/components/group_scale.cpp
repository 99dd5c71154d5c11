// How many members an InstanceGroup has: what `croft scale` said, or what a metric asks for.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "components/instance_group.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr const char* target_note = "target";
constexpr const char* processor_time = "CPU";
constexpr Duration asks_again = Duration::seconds(2);
constexpr Duration no_room_pause = Duration::seconds(30);
constexpr Duration usual_cooldown = Duration::minutes(5);
constexpr double tolerance = 0.1;  // so far from the target nothing is done

struct Bounds {
  int64_t least = 1, most = 1;
};

Result<Bounds> bounds_of(const Context& context) {
  int64_t least = TRY(context.integer_or("minCount", 1));
  return Bounds{least, TRY(context.integer_or("maxCount", least))};
}

}  // namespace

std::optional<int64_t> InstanceGroup::target(const Context& context) const {
  auto noted = parse_i64(note_of(context, target_note));
  auto bounds = bounds_of(context);
  if (!noted || !bounds) return std::nullopt;
  return std::clamp(*noted, bounds->least, bounds->most);
}

void InstanceGroup::set_target(Context& context, int64_t count, const std::string& why) {
  auto before = target(context);
  context.remember(target_note, fmt::format("{}", count));
  scaled_ = context.world().clock.now();
  less_since_.reset();
  retry_.reset();
  context.event(
      protocol::event::message,
      fmt::format("SCALE from {} to {} members: {}",
                  before ? *before : static_cast<int64_t>(open_ids(context).size()), count, why));
  changed_.notify();
}

aio::Task<Result<>> InstanceGroup::receive(Context& context, std::string event) {
  auto words = cut(event, ' ');
  auto count = words && words->first == "scale" ? parse_i64(words->second) : std::nullopt;
  if (!count)
    co_return fail(Code::invalid_argument,
                   fmt::format("{} understands 'scale N', not '{}'", context.path(), event));
  Bounds bounds = CO_TRY(bounds_of(context));
  if (*count < bounds.least || *count > bounds.most)
    co_return fail(
        Error(Code::invalid_argument,
              fmt::format("{} has {} to {} members, {} are out of that", context.path(),
                          bounds.least, bounds.most, *count),
              context.where(*count < bounds.least ? "minCount" : "maxCount"))
            .hint("minCount and maxCount of the description bound it; an `up` with others "
                  "changes them"));
  set_target(context, *count, "somebody asked for it");
  co_return co_await context.make_durable();
}

std::optional<int64_t> InstanceGroup::wanted_members(const Context& context) const {
  auto wanted = target(context);
  if (wanted || !rolling_) return wanted;
  auto bounds = bounds_of(context);
  return bounds ? std::clamp(base_, bounds->least, bounds->most) : base_;
}

/// Where members change in place, others stand in for them meanwhile.
Result<int64_t> InstanceGroup::surge(const Context& context) const {
  Ids old = rolling_ && !has_given_up(context) ? outdated(context) : Ids{};
  if (old.empty() || needs_other_machines(context, old)) return 0;
  Rollout how = TRY(rollout_of(context));
  return how.blue_green ? 0 : how.surge;
}

/// Members of an older version go first, then those that came last. On the way back from a version
/// that was given up those that came for it go, whatever they have by now.
aio::Task<Result<>> InstanceGroup::have_fewer(Context& context, int64_t extra) {
  Ids going = has_given_up(context) ? Ids{} : outdated(context), open = open_ids(context);
  for (auto id = open.rbegin(); id != open.rend(); ++id)
    if (std::ranges::find(going, *id) == going.end()) going.push_back(*id);
  going.resize(static_cast<size_t>(extra));
  co_return co_await retire(context, std::move(going), "there are to be fewer");
}

/// A farm that has no room is asked again later: what there is goes on.
aio::Task<Result<bool>> InstanceGroup::have_more(Context& context, int64_t missing) {
  Moment moment = context.world().clock.now();
  if (retry_ && moment < *retry_) co_return false;
  auto done = co_await rent_more(context, missing);
  retry_.reset();
  if (done) co_return true;
  if (done.error().code != Code::resource_exhausted) co_return fail(std::move(done).error());
  retry_ = moment + no_room_pause;
  context.event(protocol::event::attention,
                fmt::format("{} more members have no room: {}; tried again in {}", missing,
                            done.error().line(), no_room_pause.text()));
  co_return false;
}

aio::Task<Result<bool>> InstanceGroup::make_count_right(Context& context) {
  Bounds bounds = CO_TRY(bounds_of(context));
  auto now = static_cast<int64_t>(open_ids(context).size());
  auto wanted = wanted_members(context);
  int64_t further = CO_TRY(surge(context));
  int64_t most = wanted.value_or(bounds.most) + further;
  if (now > most) {
    CO_TRY(co_await have_fewer(context, now - most));
    co_return true;
  }
  if (!wanted || now >= most) co_return false;
  co_return co_await have_more(context, most - now);
}

/// Reports come every ten seconds or so: between two of them a member has used so much of one
/// processor, in percent. Nullopt: not two of them yet.
std::optional<double> InstanceGroup::processor_share(Context& context, const std::string& member,
                                                     Duration used) {
  constexpr size_t kept = 4;
  constexpr Duration idle_after = Duration::seconds(25);  // the same text again is no news
  auto& known = spent_[member];
  Moment now = context.world().clock.now();
  if (!known.empty() && used < known.back().cpu) known.clear();  // its processes are new ones
  if (known.empty() || used != known.back().cpu) known.push_back({now, used});
  if (known.size() > kept) known.erase(known.begin());
  if (now - known.back().at > idle_after) return 0.0;
  if (known.size() < 2) return std::nullopt;
  return 100.0 * static_cast<double>((known.back().cpu - known.front().cpu).ns()) /
         static_cast<double>((known.back().at - known.front().at).ns());
}

std::optional<double> InstanceGroup::figure(Context& context, const std::string& name) {
  double sum = 0;
  int64_t count = 0;
  std::erase_if(spent_, [&](const auto& item) { return !serving_.contains(item.first); });
  for (const std::string& member : serving_) {
    auto usage = context.usage_of(member);
    if (!usage) continue;
    std::optional<double> number;
    if (name == processor_time) {
      number = processor_share(context, member, usage->cpu);
    } else if (auto found = usage->metrics.find(name); found != usage->metrics.end()) {
      number = found->second;
    }
    if (!number) continue;
    sum += *number;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

Result<std::optional<double>> InstanceGroup::number_of(Context& context,
                                                       const model::Component& scale) {
  const auto* metric = scale.find("metric");
  if (!metric) return std::optional<double>{};
  auto value = context.value_in(scale, metric->value);
  if (!value) return std::optional<double>{};  // its component is away
  if (auto number = value->as_number()) return std::optional<double>(*number);
  auto* text = value->get<std::string>();
  if (!text) return std::optional<double>{};
  double parsed = 0;
  if (std::from_chars(text->data(), text->data() + text->size(), parsed).ec == std::errc())
    return std::optional<double>(parsed);
  // A word names a figure of the members' own; in the text, not by a link: a link's number may be
  // away for a while.
  if (metric->value.get<std::string>()) return figure(context, *text);
  return std::optional<double>{};
}

/// How many members the metric asks for; nullopt: it has no value yet, or is near enough.
Result<std::optional<int64_t>> InstanceGroup::asked_by_metric(Context& context) {
  auto part = TRY(context.component_or_null("scale"));
  const auto* goal = part ? part->find("target") : nullptr;
  if (!goal) return std::optional<int64_t>{};
  auto number = TRY(number_of(context, *part));
  auto wanted = TRY(context.value_in(*part, goal->value)).as_number();
  if (!wanted || *wanted <= 0)
    return fail(Code::invalid_argument, "target of `scale` is a number above 0", goal->where);
  if (!number) return std::optional<int64_t>{};
  auto now = static_cast<double>(open_ids(context).size());
  const auto* metric = part->find("metric");
  bool own = metric && metric->value.get<std::string>();  // those are averages
  bool average = own || part->string("of").value_or("TOTAL") == "AVERAGE";
  double members = average ? now * *number / *wanted : *number / *wanted;
  if (now > 0 && std::abs(members - now) <= tolerance * now) return std::optional<int64_t>{};
  Bounds bounds = TRY(bounds_of(context));
  return std::clamp(static_cast<int64_t>(std::ceil(members)), bounds.least, bounds.most);
}

Result<Duration> InstanceGroup::cooldown_of(const Context& context) {
  auto part = TRY(context.component_or_null("scale"));
  auto text = part ? part->string("cooldown") : std::nullopt;
  if (!text) return usual_cooldown;
  auto out = Duration::parse(*text, "s");
  if (!out) return fail(std::move(out).error().at(part->find("cooldown")->where));
  return out;
}

/// More as soon as the metric asks for it, fewer once it has done so for a whole cool-down.
aio::Task<Result<>> InstanceGroup::follow_metric(Context& context) {
  if (!context.description()->find("scale")) co_return Result<>{};
  Duration cooldown = cooldown_of(context).value_or(usual_cooldown);
  for (;;) {
    CO_TRY(co_await context.world().clock.sleep(asks_again));
    auto asked = asked_by_metric(context);
    if (!asked) {
      context.event(protocol::event::attention, asked.error().line());
      co_return Result<>{};
    }
    Moment now = context.world().clock.now();
    int64_t current = target(context).value_or(static_cast<int64_t>(open_ids(context).size()));
    if (!*asked || **asked >= current) less_since_.reset();
    if (!*asked || **asked == current) continue;
    if (scaled_ && now - *scaled_ < cooldown) continue;
    if (**asked < current) {
      if (!less_since_) less_since_ = now;
      if (now - *less_since_ < cooldown) continue;
    }
    set_target(context, **asked, "the metric asks for it");
  }
}

}  // namespace croft::components
