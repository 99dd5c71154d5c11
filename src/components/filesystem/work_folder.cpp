#include "components/filesystem/work_folder.h"

#include <fmt/format.h>

#include "aio/real/confined.h"
#include "base/text.h"
#include "components/host/host_component.h"

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

/// The folder that holds `text`, and the plain path of it there.
Result<std::pair<std::string, std::string>> placed(const Context& context, std::string_view text,
                                                   const Where& where) {
  if (text.empty()) return fail(Code::invalid_argument, "the name of a file is empty", where);
  if (text.find('\0') != std::string_view::npos)
    return fail(Code::invalid_argument, "the name of a file holds a zero byte", where);
  std::string work = context.work_folder();
  if (work.empty()) return fail(Code::unsupported, "there is no work folder for files here", where);
  std::string path =
      normal_path(text[0] == '/' ? std::string(text) : fmt::format("{}/{}", work, text));
  if (below(path, work)) return std::pair{normal_path(work), path};
  for (const std::string& folder : context.options().allow_files)
    if (below(path, folder)) return std::pair{normal_path(folder), path};
  return fail(Error(Code::permission_denied,
                    fmt::format("{} is outside the work folder {}", path, work), where)
                  .hint(fmt::format("--allow-files {} lets the application there",
                                    path.substr(0, std::max<size_t>(1, path.rfind('/'))))));
}

}  // namespace

aio::Task<Result<std::string>> confined(Context& context, std::string text, Where where) {
  auto [folder, path] = CO_TRY(placed(context, text, where));
  // Whoever names the work folder itself finds it.
  if (path == normal_path(context.work_folder()))
    CO_TRY(co_await context.world().disk.make_dirs(path));
  auto inside = co_await aio::stays_below(context.world(), folder, path);
  if (!inside) co_return fail(std::move(inside).error().at(where));
  co_return path;
}

Result<std::string> path_text(const Context& context, std::string_view attribute,
                              const model::Value& value) {
  if (auto* text = value.get<std::string>()) return *text;
  auto component = value.as_component();
  if (!component)
    return fail(Code::type_mismatch,
                fmt::format("{} is a {}, a path or a link to what has one is needed", attribute,
                            value.kind_name()),
                context.where(attribute));
  if (auto path = component->string("absolutePath")) return *path;
  return fail(Error(Code::unresolved,
                    fmt::format("{} names '{}', which has no absolutePath: it is no file, or not "
                                "deployed (yet)",
                                attribute, component->name()),
                    context.where(attribute))
                  .hint("name a child of a Compound by a LAZY link"));
}

aio::Task<Result<std::string>> file_path(Context& context, std::string attribute) {
  CO_TRY(must_be_here(context));
  // A component that publishes where it is may be named itself.
  std::string text = CO_TRY(path_text(context, attribute, CO_TRY(context.value(attribute))));
  if (attribute == "filename" && !text.starts_with('/'))
    for (const char* folder : {"dir", "parent"})
      if (auto value = CO_TRY(context.value_if(folder))) {
        text = fmt::format("{}/{}", CO_TRY(path_text(context, folder, *value)), text);
        break;
      }
  co_return co_await confined(context, std::move(text), context.where(attribute));
}

aio::Task<Result<>> make_parents(Context& context, std::string path) {
  std::string parent = path.substr(0, path.rfind('/'));
  // The work folder itself is always there for whoever writes into it.
  bool own = parent == normal_path(context.work_folder());
  if (own || CO_TRY(context.boolean_or("createParentDirs", false)))
    CO_TRY(co_await context.world().disk.make_dirs(parent));
  co_return Result<>{};
}

Result<std::string> lines_of(const Context& context, std::string_view name) {
  std::string out;
  for (const auto& item : TRY(context.vector_or_empty(name))) {
    const auto* text = item.get<std::string>();
    if (!text)
      return fail(Code::type_mismatch,
                  fmt::format("{} holds a {}, strings are needed", name, item.kind_name()),
                  context.where(name));
    out += *text + "\n";
  }
  return out;
}

aio::Task<Result<>> remove_if_there(Context& context, Removal what, std::string path) {
  auto& disk = context.world().disk;
  auto gone = co_await (what == Removal::tree ? disk.remove_tree(path) : disk.remove(path));
  if (!gone && gone.error().code != Code::not_found) co_return gone;
  co_return Result<>{};
}

aio::Task<Result<>> remove_temporary(Context& context, Removal what) {
  auto made = context.record().memory.find("path");
  if (made == context.record().memory.end()) co_return Result<>{};
  if (!CO_TRY(context.boolean_or("deleteOnExit", false))) co_return Result<>{};
  co_return co_await remove_if_there(context, what, made->second);
}

aio::Task<Result<std::string>> temporary_path(Context& context, std::string prefix,
                                              std::string suffix) {
  prefix = CO_TRY(context.string_or("prefix", prefix));
  if (prefix.empty())
    co_return fail(Code::invalid_argument, "the prefix is empty", context.where("prefix"));
  std::string name = fmt::format("{}{}{}", prefix, context.world().random.hex_id(12),
                                 CO_TRY(context.string_or("suffix", suffix)));
  if (auto folder = CO_TRY(context.value_if("dir")))
    name = fmt::format("{}/{}", CO_TRY(path_text(context, "dir", *folder)), name);
  co_return co_await confined(context, std::move(name), context.where("prefix"));
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

engine::ComponentType file_type_of(std::string name, std::string doc,
                                   std::vector<model::AttributeSchema> attributes,
                                   std::function<std::unique_ptr<engine::Component>()> make) {
  auto type = type_of(std::move(name), std::move(doc), std::move(attributes), std::move(make));
  type.works = true;
  return type;
}

}  // namespace croft::components
