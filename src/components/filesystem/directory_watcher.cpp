// DirectoryWatcher: tells which folders come and go in a folder.
#include <fmt/format.h>

#include <set>

#include "components/filesystem/work_folder.h"
#include "components/workflow/workflow.h"
#include "protocol/events.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

constexpr Duration shortest_interval = Duration::milliseconds(10);

using Names = std::set<std::string>;

/// What it saw last is published, so that a change during a restart is told, too.
class DirectoryWatcher : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    interval_ = std::max(shortest_interval,
                         CO_TRY(context.duration_or("interval", "ms", Duration::seconds(10))));
    std::string path = CO_TRY(co_await file_path(context, "dir"));
    auto info = co_await context.world().disk.info(path);
    if (!info) co_return fail(std::move(info).error().at(context.where("dir")));
    if (!info->is_directory)
      co_return fail(Code::invalid_argument, fmt::format("{} is a file, not a folder", path),
                     context.where("dir"));
    co_return Result<>{};
  }
  aio::Task<Result<>> work(Context& context) override {
    bool first = !context.record().published.contains("directories");
    for (;; first = false) {
      CO_TRY(co_await look(context, first));
      CO_TRY(co_await context.world().clock.sleep(interval_));
    }
  }

 private:
  static aio::Task<Result<>> look(Context& context, bool first) {
    std::string path = CO_TRY(co_await file_path(context, "dir"));
    auto& disk = context.world().disk;
    auto names = co_await disk.list(path);
    if (!names) co_return fail(std::move(names).error().at(context.where("dir")));
    Names before = seen(context), now;
    for (const std::string& name : *names)
      if (auto info = co_await disk.info(path + "/" + name); info && info->is_directory)
        now.insert(name);
    if (now == before && !first) co_return Result<>{};
    for (const std::string& name : now)
      if (!first && !before.contains(name)) tell(context, name + " has come");
    for (const std::string& name : before)
      if (!now.contains(name)) tell(context, name + " has gone");
    context.publish("directories", model::Value(model::Vector(now.begin(), now.end())));
    co_return Result<>{};
  }
  static Names seen(const Context& context) {
    Names out;
    auto found = context.record().published.find("directories");
    if (found == context.record().published.end()) return out;
    if (const auto* list = found->second.get<model::Vector>())
      for (const auto& item : *list)
        if (const auto* name = item.get<std::string>()) out.insert(*name);
    return out;
  }
  static void tell(Context& context, std::string text) {
    context.event(protocol::event::message, std::move(text));
  }
  Duration interval_ = Duration::seconds(10);
};

}  // namespace

engine::ComponentType directory_watcher_type() {
  auto found = attribute("directories", Type::vector, "the folders that are there");
  found.published = true;
  auto type = file_type_of("DirectoryWatcher", "Tells which folders come and go in `dir`.",
                           {required("dir", Type::any, "the folder that is watched"),
                            time_attribute("interval", 10000, "between two looks"), found},
                           [] { return std::make_unique<DirectoryWatcher>(); });
  type.aliases = {"org.smartfrog.services.deploydir.DirectoryWatcherImpl"};
  return type;
}

}  // namespace croft::components
