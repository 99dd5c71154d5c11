// Trace and LogToFile: the events of the application, told as they come. Each line begins with the
// number of its event, so that another process goes on behind the last one that was told.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr uint64_t log_file_max = uint64_t{64} << 20;
constexpr Bytes tail_read = Bytes::kib(64);

std::string shown(const protocol::Event& event) {
  std::string out = fmt::format("{} {} {}", event.seq, event.component, event.event);
  if (event.record) out += " " + event.record->type;
  if (!event.why.empty()) out += ": " + event.why;
  for (char& c : out)
    if (c == '\n' || c == '\r') c = ' ';
  return out;
}

/// Follows the events; descendants say which are of interest and where they go.
class Follower : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    uint64_t from = CO_TRY(co_await begin(context));
    for (;;) {
      auto events = CO_TRY(co_await context.events_from(from));
      CO_TRY(co_await take(context, events));
      from = events.back().seq + 1;
    }
  }

 protected:
  /// The number of the first event to tell.
  virtual aio::Task<Result<uint64_t>> begin(Context& context) = 0;
  virtual aio::Task<Result<>> take(Context& context, std::vector<protocol::Event> events) = 0;
};

class Trace : public Follower {
 protected:
  aio::Task<Result<uint64_t>> begin(Context& context) override {
    verbose_ = CO_TRY(context.boolean_or("verbose", false));
    deploys_ = CO_TRY(context.boolean_or("deployHook", true));
    starts_ = CO_TRY(context.boolean_or("startHook", true));
    ends_ = CO_TRY(context.boolean_or("terminateHook", true));
    co_return static_cast<uint64_t>(remembered(context, "told")) + 1;
  }
  aio::Task<Result<>> take(Context& context, std::vector<protocol::Event> events) override {
    std::string above = context.path().substr(0, context.path().rfind(':'));
    for (const auto& event : events) {
      if (event.component == context.path() || !plan::inside(event.component, above)) continue;
      if (!wanted(event.event)) continue;
      std::string line = shown(event);
      log::info("trace", "{}{}", verbose_ ? event.time.iso8601() + " " : "", line);
      context.publish("last", model::Value(line));
    }
    context.remember("told", fmt::format("{}", events.back().seq));
    co_return Result<>{};
  }

 private:
  bool wanted(std::string_view event) const {
    using namespace protocol::event;
    if (event == deploying || event == deployed) return deploys_;
    if (event == starting || event == running) return starts_;
    if (event == terminating || event == terminated) return ends_;
    return verbose_;
  }
  bool verbose_ = false, deploys_ = true, starts_ = true, ends_ = true;
};

class LogToFile : public Follower {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    publish_path(context, CO_TRY(co_await path_of(context)));
    co_return Result<>{};
  }

 protected:
  aio::Task<Result<uint64_t>> begin(Context& context) override {
    path_ = CO_TRY(co_await path_of(context));
    CO_TRY(co_await context.world().disk.make_dirs(path_.substr(0, path_.rfind('/'))));
    auto file = CO_TRY(co_await context.world().disk.open(path_, aio::OpenMode::create));
    uint64_t size = CO_TRY(co_await file->size());
    std::string tail(std::min<uint64_t>(size, static_cast<uint64_t>(tail_read.count())), '\0');
    CO_TRY(co_await file->read_at(size - tail.size(), tail));
    // A line that was cut short is written anew.
    size_t end = tail.rfind('\n');
    size_t whole = end == std::string::npos ? 0 : end + 1;
    CO_TRY(co_await file->truncate(size - tail.size() + whole));
    if (whole == 0) co_return uint64_t{1};
    size_t before = tail.rfind('\n', end == 0 ? 0 : end - 1);
    std::string last = tail.substr(before == std::string::npos || before == end ? 0 : before + 1);
    auto number = parse_i64(last.substr(0, last.find(' ')));
    co_return static_cast<uint64_t>(number.value_or(0)) + 1;
  }
  aio::Task<Result<>> take(Context& context, std::vector<protocol::Event> events) override {
    std::string text;
    for (const auto& event : events) text += shown(event) + "\n";
    auto& disk = context.world().disk;
    auto file = CO_TRY(co_await disk.open(path_, aio::OpenMode::create));
    uint64_t size = CO_TRY(co_await file->size());
    if (size > log_file_max) {
      CO_TRY(co_await disk.rename(path_, path_ + ".1"));
      file = CO_TRY(co_await disk.open(path_, aio::OpenMode::create));
      size = 0;
    }
    co_return co_await file->write_at(size, text);
  }

 private:
  static aio::Task<Result<std::string>> path_of(Context& context) {
    std::string folder = CO_TRY(context.string_or("path", "."));
    std::string name = CO_TRY(context.string_or("fileName", ""));
    if (name.empty()) name = context.application();
    // The day and time of the first run, the same after a restart.
    std::string began = context.world().clock.wall().iso8601();
    if (auto known = context.record().memory.find("began"); known != context.record().memory.end())
      began = known->second;
    else
      context.remember("began", began);
    if (CO_TRY(context.boolean_or("useDate", false))) name += "_" + began.substr(0, 10);
    if (CO_TRY(context.boolean_or("useTime", false)))
      name += "_" + began.substr(11, 2) + began.substr(14, 2) + began.substr(17, 2);
    name += CO_TRY(context.string_or("extension", ".displayLog"));
    co_return co_await confined(context, folder + "/" + name, context.where("fileName"));
  }
  std::string path_;
};

}  // namespace

engine::ComponentType trace_type() {
  auto flag = [](const char* name, bool value, const char* doc) {
    return with_default(name, Type::boolean, value, doc);
  };
  auto last = attribute("last", Type::string, "the last line that it told");
  last.published = true;
  auto type = type_of(
      "Trace", "Tells each step of life of what is beside it, in the controller's log.",
      {flag("verbose", false, "with the time, and all other events, too"),
       flag("deployHook", true, "tell what deploys"), flag("startHook", true, "tell what starts"),
       flag("terminateHook", true, "tell what ends"),
       attribute("outputMsg", Type::any, "kept for old descriptions"), last},
      [] { return std::make_unique<Trace>(); });
  type.works = true;
  type.aliases = {"org.smartfrog.services.trace.SFTrace"};
  return type;
}

engine::ComponentType log_to_file_type() {
  auto type = type_of(
      "LogToFile", "Writes the events of its application into a file of the work folder.",
      with_path({with_default("path", Type::string, ".", "the folder"),
                 with_default("fileName", Type::string, "", "its name; empty: the application's"),
                 with_default("extension", Type::string, ".displayLog", "how its name ends"),
                 with_default("useDate", Type::boolean, false, "put the day into the name"),
                 with_default("useTime", Type::boolean, false, "put the time into the name"),
                 attribute("logOnlyInRootProcess", Type::boolean, "kept for old descriptions")}),
      [] { return std::make_unique<LogToFile>(); });
  type.works = true;
  type.aliases = {"org.smartfrog.services.utils.logtofile.SFLogToFile"};
  return type;
}

}  // namespace croft::components
