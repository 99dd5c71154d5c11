// FilesCompound and LocalFilestore: many files as one component.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// What a child stands for: the list of a Files or FilesCompound, else its own path.
Result<std::vector<std::string>> files_of(Context& context, const std::string& child) {
  std::vector<std::string> out;
  auto part = context.description()->component(child);
  if (!part) return out;
  if (const auto* list = part->find("files")) {
    auto value = TRY(context.value_in(*part, list->value));
    if (const auto* paths = value.get<model::Vector>()) {
      for (const auto& path : *paths)
        if (auto* text = path.get<std::string>()) out.push_back(*text);
      return out;
    }
  }
  if (const auto* path = part->find("absolutePath")) {
    auto value = TRY(context.value_in(*part, path->value));
    if (auto* text = value.get<std::string>()) out.push_back(*text);
  }
  return out;
}

class FilesCompound : public engine::Component {
 public:
  aio::Task<Result<>> work(Context& context) override {
    std::vector<std::string> all;
    for (const std::string& child : context.actions()) {
      CO_TRY(co_await context.deploy_action(child, child));
      CO_TRY(co_await context.start_action(child));
      for (std::string& path : CO_TRY(files_of(context, child)))
        if (std::ranges::find(all, path) == all.end()) all.push_back(std::move(path));
    }
    auto count = static_cast<int64_t>(all.size());
    CO_TRY(check(context, "fileCount", count, std::equal_to<>()));
    CO_TRY(check(context, "minFileCount", count, std::greater_equal<>()));
    CO_TRY(check(context, "maxFileCount", count, std::less_equal<>()));
    context.publish("fileSetString", model::Value(join(all, ":")));
    context.publish("files", model::Value(model::Vector(all.begin(), all.end())));
    co_return context.done(
        TerminationRecord::normal(context.path(), fmt::format("{} files", count)), false);
  }

 private:
  /// `good`: how the number of files compares to the wish; a negative one is none.
  template <class Good>
  static Result<> check(Context& context, const char* name, int64_t count, Good good) {
    int64_t wanted = TRY(context.integer_or(name, -1));
    if (wanted < 0 || good(count, wanted)) return {};
    return fail(Code::conflict, fmt::format("{} files, {} is {}", count, name, wanted),
                context.where(name));
  }
};

class LocalFilestore : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    auto there = co_await context.world().disk.info(path);
    if (there && !there->is_directory)
      co_return fail(Code::conflict, fmt::format("{} is a file, not a folder", path),
                     context.where("filename"));
    CO_TRY(co_await context.world().disk.make_dirs(path));
    publish_path(context, path);
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    auto there = co_await context.world().disk.info(path);
    if (!there) co_return fail(std::move(there).error().at(context.where("filename")));
    co_return Result<>{};
  }
};

}  // namespace

engine::ComponentType files_compound_type() {
  auto count = [](const char* name, const char* doc) {
    return with_default(name, Type::integer, int32_t{-1}, doc);
  };
  auto files = attribute("files", Type::vector, "the paths of all, each once");
  auto text = attribute("fileSetString", Type::string, "the same with colons between them");
  files.published = text.published = true;
  auto type = action_type("FilesCompound", "The files of all that is in it, as one list.",
                          {count("fileCount", "how many there must be; negative: any number"),
                           count("minFileCount", "at least so many"),
                           count("maxFileCount", "at most so many"), files, text},
                          [] { return std::make_unique<FilesCompound>(); });
  type.aliases = {"org.smartfrog.services.filesystem.files.FilesCompoundImpl"};
  return type;
}

engine::ComponentType local_filestore_type() {
  auto type = file_type_of("LocalFilestore",
                           "A folder for files that stay: made when it is deployed, never removed.",
                           false, with_path({required("filename", Type::any, "its name")}),
                           [] { return std::make_unique<LocalFilestore>(); });
  type.aliases = {"org.smartfrog.services.filesystem.filestore.LocalFilestoreImpl"};
  return type;
}

}  // namespace croft::components
