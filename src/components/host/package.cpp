// Package: packages of Debian and its relatives, installed by apt. Cron: a program at given times.
#include "components/host/package.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "components/host/host_component.h"
#include "components/host/programs.h"
#include "components/host/secrets.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using engine::Host;
using model::RunWork;
using model::TerminationRecord;
using model::Type;
using model::WorkState;

namespace {

// Arguments: the packages, each with =VERSION where one is wanted. What is there already is left
// alone, without asking any server. Whoever holds a lock of apt or dpkg is waited for.
constexpr std::string_view install_script = R"(export DEBIAN_FRONTEND=noninteractive LC_ALL=C
missing=
for each in "$@"; do
  name=${each%%=*}
  want=${each#"$name"}
  state=$(dpkg-query -W -f='${db:Status-Status} ${Version}' "$name" 2>/dev/null) || state=
  case "$state" in
    "installed ${want#=}") ;;
    "installed "*) [ -z "$want" ] || missing="$missing $each" ;;
    *) missing="$missing $each" ;;
  esac
done
[ -n "$missing" ] || exit 0
patiently() {
  while :; do
    said=$("$@" 2>&1 </dev/null) && return 0
    case "$said" in
      *"Could not get lock"*|*"Unable to lock"*|*"Unable to acquire"*) sleep 1 ;;
      *) return 1 ;;
    esac
  done
}
install() {
  patiently apt-get -q -y --no-install-recommends --allow-downgrades \
    -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confold install $missing
}
install && exit 0
patiently apt-get -q update && install && exit 0
printf '%s\n' "$said"
exit 1
)";

constexpr std::string_view remove_script =
    "export DEBIAN_FRONTEND=noninteractive; exec apt-get -q -y -o DPkg::Lock::Timeout=300 remove "
    "\"$@\" </dev/null";

bool is_package(std::string_view name) {
  auto split = cut(name, '=');
  std::string_view plain = split ? split->first : name;
  std::string_view version = split ? split->second : "any";
  auto all_of = [](std::string_view text, std::string_view more) {
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.contains(c);
    });
  };
  std::string lower = to_lower(version);
  return all_of(plain, "+-.:") && plain[0] != '-' && plain[0] != '.' && plain[0] != '+' &&
         all_of(lower, "+-.:~");
}

class Package : public HostComponent {
 protected:
  Result<What> describe(Context& context) override {
    Fields fields(context);
    RunWork out;
    out.within = TRY(fields.duration("within", Duration::minutes(15)));
    auto names = TRY(fields.strings("names"));
    if (names.empty())
      return fail(Code::invalid_argument, "names is empty: no package to install",
                  fields.where("names"));
    for (const std::string& name : names)
      if (!is_package(name))
        return fail(Error(Code::invalid_argument,
                          fmt::format("'{}' is no package", printable(name)), fields.where("names"))
                        .hint("write names [\"nginx\", \"curl=7.88.1-10\"]"));
    out.command = {"/bin/sh", "-s", "--"};
    out.command.insert(out.command.end(), names.begin(), names.end());
    out.input = install_script;
    if (TRY(fields.boolean("remove", false))) {
      out.undo = {"/bin/sh", "-c", std::string(remove_script), "sh"};
      for (const std::string& name : names) out.undo.push_back(name.substr(0, name.find('=')));
    }
    return What(std::move(out));
  }
};

/// Runs again and again; a run that failed is told, and is no end.
class Cron : public HostComponent {
 protected:
  Result<What> describe(Context& context) override {
    Fields fields(context);
    RunWork out = TRY(run_of(fields));
    out.command = TRY(fields.command("command"));
    out.schedule = TRY(fields.string("schedule"));
    if (auto good = check_schedule(out.schedule); !good)
      return fail(std::move(good).error().at(fields.where("schedule")));
    return What(std::move(out));
  }
  aio::Task<Result<>> complete(Context& context, What& what) override {
    std::get<RunWork>(what).secrets = CO_TRY(co_await secret_files(context, "secrets"));
    co_return Result<>{};
  }
  bool has_begun(const WorkState& state) const override {
    return state.phase != WorkState::Phase::stopping && state.phase != WorkState::Phase::gone;
  }
  Result<std::optional<TerminationRecord>> end_of(Context& context, const Host& host,
                                                  const WorkState& state) override {
    if (TRY(context.boolean_or("terminateOnFailure", false)))
      return HostComponent::end_of(context, host, state);
    if (state.since != told_) {
      context.event(protocol::event::attention, told(state, host));
      told_ = state.since;
    }
    return std::optional<TerminationRecord>{};
  }

 private:
  std::optional<WallTime> told_;
};

struct CronField {
  const char* name;
  uint64_t least, most;
};
constexpr std::array<CronField, 5> cron_fields = {{{"minute", 0, 59},
                                                   {"hour", 0, 23},
                                                   {"day of the month", 1, 31},
                                                   {"month", 1, 12},
                                                   {"day of the week", 0, 7}}};

Result<> check_field(const CronField& field, const std::string& text) {
  auto wrong = [&] {
    return fail(
        Error(Code::invalid_argument, fmt::format("'{}' is no {}", printable(text), field.name))
            .hint(fmt::format("write *, */5, {0}, {0}-{1} or {0},{1}", field.least, field.most)));
  };
  for (const std::string& item : split(text, ',')) {
    std::string_view range = item;
    if (auto step = cut(range, '/')) {
      auto number = parse_u64(step->second);
      if (!number || *number == 0 || *number > field.most) return wrong();
      range = step->first;
    }
    if (range == "*") continue;
    auto ends = cut(range, '-');
    auto first = parse_u64(ends ? ends->first : range);
    auto last = ends ? parse_u64(ends->second) : first;
    if (!first || !last || *first < field.least || *last > field.most || *first > *last)
      return wrong();
  }
  return {};
}

}  // namespace

Result<> check_schedule(std::string_view schedule) {
  std::vector<std::string> parts;
  for (const std::string& part : split(schedule, ' '))
    if (!part.empty()) parts.push_back(part);
  if (parts.size() != cron_fields.size())
    return fail(Error(Code::invalid_argument, fmt::format("'{}' has {} fields, five are needed",
                                                          printable(schedule), parts.size()))
                    .hint("minute hour day month weekday, in UTC: \"30 4 * * *\" is half past four "
                          "every day"));
  for (size_t i = 0; i < parts.size(); ++i) TRY(check_field(cron_fields[i], parts[i]));
  return {};
}

std::string_view package_script() {
  return install_script;
}

engine::ComponentType package_type() {
  return host_type_of(
      "Package", "Packages of Debian and its relatives, installed by apt on a host.",
      {required("names", Type::strings, "the packages; NAME=VERSION for a certain one"),
       seconds("within", "15min", "they have to be installed within this time"),
       with_default("remove", Type::boolean, false, "remove them at the end")},
      [] { return std::make_unique<Package>(); });
}

engine::ComponentType cron_type() {
  return host_type_of(
      "Cron", "A program that runs at certain times on a host.",
      with_program(
          {required("schedule", Type::string, "minute hour day month weekday, UTC, as in crontab"),
           required("command", Type::any, "program and arguments, or a text for the shell"),
           seconds("within", "5min", "each run has to end within this time"),
           with_default("terminateOnFailure", Type::boolean, false,
                        "end abnormally when a run fails; else it is only told")}),
      [] { return std::make_unique<Cron>(); });
}

}  // namespace croft::components
