// CopyFile, DeployByCopy, DeleteFile, DeleteFiles, SelfDeletingFile: files that are copied and
// removed.
#include <fmt/format.h>

#include "base/pattern.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

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
    CO_TRY(co_await disk.write_file(destination, *std::move(bytes), mode));
    publish_path(context, destination);
    co_return Result<>{};
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

class SelfDeletingFile : public engine::Component {
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

/// Names of `dir` that `pattern` matches as a whole.
aio::Task<Result<std::vector<std::string>>> matching(Context& context) {
  std::string dir = CO_TRY(co_await file_path(context, "dir"));
  std::string pattern = CO_TRY(context.string_or("pattern", ".*"));
  if (!CO_TRY(context.boolean_or("caseSensitive", true))) pattern = "(?i)" + pattern;
  bool hidden = CO_TRY(context.boolean_or("includeHiddenFiles", false));
  auto wanted = Pattern::compile(pattern);
  if (!wanted) co_return fail(std::move(wanted).error().at(context.where("pattern")));
  auto names = co_await context.world().disk.list(dir);
  if (!names) {
    Error error = std::move(names).error();
    co_return fail(error.at(context.where("dir")));
  }
  std::vector<std::string> out;
  for (const std::string& name : *names)
    if ((hidden || !name.starts_with('.')) && CO_TRY(wanted->matches(name)))
      out.push_back(dir + "/" + name);
  co_return out;
}

class Files : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    auto found = CO_TRY(co_await matching(context));
    auto count = static_cast<int64_t>(found.size());
    for (const char* limit : {"fileCount", "minFileCount", "maxFileCount"}) {
      int64_t wanted = CO_TRY(context.integer_or(limit, -1));
      std::string_view name = limit;
      bool good = name == "fileCount"      ? count == wanted
                  : name == "minFileCount" ? count >= wanted
                                           : count <= wanted;
      if (wanted >= 0 && !good)
        co_return fail(Code::conflict,
                       fmt::format("{} files match, {} is {}", count, limit, wanted),
                       context.where(limit));
    }
    model::Vector list(found.begin(), found.end());
    context.publish("fileSetString", model::Value(join(found, ":")));
    context.publish("files", model::Value(std::move(list)));
    co_return Result<>{};
  }
};

class DeleteFiles : public OneStep {
 public:
  DeleteFiles() : OneStep(true) {}
  aio::Task<Result<>> start(Context& context) override {
    for (const std::string& path : CO_TRY(co_await matching(context)))
      CO_TRY(co_await remove_if_there(context, Removal::file, path));
    co_return Result<>{};
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
  return file_type_of("CopyFile", "Copies a file.", true, copy_attributes(true),
                      [] { return std::make_unique<CopyFile>(true); });
}
engine::ComponentType deploy_by_copy_type() {
  return file_type_of("DeployByCopy", "Copies a file, and stays.", true, copy_attributes(false),
                      [] { return std::make_unique<CopyFile>(false); });
}
engine::ComponentType delete_file_type() {
  return file_type_of("DeleteFile", "Removes a file, if it is there.", true,
                      {required("filename", Type::any, "its name"), ends("end once it is gone")},
                      [] { return std::make_unique<DeleteFile>(); });
}
engine::ComponentType self_deleting_file_type() {
  return file_type_of("SelfDeletingFile", "A file that goes when the component ends.", false,
                      with_path({required("filename", Type::any, "its name")}),
                      [] { return std::make_unique<SelfDeletingFile>(); });
}
namespace {
/// Which names are meant.
std::vector<model::AttributeSchema> matching_attributes(
    std::vector<model::AttributeSchema> attributes) {
  for (auto& each :
       {required("dir", Type::any, "the folder"),
        with_default("pattern", Type::string, ".*", "regular expression"),
        with_default("caseSensitive", Type::boolean, true, "a and A are different in it"),
        with_default("includeHiddenFiles", Type::boolean, false, "names with a dot in front, too")})
    attributes.push_back(each);
  return attributes;
}
}  // namespace

engine::ComponentType files_type() {
  auto found = attribute("files", Type::vector, "their paths");
  auto text = attribute("fileSetString", Type::string, "the same with colons between them");
  found.published = text.published = true;
  auto count = [](const char* name, const char* doc) {
    return with_default(name, Type::integer, int32_t{-1}, doc);
  };
  return file_type_of(
      "Files", "The files of `dir` that `pattern` matches.", false,
      matching_attributes({count("fileCount", "how many there must be; negative: any number"),
                           count("minFileCount", "at least so many"),
                           count("maxFileCount", "at most so many"), found, text}),
      [] { return std::make_unique<Files>(); });
}
engine::ComponentType delete_files_type() {
  return file_type_of("DeleteFiles", "Removes the files of `dir` that `pattern` matches.", true,
                      matching_attributes({ends("end once they are gone")}),
                      [] { return std::make_unique<DeleteFiles>(); });
}

}  // namespace croft::components
