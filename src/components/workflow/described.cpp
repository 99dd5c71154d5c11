#include "components/workflow/described.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "components/filesystem/work_folder.h"
#include "components/registry.h"

namespace croft::components {

using engine::Context;

namespace {

constexpr int rounds_max = 200;  // each finds at least one more file
constexpr Bytes description_max = Bytes::mib(16);

/// Files that were read so far; the language asks for them while it may not wait.
struct Files {
  std::map<std::string, std::string> texts;
  std::set<std::string> missing;  ///< looked for, and not there or not allowed
  std::set<std::string> wanted;

  Result<std::string> read(const std::string& path) {
    if (auto found = texts.find(path); found != texts.end()) return found->second;
    if (!missing.contains(path)) wanted.insert(path);
    return fail(Code::not_found, fmt::format("there is no {}", path));
  }
};

aio::Task<Result<bool>> fetch(Context& context, Files& files, Where where) {
  bool more = false;
  for (const std::string& name : std::exchange(files.wanted, {})) {
    auto path = co_await confined(context, name, where);
    if (!path && path.error().code == Code::cancelled) co_return fail(path.error());
    Result<std::string> text = fail(Code::not_found, name);
    if (path) text = co_await context.world().disk.read_file(*path, description_max);
    if (!text && text.error().code == Code::cancelled) co_return fail(text.error());
    if (text)
      files.texts.emplace(name, *std::move(text));
    else
      files.missing.insert(name);
    more = more || text.has_value();
  }
  co_return more;
}

aio::Task<Result<std::string>> text_of(Context& context, std::string file, Where where) {
  std::string_view inside = file;
  while (inside.starts_with('/')) inside.remove_prefix(1);
  if (auto shipped = lang::library_file(inside)) co_return std::string(*shipped);
  std::string path = CO_TRY(co_await confined(context, file, where));
  auto text = co_await context.world().disk.read_file(path, description_max);
  if (!text) co_return fail(std::move(text).error().at(where));
  co_return text;
}

}  // namespace

aio::Task<Result<model::ComponentPtr>> described_in(Context& context, std::string file, Where where,
                                                    std::vector<lang::Setting> settings) {
  std::string text = CO_TRY(co_await text_of(context, file, where));
  Files files;
  lang::Options options;
  options.working_folder = context.work_folder();
  options.reader = [&files](const std::string& path) { return files.read(path); };
  options.property = [&context](std::string_view name) {
    return context.property(std::string(name));
  };
  options.environment = [&context](std::string_view name) {
    return context.variable(std::string(name));
  };
  options.settings = std::move(settings);
  if (file[0] != '/') file = fmt::format("{}/{}", context.work_folder(), file);
  for (int round = 0; round < rounds_max; ++round) {
    auto description = lang::resolve(file, text, options);
    if (CO_TRY(co_await fetch(context, files, where))) continue;
    if (!description) co_return fail(std::move(description).error().frame("deploying " + file));
    auto checked = lang::check(*description, schemas()).result();
    if (!checked) co_return fail(std::move(checked).error().frame("deploying " + file));
    co_return model::copy_of(*description->config);
  }
  co_return fail(Code::resource_exhausted,
                 fmt::format("{} includes more than {} files", file, rounds_max), where);
}

}  // namespace croft::components
