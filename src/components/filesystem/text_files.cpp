// TextFile, TextListFile, TempFile, TouchFile: files that are written.
#include <fmt/format.h>

#include "base/text.h"
#include "components/filesystem/work_folder.h"
#include "components/host/files.h"
#include "components/host/host_component.h"

namespace croft::components {

using engine::Context;
using model::TerminationRecord;
using model::Type;

namespace {

/// A file that is there from deploy on, with a text that its kind knows.
class Written : public engine::Component {
 public:
  enum class Kind { text, list, touched };
  explicit Written(Kind kind) : kind_(kind) {}

  aio::Task<Result<>> deploy(Context& context) override {
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    CO_TRY(co_await make_parents(context, path));
    std::string text;
    if (kind_ == Kind::text) text = CO_TRY(context.string("text"));
    if (kind_ == Kind::list) text = CO_TRY(lines_of(context, "list"));
    auto there = co_await context.world().disk.read_file(path, file_max);
    if (kind_ == Kind::touched && there) text = *there;
    if (!there || *there != text || kind_ == Kind::touched)
      CO_TRY(co_await context.world().disk.write_file(path, text, usual_mode));
    publish_path(context, path);
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    if (!CO_TRY(context.boolean_or("deleteOnExit", false))) co_return Result<>{};
    std::string path = CO_TRY(co_await file_path(context, "filename"));
    co_return co_await remove_if_there(context, Removal::file, path);
  }

 private:
  Kind kind_;
};

class TempFile : public engine::Component {
 public:
  aio::Task<Result<>> deploy(Context& context) override {
    std::string path;
    if (auto made = context.record().memory.find("path"); made != context.record().memory.end()) {
      path = made->second;
    } else {
      CO_TRY(must_be_here(context));
      std::string name = fmt::format("{}{}{}", CO_TRY(context.string_or("prefix", "temp")),
                                     context.world().random.hex_id(12),
                                     CO_TRY(context.string_or("suffix", ".tmp")));
      path = CO_TRY(co_await confined(context, name, context.where("prefix")));
      context.remember("path", path);
      CO_TRY(co_await make_parents(context, path));
      CO_TRY(co_await context.world().disk.write_file(path, CO_TRY(context.string_or("text", "")),
                                                      usual_mode));
    }
    publish_path(context, path);
    co_return Result<>{};
  }
  aio::Task<Result<>> terminate(Context& context, const TerminationRecord&) override {
    return remove_temporary(context, Removal::file);
  }
};

model::AttributeSchema encoding() {
  auto out = attribute("encoding", Type::string, "files are UTF-8");
  out.choices = {"UTF-8", "utf-8", "ASCII", "US-ASCII"};
  return out;
}

std::vector<model::AttributeSchema> written(model::AttributeSchema content) {
  return with_path({required("filename", Type::any, "its name"), std::move(content), encoding(),
                    with_default("createParentDirs", Type::boolean, false, "make its folder, too"),
                    with_default("deleteOnExit", Type::boolean, false, "remove it at the end")});
}

}  // namespace

engine::ComponentType text_file_type() {
  return file_on_hosts_too("TextFile", "A file with `text` in it.", HostFile::text,
                           written(required("text", Type::string, "what is in it")),
                           [] { return std::make_unique<Written>(Written::Kind::text); });
}
engine::ComponentType text_list_file_type() {
  return file_on_hosts_too("TextListFile", "A file whose lines are the elements of `list`.",
                           HostFile::list, written(required("list", Type::vector, "its lines")),
                           [] { return std::make_unique<Written>(Written::Kind::list); });
}
engine::ComponentType touch_file_type() {
  return file_type_of(
      "TouchFile", "A file that is made where there is none, and counts as changed now.", false,
      written(attribute("timestamp", Type::integer, "kept for old descriptions: it is now")),
      [] { return std::make_unique<Written>(Written::Kind::touched); });
}
engine::ComponentType temp_file_type() {
  return file_type_of(
      "TempFile", "A new file with a name of its own.", false,
      with_path({with_default("prefix", Type::string, "temp", "how its name begins"),
                 with_default("suffix", Type::string, ".tmp", "how its name ends"),
                 attribute("text", Type::string, "what is in it"), encoding(),
                 with_default("deleteOnExit", Type::boolean, false, "remove it at the end"),
                 attribute("createOnDeploy", Type::boolean, "kept for old descriptions")}),
      [] { return std::make_unique<TempFile>(); });
}

}  // namespace croft::components
