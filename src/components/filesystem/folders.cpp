// Mkdir, Rmdir and TempDir.
#include <fmt/format.h>

#include "components/filesystem/work_folder.h"
#include "components/host/files.h"
#include "components/host/host_component.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

class Mkdir : public Staying {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    std::string path = CO_TRY(co_await where(context));
    if (CO_TRY(context.boolean_or("cleanOnStartup", false)) && !context.ran_before())
      CO_TRY(co_await remove_if_there(context, Removal::tree, path));
    auto there = co_await context.world().disk.info(path);
    if (there && !there->is_directory)
      co_return fail(Code::conflict, fmt::format("{} is a file", path), context.where("dir"));
    if (!there) CO_TRY(co_await context.world().disk.make_dirs(path));
    publish_path(context, path);
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("deleteOnExit", false))) co_return Result<>{};
    std::string path = CO_TRY(co_await where(context));
    co_return co_await remove_if_there(context, Removal::tree, path);
  }

 private:
  static aio::Task<Result<std::string>> where(Context& context) {
    if (!CO_TRY(context.value_if("parentDir"))) co_return co_await file_path(context, "dir");
    std::string parent = CO_TRY(co_await file_path(context, "parentDir"));
    std::string path = fmt::format("{}/{}", parent, CO_TRY(context.string("dir")));
    co_return co_await confined(context, path, context.where("dir"));
  }
};

class Rmdir : public OneStep {
 public:
  Rmdir() : OneStep(false) {}
  aio::Task<Result<>> start(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "dir"));
    if (path == normal_path(context.work_folder()))
      co_return fail(Error(Code::invalid_argument,
                           "the application's work folder itself is not removed",
                           context.where("dir"))
                         .hint("name a folder in it"));
    co_return co_await remove_if_there(context, Removal::tree, path);
  }
};

class TempDir : public Staying {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    std::string path;
    if (auto made = context.record().memory.find("path"); made != context.record().memory.end()) {
      path = made->second;
    } else {
      CO_TRY(must_be_here(context));
      path = CO_TRY(co_await temporary_path(context, "tempdir", ""));
      context.remember("path", path);
    }
    CO_TRY(co_await context.world().disk.make_dirs(path));
    publish_path(context, path);
    context.publish("filename", model::Value(path));
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    return remove_temporary(context, Removal::tree);
  }
};

}  // namespace

engine::ComponentType mkdir_type() {
  return file_on_hosts_too(
      "Mkdir", "A folder, made when it is deployed.", HostFile::folder,
      with_path({required("dir", Type::any, "its name"),
                 attribute("parentDir", Type::any, "the folder that it is made in"),
                 with_default("deleteOnExit", Type::boolean, false, "remove it at the end"),
                 with_default("cleanOnStartup", Type::boolean, false, "empty it first")}),
      [] { return std::make_unique<Mkdir>(); });
}
engine::ComponentType rmdir_type() {
  return file_type_of("Rmdir", "Removes a folder with all that is in it.",
                      {required("dir", Type::any, "its name")},
                      [] { return std::make_unique<Rmdir>(); });
}
engine::ComponentType temp_dir_type() {
  auto name = attribute("filename", Type::string, "where it is, as absolutePath");
  name.published = true;
  return file_type_of(
      "TempDir", "A new folder with a name of its own.",
      with_path({with_default("prefix", Type::string, "tempdir", "how its name begins"),
                 with_default("suffix", Type::string, "", "how its name ends"),
                 attribute("dir", Type::any, "the folder that it is made in"), name,
                 with_default("deleteOnExit", Type::boolean, false, "remove it at the end"),
                 attribute("createOnDeploy", Type::boolean, "kept for old descriptions")}),
      [] { return std::make_unique<TempDir>(); });
}

}  // namespace croft::components
