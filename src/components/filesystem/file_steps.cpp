// CopyFile, DeployByCopy, DeleteFile, SelfDeletingFile: files that are copied and removed.
#include <fmt/format.h>

#include "base/text.h"
#include "components/filesystem/work_folder.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

constexpr const char* copied_note = "copied";

class CopyFile : public OneStep {
 public:
  explicit CopyFile(bool ends) : OneStep(ends) {}
  aio::Task<Result<>> deploy(Context& context) override {
    if (CO_TRY(context.boolean_or("copyOnDeploy", true))) CO_TRY(co_await copy(context));
    co_return Result<>{};
  }
  aio::Task<Result<>> start(Context& context) override {
    if (!CO_TRY(context.boolean_or("copyOnDeploy", true))) CO_TRY(co_await copy(context));
    co_return Result<>{};
  }

 private:
  static aio::Task<Result<>> copy(Context& context) {
    std::string source = CO_TRY(co_await file_path(context, "source"));
    std::string destination = CO_TRY(co_await file_path(context, "destination"));
    auto& disk = context.world().disk;
    auto there = co_await disk.info(destination);
    if (there && !CO_TRY(context.boolean_or("overwrite", true))) co_return Result<>{};
    auto bytes = co_await disk.read_file(source, file_max);
    if (!bytes) {
      Error error = std::move(bytes).error();
      co_return fail(error.at(context.where("source")));
    }
    auto info = co_await disk.info(source);
    uint32_t mode = info && (info->mode & 0777) ? info->mode & 0777 : 0644;
    context.remember(copied_note, destination);
    CO_TRY(co_await disk.write_file(destination, *std::move(bytes), mode));
    publish_path(context, destination);
    co_return Result<>{};
  }
};

/// The copy goes when it ends, unless it was there before.
class DeployByCopy : public CopyFile {
 public:
  DeployByCopy() : CopyFile(false) {}
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    auto copied = context.record().memory.find(copied_note);
    if (copied == context.record().memory.end()) co_return Result<>{};
    co_return co_await remove_if_there(context, Removal::file, copied->second);
  }
};

class DeleteFile : public OneStep {
 public:
  DeleteFile() : OneStep(true) {}
  aio::Task<Result<>> start(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    co_return co_await remove_if_there(context, Removal::file, path);
  }
};

class SelfDeletingFile : public Staying {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    publish_path(context, CO_TRY(co_await file_path(context, "filename")));
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    co_return co_await remove_if_there(context, Removal::file, path);
  }
};

std::vector<model::AttributeSchema> copy_attributes(bool ends) {
  return with_path(
      {required("source", Type::any, "what is copied"),
       required("destination", Type::any, "where to"),
       with_default("copyOnDeploy", Type::boolean, true, "copy at deploy, not at start"),
       with_default("overwrite", Type::boolean, true, "replace what is there"),
       with_default("sfShouldTerminate", Type::boolean, ends, "end once it is copied")});
}

model::AttributeSchema ends(const char* doc) {
  return with_default("sfShouldTerminate", Type::boolean, true, doc);
}

}  // namespace

engine::ComponentType copy_file_type() {
  return file_type_of("CopyFile", "Copies a file.", copy_attributes(true),
                      [] { return std::make_unique<CopyFile>(true); });
}
engine::ComponentType deploy_by_copy_type() {
  return file_type_of("DeployByCopy", "Copies a file, and removes the copy at its end.",
                      copy_attributes(false), [] { return std::make_unique<DeployByCopy>(); });
}
engine::ComponentType delete_file_type() {
  return file_type_of("DeleteFile", "Removes a file, if it is there.",
                      {required("filename", Type::any, "its name"), ends("end once it is gone")},
                      [] { return std::make_unique<DeleteFile>(); });
}
engine::ComponentType self_deleting_file_type() {
  return file_type_of("SelfDeletingFile", "A file that goes when the component ends.",
                      with_path({required("filename", Type::any, "its name")}),
                      [] { return std::make_unique<SelfDeletingFile>(); });
}

}  // namespace croft::components
