// DeployingDirectoryWatcher: what is dropped into a folder as a description runs until it goes.
#include <fmt/format.h>

#include <set>

#include "components/filesystem/work_folder.h"
#include "components/workflow/described.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr Duration shortest_interval = Duration::milliseconds(10);
constexpr std::string_view ending = ".sf";
constexpr std::string_view read_mark = "read_";

/// Each description is published under "read_NAME" when it is first seen, and runs as the action
/// NAME: another process goes on with the same. One that does not come up, or has ended, is not
/// tried again until its file has gone and come back.
class DeployingDirectoryWatcher : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    CO_TRY(co_await file_path(context, "dir"));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    Duration interval = std::max(
        shortest_interval, CO_TRY(context.duration_or("interval", "ms", Duration::seconds(10))));
    aio::Scope running(co_await aio::here());
    Result<> slept = Result<>{};
    while (slept) {
      auto looked = co_await look(context, running);
      if (!looked && looked.error().code == Code::cancelled) break;
      if (!looked) context.event(protocol::event::attention, looked.error().line());
      slept = co_await context.world().clock.sleep(interval);
    }
    running.cancel();
    auto joined = co_await running.join();
    static_cast<void>(joined);
    co_return slept;
  }

 private:
  aio::Task<Result<>> look(Context& context, aio::Scope& running) {
    std::string dir = CO_TRY(co_await file_path(context, "dir"));
    std::string prefix = CO_TRY(context.string_or("applicationPrefix", ""));
    std::set<std::string> there;
    for (const std::string& file : CO_TRY(co_await context.world().disk.list(dir)))
      if (file.ends_with(ending) && file.size() > ending.size()) there.insert(file);
    // What an earlier process ran goes with its file, too.
    if (!std::exchange(knows_, true))
      for (const auto& attribute : context.description()->attributes())
        if (attribute.name.starts_with(read_mark) && attribute.value.as_component())
          before_.insert(attribute.name.substr(read_mark.size()));
    Result<> unread;
    for (const std::string& file : there) {
      std::string name = prefix + file.substr(0, file.size() - ending.size());
      before_.erase(name);
      if (!runs_.insert(name).second || is_over(context, name)) continue;
      auto known = co_await read(context, dir + "/" + file, name);
      if (!known && known.error().code == Code::cancelled) co_return known;
      if (known)
        running.spawn(follow(context, name));
      else
        unread = std::move(known);  // the others are looked after all the same
    }
    runs_.merge(before_);
    before_.clear();
    for (auto name = runs_.begin(); name != runs_.end();) {
      if (there.contains(name->substr(prefix.size()) + std::string(ending))) {
        ++name;
        continue;
      }
      std::string gone = *name;
      name = runs_.erase(name);
      CO_TRY(co_await context.end_action(
          gone, TerminationRecord::normal(context.path(), "its file has gone")));
      context.forget_action(gone);
      CO_TRY(context.set_of_other(context.path(), "read_" + gone, std::nullopt));
      context.remember("over_" + gone, "");
    }
    co_return unread;
  }
  static bool is_over(const Context& context, const std::string& name) {
    auto found = context.record().memory.find("over_" + name);
    return found != context.record().memory.end() && found->second == "yes";
  }
  static aio::Task<Result<>> read(Context& context, std::string file, std::string name) {
    if (context.description()->component("read_" + name)) co_return Result<>{};
    auto what = CO_TRY(co_await described_in(context, file, context.where("dir")));
    what->eager = false;
    context.publish("read_" + name, model::Value(what));
    co_return Result<>{};
  }
  aio::Task<Result<>> follow(Context& context, std::string name) {
    auto record = co_await context.perform(name, "read_" + name);
    if (!record) co_return fail(std::move(record).error());
    if (!runs_.contains(name)) co_return Result<>{};  // its file has gone
    context.remember("over_" + name, "yes");
    context.event(protocol::event::message,
                  fmt::format("{} has ended: {}", name,
                              record->cause.empty() ? record->description : record->cause));
    co_return Result<>{};
  }
  std::set<std::string> runs_, before_;
  bool knows_ = false;  ///< what an earlier process ran
};

}  // namespace

engine::ComponentType deploying_directory_watcher_type() {
  auto type = action_type(
      "DeployingDirectoryWatcher",
      "Runs each description (NAME.sf) that is put into `dir`, and ends it when its file goes.",
      {required("dir", Type::any, "the folder that is watched"),
       time_attribute("interval", 10000, "between two looks"),
       with_default("applicationPrefix", Type::string, "", "how the names of what it runs begin")},
      [] { return std::make_unique<DeployingDirectoryWatcher>(); });
  type.aliases = {"org.smartfrog.services.deploydir.DeployingDirectoryWatcherImpl"};
  return type;
}

}  // namespace croft::components
