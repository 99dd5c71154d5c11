// LoadPropertyFile: what a property file says, as attributes that others link to.
#include <fmt/format.h>

#include "components/filesystem/work_folder.h"
#include "components/java/property_file.h"

namespace croft::components {

using engine::Context;
using model::Type;

namespace {

/// A published fact that the engine or the type itself has under this name would be overwritten.
bool is_taken(const Context& context, const std::string& name) {
  return name.empty() || name.starts_with("sf") ||
         (context.description() && context.description()->find(name) &&
          !context.record().published.contains(name)) ||
         name == "properties" || name == "absolutePath" || name == "uri";
}

class LoadPropertyFile : public OneStep {
 public:
  LoadPropertyFile() : OneStep(false) {}
  aio::Task<Result<>> start(Context& context) override {
    if (CO_TRY(context.value_if("resource")))
      co_return fail(Error(Code::unsupported, "there is no class path to read a resource from",
                           context.where("resource"))
                         .hint("name a file of the work folder with filename"));
    std::string path = CO_TRY(co_await where(context));
    publish_path(context, path);
    auto text = co_await context.world().disk.read_file(path, file_max);
    bool optional = !CO_TRY(context.boolean_or("required", true));
    if (!text && text.error().code == Code::not_found && optional) {
      context.publish("properties", model::Value(model::Vector{}));
      co_return Result<>{};
    }
    if (!text) co_return fail(std::move(text).error().at(context.where("filename")));
    auto properties = parse_properties(*text);
    if (!properties) {
      Error error = std::move(properties).error();
      error.what = fmt::format("{}, {}", path, error.what);
      co_return fail(error.at(context.where("filename")));
    }
    model::Vector all;
    for (const auto& [name, value] : *properties) {
      all.emplace_back(model::Vector{model::Value(name), model::Value(value)});
      if (!is_taken(context, name)) context.publish(name, model::Value(value));
    }
    context.publish("properties", model::Value(std::move(all)));
    co_return Result<>{};
  }

 private:
  static aio::Task<Result<std::string>> where(Context& context) {
    if (!CO_TRY(context.value_if("dir"))) co_return co_await file_path(context, "filename");
    std::string folder = CO_TRY(co_await file_path(context, "dir"));
    std::string path = fmt::format("{}/{}", folder, CO_TRY(context.string("filename")));
    co_return co_await confined(context, path, context.where("filename"));
  }
};

}  // namespace

engine::ComponentType load_property_file_type() {
  auto all = attribute("properties", Type::vector, "[name, value] pairs, sorted by name");
  all.published = true;
  auto type = file_type_of(
      "LoadPropertyFile",
      "Reads a file of properties; each becomes an attribute of it that others link to.",
      with_path({attribute("filename", Type::any, "the file"),
                 attribute("dir", Type::any, "the folder that it is in"),
                 attribute("resource", Type::string, "of a class path: there is none here"),
                 with_default("required", Type::boolean, true, "the file must be there"), all}),
      [] { return std::make_unique<LoadPropertyFile>(); });
  type.aliases = {"org.smartfrog.services.os.java.LoadPropertyFileImpl"};
  return type;
}

}  // namespace croft::components
