// Files, FilesCompound, DeleteFiles and LocalFilestore: many files as one component.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/pattern.h"
#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/workflow/workflow.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// Names of `dir` that `pattern` matches as a whole.
aio::Task<Result<std::vector<std::string>>> matching_files(Context& context) {
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

class Files : public Staying {
 public:
  aio::Task<Result<>> start(Context& context) override {
    auto found = CO_TRY(co_await matching_files(context));
    auto count = static_cast<int64_t>(found.size());
    for (const char* limit : {"fileCount", "minFileCount", "maxFileCount"}) {
      int64_t wanted = CO_TRY(context.integer_or(limit, -1));
      std::string_view name = limit;
      bool good = name == "fileCount"      ? count == wanted
                  : name == "minFileCount" ? count >= wanted
                                           : count <= wanted;
      if (wanted >= 0 && !good)
        co_return fail(Code::conflict,
                       fmt::format("File count mismatch: {} files, {} is {}", count, limit, wanted),
                       context.where(limit));
    }
    model::Vector list(found.begin(), found.end());
    context.publish("fileSetString", model::Value(join(found, ":")));
    context.publish("files", model::Value(list));
    context.publish("fileList", model::Value(std::move(list)));
    co_return Result<>{};
  }
};

/// What a child stands for: the list of a Files or FilesCompound, else its own path.
Result<std::vector<std::string>> files_of(Context& context, const std::string& child) {
  std::vector<std::string> out;
  auto part = context.description()->component(child);
  if (!part) return out;
  if (const auto* list = part->find("fileList")) {
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

/// Its parts come up one after another at its start: what links to it finds them all.
class FilesCompound : public engine::Component {
 public:
  aio::Task<Result<>> start(Context& context) override {
    auto all = CO_TRY(co_await found(context));
    auto count = static_cast<int64_t>(all.size());
    CO_TRY(check(context, "fileCount", count, std::equal_to<>()));
    CO_TRY(check(context, "minFileCount", count, std::greater_equal<>()));
    CO_TRY(check(context, "maxFileCount", count, std::less_equal<>()));
    context.publish("fileSetString", model::Value(join(all, ":")));
    model::Value list(model::Vector(all.begin(), all.end()));
    if (!context.has_action("files")) context.publish("files", list);  // a part may be called so
    context.publish("fileList", std::move(list));
    co_return co_await use(context, std::move(all));
  }
  aio::Task<Result<>> work(Context& context) override {
    co_return context.done(TerminationRecord::normal(context.path()), ends_by_default());
  }

 protected:
  virtual aio::Task<Result<std::vector<std::string>>> found(Context& context) {
    std::vector<std::string> all;
    for (const std::string& child : context.actions()) {
      CO_TRY(co_await context.deploy_action(child, child));
      CO_TRY(co_await context.start_action(child));
      for (std::string& path : CO_TRY(files_of(context, child)))
        if (std::ranges::find(all, path) == all.end()) all.push_back(std::move(path));
    }
    co_return all;
  }
  /// What is done with them.
  virtual aio::Task<Result<>> use(Context&, std::vector<std::string>) { co_return Result<>{}; }
  virtual bool ends_by_default() const { return false; }

 private:
  /// `good`: how the number of files compares to the wish; a negative one is none.
  template <class Good>
  static Result<> check(Context& context, const char* name, int64_t count, Good good) {
    int64_t wanted = TRY(context.integer_or(name, -1));
    if (wanted < 0 || good(count, wanted)) return {};
    return fail(Code::conflict,
                fmt::format("File count mismatch: {} files, {} is {}", count, name, wanted),
                context.where(name));
  }
};

/// Those of its parts, and those of `dir`. What is no file any more, or a folder, is let be.
class DeleteFiles : public FilesCompound {
 protected:
  aio::Task<Result<std::vector<std::string>>> found(Context& context) override {
    auto all = CO_TRY(co_await FilesCompound::found(context));
    if (!CO_TRY(context.value_if("dir"))) {
      if (context.actions().empty())
        co_return fail(
            Error(Code::unresolved, "nothing says which files are deleted", context.where("dir"))
                .hint("dir and pattern do, or parts such as Files"));
      co_return all;
    }
    for (std::string& path : CO_TRY(co_await matching_files(context)))
      if (std::ranges::find(all, path) == all.end()) all.push_back(std::move(path));
    co_return all;
  }
  aio::Task<Result<>> use(Context& context, std::vector<std::string> files) override {
    for (std::string& path : files) {
      auto there = co_await context.world().disk.info(path);
      if (there && there->is_directory) continue;
      CO_TRY(co_await remove_if_there(context, Removal::file, std::move(path)));
    }
    co_return Result<>{};
  }
  bool ends_by_default() const override { return true; }
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
  auto files = attribute("files", Type::any, "the paths of all, each once");
  auto text = attribute("fileSetString", Type::string, "the same with colons between them");
  auto list = attribute("fileList", Type::vector, "the same as files");
  files.published = text.published = list.published = true;
  auto type = action_type(
      "FilesCompound", "The files of all that is in it, as one list.",
      {count("fileCount", "how many there must be; negative: any number"),
       count("minFileCount", "at least so many; negative: any number"),
       count("maxFileCount", "at most so many; negative: any number"), files, list, text},
      [] { return std::make_unique<FilesCompound>(); });
  type.aliases = {"org.smartfrog.services.filesystem.files.FilesCompoundImpl"};
  return type;
}

namespace {
/// Which names are meant.
std::vector<model::AttributeSchema> matching_attributes(
    std::vector<model::AttributeSchema> attributes) {
  for (auto& each :
       {attribute("dir", Type::any, "the folder"),
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
  auto list = attribute("fileList", Type::vector, "the same as files");
  found.published = text.published = list.published = true;
  auto count = [](const char* name, const char* doc) {
    return with_default(name, Type::integer, int32_t{-1}, doc);
  };
  return file_type_of(
      "Files", "The files of `dir` that `pattern` matches.",
      matching_attributes({count("fileCount", "how many there must be; negative: any number"),
                           count("minFileCount", "at least so many; negative: any number"),
                           count("maxFileCount", "at most so many; negative: any number"), found,
                           list, text}),
      [] { return std::make_unique<Files>(); });
}
engine::ComponentType delete_files_type() {
  auto type = action_type(
      "DeleteFiles",
      "Removes the files of `dir` that `pattern` matches, and those of the parts that are in it.",
      matching_attributes(
          {with_default("sfShouldTerminate", Type::boolean, true, "end once they are gone"),
           with_default("continueAfterDeleteFailures", Type::boolean, true,
                        "kept for old descriptions")}),
      [] { return std::make_unique<DeleteFiles>(); }, "croft.FilesCompound");
  type.aliases = {"org.smartfrog.services.filesystem.files.DeleteFilesImpl"};
  return type;
}

engine::ComponentType local_filestore_type() {
  auto type = file_type_of("LocalFilestore",
                           "A folder for files that stay: made when it is deployed, never removed.",
                           with_path({required("filename", Type::any, "its name")}),
                           [] { return std::make_unique<LocalFilestore>(); });
  type.aliases = {"org.smartfrog.services.filesystem.filestore.LocalFilestoreImpl"};
  return type;
}

}  // namespace croft::components
