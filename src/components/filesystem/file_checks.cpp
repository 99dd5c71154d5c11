// File and FileExists: files that should be there.
#include <fmt/format.h>

#include "components/conditions/condition.h"
#include "components/filesystem/work_folder.h"
#include "components/host/files.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

class File : public Staying {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    publish_path(context, CO_TRY(co_await file_path(context, "filename")));
    if (CO_TRY(context.value_if("text")))
      co_return fail(
          Error(Code::unsupported, "a File writes its text on a host only", context.where("text"))
              .hint("a TextFile writes in the work folder too; sfProcessHost LAZY "
                    "PARENT:web names a host"));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (CO_TRY(context.boolean_or("testOnStartup", false))) CO_TRY(co_await check(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> ping(Context& context) override {
    if (CO_TRY(context.boolean_or("testOnLiveness", true))) CO_TRY(co_await check(context));
    co_return Result<>{};
  }

 private:
  static aio::Task<Result<>> check(Context& context) {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    bool must_be_file = CO_TRY(context.boolean_or("mustBeFile", false));
    bool must_be_dir = CO_TRY(context.boolean_or("mustBeDir", false));
    bool must_read = CO_TRY(context.boolean_or("mustRead", false));
    bool must_write = CO_TRY(context.boolean_or("mustWrite", false));
    bool must_exist = CO_TRY(context.boolean_or("mustExist", false)) || must_be_file ||
                      must_be_dir || must_read || must_write;
    auto info = co_await context.world().disk.info(path);
    auto wrong = [&](std::string text) {
      return fail(Code::not_found, fmt::format("{} {}", path, text), context.where("filename"));
    };
    if (!info) {
      if (info.error().code != Code::not_found) co_return fail(std::move(info).error());
      if (must_exist) co_return wrong("is not there");
      co_return Result<>{};
    }
    if (must_be_file && info->is_directory) co_return wrong("is a folder, not a file");
    if (must_be_dir && !info->is_directory) co_return wrong("is a file, not a folder");
    if (must_read && (info->mode & 0444) == 0) co_return wrong("cannot be read");
    if (must_write && (info->mode & 0222) == 0) co_return wrong("cannot be written");
    co_return Result<>{};
  }
};

class FileExists : public Condition {
 public:
  aio::Task<Result<bool>> evaluate(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    auto info = co_await context.world().disk.info(path);
    if (!info) {
      if (info.error().code == Code::not_found) co_return false;
      co_return fail(std::move(info).error());
    }
    bool folders = CO_TRY(context.boolean_or("canBeDirectory", true)) &&
                   !CO_TRY(context.boolean_or("mustBeFile", false));
    bool files = CO_TRY(context.boolean_or("canBeFile", true)) &&
                 !CO_TRY(context.boolean_or("mustBeDir", false));
    if (info->is_directory ? !folders : !files) co_return false;
    int64_t least = CO_TRY(context.integer_or("minSize", -1));
    int64_t most = CO_TRY(context.integer_or("maxSize", -1));
    auto size = static_cast<int64_t>(info->size);
    co_return (least < 0 || size >= least) && (most < 0 || size <= most);
  }
};

}  // namespace

engine::ComponentType file_type() {
  auto flag = [](const char* name, bool value, const char* doc) {
    return with_default(name, Type::boolean, value, doc);
  };
  return file_on_hosts_too(
      "File",
      "On a host a file with `text` in it; in the controller one that should be as described, at "
      "start or at each liveness check.",
      HostFile::file,
      with_path(
          {required("filename", Type::any, "its name"),
           attribute("text", Type::string, "what is in it, on a host"),
           with_default("keep", Type::boolean, false, "on a host: it stays at the end"),
           attribute("dir", Type::any, "the folder that a relative filename is in"),
           attribute("parent", Type::any, "the same"), flag("mustExist", false, "it must be there"),
           flag("mustRead", false, "it can be read"), flag("mustWrite", false, "it can be written"),
           flag("mustBeFile", false, "it is a file"), flag("mustBeDir", false, "it is a folder"),
           flag("testOnStartup", false, "look at start"),
           flag("testOnLiveness", true, "look at each liveness check")}),
      [] { return std::make_unique<File>(); });
}
engine::ComponentType file_exists_type() {
  return condition_type_of(
      "FileExists", "Holds when the file is there, with a size as is wanted.",
      {required("filename", Type::any, "its name"),
       with_default("canBeDirectory", Type::boolean, true, "a folder is one, too"),
       with_default("canBeFile", Type::boolean, true, "a file is one, too"),
       attribute("mustBeDir", Type::boolean, "the same as canBeFile false"),
       attribute("mustBeFile", Type::boolean, "the same as canBeDirectory false"),
       with_default("minSize", Type::integer, int32_t{-1}, "bytes at least; negative: any number"),
       with_default("maxSize", Type::integer, int32_t{-1}, "bytes at most; negative: any number")},
      [] { return std::make_unique<FileExists>(); });
}

}  // namespace croft::components
