#include "components/filesystem/work_folder.h"

#include <fmt/format.h>

#include "base/text.h"

namespace croft::components {

using engine::Context;
using model::Type;

std::string normal_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  return "/" + join(parts, "/");
}

namespace {

bool below(const std::string& path, const std::string& folder) {
  std::string top = normal_path(folder);
  return path == top || top == "/" || path.starts_with(top + "/");
}

}  // namespace

Result<std::string> confined(const Context& context, std::string_view text, const Where& where) {
  if (text.empty()) return fail(Code::invalid_argument, "the name of a file is empty", where);
  if (text.find('\0') != std::string_view::npos)
    return fail(Code::invalid_argument, "the name of a file holds a zero byte", where);
  std::string work = context.work_folder();
  if (work.empty()) return fail(Code::unsupported, "there is no work folder for files here", where);
  std::string path =
      normal_path(text[0] == '/' ? std::string(text) : fmt::format("{}/{}", work, text));
  if (below(path, work)) return path;
  for (const std::string& folder : context.options().allow_files)
    if (below(path, folder)) return path;
  return fail(Error(Code::permission_denied,
                    fmt::format("{} is outside the work folder {}", path, work), where)
                  .hint(fmt::format("--allow-files {} lets the application there",
                                    path.substr(0, std::max<size_t>(1, path.rfind('/'))))));
}

Result<std::string> file_path(const Context& context, std::string_view attribute) {
  // A component that publishes where it is may be named itself.
  auto value = TRY(context.value(attribute));
  if (auto component = value.as_component())
    if (auto path = component->string("absolutePath"))
      return confined(context, *path, context.where(attribute));
  return confined(context, TRY(context.string(attribute)), context.where(attribute));
}

aio::Task<Result<>> remove_if_there(Context& context, Removal what, std::string path) {
  auto& disk = context.world().disk;
  auto gone = co_await (what == Removal::tree ? disk.remove_tree(path) : disk.remove(path));
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  co_return Result<>{};
}

void publish_path(Context& context, const std::string& path) {
  context.publish("absolutePath", model::Value(path));
  context.publish("uri", model::Value("file://" + path));
}

std::vector<model::AttributeSchema> with_path(std::vector<model::AttributeSchema> attributes) {
  for (const char* name : {"absolutePath", "uri"}) {
    auto schema = attribute(name, Type::string, "where it is");
    schema.published = true;
    attributes.push_back(std::move(schema));
  }
  return attributes;
}

engine::ComponentType file_type_of(std::string name, std::string doc, bool works,
                                   std::vector<model::AttributeSchema> attributes,
                                   std::function<std::unique_ptr<engine::Component>()> make) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make));
  type.works = works;
  return type;
}

}  // namespace croft::components
